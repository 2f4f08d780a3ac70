"""Calls outlive the process of call control (R1)."""

import json

import pytest

from ringwall.core.calls.media.descriptions import AES_CM
from ringwall.core.calls.model.call import Call
from support.calls.world import World
from support.events import Made


@pytest.mark.req("R1")
@pytest.mark.parametrize("suites", [(AES_CM,), None])
def test_a_new_process_takes_a_call_up_and_holds_and_ends_it(world: World, suites) -> None:
    kind = {"suites": suites} if suites else {}
    alice, bob = world.phone("201", **kind), world.phone("202", **kind)
    a, b = world.talk(alice, bob)
    a.change("sendonly")
    world.run()
    answered = world.only_call().answered_at
    world.restart_core()
    world.run(40)
    assert a.requests
    assert b.requests  # whoever hung up in the meantime would be found
    b.change("inactive")
    world.run()
    assert b.status("INVITE")[-1] == 200
    assert b"a=inactive" in a.remote_sdp
    a.change()
    world.run()
    assert a.status("INVITE")[-1] == 200
    a.bye()
    world.run()
    assert b.state == "ended"
    [record] = world.told("call.ended")
    assert record["answered"] == round(answered, 3)
    assert record["by"] == "caller"


@pytest.mark.req("R1")
def test_an_answered_call_is_written_down_at_once_and_what_changes_later_with_the_others(
    world: World,
) -> None:
    a, _ = world.talk(world.phone("201"), world.phone("202"))
    assert (len(world.store.live_calls), world.store.hastened) == (1, 1)
    a.change("sendonly")
    world.run()
    assert world.store.hastened == 1
    a.bye()


@pytest.mark.req("R1")
def test_a_call_is_the_same_value_after_a_round_trip(world: World) -> None:
    a, _ = world.talk(world.phone("201"), world.phone("202"))
    call = world.only_call()
    value, secrets = call.to_value(), call.secrets()
    again = Call.from_value(json.loads(json.dumps(value)), json.loads(json.dumps(secrets)))
    assert (again.to_value(), again.secrets()) == (value, secrets)
    a.bye()


@pytest.mark.req("R1")
def test_who_hung_up_while_nobody_was_there_is_found(world: World) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    world.edge.core_up = False
    b.bye()
    world.run(1)
    b.dialog = None
    world.edge.core_up = True
    world.restart_core()
    world.run(40)
    assert a.state == "ended"
    assert [r["cause"] for r in world.told("call.ended")] == ["phone lost"]


@pytest.mark.req("R1", "R2")
def test_a_stored_call_that_cannot_be_read_is_on_record_as_lost(world: World) -> None:
    a, _ = world.talk(world.phone("201"), world.phone("202"))
    [row] = world.store.live_calls.values()
    world.store.live_calls["broken"] = {**row, "call_id": "broken", "body": '{"v": 1}'}
    world.store.live_calls["odd"] = {**row, "call_id": "odd", "body": "[]"}
    world.restart_core()
    assert {r["call"] for r in world.told("call.ended")} == {"broken", "odd"}
    assert len(world.switch.calls) == 1
    assert len(world.store.live_calls) == 1
    assert len(world.errors.records) == 2
    world.errors.records.clear()
    a.bye()


@pytest.mark.req("R1", "R2", "T1")
def test_a_call_whose_keys_are_gone_is_on_record_in_full_and_both_parties_are_told(world: World) -> None:
    """As after a restart of the host: what was sealed cannot be read, and the media went with it."""
    a, b = world.talk(world.phone("201"), world.phone("202"))
    [call] = list(world.store.live_calls)
    world.call_keys.destroy(call)
    world.restart_core()
    world.run()
    assert (a.state, b.state) == ("ended", "ended")
    [record] = world.told("call.ended")
    assert (record["call"], record["cause"]) == (call, "lost with the system")
    assert (record["caller"], record["callee"], record["answered"] > 0) == ("201", "202", True)
    assert world.told("system.calls_taken_up") == []


@pytest.mark.req("T1")
def test_the_key_of_a_call_that_ended_when_no_process_saw_it_is_forgotten(world: World) -> None:
    world.call_keys.seal("a call of before", b"secret")
    world.restart_core()
    assert len(world.call_keys) == 0


@pytest.mark.req("T1")
def test_what_is_written_down_of_a_call_holds_no_key_of_any_leg(world: World) -> None:
    world.media_up()
    a, _ = world.talk(world.phone("201"), world.phone("202"))
    a.change("sendonly")  # music on hold: both have a leg at the media server
    world.run(5)
    call = world.only_call()
    keys = [leg.media.key for leg in call.legs() if leg.media is not None]
    keys += [
        line.split(b"inline:")[1][:40]
        for leg in call.legs()
        for line in leg.local_sdp.splitlines()
        if b"inline:" in line
    ]
    assert len(keys) >= 2
    written = repr(list(world.store.live_calls.values())).encode()
    assert not [key for key in keys if (key if isinstance(key, bytes) else key.encode()) in written]
    a.bye()


def test_a_phone_that_moved_is_found_by_the_next_process(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a, _ = world.talk(alice, bob)
    world.edge.close(bob.connection)
    bob.register()
    world.restart_core()
    a.change("sendonly")
    world.run()
    assert a.status("INVITE")[-1] == 200
    a.bye()


@pytest.mark.req("R1")
def test_a_new_process_that_finds_the_edge_late_ends_no_call(world: World) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    world.edge.core_up = False
    world.restart_core()
    world.run(100)
    world.link_up()
    world.run(100)
    assert (a.state, b.state) == ("talking", "talking")
    a.bye()


@pytest.mark.req("C5")
async def test_the_use_of_the_last_day_is_found_in_the_ledger(core) -> None:
    from ringwall.core.calls.resume import load_use

    core.ledger.record(Made("call.ended", call="old", ended=100.0, grants=[{}]))
    core.ledger.record(Made("call.ended", call="inside", ended=300.0))
    core.ledger.record(Made("call.refused", call="no", ended=300.0, grants=[{}]))
    for number in range(3):
        core.ledger.record(Made("call.ended", call=f"c{number}", ended=300.0 + number, grants=[{}]))
    await core.ledger.record_durably(Made("system.test"))
    found = await core.store.read(lambda connection: load_use(connection, 200.0))
    assert [body["call"] for body in found] == ["c0", "c1", "c2"]
