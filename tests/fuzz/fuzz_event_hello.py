"""Any text with which a WebSocket begins is what a client may say first, or the end of the stream.

`python tests/fuzz/fuzz_event_hello.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.core.api.event_stream import LONGEST_HELLO, Closing, read_hello


def target(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        hello = read_hello({"type": "websocket.receive", "text": text})
    except Closing as closing:
        ended = closing
    else:
        ended = None
    if ended is not None:
        assert ended.code in {1003, 1008}
        assert len(ended.why.encode()) <= 123  # RFC 6455 5.5: what fits a control frame beside the code
        return
    assert len(text) <= LONGEST_HELLO
    assert 0 < len(hello.token) <= 128
    assert hello.after is None or 0 <= hello.after < 2**63
    assert hello.kinds is None or all(kind for kind in hello.kinds)


if __name__ == "__main__":
    harness.run(
        target,
        [
            b'{"token": "rw_x", "after": 12, "kinds": ["call.", "trunk.up"]}',
            b'{"token": ""}',
            b"[[[[",
            b'{"token": "x", "after": 1e400}',
        ],
    )
