"""The end of the ledger cannot be cut off unseen: how far it had come is kept where its database does not reach."""

import asyncio
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringwall.core.errors import OperationError
from ringwall.core.ledger import chain
from ringwall.core.ledger import operations as ledger_operations
from ringwall.core.ledger.apart import verify_apart
from ringwall.core.ledger.chain import load_key, public_hex
from ringwall.core.ledger.keeper import MarkKeeper
from ringwall.core.ledger.memory import Memory
from ringwall.core.ledger.witnesses import EdgeWitness
from support.core_data import ADMIN
from support.ledger_marks import EDGE, FILE, RECORDS, cut, kept, offline, running, tamper

pytestmark = pytest.mark.req("I2")


async def test_what_was_written_is_in_both_marks_and_verifies(folder):
    async with running(folder) as system:
        await system.write(3)
        await system.keeper.keep()
        verdict = await system.verify()
        assert verdict["ok"]
        places = [(each["place"], each["ok"], each["seq"]) for each in verdict["marks"]]
        assert places == [(FILE, True, 27), (EDGE, True, 27)]
        assert await system.mismatches() == []
    assert (folder / "ledger.mark").stat().st_mode & 0o777 == 0o600
    assert offline(folder).ok


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keep=st.integers(0, RECORDS - 1),
    checkpoints=st.sampled_from(["keep", "cut", "all"]),
    head=st.sampled_from(["keep", "drop", "forge"]),
    change=st.booleans(),
)
def test_whatever_is_done_to_the_end_in_the_stopped_database_is_named_before_and_after_the_start(
    marked, tmp_path, keep, checkpoints, head, change
):
    folder = Path(shutil.copytree(marked, Path(tempfile.mkdtemp(dir=tmp_path)) / "core"))
    if change:
        tamper(folder, f"UPDATE ledger SET body = '{{}}' WHERE seq > {keep}")
    else:
        tamper(folder, f"DELETE FROM ledger WHERE seq > {keep}")
    if checkpoints != "keep":
        tamper(folder, f"DELETE FROM ledger_checkpoints WHERE seq > {keep if checkpoints == 'cut' else 0}")
    if head == "drop":
        tamper(folder, "DELETE FROM ledger_head")
    elif head == "forge":
        tamper(
            folder,
            f"UPDATE ledger_head SET seq = {keep}, hash = coalesce((SELECT hash FROM ledger WHERE seq = {keep}), zeroblob(32))",
        )
    verdict = offline(folder)
    assert not verdict.ok
    assert verdict.finding is not None

    async def go_on():
        async with running(folder) as system:
            await system.write(2)
            assert not offline(folder, await system.keeper.kept()).ok
            assert system.memory.evidence.open or change
            assert await system.mismatches() or change

    asyncio.run(go_on())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gone=st.sets(st.sampled_from([1, 9, 17]), min_size=1), renumber=st.booleans())
def test_any_checkpoint_that_is_gone_is_named(marked, tmp_path, gone, renumber):
    folder = Path(shutil.copytree(marked, Path(tempfile.mkdtemp(dir=tmp_path)) / "core"))
    tamper(folder, f"DELETE FROM ledger_checkpoints WHERE seq IN ({','.join(map(str, gone))})")
    if renumber:
        tamper(
            folder,
            "UPDATE ledger_checkpoints SET number ="
            " (SELECT count(*) FROM ledger_checkpoints AS before WHERE before.seq <= ledger_checkpoints.seq)",
        )
    finding = offline(folder).finding
    assert finding is not None
    assert finding.kind in ("checkpoint", "unsigned")


async def test_a_cut_end_says_which_mark_where_it_is_and_how_many_records_are_missing(folder):
    cut(folder, 14)
    verdict = offline(folder)
    (mark,) = verdict.marks
    for words in (FILE, "record 24", "record 14", "10 records are missing"):
        assert words in mark.text
    async with running(folder) as system:
        await system.write()
        (first, second) = await system.mismatches()
        assert "10 records are missing" in first["found"]
        assert first["place"] == FILE
        assert "no valid signature" in second["found"]
        # What follows stands behind the mark, so the gap stays in the database itself.
        seqs = [each["seq"] for each in await system.ledger.tail(14)]
        assert seqs == [25, 26, 27, 28]


