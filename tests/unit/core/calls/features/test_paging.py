"""Group and overhead paging: whose phones open, who hears whom, who may, and where a page ends."""

import pytest

from ringwall.core.calls.features import paging
from ringwall.core.calls.model.settings import Forwarding
from ringwall.policy import InsideObject, ObjectKind
from support.calls.conference import made
from support.calls.hearing import WISHES, hears, wishes
from support.calls.world import World

pytestmark = pytest.mark.req("C2")


@pytest.fixture(autouse=True)
def media(world: World):
    world.media_up()
    world.rights.telephony(paging=True)
    return world.media_server


@pytest.fixture
def pager(world):
    return world.phone("201")


def group(world, *members: str, extension: str = "700", kind=ObjectKind.PAGING_GROUP) -> None:
    thing = InsideObject(extension, kind, site="main", name="Everybody", members=members)
    world.rights.change(objects=(*world.rights.parts.objects, thing))


def phones(world, *extensions: str, on_invite="answer"):
    made = [world.phone(extension) for extension in extensions]
    for phone in made:
        phone.on_invite = on_invite
    return made


def over(world, call) -> None:
    call.bye()
    world.run(2)


def test_all_hear_the_one_who_pages_after_the_tone_and_nobody_hears_anybody_else(world, media, pager):
    group(world, "201", "202", "203", "204")
    heard = phones(world, "202", "203", "204")
    call = pager.call("700")
    while call.state != "talking":
        world.run(0.01)
    assert all(wishes(phone.last.invite) == list(WISHES) for phone in heard)
    assert not any(hears(world, phone) for phone in (pager, *heard)), "nobody is heard before the tone"
    world.run(0.1)
    [tone] = [request for op, request in media.log if op == "play"]
    assert (tone["items"][0]["tone"], tone["room"]) == ("page", world.only_call().id)
    world.run(4)
    assert hears(world, pager) == set()
    assert [hears(world, phone) for phone in heard] == [{"201"}] * 3
    over(world, call)
    assert all(phone.last.state == "ended" for phone in heard)
    [ended] = world.told("call.ended")
    assert (ended["dialled"], ended["feature"], sorted(ended["paged"])) == (
        "700",
        "page",
        ["202", "203", "204"],
    )
    assert "not_reached" not in ended


def test_a_page_reaches_a_hundred_phones(world, media, pager):
    extensions = [str(300 + number) for number in range(100)]
    group(world, *extensions)
    heard = phones(world, *extensions)
    call = pager.call("700")
    world.run(6)
    assert [hears(world, phone) for phone in heard] == [{"201"}] * 100
    over(world, call)
    assert not media.legs


def test_overhead_paging_without_members_is_for_everybody_at_the_site(world, media, pager):
    group(world, kind=ObjectKind.OVERHEAD_PAGING)
    heard = phones(world, "202", "203")
    [elsewhere] = phones(world, "204")
    world.rights.user("204", "Elsewhere", site="other")
    call = pager.call("700")
    world.run(4)
    assert [hears(world, phone) for phone in heard] == [{"201"}] * 2
    assert not elsewhere.calls
    over(world, call)


def test_overhead_paging_with_members_is_for_its_loudspeakers(world, media, pager):
    group(world, "203", kind=ObjectKind.OVERHEAD_PAGING)
    ben, speaker = phones(world, "202", "203")
    call = pager.call("700")
    world.run(4)
    assert hears(world, speaker) == {"201"}
    assert not ben.calls
    over(world, call)


@pytest.mark.parametrize("kind", sorted(paging.PAGED))
def test_who_may_not_page_hears_the_error_tone_and_no_phone_opens(world, media, pager, kind):
    world.rights.telephony(paging=False)
    group(world, "202", kind=kind)
    [ben] = phones(world, "202")
    call = pager.call("700")
    world.run(6)
    assert call.statuses == [183, 403]
    assert media.played() == ["congestion"]
    assert world.told("call.denied")[0]["rule"] == "feature.denied"
    assert not ben.calls


def test_outside_callers_never_page(world, media):
    group(world, "202", extension="270")
    [ben] = phones(world, "202")
    carrier = world.carrier()
    for dialled in ("270", "+14085550270"):
        call = carrier.bring(dialled)
        world.run(3)
        assert call.statuses[-1] >= 400
    assert not ben.calls


