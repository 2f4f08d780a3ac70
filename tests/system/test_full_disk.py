"""A full disk: what cannot be recorded is refused, in clear words, and nothing that was acknowledged is lost."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress

import pytest
import pytest_asyncio

from ringwall.infra.errors import RefusedError, RingwallError
from ringwall.infra.layout import Layout
from system.descriptions import answer_to, good
from system.raw_phone import RawPhone, joined
from system.running import System, system_in_a_folder, until

MEGABYTES = 24
FILLER = "filler"


def small_disk(layout: Layout) -> None:
    """Put the core's folder on a file system of its own."""
    layout.core.mkdir(mode=0o700)
    options = f"size={MEGABYTES}m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "ringwall-test", layout.core], check=True)


def remove_it(layout: Layout) -> None:
    subprocess.run(["umount", layout.core], check=True)


@pytest.fixture(scope="module")
def small() -> Iterator[System]:
    """A system whose core has a small disk."""
    with system_in_a_folder(small_disk, remove_it) as system:
        yield system


@pytest_asyncio.fixture(loop_scope="session")
async def phones(small: System):
    await until(lambda: small.ask("status")["store"]["ok"], "there is room", 20)
    made = [await RawPhone.connect(small, small.person()) for _ in range(3)]
    yield made
    for phone in made:
        await phone.close()


async def ring_for_ever(phone: RawPhone) -> None:
    while True:
        with suppress(TimeoutError):
            await phone.ringing()


def fill(system: System) -> None:
    """Leave not a byte."""
    with (system.layout.core / FILLER).open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    assert shutil.disk_usage(system.layout.core).free == 0


@pytest.mark.req("R2")
async def test_a_full_disk_stops_new_calls_and_settings_and_loses_nothing(small, phones) -> None:
    anna, ben, carl = phones
    before = small.seq()
    here, there = await joined(anna, ben, good(), answer_to)
    fill(small)
    try:
        # There may be room in files that are there already: go on until it says no.
        acknowledged = []
        refusal = None
        for number in range(7000, 9000):
            try:
                small.ask("user.add", extension=str(number), name="Added on a full disk")
                acknowledged.append(str(number))
            except RefusedError as error:
                refusal = error
                break
        assert refusal is not None
        assert refusal.code == "unavailable"
        assert "full" in str(refusal) or "space" in str(refusal)
        refused = str(7000 + len(acknowledged))

        # A call would leave no record: it is refused, and says why. The first one finds out, if nothing else did:
        # what it leaves behind waits for space, and until then nobody else is let in.
        taken = 0
        ringing = asyncio.create_task(ring_for_ever(ben))
        while True:
            asked = carl.invite(ben.account.extension, good())
            while (first := await asked.next()).status == 100:
                pass
            if first.status >= 300:
                break
            taken += 1
            assert taken < 50
            assert first.status == 180
            carl.cancel(asked)
            assert (await asked.final()).status == 487
        assert first.status == 503
        assert "record" in (first.headers.get("warning") or "")
        ringing.cancel()
        store = small.ask("status")["store"]
        assert not store["ok"]
        assert "full" in store["detail"] or "space" in store["detail"]
        done = await asyncio.to_thread(small.command, "user", "add", refused, "Nobody")
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "full" in done.stderr or "space" in done.stderr

        # A call that was up goes on; it ends as usual, and its record waits for space.
        assert (await there.hang_up()).status == 200
        await here.ended()
    finally:
        (small.layout.core / FILLER).unlink()

    await until(lambda: small.ask("status")["store"]["ok"], "records are kept again", 20)
    record = await small.record(before, "call.ended", caller=anna.account.extension)
    assert (record["by"], record["status"]) == ("callee", 200)
    known = {user["extension"] for user in small.ask("user.list")}
    assert set(acknowledged) <= known
    assert refused not in known
    refusal_record = await small.record(before, "call.refused", caller=carl.account.extension)
    assert refusal_record["status"] == 503
    cancelled = [r for r in small.records(before, "call.ended") if r["body"]["cause"] == "cancelled"]
    assert len(cancelled) == taken
    # Everything works again, and nobody had to sign in anew.
    here, there = await joined(carl, ben, good(), answer_to)
    assert (await here.hang_up()).status == 200
    small.ask("user.add", extension=refused, name="There is room now")
    assert small.ask("ledger.verify")["ok"]


@pytest.mark.req("R2")
async def test_what_was_acknowledged_before_the_power_failed_is_there(small, phones) -> None:
    """The core is killed in the middle of changes: each one that was acknowledged is there afterwards."""
    acknowledged: list[str] = []

    def change() -> None:
        with suppress(RingwallError):
            for number in range(4000, 6000):
                small.ask("user.add", extension=str(number), name="Added before the end")
                acknowledged.append(str(number))

    changing = asyncio.create_task(asyncio.to_thread(change))
    await until(lambda: len(acknowledged) > 20, "some changes")
    small.kill("core")
    await changing
    assert len(acknowledged) < 2000
    await small.ready()
    known = {user["extension"] for user in small.ask("user.list")}
    assert set(acknowledged) <= known
    assert small.ask("ledger.verify")["ok"]