@pytest.mark.parametrize("keep", [14, 0])
async def test_the_mark_of_the_edge_is_enough(folder, keep):
    """The file beside the key is gone as well, or an old one was put in its place."""
    cut(folder, keep)
    (folder / "ledger.mark").unlink()
    async with running(folder) as system:
        await system.keeper.keep()
        await system.write()
        found = {each["place"]: each["found"] for each in await system.mismatches()}
        assert (
            f"{RECORDS - keep - 1} records are missing" in found[EDGE] or "records are missing" in found[EDGE]
        )
        assert "is missing" in found[FILE]
        assert (await system.ledger.tail(RECORDS))[0]["seq"] == RECORDS + 1
        verdict = await system.verify()
        assert not verdict["ok"]
        assert EDGE in {each["place"] for each in verdict["mismatches"]}


async def test_an_older_mark_with_an_older_database_is_found_by_the_edge(marked, folder):
    async with running(folder) as system:
        await system.write(6)
    for name in ("ringwall.db", "ledger.mark"):
        shutil.copy(marked / name, folder / name)
    assert offline(folder).ok
    async with running(folder) as system:
        await system.keeper.keep()
        (found,) = await system.mismatches()
        assert (found["place"], "6 records are missing" in found["found"]) == (EDGE, True)
        assert not (await system.verify())["ok"]


async def test_another_history_of_the_same_length_is_found(marked, folder):
    """Who has an older database can let a core go on from it: the record of that number is another one."""
    other = Path(shutil.copytree(folder, folder.parent / "other"))
    async with running(folder) as system:
        await system.write(4)
    async with running(other) as system:
        await system.write(9)
    for name in ("ringwall.db", "ledger.mark"):
        shutil.copy(other / name, folder / name)
    async with running(folder) as system:
        await system.keeper.keep()
        (found,) = await system.mismatches()
        assert "in the database is another one" in found["found"]


async def test_two_cores_of_one_copied_system_at_one_edge_are_found(folder):
    other = Path(shutil.copytree(folder, folder.parent / "other"))
    async with running(folder) as first, running(other) as second:
        second.keeper = MarkKeeper(
            second.ledger, second.memory, [EdgeWitness(first.wire, "edge.test", second.ledger.public_key)]
        )
        await first.write(5)
        await first.keeper.keep()
        await second.write(2)
        await second.keeper.keep()
        assert [each["place"] for each in await second.mismatches()] == [EDGE]


async def test_a_mismatch_is_remembered_when_the_database_was_put_right(marked, folder):
    cut(folder, 14)
    async with running(folder) as system:
        await system.write()
    shutil.copy(marked / "ringwall.db", folder / "ringwall.db")
    tamper(folder, "DELETE FROM ledger WHERE kind = 'security.ledger_mismatch'")
    verdict = offline(folder)
    assert not verdict.ok
    assert any("10 records are missing" in each["text"] for each in verdict.mismatches)
    (folder / "ledger.mark").unlink()
    async with running(folder) as system:
        await system.keeper.keep()
        told = [each for each in await system.mismatches() if each.get("told_by") == EDGE]
        assert any("10 records are missing" in each["found"] for each in told)
        assert all(each["first_found"] for each in told)
        described = system.keeper.describe()
        assert not described["ok"]
        assert any("10 records are missing" in each["text"] for each in described["mismatches"])


async def test_what_verification_finds_is_remembered_everywhere(folder):
    async with running(folder) as system:
        tamper(folder, "UPDATE ledger SET body = '{}' WHERE seq = 5")
        verdict = await system.verify()
        assert verdict["finding"]["first"] == 5
        assert [each["text"] for each in (await system.verify())["mismatches"]] == ["Record 5 was changed."]
        held = await system.keeper._witnesses[0].ask()
        assert [each.text for each in held.mismatches] == ["Record 5 was changed."]
        assert [each["found"] for each in await system.mismatches()] == ["Record 5 was changed."]


