"""An edge is a witness that nobody can make forget: whatever a core asks, a mark only goes up."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ringwall.edge.agent import ledger_marks
from ringwall.edge.agent.ledger_marks import LedgerMarks
from ringwall.infra.errors import RingwallError
from ringwall.infra.ledger_mark import Evidence, Mark, MarkError, Mismatch, sign

AT = "2026-11-30T08:00:00.000000Z"
CHAIN = "aa" * 32
pytestmark = pytest.mark.req("I2")


class Core:
    """A core as the edge knows it: a key, and what it says."""

    def __init__(self, chain=CHAIN):
        self.key = Ed25519PrivateKey.generate()
        self.name = self.key.public_key().public_bytes_raw().hex()
        self.chain = chain

    def evidence(self, seq, *found):
        mark = sign(self.key, Mark(self.chain, seq, "bb" * 32, 1, AT))
        return Evidence(mark, tuple(sign(self.key, Mismatch(AT, "file", text)) for text in found))

    async def ask(self, marks):
        return await marks.witness({"op": "ledger-witness", "key": self.name})

    async def tell(self, marks, seq, *found):
        evidence = self.evidence(seq, *found).to_dict()
        return await marks.witness({"key": self.name, "evidence": evidence})

    async def held(self, marks):
        return (await self.ask(marks))["held"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger-marks.json"


@pytest.fixture
def marks(path):
    return LedgerMarks(path)


async def test_what_was_told_is_held_also_after_a_restart(marks, path):
    core = Core()
    assert await core.ask(marks) == {"held": None, "other_key": None}
    assert (await core.tell(marks, 5))["held"] is None
    assert (await core.tell(marks, 9, "odd"))["held"]["mark"]["seq"] == 5
    again = LedgerMarks(path)
    again.load()
    assert await core.held(again) == await core.held(marks) == core.evidence(9, "odd").to_dict()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_mark_never_goes_down_and_what_was_found_is_never_forgotten(marks):
    core = Core()
    await core.tell(marks, 9, "odd")
    answer = await core.tell(marks, 3)
    assert answer["held"]["mark"]["seq"] == 9
    held = await core.held(marks)
    assert (held["mark"]["seq"], [each["text"] for each in held["mismatches"]]) == (9, ["odd"])


async def test_a_chain_belongs_to_the_key_that_told_of_it_first(marks):
    first, second = Core(), Core()
    await first.tell(marks, 9)
    assert (await second.tell(marks, 99))["other_key"] == first.name
    assert await second.held(marks) is None
    assert (await first.held(marks))["mark"]["seq"] == 9


async def test_cores_of_two_systems_do_not_meet(marks):
    first, second = Core(), Core("cc" * 32)
    await first.tell(marks, 9)
    assert (await second.tell(marks, 4))["other_key"] is None
    assert [(await core.held(marks))["mark"]["seq"] for core in (first, second)] == [9, 4]


async def test_what_another_key_signed_is_refused(marks):
    core, stranger = Core(), Core()
    forged = stranger.evidence(99).to_dict()
    with pytest.raises(MarkError):
        await marks.witness({"key": core.name, "evidence": forged})
    for key in (None, 5, "", "zz" * 32, core.name.upper(), core.name + "00"):
        with pytest.raises(MarkError, match="64 hexadecimal"):
            await marks.witness({"key": key})


async def test_more_ledgers_than_there_is_room_for_are_refused(marks, monkeypatch):
    monkeypatch.setattr(ledger_marks, "MOST_KEYS", 2)
    cores = [Core(f"{number:064x}") for number in range(3)]
    for core in cores[:2]:
        await core.tell(marks, 1)
    with pytest.raises(MarkError, match="witness of 2 ledgers"):
        await cores[2].tell(marks, 1)
    await cores[0].tell(marks, 2)


async def test_a_mark_that_cannot_be_kept_is_not_answered_as_kept(path):
    marks = LedgerMarks(path.parent / "none" / path.name)
    core = Core()
    with pytest.raises(RingwallError, match="cannot keep"):
        await core.tell(marks, 1)
    assert await core.held(marks) is None


@pytest.mark.parametrize("content", [b"x", b"[]", b'{"a": {}}', b"[" * 100_000])
async def test_a_damaged_file_is_put_aside(marks, path, caplog, content):
    path.write_bytes(content)
    marks.load()
    assert "put aside" in caplog.text
    assert path.with_suffix(".damaged").read_bytes() == content
    core = Core()
    await core.tell(marks, 1)
    assert json.loads(path.read_bytes())[core.name]["mark"]["seq"] == 1
