"""PINs as the rest of the core uses them: checked, locked, changed, aged; nothing of them on record."""

import asyncio

import pytest
from sqlalchemy import select

from ringwall.core.errors import OperationError
from ringwall.core.lockout.budget import LOCK_S, MOST
from ringwall.core.operations import Operations
from ringwall.core.pins import operations as pin_operations
from ringwall.core.pins import rows
from ringwall.core.pins.service import DAY_S, Accepted, Locked, PinService, Wrong
from ringwall.core.rights import kinds
from support.core_data import ADMIN, open_rights
from support.events import Made

pytestmark = pytest.mark.req("V2")
GOOD, OTHER = "407259", "918364"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.slept = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)


@pytest.fixture
async def clock():
    return Clock()


@pytest.fixture
async def pins(core, clock):
    rights = await open_rights(core)
    await rights.add(ADMIN, kinds.VOICE_MAIL, "Staff", {"password_lifespan": 90, "password_warning": 7})
    await rights.add(ADMIN, kinds.GROUP, "staff", {"name": "Staff", "voice_mail": "Staff"})
    await core.directory.add_user(ADMIN, "201", "Anna", {"group": "staff", "did": "+14085550123"})
    await core.directory.add_user(ADMIN, "202", "Bert", {"group": "staff"})
    service = await _open(core, rights, clock)
    yield service
    service.close()


async def _open(core, rights, clock):
    return await PinService.open(
        core.store, core.ledger, core.directory, rights, clock=clock, sleep=clock.sleep
    )


async def test_a_right_pin_is_accepted_with_the_days_that_are_left(pins, clock) -> None:
    await pins.set_pin(ADMIN, "201", GOOD, must_change=False)
    assert await pins.check("201", GOOD, "phone:1") == Accepted("201", 90, warn=False, must_change=False)
    clock.now += 83 * DAY_S
    assert await pins.check("201", GOOD, "phone:1") == Accepted("201", 7, warn=True, must_change=False)
    clock.now += 7 * DAY_S
    assert await pins.check("201", GOOD, "phone:1") == Accepted("201", 0, warn=False, must_change=True)
    await pins.choose("201", OTHER, "phone:1")
    assert await pins.check("201", OTHER, "phone:1") == Accepted("201", 90, warn=False, must_change=False)
    assert await pins.check("201", GOOD, "phone:1") == Wrong()


async def test_wrong_pin_unknown_extension_and_no_pin_are_answered_alike(pins, clock) -> None:
    await pins.set_pin(ADMIN, "201", GOOD)
    for extension in ("201", "299", "202", "", "9" * 40, "\ud800"):
        assert await pins.check(extension, OTHER, f"caller:{len(extension)}{extension[-1:]!r}") == Wrong()
    assert len(clock.slept) == 6


@pytest.mark.parametrize("extension", ["201", "299"])
async def test_ten_wrong_tries_lock_an_account_that_is_there_and_one_that_is_not(
    core, pins, clock, extension
) -> None:
    await pins.set_pin(ADMIN, "201", GOOD, must_change=False)
    told = []
    pins.on_locked.append(lambda *locked: told.append(locked))
    for number in range(MOST):
        assert await pins.check(extension, OTHER, f"caller:{number}") == Wrong()
    assert await pins.check(extension, GOOD, "caller:new") == Locked(LOCK_S)
    assert told == ([("201", LOCK_S)] if extension == "201" else [])
    await core.ledger.record_durably(Made("system.test"))
    alert = (await core.ledger.tail(0, 1000, "security.pins_guessed"))[-1]["body"]
    assert (alert["extension"], alert["locked_seconds"]) == (extension, LOCK_S)
    assert len(await core.ledger.tail(0, 1000, "security.wrong_pin")) == MOST
    clock.now += LOCK_S
    expected = Accepted("201", 90, warn=False, must_change=False) if extension == "201" else Wrong()
    assert await pins.check(extension, GOOD, "caller:new") == expected


async def test_guessing_elsewhere_does_not_lock_the_owner_out_of_their_own_phone(pins) -> None:
    await pins.set_pin(ADMIN, "201", GOOD, must_change=False)
    for number in range(MOST):
        await pins.check("201", OTHER, f"caller:{number}")
    assert isinstance(await pins.check("201", GOOD, "phone:desk"), Locked)
    assert isinstance(await pins.check("201", GOOD, "phone:desk", own_phone=True), Accepted)
    assert isinstance(await pins.check("201", GOOD, "caller:x"), Locked)
    for _ in range(MOST):
        await pins.check("201", OTHER, "phone:desk", own_phone=True)
    assert isinstance(await pins.check("201", GOOD, "phone:desk", own_phone=True), Locked)


