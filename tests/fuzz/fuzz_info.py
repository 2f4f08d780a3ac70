"""Any body of an INFO is one key or none.

`python tests/fuzz/fuzz_info.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.core.calls.dialog.info import key_of

KINDS = ("application/dtmf-relay", "application/dtmf", "application/dtmf-relay;x=y", "text/plain", None)


def target(data: bytes) -> None:
    for kind in KINDS:
        key = key_of(kind, data)
        assert key == "" or (len(key) == 1 and key in "0123456789*#ABCD")


if __name__ == "__main__":
    harness.run(target, [b"Signal=5\r\nDuration=160\r\n", b"Signal= #\r\n", b"5", b" *\n"])
