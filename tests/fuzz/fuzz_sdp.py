"""Any bytes are a session description or one ParseError; writing and reading again gives the same.

`python tests/fuzz/fuzz_sdp.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.sip.errors import ParseError
    from ringwall.sip.sdp import SessionDescription


def target(data: bytes) -> None:
    try:
        description = SessionDescription.parse(data)
    except ParseError:
        return
    written = description.to_bytes()
    again = SessionDescription.parse(written)
    assert again == description
    assert again.to_bytes() == written
    repr(description)
    _ = (description.on_hold, description.audio)
    for media in description.media:
        _ = (media.direction, media.address, media.fingerprint, media.setup, media.on_hold)
        changed = media.replace(direction="inactive", cryptos=media.cryptos)
        assert changed.cryptos == media.cryptos
        assert changed.direction == "inactive"


if __name__ == "__main__":
    bodies = [
        body
        for body in (message.partition(b"\r\n\r\n")[2] for message in harness.torture())
        if b"v=0" in body
    ]
    harness.run(target, [*bodies, harness.SDP])