async def test_a_source_that_tries_many_accounts_is_stopped(core, pins, clock) -> None:
    await pins.set_pin(ADMIN, "201", GOOD)
    for number in range(MOST):
        assert await pins.check(str(300 + number), OTHER, "caller:thief") == Wrong()
    assert isinstance(await pins.check("201", GOOD, "caller:thief"), Locked)
    assert isinstance(await pins.check("201", GOOD, "caller:anna"), Accepted)
    assert clock.slept == sorted(clock.slept)
    await core.ledger.record_durably(Made("system.test"))
    alert = (await core.ledger.tail(0, 1000, "security.pins_guessed"))[-1]["body"]
    assert alert["source"] == "caller:thief"


async def test_many_tries_at_once_are_no_more_than_ten(pins) -> None:
    await pins.set_pin(ADMIN, "201", GOOD)
    answers = await asyncio.gather(*(pins.check("201", OTHER, f"web:{number}") for number in range(30)))
    assert sum(answer == Wrong() for answer in answers) == MOST


async def test_pins_and_locks_outlive_the_process(core, pins, clock) -> None:
    await pins.set_pin(ADMIN, "201", GOOD, must_change=False)
    await pins.set_pin(ADMIN, "202", OTHER, must_change=False)
    for number in range(MOST):
        await pins.check("201", OTHER, f"caller:{number}")
    await core.ledger.record_durably(Made("system.test"))
    again = await _open(core, await open_rights(core), clock)
    assert isinstance(await again.check("201", GOOD, "caller:x"), Locked)
    assert isinstance(await again.check("202", OTHER, "caller:x"), Accepted)
    await again.unlock(ADMIN, "201")
    assert isinstance(await again.check("201", GOOD, "caller:x"), Accepted)
    again.close()


async def test_the_last_five_pins_do_not_come_back(pins) -> None:
    chosen = [GOOD, OTHER, "750291", "281640", "639174", "905318", "174950"]
    for pin in chosen[:6]:
        await pins.choose("201", pin, "phone:1")
    for pin in chosen[:6]:
        with pytest.raises(OperationError) as refused:
            await pins.choose("201", pin, "phone:1")
        assert (refused.value.code, refused.value.field) == ("invalid", "pin")
        assert pin not in refused.value.message
    await pins.choose("201", chosen[6], "phone:1")
    await pins.choose("201", GOOD, "phone:1")


async def test_a_pin_goes_with_its_user(core, pins) -> None:
    await pins.set_pin(ADMIN, "202", GOOD)
    await core.directory.remove_user(ADMIN, "202")
    await core.directory.add_user(ADMIN, "202", "Somebody else")
    assert await pins.check("202", GOOD, "phone:1") == Wrong()
    assert pins.state("202").set_at == 0


async def test_what_administrators_ask_and_that_no_record_and_no_row_has_a_pin(core, pins) -> None:
    operations = Operations(core.ledger)
    pin_operations.register(operations, pins)

    async def run(name, **args):
        return await operations.run(f"user.pin.{name}", args, ADMIN)

    assert (await run("show", extension="201"))["set_at"] is None
    told = await run("set", extension="201", pin=GOOD)
    assert told["must_change"]
    assert GOOD not in str(told)
    first = await run("reset", extension="202")
    assert isinstance(await pins.check("202", first["pin"], "phone:1"), Accepted)
    assert first["must_change"]
    with pytest.raises(OperationError, match="own numbers"):
        await run("set", extension="201", pin="408517")
    with pytest.raises(OperationError, match="no user"):
        await run("reset", extension="299")
    assert (await run("unlock", extension="201"))["wrong_tries"] == 0
    await core.ledger.record_durably(Made("system.test"))
    records = str(await core.ledger.tail(0, 1000))
    kept = str(await core.store.read(lambda connection: connection.execute(select(rows.pins)).all()))
    for pin in (GOOD, first["pin"], "408517"):
        assert pin not in records
        assert pin not in kept
    assert "admin.pin.changed" in records
