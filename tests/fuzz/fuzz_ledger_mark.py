"""Any bytes are what is kept of a ledger, with each part signed, or one MarkError: a file, or an edge's answer.

`python tests/fuzz/fuzz_ledger_mark.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import atheris
import harness
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.infra.ledger_mark import (
        LIMIT,
        Acknowledgement,
        Evidence,
        Mark,
        MarkError,
        Mismatch,
        is_signed,
        merge,
        read_evidence,
        sign,
    )

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
AT = "2026-11-30T08:00:00.000000Z"
MARK = sign(KEY, Mark("aa" * 32, 10, "bb" * 32, 1, AT))
FOUND = sign(KEY, Mismatch(AT, "ledger.mark", "10 records are missing.", 11, 20, "cc" * 32, 3))
NOTED = sign(KEY, Acknowledgement(AT, FOUND.digest, "root", "restored"))
KEPT = Evidence(MARK, (FOUND,), (NOTED,))


def target(data: bytes) -> None:
    try:
        evidence = read_evidence(data, KEY.public_key())
    except MarkError:
        return
    found = [evidence.mark] if evidence.mark is not None else []
    for each in (*found, *evidence.mismatches, *evidence.acknowledgements):
        assert is_signed(KEY.public_key(), each)
    now = merge(KEPT, evidence)
    assert now.mark is not None
    assert now.mark.seq >= MARK.seq
    assert FOUND in now.mismatches
    assert len(now.to_bytes()) <= LIMIT


if __name__ == "__main__":
    harness.run(target, [KEPT.to_bytes(), Evidence().to_bytes(), Evidence(MARK).to_bytes()])
