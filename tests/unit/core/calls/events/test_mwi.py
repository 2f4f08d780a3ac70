"""The message waiting lamp: phones are told, whether they asked or not."""

import pytest

from ringwall.core.calls.events.mwi import MOST_OF_DEVICE, MessageWaiting
from support.calls.world import World

pytestmark = pytest.mark.req("V2")


@pytest.fixture
def world():
    world = World()
    yield world
    world.finish()


class Lamps:
    """Mailboxes of 201 and 202, with as many new messages as a test says."""

    def __init__(self, world):
        self.new = {"201": 0, "202": 0}
        self.waiting = MessageWaiting(world.switch, self.summary, world.loop)
        self.waiting.install()

    def summary(self, extension):
        new = self.new.get(extension)
        return None if new is None else f"Voice-Message: {new}/0 (0/0)\r\n".encode()

    def set(self, extension, new):
        self.new[extension] = new
        self.waiting.changed(extension)


@pytest.fixture
def lamps(world):
    return Lamps(world)


def told(phone):
    return [request.body.decode().strip() for request in phone.notified]


def subscribe(phone, *, extension=None, expires="600", call_id="sub-1", event="message-summary", headers=()):
    target = f"sip:{extension or phone.extension}@{phone.world.domain}"
    request = phone.base("SUBSCRIBE", target, next(phone.cseq), call_id, [("Event", event), *headers])
    request.headers.set("Expires", expires)
    return request, phone.ask(request)


def again(phone, request, response, *, expires):
    request = request.__class__("SUBSCRIBE", str(response.contact.uri), request.headers.copy())
    request.headers.remove("Via")
    for route in reversed(response.headers.all("Record-Route")):
        request.headers.add("Route", route)
    request.headers.set("To", response.headers.get("To"))
    request.headers.set("CSeq", f"{next(phone.cseq)} SUBSCRIBE")
    request.headers.set("Expires", expires)
    return request, phone.ask(request)


def test_a_phone_that_signs_in_is_told_what_waits_and_then_each_change(world, lamps):
    lamps.new["201"] = 2
    alice, bob = world.phone("201"), world.phone("202")
    world.run()
    assert told(alice) == ["Voice-Message: 2/0 (0/0)"]
    assert told(bob) == ["Voice-Message: 0/0 (0/0)"]
    lamps.set("201", 3)
    world.run()
    assert told(alice)[1:] == ["Voice-Message: 3/0 (0/0)"]
    assert len(told(bob)) == 1
    notify = alice.notified[-1]
    assert notify.headers.get("Event") == "message-summary"
    assert notify.headers.get("Subscription-State") == "terminated"


def test_all_phones_of_a_user_are_told(world, lamps):
    desk, sofa = world.phone("201"), world.phone("201")
    world.run()
    lamps.set("201", 1)
    world.run()
    assert told(desk)[-1] == told(sofa)[-1] == "Voice-Message: 1/0 (0/0)"


def test_changes_in_a_row_are_told_once_with_the_newest_counts(world, lamps):
    alice = world.phone("201")
    world.run()
    for number in range(50):
        lamps.set("201", number)
    world.run()
    assert told(alice) == ["Voice-Message: 0/0 (0/0)", "Voice-Message: 49/0 (0/0)"]


def test_a_phone_without_the_event_is_left_alone_until_it_signs_in_anew(world, lamps):
    alice = world.phone("201")
    alice.on_notify = 489
    for new in (1, 2, 2):
        lamps.set("201", new)
        world.run()
    assert told(alice)[1:] == ["Voice-Message: 1/0 (0/0)"]
    world.edge.close(alice.connection)
    world.run()
    alice.on_notify = 200
    assert alice.register().status == 200
    world.run()
    assert told(alice)[-1] == "Voice-Message: 2/0 (0/0)"


