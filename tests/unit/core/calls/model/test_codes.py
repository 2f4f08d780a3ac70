"""Authorization codes in what is dialled (A1)."""

import json
import re

import pytest

from ringwall.core.calls.model import codes
from ringwall.policy import AuthCode, CodeMode, Scope
from support.calls.world import World, invites

ABROAD = "9011442079460123"


def with_codes(world: World, mode: CodeMode = CodeMode.FORCED):
    world.rights.code_mode(mode)
    world.rights.change(codes=(AuthCode("c1", "Client One"), AuthCode("c2", "Locked", locked=True)))
    world.rights.codes = {"48151623": "c1", "99999999": "c2"}
    return world.phone("201"), world.carrier()


@pytest.mark.req("A1")
@pytest.mark.parametrize("dialled", [f"*5548151623#{ABROAD}", f"*554815-1623%23{ABROAD}"])
def test_a_valid_code_opens_what_the_caller_may_not_call_and_is_on_record(world: World, dialled: str) -> None:
    alice, carrier = with_codes(world)
    a = alice.call(dialled.replace("#", "%23"))
    world.run()
    assert a.state == "talking", a.statuses
    a.bye()
    world.run()
    [record] = world.told("call.ended")
    assert (record["code"], record["number"], record["caller"]) == ("c1", "+442079460123", "201")
    assert record["dialled"] == f"*55...#{ABROAD}"
    assert "48151623" not in json.dumps(world.records)
    assert "8151623" not in b"".join(m.to_bytes() for m in carrier.log).decode()


@pytest.mark.req("A1", "R1")
@pytest.mark.parametrize("typed", ["*5548151623%23", "*%355%348151623%23", "*554815-1623%23"])
def test_the_digits_of_a_code_are_not_in_a_stored_call_which_still_goes_on(world: World, typed: str) -> None:
    alice, carrier = with_codes(world)
    a = alice.call(f"{typed}{ABROAD}")
    world.run()
    assert a.state == "talking", a.statuses
    assert world.store.live_calls
    assert not re.search("8151623|815-1623", str(world.store.live_calls))
    world.restart_core()
    world.run(1)
    carrier.last.bye()
    world.run()
    assert a.state == "ended"


@pytest.mark.req("A1")
@pytest.mark.parametrize("typed", ["1234", "99999999", "", "48151623 "[:7], "4" * 30, "ab"])
def test_a_wrong_code_opens_nothing_and_is_on_record_without_its_digits(world: World, typed: str) -> None:
    alice, carrier = with_codes(world)
    a = alice.call(f"*55{typed}%23{ABROAD}")
    world.run()
    assert a.statuses == [403]
    assert not carrier.log
    [denied] = world.told("call.denied")
    assert denied["rule"] == "code.unknown"
    assert denied["dialled"] == f"*55...#{ABROAD}"
    assert world.told("security.wrong_code")[0]["source"] == "201"
    if len(typed) > 3:
        assert typed not in json.dumps(world.records)


@pytest.mark.req("A1")
def test_too_many_wrong_codes_lock_the_right_one_too(world: World) -> None:
    alice, carrier = with_codes(world)
    for guess in range(1000, 1010):
        alice.call(f"*55{guess}%23{ABROAD}")
        world.run()
    a = alice.call(f"*5548151623%23{ABROAD}")
    world.run()
    assert a.statuses == [403]
    assert world.told("call.denied")[-1]["rule"] == "code.locked"
    assert not carrier.log
    world.run(1)
    assert world.told("security.codes_guessed")


@pytest.mark.req("A1")
@pytest.mark.parametrize(("mode", "status"), [(CodeMode.OPTIONAL, 200), (CodeMode.FORCED, 403)])
def test_an_optional_code_can_be_skipped_a_forced_one_not(world: World, mode: CodeMode, status: int) -> None:
    alice, _ = with_codes(world, mode)
    a = alice.call(f"*55%23{ABROAD}")
    world.run()
    assert a.statuses[-1] == status
    if status == 200:
        a.bye()
        world.run()
        assert world.told("call.ended")[0]["code"] == ""


@pytest.mark.req("A1", "C5")
def test_codes_that_are_disabled_or_have_no_service_group_open_nothing(world: World) -> None:
    alice, carrier = with_codes(world, CodeMode.DISABLED)
    a = alice.call(f"*5548151623%23{ABROAD}")
    world.run()
    world.rights.code_mode(CodeMode.FORCED)
    world.rights.change(code_group=None)
    b = alice.call(f"*5548151623%23{ABROAD}")
    world.run()
    assert (a.statuses, b.statuses) == ([403], [403])
    assert [r["rule"] for r in world.told("call.denied")] == ["call.beyond-scope", "code.service-away"]
    assert not carrier.log


@pytest.mark.req("A1")
def test_what_the_caller_may_call_anyway_needs_no_code_and_the_service_group_has_its_own_limits(
    world: World,
) -> None:
    alice, carrier = with_codes(world)
    a = alice.call("*550000%23914085550123")
    b = alice.call("*5548151623%239011881612345678")  # satellite: the service group may not either
    world.run()
    assert a.state == "talking"
    assert b.statuses == [403]
    assert len(invites(carrier.log)) == 1
    a.bye()
    world.rights.scope(Scope.INTERNAL)
    c = alice.call("*5548151623%23914085550123")
    world.run()
    assert c.state == "talking"
    c.bye()


@pytest.mark.parametrize(
    ("dialled", "shown"),
    [("*551234#9", "*55...#9"), ("*551234", "*55..."), ("*55", "*55..."), ("*56", "*56"), ("201", "201"),
     ("*551234%239", "*55...#9")],
)  # fmt: skip
def test_the_digits_of_a_code_are_never_shown(dialled: str, shown: str) -> None:
    assert codes.hidden(dialled) == shown
