"""What comes over the link that is no call: malformed messages, pings, broken streams, and errors of our own."""

import pytest

from ringwall.core.calls.routing import setup
from ringwall.core.calls.switch.wire import HELD_MESSAGES
from support.calls.world import World


def raw(
    method: str, *headers: str, body: str = "", uri: str = "sip:201@voice.example", cseq: int = 1
) -> bytes:
    lines = [
        f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{method}{cseq}", "Max-Forwards: 70",
        "From: <sip:201@voice.example>;tag=1", "To: <sip:202@voice.example>", f"Call-ID: raw{cseq}", f"CSeq: {cseq} {method}",
        *headers, f"Content-Length: {len(body)}", "", body,
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def test_a_malformed_request_is_refused_and_noted(world: World) -> None:
    data = raw("OPTIONS", "Contact: <sip:broken", "P-Ringwall-Flow: 192.0.2.9:5;proto=tls;id=4;run=2f")
    assert world.dispatcher.data(data)
    world.run()
    assert (world.edge.from_core_log[-1].status, world.edge.from_core_log[-1].reason) == (400, "Bad Request")
    assert len(world.told("security.malformed_message")) == 1


def test_a_malformed_response_is_dropped_and_noted(world: World) -> None:
    flow = "P-Ringwall-Flow: 192.0.2.9:5;proto=tls;id=4;run=2f\r\n"
    assert world.dispatcher.data(f"SIP/2.0 200 OK\r\n{flow}Content-Length: 0\r\n\r\n".encode())
    world.run()
    assert not world.edge.from_core_log
    assert [record["source"] for record in world.told("security.malformed_message")] == ["192.0.2.9"]


@pytest.mark.req("R3")
@pytest.mark.parametrize(
    "bad",
    [
        ("Content-Length: 00000000000",),
        ("Contact: <<<", "Content-Length: 0\r\n "),
        ("Expires: 1", "Expires: 2", "l:\t99999"),
        tuple(f"X-{n}: 1" for n in range(129)),
        ("Subject: \0\ry",),
        ("Subject: a\nContent-Length: 500",),
    ],
)
def test_one_bad_message_does_not_cost_the_link(world: World, bad: tuple[str, ...]) -> None:
    flow = "P-Ringwall-Flow: 192.0.2.9:5;proto=tls;id=4;run=2f"
    world.loop.call_soon(world.dispatcher.data, raw("OPTIONS", *bad, flow) + raw("OPTIONS", flow, cseq=2))
    world.run()
    assert world.edge.from_core_log[-1].status == 200
    assert len(world.told("security.malformed_message")) == 1


def test_bad_messages_of_one_source_are_one_record_and_then_a_ban(world: World) -> None:
    for number in range(30):
        flow = f"P-Ringwall-Flow: 192.0.2.9:{5000 + number};proto=tls;id={number};run=2f"
        world.loop.call_soon(world.dispatcher.data, raw("OPTIONS", "Expires: x", flow, cseq=number + 1))
    world.run(5)
    assert [record["source"] for record in world.told("security.malformed_message")] == ["192.0.2.9"]
    assert {source for source, _, _ in world.banned} == {"192.0.2.9"}
    world.run(70)
    assert world.told("security.malformed_message")[1]["repeated"] == 29


def test_what_the_edge_refuses_is_counted_and_a_carrier_is_named(world: World) -> None:
    def tell(event: str, cseq: int) -> None:
        world.loop.call_soon(world.dispatcher.data, raw("INFO", f"P-Ringwall-Event: {event}", cseq=cseq))
        world.run()

    tell("offence;source=192.0.2.9;times=3;why=head", 1)
    assert world.told("security.malformed_message")[0]["why"].startswith("The lines")
    assert not world.banned
    tell("offence;source=192.0.2.9;times=30;why=http", 2)
    assert [source for source, _, _ in world.banned] == ["192.0.2.9"]
    tell("offence;trunk=3;times=70;why=silent", 3)
    tell("offence;source=127.0.0.1;times=70;why=x", 4)
    tell("offence;times=70", 5)
    tell("offence;source=192.0.2.10;times=x;why=\x01", 6)
    assert [r["source"] for r in world.told("security.malformed_message")] == ["192.0.2.9", "slot 3", "127.0.0.1", "192.0.2.10"]  # fmt: skip
    assert len(world.banned) == 1


@pytest.mark.req("N3")
def test_a_flood_is_on_record_and_no_reason_to_turn_its_source_away(world: World) -> None:
    for _ in range(3):
        world.dispatcher.data(
            raw("INFO", "P-Ringwall-Event: offence;flood;source=192.0.2.9;times=700;why=flood")
        )
    world.run()
    assert world.told("security.request_flood") == [{"source": "192.0.2.9"}]
    assert not world.told("security.malformed_message")
    assert not world.banned


def test_an_offence_over_a_flow_is_none(world: World) -> None:
    event = "P-Ringwall-Event: offence;source=192.0.2.9;times=99;why=head"
    world.dispatcher.data(raw("INFO", event, "P-Ringwall-Flow: 192.0.2.9:5;proto=tls;id=4;run=2f"))
    world.run()
    assert not world.told("security.malformed_message")


def test_a_ping_is_answered_and_a_stream_that_cannot_be_cut_is_given_up(world: World) -> None:
    written: list[bytes] = []
    world.switch._write = written.append
    assert world.dispatcher.data(b"\r\n\r\n")
    assert written == [b"\r\n"]
    good = raw("OPTIONS", "P-Ringwall-Flow: 192.0.2.9:5;proto=tls;id=4;run=2f")
    assert not world.dispatcher.data(
        good + raw("OPTIONS", cseq=2).replace(b"Content-Length: 0", b"Content-Length: x")
    )
    assert b"200 OK" in written[1]
    world.dispatcher.link_up()
    assert world.dispatcher.data(raw("OPTIONS", "P-Ringwall-Flow: 192.0.2.9:5;proto=tls;id=4;run=2f", cseq=3))


def test_a_hello_is_for_the_link(world: World) -> None:
    heard: list[tuple[str, int]] = []
    world.dispatcher._hello = lambda response: not heard.append((response.call_id, response.status))
    answer = raw("OPTIONS").replace(b"OPTIONS sip:201@voice.example SIP/2.0", b"SIP/2.0 200 OK")
    assert world.dispatcher.data(answer)
    assert heard == [("raw1", 200)]


def test_an_event_of_the_edge_that_is_not_known_does_no_harm(world: World) -> None:
    assert world.dispatcher.data(raw("INFO", "P-Ringwall-Event: weather;sunny"))
    world.run()
    assert world.edge.from_core_log[-1].status == 200


def test_responses_of_nobody_are_on_record_once_for_their_source(world: World) -> None:
    for event in (
        "stray-responses;source=192.0.2.9;times=21",
        "stray-responses;source=192.0.2.9;times=x",
        "stray-responses;trunk=7;times=3",
        "stray-responses;times=3",
    ):
        world.dispatcher.data(raw("INFO", f"P-Ringwall-Event: {event}"))
    world.run()
    records = [body for kind, body in world.records if kind == "security.stray_response"]
    assert [record["source"] for record in records] == ["192.0.2.9", "slot 7"]


def test_an_event_that_comes_over_a_flow_is_none(world: World) -> None:
    phone = world.phone("201")
    event = f"P-Ringwall-Event: flow-closed;flow={phone.connection.flow}"
    world.dispatcher.data(raw("INFO", event, f"P-Ringwall-Flow: {phone.connection.flow}"))
    world.run()
    assert world.bindings.of_device(1)


@pytest.mark.parametrize(
    "flow", ["", "192.0.2.9:5;proto=tls;run=2f", "192.0.2.9:5;proto=tls;id=1", "x" * 300 + ";id=1;run=2f"]
)
def test_a_flow_that_is_not_whole_is_none(world: World, flow: str) -> None:
    world.dispatcher.data(raw("OPTIONS", f"P-Ringwall-Flow: {flow}"))
    world.run()
    assert world.edge.from_core_log[-1].status == 400


def test_an_error_of_ours_refuses_one_request_and_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> None:
        raise ZeroDivisionError

    alice = world.phone("201")
    monkeypatch.setattr(setup, "invited", broken)
    a = alice.call("202")
    world.run()
    assert a.statuses == [500]
    assert world.errors.records
    world.errors.records.clear()
    assert alice.register().status == 200


def test_an_error_of_ours_in_a_task_ends_that_call(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a, b = world.talk(alice, bob)
    monkeypatch.setattr(world.switch.relays, "offer", None)
    a.change("sendonly")
    second = world.phone("203").call("202")
    world.run()
    assert (a.state, b.state) == ("ended", "ended")
    assert a.status("INVITE")[-1] == 487
    assert second.statuses == [500]
    assert world.errors.records
    world.errors.records.clear()


def test_an_invite_without_a_contact_is_refused(world: World) -> None:
    alice, _ = world.phone("201"), world.phone("202")
    original = alice.base

    def base(*args, **kwargs):
        request = original(*args, **kwargs)
        request.headers.remove("Contact")
        return request

    alice.base = base
    a = alice.call("202")
    world.run()
    assert a.statuses == [400]


def test_what_waits_for_the_link_is_bounded_and_old_things_are_not_sent(world: World) -> None:
    world.link_down()
    world.switch.tx.outbox.extend([b"x"] * (HELD_MESSAGES + 10))
    world.switch.flush()
    assert len(world.switch.tx.outbox) == HELD_MESSAGES
    world.run(11)
    written: list[bytes] = []
    world.switch._write = written.append
    world.link_up()
    assert not written
