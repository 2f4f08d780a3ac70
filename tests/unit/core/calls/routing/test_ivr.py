"""A caller talks with a menu of the system."""

import pytest

from ringwall.core.calls.routing import ivr
from ringwall.core.media.interaction import HungUp
from ringwall.core.media.items import Prompt
from ringwall.core.media.menu import HANG_UP, Connect, HangUp
from ringwall.policy.actions import UserSubject


@pytest.fixture
def alice(world):
    world.media_up()
    return world.phone("201")


class Menu:
    """Says hello, collects keys, and does what the test says."""

    def __init__(self, following=HANG_UP, most=4) -> None:
        self.following, self.most = following, most
        self.visitor = self.typed = None
        self.hung_up = False

    async def __call__(self, party, visitor):
        self.visitor = visitor
        try:
            self.typed = await party.digits(Prompt("hello"), most=self.most)
            await party.play(Prompt("vm-goodbye"))
        except HungUp:
            self.hung_up = True
            raise
        return self.following


def dial(world, alice, menu, code="*98"):
    ivr.serve(world.switch, {"*98": "own mailbox", "*60": "log in"}[code[:3]], menu)
    call = alice.call(code)
    world.run(0.5)
    return call


def test_a_feature_number_is_answered_and_its_menu_hears_the_keys(world, alice):
    menu = Menu()
    call = dial(world, alice, menu)
    assert call.state == "talking", call.statuses
    assert (menu.visitor.extension, menu.visitor.device, menu.visitor.outside) == ("201", "d1", False)
    leg = world.media_server.only_leg()
    world.media_server.press(leg, "12")
    world.run(0.1)
    world.media_server.press(leg, "3#")
    world.run(5)
    assert (menu.typed.keys, menu.typed.ended) == ("123", True)
    assert world.media_server.played() == ["hello", "vm-goodbye"]
    assert call.state == "ended"
    [record] = world.told("call.ended")
    assert (record["dialled"], record["feature"], record["cause"]) == (
        "*98",
        "own mailbox",
        "the menu is over",
    )


def test_the_leg_of_the_phone_and_that_of_the_media_server_share_no_key(world, alice):
    dial(world, alice, Menu())
    [leg] = world.media_server.legs.values()
    assert leg.wiring["suite"] != world.only_call().caller.suite
    phone = {key.rstrip("=") for key in world.witness.owner}
    assert not phone & {leg.wiring[name].rstrip("=") for name in ("send_key", "receive_key")}
    alice.last.bye()


@pytest.mark.parametrize("suites", [("AES_CM_128_HMAC_SHA1_80",), ("AEAD_AES_256_GCM",)])
def test_any_phone_gets_through_with_one_relay(world, suites):
    world.media_up()
    alice = world.phone("201", suites=suites)
    call = dial(world, alice, Menu())
    assert call.state == "talking"
    assert len(world.rtpengine.calls) == 1
    call.bye()


def test_a_browser_gets_through(world):
    world.media_up()
    call = dial(world, world.phone("201", dtls=True), Menu())
    assert call.state == "talking"
    call.bye()


def test_the_menu_is_told_when_the_party_hangs_up_and_the_leg_is_closed(world, alice):
    menu = Menu()
    dial(world, alice, menu).bye()
    world.run()
    assert menu.hung_up
    assert not world.media_server.legs


def test_without_a_media_server_the_call_is_refused(world):
    alice = world.phone("201")
    call = dial(world, alice, Menu())
    assert call.statuses == [503]


def test_a_server_that_has_no_leg_left_refuses_the_call_and_says_why(world, alice):
    world.media_server.most_legs = 0
    world.media_up()
    call = dial(world, alice, Menu())
    assert call.statuses == [503]
    [record] = world.told("call.ended")
    assert "no leg left" in record["cause"]


def test_an_offer_without_a_codec_that_the_server_speaks_is_refused(world, alice):
    from support.calls.media import describe

    body = describe().replace(b" 0 8 101", b" 9 101").replace(b"PCM", b"G72")
    ivr.serve(world.switch, "own mailbox", Menu())
    call = alice.call("*98", body)
    world.run()
    assert call.statuses == [488]


def test_a_menu_that_fails_ends_its_call_and_says_so(world, alice):
    async def broken(_party, _visitor):
        raise RuntimeError("a bug")

    call = dial(world, alice, broken)
    world.run()
    assert call.state == "ended"
    assert world.told("system.menu_failed")
    world.errors.records.clear()


def test_a_party_can_be_connected_with_somebody_inside(world, alice):
    bob = world.phone("202")
    menu = Menu(Connect("202", UserSubject("201")), most=1)
    call = dial(world, alice, menu)
    world.media_server.press(world.media_server.only_leg(), "1")
    world.run(3)
    assert bob.last.state == "talking"
    assert call.state == "talking"
    assert not world.media_server.legs
    joined = world.only_call()
    assert (joined.caller.extension, joined.callee.extension) == ("201", "202")
    first = next(r for r in world.told("call.ended"))
    assert first["connected_to"] == joined.id
    bob.last.bye()
    world.run()
    assert call.state == "ended"