@pytest.mark.parametrize("outside", [True, False])
def test_nobody_is_transferred_or_forwarded_to_a_page(world, media, outside):
    """Neither an outside caller nor one inside comes to it by another's hand."""
    group(world, "202")
    [ben] = phones(world, "202")
    anna = world.phone("201")
    if outside:
        carrier = world.carrier()
        theirs = carrier.call("+14085550201")
    else:
        theirs = world.phone("203").call("201")
    world.run()
    if theirs.state != "talking":
        anna.last.answer()
        world.run()
    anna.last.request("REFER", headers=[("Refer-To", "<sip:700@voice.example>")])
    world.run(3)
    assert theirs.state == "talking"
    assert not ben.calls
    over(world, theirs)
    world.rights.forwards["201"] = Forwarding(always="700")
    again = (carrier if outside else world.phones[2]).call("+14085550201" if outside else "201")
    world.run(3)
    assert not ben.calls
    if again.state == "talking":
        over(world, again)
    elif again.state == "calling":
        again.cancel()
        world.run()


def test_a_page_does_not_come_into_a_conference(world, media):
    group(world, "207")
    [heard] = phones(world, "207")
    anna, ben, cleo = (world.phone(extension) for extension in ("204", "205", "206"))
    world.rights.telephony(paging=True, max_conference_parties=6)
    own = made(world, anna, ben, cleo)
    call = anna.call("*10700")
    world.run(6)
    assert call.statuses[-1] == 403
    assert not heard.calls
    for each in (own, ben.last, cleo.last):
        if each.state == "talking":
            over(world, each)


def test_a_phone_without_a_user_does_not_page(world, media):
    group(world, "202")
    [ben] = phones(world, "202")
    phone = world.phone("205")
    world.rights.unassigned(phone.username)
    call = phone.call("700")
    world.run(6)
    assert call.statuses[-1] == 403
    assert not ben.calls


def test_who_is_in_a_call_is_offered_an_ordinary_one(world, media, pager):
    group(world, "202", "203")
    idle, busy = phones(world, "202", "203")
    other, _ = world.talk(world.phone("204"), busy)
    busy.on_invite = "ring"
    call = pager.call("700")
    world.run(4)
    assert not wishes(busy.last.invite)
    assert hears(world, idle) == {"201"}
    busy.last.answer()
    world.run()
    assert hears(world, busy) == {"201"}, "who takes the call hears what is left of the page"
    over(world, call)
    assert busy.last.state == "ended"
    over(world, other)


def test_an_ordinary_call_that_nobody_takes_ends_with_the_page(world, media, pager):
    group(world, "202", "203")
    _, busy = phones(world, "202", "203")
    other, _ = world.talk(world.phone("204"), busy)
    busy.on_invite = "ring"
    call = pager.call("700")
    world.run(4)
    over(world, call)
    assert busy.last.state == "cancelled"
    over(world, other)


def test_a_phone_in_a_browser_is_offered_an_ordinary_call(world, media, pager):
    group(world, "202", "203")
    phones(world, "202")
    browser = world.phone("203", dtls=True)
    browser.on_invite = "ring"
    call = pager.call("700")
    world.run(4)
    assert not wishes(browser.last.invite)
    browser.last.answer()
    world.run()
    assert hears(world, browser) == {"201"}
    over(world, call)


def test_forwarding_and_no_phone_and_too_many_calls_leave_members_out(world, media, pager):
    world.rights.telephony(paging=True, max_calls=1)
    group(world, "202", "203", "204")
    here, full = phones(world, "202", "203")
    world.phone("204", register=False)
    world.rights.forwards["202"] = Forwarding(always="205")
    [target] = phones(world, "205")
    other, _ = world.talk(world.phone("206"), full)
    call = pager.call("700")
    world.run(4)
    assert hears(world, here) == {"201"}
    assert not target.calls
    assert len(full.calls) == 1
    over(world, call)
    assert world.told("call.ended")[0]["not_reached"] == ["203", "204"]
    over(world, other)


def test_a_page_that_reaches_nobody_is_refused(world, media, pager):
    group(world, "202")
    call = pager.call("700")
    world.run()
    assert call.statuses == [480]
    group(world, extension="701")
    assert pager.call("701").state == "calling"
    world.run()
    assert pager.last.statuses == [480]


def test_one_at_a_time_pages_a_list(world, media, pager):
    group(world, "202")
    phones(world, "202")
    call = pager.call("700")
    world.run(4)
    second = world.phone("203").call("700")
    world.run()
    assert second.statuses == [486]
    over(world, call)


def test_pages_are_bounded_in_phones(world, media, pager, monkeypatch):
    monkeypatch.setattr(paging, "MOST_PHONES", 3)
    group(world, "202", "203")
    group(world, "204", "205", extension="701")
    phones(world, "202", "203", "204", "205")
    call = pager.call("700")
    world.run(4)
    second = world.phone("206").call("701")
    world.run(6)
    assert second.statuses[-1] == 503
    over(world, call)


def test_without_a_media_server_there_is_no_page(world, media, pager):
    media.lose()
    group(world, "202")
    [ben] = phones(world, "202")
    call = pager.call("700")
    world.run()
    assert call.statuses == [503]
    assert not ben.calls