def test_who_subscribes_is_told_within_the_subscription(world, lamps):
    alice = world.phone("201")
    world.run()
    alice.notified.clear()
    lamps.new["201"] = 4
    _, response = subscribe(alice)
    assert response.status == 200
    assert response.headers.get("Expires") == "600"
    world.run()
    assert told(alice) == ["Voice-Message: 4/0 (0/0)"]
    lamps.set("201", 5)
    world.run()
    assert told(alice)[1:] == ["Voice-Message: 5/0 (0/0)"], "once, not twice"
    first, second = alice.notified
    assert first.call_id == second.call_id == "sub-1"
    assert first.to.tag
    assert second.cseq.number == first.cseq.number + 1
    assert first.headers.get("Subscription-State").startswith("active;expires=")


def test_a_subscription_is_renewed_and_ended(world, lamps):
    alice = world.phone("201")
    request, response = subscribe(alice)
    request, renewed = again(alice, request, response, expires="900")
    assert renewed.status == 200
    _, ended = again(alice, request, renewed, expires="0")
    assert ended.status == 200
    world.run()
    assert alice.notified[-1].headers.get("Subscription-State") == "terminated;reason=timeout"
    assert lamps.waiting.subscriptions == 0
    lamps.set("201", 1)
    world.run()
    assert alice.notified[-1].call_id != "sub-1"
    _, gone = again(alice, request, renewed, expires="900")
    assert gone.status == 481


def test_a_subscription_ends_when_its_time_is_over(world, lamps):
    alice = world.phone("201")
    subscribe(alice, expires="60")
    world.run(200)
    assert lamps.waiting.subscriptions == 0
    assert alice.notified[-1].headers.get("Subscription-State") == "terminated;reason=timeout"


def test_a_phone_that_does_not_take_what_it_asked_for_has_no_subscription(world, lamps):
    alice = world.phone("201")
    alice.on_notify = 481
    subscribe(alice)
    world.run()
    assert lamps.waiting.subscriptions == 0


def test_a_subscription_of_a_removed_device_ends(world, lamps):
    alice = world.phone("201")
    subscribe(alice, expires="3600")
    world.directory.snapshot = world.directory.snapshot.without_user("201")
    world.run(100)
    assert lamps.waiting.subscriptions == 0


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"event": "dialog"}, 489),
        ({"event": "presence;id=2"}, 489),
        ({"expires": "10"}, 423),
        ({"headers": [("Accept", "application/pidf+xml")]}, 406),
        ({"extension": "202"}, 404),
        ({"extension": "999"}, 404),
    ],
)
def test_what_cannot_be_subscribed_to_is_refused(world, lamps, changes, status):
    alice = world.phone("201")
    world.phone("202")
    _, response = subscribe(alice, **changes)
    assert response.status == status
    assert response.to.tag
    assert lamps.waiting.subscriptions == 0


def test_a_stranger_is_asked_who_they_are(world, lamps):
    stranger = world.phone("201", register=False)
    stranger.connect()
    _, response = subscribe(stranger)
    assert response.status == 401
    assert lamps.waiting.subscriptions == 0


def test_nobody_renews_the_subscription_of_another(world, lamps):
    alice, mallory = world.phone("201"), world.phone("202")
    request, response = subscribe(alice)
    _, refused = again(mallory, request, response, expires="0")
    assert refused.status == 403
    assert lamps.waiting.subscriptions == 1
    again(alice, request, response, expires="0")
    world.run()


def test_a_phone_cannot_subscribe_without_end(world, lamps):
    alice = world.phone("201")
    for number in range(MOST_OF_DEVICE * 3):
        assert subscribe(alice, call_id=f"sub-{number}")[1].status == 200
    world.run()
    assert lamps.waiting.subscriptions == MOST_OF_DEVICE


def test_a_message_to_everybody_is_told_a_few_at_a_time(world, lamps):
    phones = [world.phone(str(number)) for number in range(300, 360)]
    lamps.new |= {phone.extension: 0 for phone in phones}
    for phone in phones:
        lamps.set(phone.extension, 1)
    lamps.waiting._tell_some()
    assert len(lamps.waiting._changed) >= 60 - 25
    world.run(2)
    assert all(told(phone)[-1] == "Voice-Message: 1/0 (0/0)" for phone in phones)