def test_who_is_to_be_connected_hears_the_ringing_and_then_that_nobody_came(world, alice):
    bob = world.phone("202")
    bob.on_invite = "ring"
    call = dial(world, alice, Menu(Connect("202", UserSubject("201")), most=1))
    world.media_server.press(world.media_server.only_leg(), "1")
    world.run(3)
    assert world.media_server.played()[-1] == "ringback"
    bob.last.refuse(486)
    world.run(1)
    assert world.media_server.played()[-1] == "busy"
    world.run(6)
    assert call.state == "ended"


def test_who_hangs_up_while_it_rings_stops_the_ringing(world, alice):
    bob = world.phone("202")
    bob.on_invite = "ring"
    call = dial(world, alice, Menu(Connect("202", UserSubject("201")), most=1))
    world.media_server.press(world.media_server.only_leg(), "1")
    world.run(3)
    call.bye()
    world.run()
    assert bob.last.state == "cancelled"


@pytest.mark.req("V1")
def test_a_menu_connects_with_nobody_outside(world, alice):
    carrier = world.carrier()
    call = dial(world, alice, Menu(Connect("914085550123", UserSubject("201")), most=1))
    world.media_server.press(world.media_server.only_leg(), "1")
    world.run(3)
    assert not carrier.calls
    assert call.state == "ended"


def test_a_phone_without_a_user_has_only_the_codes_for_it(world, alice):
    world.rights.unassigned("d1")
    menu = Menu()
    assert dial(world, alice, menu).statuses == [403]
    [record] = world.told("call.denied")
    assert record["rule"] == "phone.unassigned"
    call = dial(world, alice, menu, "*60")
    assert call.state == "talking"
    assert (menu.visitor.extension, menu.visitor.device) == ("", "d1")
    call.bye()


def test_a_code_that_nothing_answers_and_one_with_too_much_behind_it_are_refused(world, alice):
    assert dial(world, alice, Menu(), "*98123").statuses == [404]
    world.switch.hooks.dialled.pop("hunt group busy", None)
    call = alice.call("*18202")
    world.run()
    assert call.statuses == [404]


def test_a_phone_may_change_its_media_while_it_talks_with_a_menu(world, alice):
    call = dial(world, alice, Menu())
    before = dict(world.media_server.legs[world.media_server.only_leg()].wiring)
    call.change("sendonly")
    world.run()
    assert call.status("INVITE")[-1] == 200
    assert b"a=recvonly" in call.responses[-1].body or b"a=recvonly" in call.remote_sdp
    after = world.media_server.legs[world.media_server.only_leg()].wiring
    assert after["suite"] == before["suite"]
    call.bye()


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n"), ("application/dtmf", b"5")],
)
def test_keys_that_come_by_info_are_heard(world, alice, kind, body):
    menu = Menu(most=1)
    call = dial(world, alice, menu)
    call.request("INFO", body, content_type=kind)
    world.run()
    assert menu.typed.keys == "5"
    assert call.status("INFO") == [200]
    world.run(5)


def test_an_info_that_says_no_key_is_refused(world, alice):
    call = dial(world, alice, Menu())
    call.request("INFO", b"Signal=55", content_type="application/dtmf-relay")
    call.request("INFO", b"5", content_type="text/plain")
    world.run()
    assert call.status("INFO") == [415, 415]
    call.bye()


def test_a_menu_call_of_a_dead_process_is_ended_by_the_next_one(world, alice):
    call = dial(world, alice, Menu())
    world.restart_core()
    world.media_up()
    world.run(10)
    assert call.state == "ended"
    assert not world.media_server.legs
    assert world.told("call.ended")[-1]["cause"] == "the system was started anew"


def test_a_media_server_that_dies_ends_the_call_with_a_menu(world, alice):
    menu = Menu()
    call = dial(world, alice, menu)
    world.media_server.kill()
    world.media_up()
    world.run()
    assert call.state == "ended"
    assert menu.hung_up


def test_a_party_from_which_nothing_comes_is_gone(world, alice):
    menu = Menu()
    call = dial(world, alice, menu)
    world.media_server.event({"event": "silent", "leg": world.media_server.only_leg(), "seconds": 60})
    world.run()
    assert menu.hung_up
    assert call.state == "ended"


def test_one_user_has_a_bounded_number_of_legs(world, alice):
    from ringwall.core.media.control import MOST_OF_ONE

    async def patient(party, _visitor):
        await party.key(100)
        return HangUp("done")

    calls = [dial(world, alice, patient) for _ in range(MOST_OF_ONE + 1)]
    assert [c.statuses[-1] for c in calls].count(503) == 1
    for call in calls[:-1]:
        call.bye()
