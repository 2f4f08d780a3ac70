"""A stream comes to the same however it is cut, and breaks at most once; from an edge of ours, never.

The first four bytes of the input say where it is cut.
`python tests/fuzz/fuzz_stream.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import re
from itertools import pairwise

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.sip.errors import FramingError
    from ringwall.sip.message import Request, Response
    from ringwall.sip.parser import Limits, StreamParser

EMPTY = re.compile(rb"(?:\r\n){2,}")
LIMITS = Limits(head=2000, body=500, skipped=4096)


def drain(chunks: list[bytes], *, from_edge: bool = False) -> list[str]:
    stream = StreamParser(LIMITS, from_edge=from_edge)
    items: list[object] = []
    breaks = 0
    for chunk in chunks:
        try:
            items += stream.feed(chunk)
        except FramingError as error:
            items += [*error.messages, str(error)]
            breaks += 1
    assert breaks <= 1
    return [repr(item.to_bytes()) if isinstance(item, Request | Response) else repr(item) for item in items]


def target(data: bytes) -> None:
    cuts, whole = data[:4], data[4:]
    places = sorted(cut * (len(whole) + 1) // 256 for cut in cuts)
    chunks = [whole[start:end] for start, end in zip([0, *places], [*places, len(whole)], strict=True)]
    assert drain(chunks) == drain([whole])
    assert drain(chunks, from_edge=True) == drain([whole], from_edge=True)
    # The edge lets no empty line into a head, and puts its own length behind it.
    head = EMPTY.sub(b"\r\n", whole.strip(b"\r\n") or b"x")[:1900]
    sent = head.rstrip(b"\r\n") + b"\r\nContent-Length: %d\r\n\r\n" % len(cuts) + cuts
    good = b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    assert len(drain([sent + good], from_edge=True)) == 2


if __name__ == "__main__":
    messages = harness.torture()
    pairs = [b"\x10\x40\x80\xc0" + one + other for one, other in pairwise(messages)]
    harness.run(target, [*pairs, b"\x40\x80\xa0\xc0\r\n\r\n\r\n" + messages[0] + b"\r\n"])
