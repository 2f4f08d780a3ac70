"""The mark is kept up to date in every place, and no place that is away, forgets or lies stops or fools anybody."""

import asyncio
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.core.errors import LedgerError
from ringwall.core.ledger import chain, keeper
from ringwall.core.ledger.chain import public_hex
from ringwall.core.ledger.witnesses import EdgeWitness, WitnessAway
from ringwall.infra.ledger_mark import Evidence, Mark, sign
from support.ledger_marks import EDGE, FILE, running

pytestmark = pytest.mark.req("I2")


async def test_an_edge_or_a_disk_that_is_away_stops_nothing_and_is_told(folder, monkeypatch):
    async with running(folder) as system:
        system.wire.away = True
        await system.write()
        await system.keeper.keep()
        details = {each["place"]: each["detail"] for each in system.keeper.describe()["marks"]}
        assert "cannot be asked" in details[EDGE]
        assert (await system.verify())["ok"]
        system.wire.away = False
        with monkeypatch.context() as broken:
            broken.setattr("ringwall.core.ledger.memory.write_atomically", _full)
            await system.write()
            await system.keeper.keep()
            details = {each["place"]: each["detail"] for each in system.keeper.describe()["marks"]}
            assert "cannot be written" in details[FILE]
        await system.keeper.keep()
        assert [each["detail"] for each in system.keeper.describe()["marks"]] == ["", ""]


def _full(*_arguments, **_options):
    raise OSError(28, "No space left on device")


async def test_the_edge_is_asked_before_it_is_told_and_only_when_there_is_news(folder):
    async with running(folder) as system:
        await system.write()
        await system.keeper.keep()
        assert system.wire.asked == ["ask", "tell"]
        await system.keeper.keep()
        assert len(system.wire.asked) == 2


async def test_an_edge_that_has_forgotten_or_says_what_nobody_signed_is_on_record(folder):
    async with running(folder) as system:
        await system.write()
        await system.keeper.keep()
        system.wire.marks._kept.clear()
        await system.write()
        await system.keeper.keep()

        async def nonsense(_asked):
            return {"held": {"mark": 5}, "other_key": None}

        system.wire.marks.witness = nonsense
        await system.write()
        for _ in range(3):
            await system.keeper.keep()
        await system.write()
        told = [each["found"] for each in await system.bodies("security.ledger_witness")]
        assert ["forgotten" in told[0], "cannot be believed" in told[1], len(told)] == [True, True, 2]
        assert await system.mismatches() == []


async def test_an_edge_that_knows_the_chain_by_another_key_is_on_record(folder):
    async with running(folder) as system:
        other = Ed25519PrivateKey.generate()
        mark = sign(other, Mark(system.ledger.chain, 3, "aa" * 32, 1, "2026-11-30T08:00:00.000000Z"))
        evidence = {"mark": {name: getattr(mark, name) for name in mark.__slots__}}
        system.wire.marks._kept.clear()
        told = {**evidence, "mismatches": [], "acknowledgements": []}
        await system.wire.marks.witness({"key": public_hex(other.public_key()), "evidence": told})
        await system.write()
        await system.keeper.keep()
        await system.write()
        (record,) = await system.bodies("security.ledger_witness")
        assert "another key" in record["found"]


async def test_a_mark_lags_by_one_distance_of_checkpoints_at_most(folder, monkeypatch):
    monkeypatch.setattr(chain, "CHECKPOINT_RECORDS", 10)
    monkeypatch.setattr(keeper, "MARK_SECONDS", 3600.0)
    monkeypatch.setattr(keeper, "LEAST_SECONDS", 0.0)
    async with running(folder) as system:
        task = asyncio.create_task(system.keeper.run())
        await asyncio.sleep(0)
        await system.write(1)  # a checkpoint: the first group after a start makes one
        for _ in range(3):
            await system.write(10)
            async with asyncio.timeout(20):
                while system.memory.marked < system.ledger.seq - 10:  # noqa: ASYNC110 - a state, not an event
                    await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_witness_that_is_away_is_told_apart_from_one_that_refuses(folder):
    async with running(folder) as system:
        witness = system.keeper._witnesses[0]
        system.wire.away = True
        with pytest.raises(WitnessAway):
            await witness.ask()
        system.wire.away = False
        wrong = EdgeWitness(system.wire, "edge.test", system.ledger.public_key)
        wrong._public_key = "zz"
        with pytest.raises(LedgerError, match="refuses"):
            await wrong.ask()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    answer=st.dictionaries(st.sampled_from(["held", "other_key", "x"]), JSON, max_size=3),
    field=st.sampled_from(["mark", "mismatches", "acknowledgements"]),
    nested=st.booleans(),
)
def test_whatever_an_edge_answers_is_evidence_that_our_key_signed_or_is_not_believed(answer, field, nested):
    key = public_hex(Ed25519PrivateKey.generate().public_key())
    empty = {"mark": None, "mismatches": [], "acknowledgements": []}
    if nested:
        answer = {**answer, "held": {**empty, field: answer.get("held")}}

    class Edge:
        async def call(self, _op):
            return dict(answer)

    async def ask():
        witness = EdgeWitness(Edge(), "edge.test", key)
        with suppress(LedgerError):
            assert await witness.ask() in (None, Evidence())
        with suppress(LedgerError):
            await witness.tell(Evidence())
            assert answer.get("other_key") is None

    asyncio.run(ask())