async def test_an_acknowledged_mismatch_stays_and_what_comes_behind_its_gap_is_verified_again(folder):
    cut(folder, 14)
    async with running(folder) as system:
        await system.write(3)
        assert (await system.verify())["finding"]["kind"] == "removed"
        await system.acknowledge("the disk was replaced, backup of 3 May")
        verdict = await system.verify()
        assert (verdict["ok"], verdict["finding"]) == (True, None)
        for each in verdict["mismatches"]:
            assert each["acknowledged"]["by"].startswith(ADMIN.name)
            assert each["acknowledged"]["reason"] == "the disk was replaced, backup of 3 May"
        (record,) = await system.ledger.tail(0, 10, "admin.ledger.acknowledged")
        assert record["body"]["mismatches"]
        with pytest.raises(OperationError, match="no mismatch"):
            await system.acknowledge()
        held = await system.keeper._witnesses[0].ask()
        assert held.acknowledgements
    assert offline(folder).ok
    tamper(folder, "UPDATE ledger SET body = '{}' WHERE seq = 27")
    assert offline(folder).finding.first == 27


async def test_what_was_found_by_the_stopped_system_is_on_record_after_the_next_start(folder):
    memory = Memory(folder / "ledger.mark", load_key(folder / "ledger.key"))
    memory.load()
    memory.find("the database", ledger_operations.Trouble("Record 5 was changed."))
    memory.save_now()
    for _ in range(2):
        async with running(folder) as system:
            (found,) = await system.mismatches()
            assert (found["found"], found["told_by"]) == (
                "Record 5 was changed.",
                FILE,
            )


@pytest.mark.parametrize(
    "content", [None, b"", b"{}", b"\xff" * 99], ids=["missing", "empty", "no evidence", "no JSON"]
)
async def test_a_mark_that_is_missing_or_damaged_is_named_and_never_made_anew_in_silence(folder, content):
    path = folder / "ledger.mark"
    path.unlink() if content is None else path.write_bytes(content)
    verdict = offline(folder)
    assert (verdict.ok, verdict.finding.kind) == (False, "mark")
    assert FILE in verdict.finding.text
    async with running(folder) as system:
        (found,) = await system.mismatches()
        assert FILE in found["found"]
        assert not (await system.verify())["ok"]
    if content is not None:
        assert (folder / "ledger.mark.damaged").read_bytes() == content


async def test_a_mark_that_goes_while_the_system_runs_is_named(folder):
    async with running(folder) as system:
        await system.write()
        await system.keeper.keep()
        (folder / "ledger.mark").unlink()
        await system.write()
        await system.keeper.keep()
        (found,) = await system.mismatches()
        assert "is missing" in found["found"]
        assert (folder / "ledger.mark").exists()


async def test_a_mark_of_another_key_is_not_believed(folder):
    stranger = Memory(folder / "ledger.mark", Ed25519PrivateKey.generate())
    stranger.sign_mark("aa" * 32, 3, bytes(32), 1)
    stranger.save_now()
    assert "another key" in offline(folder).finding.text


async def test_a_ledger_of_a_version_without_marks_gets_its_first_one_once_and_on_record(folder):
    key = load_key(folder / "ledger.key")
    with sqlite3.connect(folder / "ringwall.db", isolation_level=None) as db:
        start = chain.genesis(db.execute("SELECT id FROM organisations").fetchone()[0])
        at, seq, previous, digest = db.execute("SELECT at, seq, previous, hash FROM ledger_head").fetchone()
        signature = key.sign(chain.head_message(start, seq, at, previous, digest, None))
        db.execute("UPDATE ledger_head SET signature = ?, checkpoints = NULL", (signature,))
    db.close()
    (folder / "ledger.mark").unlink()
    (folder / "ledger-marks.json").unlink()
    assert offline(folder).ok
    async with running(folder) as system:
        (record,) = await system.bodies("system.ledger_mark_made")
        assert record["at_record"] == RECORDS
        assert await system.mismatches() == []
        assert (await system.verify())["ok"]
    (folder / "ledger.mark").unlink()
    assert not offline(folder).ok
    async with running(folder) as system:
        assert len(await system.mismatches()) == 1


async def test_a_copy_may_be_older_than_the_marks_but_not_another_one(marked, folder):
    async with running(folder) as system:
        await system.write(6)
    shutil.copy(marked / "ringwall.db", folder / "ringwall.db")
    verdict = offline(folder, copy=True)
    assert verdict.ok
    assert "younger than this copy" in verdict.marks[0].text
    assert not offline(folder).ok


async def test_verifying_apart_takes_the_marks_with_it(folder):
    cut(folder, 14)
    key = public_hex(load_key(folder / "ledger.key").public_key())
    url = f"sqlite:///{folder}/ringwall.db"
    assert await verify_apart(url, key, kept(folder)) == offline(folder).to_dict()
