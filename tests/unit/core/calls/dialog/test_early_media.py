"""What the caller hears before the answer, and reliable provisional answers on both sides (RFC 3262)."""

from support.calls.media import describe, keys
from support.calls.world import World


def test_early_media_of_the_only_phone_reaches_the_caller(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "early"
    a = alice.call("202")
    world.run()
    assert a.statuses == [183]
    early = a.remote_sdp
    assert keys(early)
    bob.last.answer()
    world.run()
    assert a.statuses == [183, 200]
    assert a.remote_sdp == early
    a.bye()


def test_early_media_of_two_phones_is_only_ringing(world: World) -> None:
    alice, desk, soft = world.phone("201"), world.phone("202"), world.phone("202")
    desk.on_invite = soft.on_invite = "early"
    a = alice.call("202")
    world.run()
    assert a.statuses == [180]
    assert a.remote_sdp == b""
    desk.last.answer()
    world.run()
    assert a.state == "talking"
    a.bye()


def test_plain_early_media_is_not_passed_on_and_its_answer_refused(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "silence"
    a = alice.call("202")
    world.run()
    bob.last.local_sdp = describe((), protocol="RTP/AVP")
    bob.last.early()
    world.run()
    assert a.statuses == [180]
    bob.last.answer()
    world.run()
    assert a.statuses == [180, 488]
    assert bob.last.state == "ended"
    assert len(world.told("media.refused")) == 1


def test_the_answer_may_differ_from_the_early_media(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "early"
    a = alice.call("202")
    world.run()
    bob.last.local_sdp = b""
    bob.last.answer()
    world.run()
    assert a.state == "talking"
    a.bye()


def test_a_caller_that_wants_it_gets_reliable_early_media(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "early"
    a = alice.call("202", supports="100rel, timer")
    world.run()
    assert a.statuses == [183]
    assert a.responses[-2].headers.get("RSeq") or a.status("PRACK") == [200]
    assert a.status("PRACK") == [200]
    bob.last.answer()
    world.run()
    assert a.statuses == [183, 200]
    a.bye()


def test_the_answer_waits_for_the_prack(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "early"
    alice.auto_prack = False
    a = alice.call("202", supports="100rel, timer")
    world.run()
    bob.last.answer()
    world.run(0.2)
    assert 200 not in a.statuses
    provisional = next(r for r in a.responses if r.status == 183)
    a.request("PRACK", headers=[("RAck", f"{provisional.headers.get('RSeq')} 1 INVITE")])
    world.run()
    assert a.status("PRACK") == [200]
    assert a.statuses[-1] == 200
    a.bye()


def test_a_plain_answer_is_not_let_through_by_a_prack_that_comes_first(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "early"
    alice.auto_prack = False
    a = alice.call("202", supports="100rel, timer")
    world.run()
    world.rtpengine.delay = 0.5
    bob.last.answer(describe((), protocol="RTP/AVP"))
    provisional = next(r for r in a.responses if r.status == 183)
    a.request("PRACK", headers=[("RAck", f"{provisional.headers.get('RSeq')} 1 INVITE")])
    world.run(3)
    assert a.statuses[-1] == 488


def test_a_prack_that_never_comes_ends_the_call(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    alice.auto_prack = False
    a = alice.call("202", headers=[("Require", "100rel")])
    world.run(40)
    assert a.statuses.count(180) > 4  # repeated
    assert a.statuses[-1] == 504
    assert bob.last.state == "cancelled"


def test_a_prack_for_nothing_is_refused(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    a = alice.call("202")
    world.run()
    a.request("PRACK", headers=[("RAck", "1 1 INVITE")])
    world.run()
    assert a.status("PRACK") == [481]
    a.cancel()
    world.run()


def test_a_prack_that_comes_after_the_answer_is_still_taken(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    alice.auto_prack = False
    a = alice.call("202", headers=[("Require", "100rel")])
    world.run(0.1)
    bob.last.answer()
    world.run(0.1)
    assert a.statuses[-1] == 200
    a.request("PRACK", headers=[("RAck", f"{a.responses[1].headers.get('RSeq')} 1 INVITE")])
    world.run()
    assert a.status("PRACK") == [200]
    a.bye()


def test_reliable_ringing_of_the_called_phone_is_acknowledged_once(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "silence"
    a = alice.call("202", supports="100rel, timer")
    world.run()
    assert bob.last.invite.headers.get("Supported") == "timer, 100rel"
    bob.last.ring(reliable=True)
    world.run(5)
    assert [r.method for r in bob.last.requests] == ["PRACK"]
    bob.last.early(reliable=True)
    world.run()
    assert [r.method for r in bob.last.requests] == ["PRACK", "PRACK"]
    bob.last.answer()
    world.run()
    assert a.state == "talking"
    a.bye()


def test_an_update_before_the_answer_is_told_to_wait(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    a = alice.call("202")
    world.run()
    a.change(method="UPDATE")
    world.run()
    assert a.status("UPDATE") == [500]
    assert a.responses[-1].headers.get("Retry-After")
    a.cancel()
    world.run()
