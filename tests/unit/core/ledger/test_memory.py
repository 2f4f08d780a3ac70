"""What was ever found wrong with a ledger is remembered, however much somebody has it remember."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ringwall.core.ledger.memory import Memory
from ringwall.core.ledger.trouble import Trouble
from ringwall.infra.ledger_mark import MOST


@pytest.mark.req("I2")
def test_who_fills_the_memory_makes_no_later_mismatch_unseen(tmp_path) -> None:
    memory = Memory(tmp_path / "ledger.mark", Ed25519PrivateKey.generate())
    for number in range(MOST):
        assert memory.find("the file", Trouble(f"trouble {number}")) is not None
        memory.acknowledge("root", "we know")
    assert memory.find("the file", Trouble("one more")) is None
    assert memory.acknowledge("root", "we know") == ()
    assert [each.text for each in memory.evidence.open] == [f"trouble {MOST - 1}"]
