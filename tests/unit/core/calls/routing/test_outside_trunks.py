"""Trunks: which one, in which order, with which login, identity and number, and what is not encrypted."""

import pytest

from ringwall.core.calls.media.descriptions import AES_CM
from ringwall.core.rights.trunk import TrunkLine
from ringwall.core.trunks import numbers
from ringwall.policy import TrunkGroup
from support.calls.carrier import line
from support.calls.media import describe
from support.calls.world import World, invites


@pytest.mark.parametrize("trouble", [503, 500, 408, "gone"])
def test_a_trunk_that_fails_is_followed_by_the_next_one(world: World, trouble) -> None:
    alice = world.phone("201")
    first, _second = world.carrier("t1", priority=1), world.carrier("t2", priority=2)
    if trouble == "gone":
        world.edge.close(first.connection)
    else:
        first.on_invite = trouble
    a = alice.call("914085550123")
    world.run()
    assert a.state == "talking", a.statuses
    assert world.only_call().callee.trunk == "t2"
    assert world.told("trunk.failed")[0]["trunk"] == "t1"
    assert world.trunks.states["t1"].up is False
    assert world.trunks.live == {"t2": 1}
    a.bye()
    world.run()
    [record] = world.told("call.ended")
    assert (record["trunk"], record["grants"][0]["trunks_tried"]) == ("t2", ["t1", "t2"])
    first.on_invite = "answer"
    before = len(invites(first.log))
    b = alice.call("914085550123")  # the one that failed comes last now
    world.run()
    assert len(invites(first.log)) == before
    b.bye()


@pytest.mark.parametrize("answer", [486, 404, 603])
def test_what_the_called_party_says_is_not_asked_of_another_trunk(world: World, answer: int) -> None:
    alice = world.phone("201")
    first, second = world.carrier("t1", priority=1), world.carrier("t2", priority=2)
    first.on_invite = answer
    a = alice.call("914085550123")
    world.run()
    assert a.statuses == [answer]
    assert not second.log


def test_when_all_trunks_fail_the_caller_hears_so(world: World) -> None:
    alice = world.phone("201")
    for trunk in ("t1", "t2"):
        world.carrier(trunk).on_invite = 503
    a = alice.call("914085550123")
    world.run()
    assert a.statuses == [503]
    assert len(world.told("trunk.failed")) == 2


def test_a_full_trunk_is_left_out_and_a_full_house_refused(world: World) -> None:
    alice = world.phone("201")
    small, other = world.carrier("t1", priority=1, max_calls=1), world.carrier("t2", priority=2, max_calls=1)
    calls = []
    for _ in range(3):
        calls.append(alice.call("914085550123"))
        world.run()
    assert [c.state for c in calls] == ["talking", "talking", "ended"]
    assert (len(small.calls), len(other.calls)) == (1, 1)
    assert calls[2].statuses == [503]
    calls[0].bye()
    calls[1].bye()


def test_a_trunk_of_another_group_is_never_used(world: World) -> None:
    alice = world.phone("201")
    world.rights.change(trunk_groups=(*world.rights.parts.trunk_groups, TrunkGroup("other", "Other", "main")))
    carrier = world.carrier("t1", trunk_group="other")
    a = alice.call("914085550123")
    world.run()
    assert a.statuses == [503]
    assert not carrier.log


@pytest.mark.parametrize(("header", "status"), [("WWW-Authenticate", 401), ("Proxy-Authenticate", 407)])
def test_the_login_of_the_trunk_is_used_for_every_request_that_asks_for_it(
    world: World, header: str, status: int
) -> None:
    alice, carrier = world.phone("201"), world.carrier(username="ringwall")
    world.rights.passwords["t1"] = "hunter2"
    carrier.login, carrier.realm_header = ("ringwall", "hunter2"), (header, status)
    a = alice.call("914085550123")
    world.run()
    assert a.state == "talking", a.statuses
    numbers = [i.cseq.number for i in invites(carrier.log)]
    assert numbers == [1, 2]
    assert len({i.call_id for i in invites(carrier.log)}) == 1
    a.bye()
    world.run()
    assert carrier.last.state == "ended"
    assert "hunter2" not in str(world.records)


