"""A sealed file from a disk that anybody changed: only what was written ever comes out.

`python tests/fuzz/fuzz_sealed.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import io

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.infra.sealed import Opener, SealedError, Sealer

KEY = bytes(32)
CONTENTS = [b"one second of voice", b"another one"]


def sealed() -> bytes:
    sealer = Sealer(KEY, "pcmu/8000")
    return sealer.head + b"".join(sealer.chunk(content) for content in CONTENTS) + sealer.end()


def target(data: bytes) -> None:
    try:
        opener = Opener(io.BytesIO(data), KEY)
        found = list(opener.chunks())
    except SealedError:
        return
    assert found == CONTENTS[: len(found)]
    assert opener.good_bytes <= len(data)


if __name__ == "__main__":
    harness.run(target, [sealed(), sealed()[:-20], b"RWSEALED\x01\x04pcmu" + bytes(40)])
