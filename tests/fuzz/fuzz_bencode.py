"""Any bytes are one bencoded dictionary or one BencodeError.

`python tests/fuzz/fuzz_bencode.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.core.calls.switch.bencode import BencodeError, decode


def target(data: bytes) -> None:
    try:
        fields = decode(data)
    except BencodeError:
        return
    assert isinstance(fields, dict)
    assert all(isinstance(key, bytes) for key in fields)


if __name__ == "__main__":
    sdp = harness.SDP
    harness.run(
        target,
        [
            b"d6:result2:ok3:sdp%d:%be" % (len(sdp), sdp),
            b"d6:result5:error12:error-reason15:Unknown call-ide",
            b"d1:ali1ei-2e1:xee",
            b"d1:ad1:bd1:ci0eeee",
        ],
    )