def test_a_slow_phone_does_not_keep_the_others_waiting(world, media, pager):
    group(world, "202", "203")
    quick, slow = phones(world, "202", "203")
    slow.on_invite = "ring"
    call = pager.call("700")
    world.run(1)
    assert call.statuses == [180]
    world.run(6)
    assert hears(world, quick) == {"201"}
    slow.last.answer()
    world.run()
    assert hears(world, slow) == {"201"}
    over(world, call)


def test_one_who_leaves_ends_it_for_nobody_else_and_the_last_one_ends_it(world, media, pager):
    group(world, "202", "203")
    ben, cleo = phones(world, "202", "203")
    call = pager.call("700")
    world.run(4)
    ben.last.bye()
    world.run()
    assert call.state == "talking"
    assert hears(world, cleo) == {"201"}
    cleo.last.bye()
    world.run()
    assert call.state == "ended"
    assert not media.legs


def test_a_phone_that_is_lost_ends_it_for_nobody_else(world, media, pager):
    group(world, "202", "203")
    ben, cleo = phones(world, "202", "203")
    call = pager.call("700")
    world.run(4)
    world.edge.close(ben.connection)
    world.run(60)
    assert call.state == "talking"
    assert hears(world, cleo) == {"201"}
    over(world, call)
    assert cleo.last.state == "ended"


def test_phones_that_refuse_are_left_out_and_when_all_refuse_there_is_no_page(world, media, pager):
    group(world, "202", "203")
    ben, cleo = phones(world, "202", "203")
    ben.on_invite = 486
    call = pager.call("700")
    world.run(4)
    assert hears(world, cleo) == {"201"}
    over(world, call)
    assert world.told("call.ended")[0]["not_reached"] == ["202"]
    cleo.on_invite = 486
    call = pager.call("700")
    world.run(4)
    assert call.statuses == [486]
    assert not media.legs


@pytest.mark.parametrize("pause", [0.0, 0.003, 0.01, 0.05, 0.5, 1.5, 3.0])
def test_who_pages_hangs_up_at_any_moment_and_no_phone_stays_open(world, media, pager, pause):
    group(world, "202", "203")
    ben, cleo = phones(world, "202", "203")
    call = pager.call("700")
    world.run(pause)
    (call.bye if call.state == "talking" else call.cancel)()
    world.run(5)
    assert not media.legs
    assert not [c for phone in (ben, cleo) for c in phone.calls if c.state in ("talking", "ringing")]


def test_a_new_process_hangs_up_every_phone(world, media, pager):
    group(world, "202", "203")
    ben, cleo = phones(world, "202", "203")
    call = pager.call("700")
    world.run(4)
    world.restart_core()
    media.connect()
    world.run(5)
    assert call.state == "ended"
    assert (ben.last.state, cleo.last.state) == ("ended", "ended")
    assert not media.legs


def test_the_death_of_the_media_server_hangs_up_every_phone(world, media, pager):
    group(world, "202", "203")
    ben, cleo = phones(world, "202", "203")
    call = pager.call("700")
    world.run(4)
    media.kill()
    media.connect()
    world.run(5)
    assert call.state == "ended"
    assert (ben.last.state, cleo.last.state) == ("ended", "ended")


def test_a_page_has_an_end(world, media, pager):
    group(world, "202")
    [ben] = phones(world, "202")
    call = pager.call("700")
    world.run(paging.LONGEST_SECONDS + 5)
    assert call.state == "ended"
    assert ben.last.state == "ended"


@pytest.mark.parametrize("operation", ["leg.open", "leg.connect", "room.set", "play"])
def test_a_media_server_that_refuses_leaves_no_phone_open(world, media, pager, operation):
    group(world, "202")
    phones(world, "202")
    media.refusing[operation] = "failed"
    call = pager.call("700")
    world.run(8)
    if call.state == "talking":
        assert operation == "play"
        over(world, call)
    assert not media.legs


def test_an_answer_in_the_clear_is_hung_up_and_the_others_hear_the_page(world, media, pager):
    from support.calls.media import describe

    group(world, "202", "203")
    ben, cleo = phones(world, "202", "203")
    ben.on_invite = "ring"
    call = pager.call("700")
    world.run(0.5)
    ben.last.answer(describe((), protocol="RTP/AVP"))
    world.run(4)
    assert ben.last.state == "ended"
    assert hears(world, cleo) == {"201"}
    assert world.told("media.refused")
    over(world, call)


def test_nobody_watches_or_joins_who_hears_a_page(world, media, pager):
    """A listener is in no call of two: an intercom to it is an ordinary call, and a whisper too."""
    group(world, "202")
    [ben] = phones(world, "202")
    call = pager.call("700")
    world.run(4)
    ben.on_invite = "ring"
    second = world.phone("203").call("*19202")
    world.run()
    assert second.statuses == [180]
    assert not wishes(ben.last.invite)
    second.cancel()
    over(world, call)