def test_a_wrong_login_is_trouble_with_the_trunk(world: World) -> None:
    alice = world.phone("201")
    first, _second = world.carrier("t1", priority=1, username="ringwall"), world.carrier("t2", priority=2)
    first.login = ("ringwall", "right")
    world.rights.passwords["t1"] = "wrong"
    a = alice.call("914085550123")
    world.run()
    assert a.state == "talking"
    assert first.challenges == 2
    assert world.told("trunk.failed")[0]["why"] == "the carrier refuses our login"
    a.bye()


@pytest.mark.parametrize(
    ("changes", "sender", "asserted", "private"),
    [
        ({}, "+14085550201", "+14085550201", None),
        ({"caller_id": "trunk"}, "+14085550100", "+14085550100", None),
        ({"caller_id": "withheld"}, "anonymous", "+14085550201", "id"),
        ({"asserted_identity": False}, "+14085550201", None, None),
        ({"number_format": "e164"}, "14085550201", "14085550201", None),
        ({"number_format": "national"}, "4085550201", "4085550201", None),
    ],
)  # fmt: skip
def test_the_carrier_learns_what_the_trunk_lets_it_learn(
    world: World, changes, sender, asserted, private
) -> None:
    alice, carrier = world.phone("201", name="Alice Liddell"), world.carrier(**changes)
    alice.call("914085550123")
    world.run()
    [invite] = invites(carrier.log)
    assert invite.from_.uri.user == sender
    value = invite.headers.get("P-Asserted-Identity")
    assert (value.partition(":")[2].partition("@")[0] if value else None) == asserted
    assert invite.headers.get("Privacy") == private
    assert b"Liddell" not in invite.to_bytes()
    alice.last.bye()


@pytest.mark.parametrize(
    ("canonical", "number_format", "country", "written"),
    [
        ("+14085550123", "+e164", "US", "+14085550123"),
        ("+14085550123", "e164", "US", "14085550123"),
        ("+14085550123", "national", "US", "4085550123"),
        ("+442079460123", "national", "US", "011442079460123"),
        ("+442079460123", "national", "GB", "02079460123"),
        ("+14085550123", "national", "GB", "0014085550123"),
        ("+390669812345", "national", "IT", "0669812345"),
        ("1/411", "+e164", "US", "411"),
        ("1/*67/+14085550123", "+e164", "US", "*674085550123"),
        ("1/1010288/+442079460123", "+e164", "US", "1010288011442079460123"),
        ("1/0/+442079460123", "+e164", "US", "01442079460123"),
    ],
)  # fmt: skip
def test_numbers_leave_in_the_format_of_the_trunk(canonical, number_format, country, written) -> None:
    plain, prefixed = line(number_format=number_format), line(number_format=number_format, prefix="77")
    assert numbers.outgoing(canonical, plain, country) == written
    assert numbers.outgoing(canonical, prefixed, country) == "77" + written


@pytest.mark.parametrize(
    ("text", "country", "read"),
    [
        ("+14085550123", "US", "+14085550123"),
        ("14085550123", "US", "+14085550123"),
        ("4085550123", "US", "+14085550123"),
        ("02079460123", "GB", "+442079460123"),
        ("442079460123", "GB", "+442079460123"),
        ("201", "US", "201"),
        ("bob", "US", "bob"),
        ("a\x00b", "US", ""),
    ],
)  # fmt: skip
def test_numbers_of_carriers_are_read(text, country, read) -> None:
    assert numbers.incoming(text, country) == read


@pytest.mark.req("T5")
def test_clear_text_goes_to_the_carrier_that_is_allowed_it_alone_and_everybody_is_told(world: World) -> None:
    alice = world.phone("201", suites=(AES_CM,))
    carrier = world.carrier(media="rtp", allow_clear_text=True)
    a = alice.call("914085550123")
    world.run()
    assert a.state == "talking", a.statuses
    assert b"m=audio" in carrier.last.remote_sdp
    assert b"RTP/AVP" in carrier.last.remote_sdp
    assert b"a=crypto" not in carrier.last.remote_sdp
    assert b"RTP/SAVP" in a.remote_sdp
    told = "clear text to carrier Carrier t1: voice"
    assert [r["why"] for r in world.told("call.clear_text")] == [told]
    assert world.trunks.describe()[0]["clear_text"] == told
    a.change("sendonly")
    world.run()
    assert a.status("INVITE") == [200, 200]
    world.restart_core()
    world.run(40)
    assert a.state == "talking"
    a.bye()
    world.run()
    assert world.told("call.ended")[0]["clear_text"] == [told]


@pytest.mark.req("T5")
def test_a_call_in_clear_text_is_not_taken_up_when_its_trunk_does_not_allow_it_any_more(world: World) -> None:
    alice, _carrier = world.phone("201"), world.carrier(media="rtp", allow_clear_text=True)
    alice.call("914085550123")
    world.run()
    world.rights.line(line())
    world.restart_core()
    assert not world.switch.calls
    assert world.told("call.ended")[-1]["cause"] == "lost with the system"
    world.rtpengine.calls.clear()
    assert world.errors.records == ["a stored call cannot be taken up: ValueError"]
    world.errors.records.clear()


@pytest.mark.req("T5")
def test_an_answer_without_srtp_is_refused_where_the_trunk_does_not_allow_it(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    carrier.on_invite = "ring"
    a = alice.call("914085550123")
    world.run()
    carrier.last.answer(describe((), protocol="RTP/AVP"))
    world.run()
    assert a.statuses == [180, 488]
    assert carrier.last.state == "ended"
    assert "not encrypted" in world.told("media.refused")[0]["why"]


@pytest.mark.req("T5")
def test_a_carrier_without_tls_is_told_of_too() -> None:
    from ringwall.core.trunks.trunks import warning_of

    assert (
        warning_of(line(transport="tcp", allow_clear_text=True))
        == "clear text to carrier Carrier t1: signalling"
    )
    both = TrunkLine("x", "X", "tg", "host.example", transport="tcp", media="rtp", allow_clear_text=True)
    assert warning_of(both) == "clear text to carrier X: signalling and voice"
    assert not warning_of(line())


def test_slots_stay_with_their_trunks_and_there_are_sixteen(world: World) -> None:
    for number in range(1, 17):
        world.rights.line(line(f"t{number:02}"))
    before = dict(world.trunks.slots)
    assert sorted(before.values()) == list(range(1, 17))
    world.rights.line(line("a-first", priority=1))
    assert world.trunks.slots == before
    assert world.trunks.describe()[-1]["why"] == "there are more than 16 trunks in service"
    world.rights.line(line("t03", enabled=False))
    assert world.trunks.slots["a-first"] == before["t03"]


def test_a_trunk_that_is_removed_in_a_call_leaves_nothing_behind(world: World) -> None:
    alice, _carrier = world.phone("201"), world.carrier()
    a = alice.call("914085550123")
    world.run()
    world.rights.trunks.clear()
    world.rights.changed()
    a.bye()
    world.run()
    assert a.state == "ended"


def test_a_carrier_whose_own_words_come_over_another_connection_is_still_reached_by_its_slot(
    world: World,
) -> None:
    alice, carrier = world.phone("201"), world.carrier(sources=("192.0.2.0/24",))
    a = alice.call("914085550123")
    world.run()
    slot, carrier.by_slot = carrier.connection, False
    carrier.connect()
    own, c = carrier.connection, carrier.last
    assert own is not slot
    c.change()
    world.run()
    assert c.status("INVITE") == [200]
    a.change("sendonly")
    world.run()
    assert a.status("INVITE")[-1] == 200
    assert b"a=sendonly" in c.remote_sdp
    world.edge.close(own, tell=False)
    a.bye()
    world.run()
    assert c.state == "ended"
