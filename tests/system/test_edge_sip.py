"""SIP through HAProxy and Kamailio as they are installed, with a core on the inner listener."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from system.edge_browser import Browser
from system.edge_rig import OTHER_ADDRESS, Core, Phone, Rig, edge, request, until

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with edge() as running:
        yield running


@pytest.fixture
async def core(rig: Rig) -> AsyncIterator[Core]:
    attached = await Core.attach(rig)
    yield attached
    await attached.stop()


@pytest.fixture
async def phone(rig: Rig) -> AsyncIterator[Phone]:
    connected = await Phone.connect(rig)
    yield connected
    await connected.close()


@pytest.mark.req("W2", "W5")
async def test_a_request_reaches_the_core_with_its_true_flow_and_a_forged_one_does_not(
    rig, core, phone
) -> None:
    for forged in (
        "p-ringwall-flow: 10.0.0.1:1;proto=tls;id=1",
        "P-Ringwall-Link : x",
        "P-RINGWALL-New-Thing: y",
    ):
        forger = await Phone.connect(rig)
        forger.send(request("REGISTER", "sip:example.test", extra=f"X-Forged: yes\r\n{forged}\r\n"))
        assert (await forger.final()).status == 400
        await forger.closed()
        await forger.close()
    phone.send(request("REGISTER", "sip:example.test"))
    seen = await core.next("REGISTER")
    core.send(seen.reply(401, "Unauthorized"))
    assert (await phone.final()).status == 401
    assert len(seen.all("P-Ringwall-Flow")) == 1
    assert re.fullmatch(
        re.escape(phone.local) + r";proto=tls;id=\d+;run=[0-9a-f]{32}", seen.get("P-Ringwall-Flow")
    )
    assert "Forged" not in seen.head


@pytest.mark.req("W2")
async def test_an_invite_gets_100_from_the_edge_and_a_record_route_that_names_the_sips_port(
    rig, core, phone
) -> None:
    phone.send(request("INVITE", "sip:101@example.test", to="sip:101@example.test", body=b"x"))
    assert (await phone.next()).status == 100
    seen = await core.next("INVITE")
    assert f"127.0.0.1:{rig.settings.ports.sips};transport=tls" in ",".join(seen.all("Record-Route"))
    core.send(seen.reply(486, "Busy Here"))
    assert (await phone.final()).status == 486


async def test_the_core_reaches_a_phone_by_its_path_and_the_dialog_goes_on(core, phone) -> None:
    registered = await phone.register(core)
    path = registered.get("Path")
    invite = request(
        "INVITE",
        "sip:100@192.0.2.99:5061;transport=tls",
        host="core1.ringwall.internal",
        extra=f"Route: {path}\r\nContact: <sip:core@core1.ringwall.internal;transport=tls>\r\n",
    )
    core.send(invite)
    ringing = await phone.next()
    assert ringing.method == "INVITE"
    assert not ringing.all("Route")
    phone.send(ringing.reply(200, "OK", "Contact: <sip:100@192.0.2.99:5061;transport=tls>\r\n", tag="phone"))
    while (answer := await core.next("SIP/2.0")).status < 200:
        pass
    assert answer.status == 200
    routes = [route.strip() for line in answer.all("Record-Route") for route in line.split(",")]
    call_id = answer.get("Call-ID")
    route_headers = "".join(f"Route: {route}\r\n" for route in reversed(routes))
    common = {
        "call_id": call_id,
        "to_tag": "phone",
        "host": "core1.ringwall.internal",
        "extra": route_headers,
    }
    core.send(request("ACK", "sip:100@192.0.2.99:5061;transport=tls", **common))
    assert (await phone.next()).method == "ACK"

    # The phone hangs up, by the routes that it saw.
    theirs = [route.strip() for line in ringing.all("Record-Route") for route in line.split(",")]
    phone.send(
        request(
            "BYE",
            "sip:core@core1.ringwall.internal;transport=tls",
            call_id=call_id,
            to_tag="from1",
            extra="".join(f"Route: {route}\r\n" for route in theirs),
        )
    )
    bye = await core.next("BYE")
    assert bye.get("P-Ringwall-Flow").startswith(phone.local + ";")
    core.send(bye.reply(200, "OK"))
    assert (await phone.final()).status == 200

    # And the core sends in the dialog too.
    core.send(request("INFO", "sip:100@192.0.2.99:5061;transport=tls", cseq=2, **common))
    info = await phone.next()
    assert info.method == "INFO"
    phone.send(info.reply(200, "OK", tag="phone"))
    assert (await core.next("SIP/2.0")).status == 200


async def test_a_cancel_of_the_core_and_of_a_phone_reach_the_other_side(core, phone) -> None:
    path = (await phone.register(core)).get("Path")
    branch, call_id = "z9hG4bKcancel1", "cancel-call"
    same = {"host": "core1.ringwall.internal", "branch": branch, "call_id": call_id}
    core.send(request("INVITE", "sip:100@192.0.2.99", extra=f"Route: {path}\r\n", **same))
    invite = await phone.next()
    phone.send(invite.reply(180, "Ringing", tag="phone"))
    while (await core.next("SIP/2.0")).status != 180:
        pass
    core.send(request("CANCEL", "sip:100@192.0.2.99", extra=f"Route: {path}\r\n", **same))
    cancel = await phone.next()
    assert cancel.method == "CANCEL"
    phone.send(cancel.reply(200, "OK", tag="phone"))
    phone.send(invite.reply(487, "Request Terminated", tag="phone"))
    assert (await phone.next()).method == "ACK"
    answers = [await core.next("SIP/2.0"), await core.next("SIP/2.0")]
    assert {answer.status for answer in answers} == {200, 487}

    same = {"branch": "z9hG4bKcancel2", "call_id": "cancel-call-2", "to": "sip:101@example.test"}
    phone.send(request("INVITE", "sip:101@example.test", **same))
    invite = await core.next("INVITE")
    core.send(invite.reply(180, "Ringing"))
    while (await phone.next()).status != 180:
        pass
    phone.send(request("CANCEL", "sip:101@example.test", **same))
    cancel = await core.next("CANCEL")
    core.send(cancel.reply(200, "OK"))
    core.send(invite.reply(487, "Request Terminated"))
    assert (await core.next("ACK")).method == "ACK"
    assert {(await phone.final()).status, (await phone.final()).status} == {200, 487}


@pytest.mark.req("W2")
async def test_only_who_has_sent_an_invite_may_cancel_it(rig, core, phone) -> None:
    """Another phone that knows the whole of it gets 481, from another address and from behind the same one."""
    same = {"branch": f"z9hG4bK{secrets.token_hex(8)}", "call_id": secrets.token_hex(8)}
    await phone.register(core)
    phone.send(request("INVITE", "sip:101@example.test", **same))
    invite = await core.next("INVITE")
    core.send(invite.reply(180, "Ringing"))
    while (await phone.next()).status != 180:
        pass
    core.offences.clear()
    neighbour, other = await Phone.connect(rig), await Phone.connect(rig, OTHER_ADDRESS)
    await neighbour.register(core, "P-Ringwall-Device: 2\r\n")
    await other.register(core)
    for stranger in (neighbour, other, await Phone.connect(rig)):
        for extra in ("", "Route: <sip:example.test;lr>\r\n"):
            stranger.send(request("CANCEL", "sip:101@example.test", extra=extra, **same))
            assert (await stranger.final()).status == 481
        await stranger.close()
    await until(lambda: any(OTHER_ADDRESS in each and "why=cancel" in each for each in core.offences))
    # It rings on: the core has heard of no CANCEL, and its answer arrives.
    assert not [message for message in core.messages if message.method == "CANCEL"]
    core.send(invite.reply(486, "Busy Here"))
    assert (await phone.final()).status == 486
    phone.send(request("CANCEL", "sip:101@example.test", branch="z9hG4bKnothing", call_id="nothing"))
    assert (await phone.final()).status == 481


@pytest.mark.req("W2")
async def test_a_browser_cancels_what_it_has_asked_and_no_other_one_does(rig, core) -> None:
    own, other = await Browser.connect(rig), await Browser.connect(rig)
    same = {"branch": f"z9hG4bK{secrets.token_hex(8)}", "call_id": secrets.token_hex(8), "transport": "WSS"}
    await own.send(request("INVITE", "sip:101@example.test", **same))
    invite = await core.next("INVITE")
    core.send(invite.reply(180, "Ringing"))
    while (await own.next()).status != 180:
        pass
    await other.send(request("CANCEL", "sip:101@example.test", **same))
    assert (await other.next()).status == 481
    await own.send(request("CANCEL", "sip:101@example.test", **same))
    cancel = await core.next("CANCEL")
    core.send(cancel.reply(200, "OK") + invite.reply(487, "Request Terminated"))
    assert {(await own.final()).status, (await own.final()).status} == {200, 487}
    await own.close()
    await other.close()


async def test_a_device_that_has_come_back_on_another_connection_may_cancel(rig, core, phone) -> None:
    """Its old connection is gone, and nobody has noticed yet. Which device it is the core says, and no phone."""
    same = {"branch": f"z9hG4bK{secrets.token_hex(8)}", "call_id": secrets.token_hex(8)}
    word = "P-Ringwall-Device: 7\r\n"
    await phone.register(core, word)
    phone.send(request("INVITE", "sip:101@example.test", **same))
    invite = await core.next("INVITE")
    core.send(invite.reply(180, "Ringing"))
    again = await Phone.connect(rig)
    await again.register(core)
    again.send(request("CANCEL", "sip:101@example.test", **same))
    assert (await again.final()).status == 481
    await again.register(core, word)
    again.send(request("CANCEL", "sip:101@example.test", **same))
    cancel = await core.next("CANCEL")
    assert cancel.all("P-Ringwall-Flow") == invite.all("P-Ringwall-Flow")
    core.send(cancel.reply(200, "OK") + invite.reply(487, "Request Terminated"))
    assert (await again.final()).status == 200
    await again.close()


async def test_without_a_core_every_request_gets_503_at_once_and_the_core_comes_back(rig, phone) -> None:
    first = await Core.attach(rig)
    await phone.register(first)
    await first.stop()
    # From the moment on that the edge has seen the end of the link, which a keep-alive shows, every answer is 503.
    while True:
        phone.send(request("OPTIONS", "sip:example.test"))
        if (await phone.final()).status == 503:
            break
    for method in ("REGISTER", "INVITE", "OPTIONS"):
        phone.send(request(method, "sip:example.test"))
        answer = await phone.final(2)
        assert answer.status == 503, answer.head
        assert answer.get("Retry-After") == "5"
    again = await Core.attach(rig)
    await phone.register(again)
    await again.stop()


@pytest.mark.req("R1")
async def test_the_end_of_a_registered_flow_is_reported_and_of_another_one_is_not(rig, core) -> None:
    silent = await Phone.connect(rig)
    silent.send(request("OPTIONS", "sip:example.test"))
    assert (await silent.final()).status == 200
    registered = await Phone.connect(rig)
    await registered.register(core)
    silent_flow, flow = silent.local, registered.local
    await silent.close()
    await registered.close()
    reported = await core.reports_until(flow)
    assert silent_flow not in reported
    # The report of the silent one would have come before that of a third.
    third = await Phone.connect(rig)
    await third.register(core)
    third_flow = third.local
    await third.close()
    assert silent_flow not in await core.reports_until(third_flow)


async def test_a_request_of_the_core_for_a_dead_flow_gets_430_at_once(rig, core) -> None:
    gone = await Phone.connect(rig)
    path = (await gone.register(core)).get("Path")
    flow = gone.local
    await gone.close()
    await core.reports_until(flow)
    core.send(
        request("OPTIONS", "sip:100@192.0.2.99", host="core1.ringwall.internal", extra=f"Route: {path}\r\n")
    )
    assert (await core.next("SIP/2.0", 2)).status == 430


@pytest.mark.req("W3")
async def test_the_core_link_is_no_relay_to_anywhere_else(rig, core, phone) -> None:
    """A core that was taken over reaches flows of phones by tokens of the edge, and nothing else."""
    listener = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    path = (await phone.register(core)).get("Path")
    token, _, rest = path.removeprefix("<sip:").partition("@")
    forged = f"<sip:{token[:-2]}AA@{rest}"
    core_host = {"host": "core1.ringwall.internal"}
    for uri, route in (
        (f"sip:x@127.0.0.1:{port};transport=tcp", ""),
        (f"sip:x@127.0.0.1:{port};transport=tcp", f"Route: <sip:127.0.0.1:{port};transport=tcp;lr>\r\n"),
        (f"sip:x@{phone.local};transport=tcp", ""),
        (f"sip:x@127.0.0.1:{port};transport=tcp", f"Route: {forged}\r\n"),
        (
            f"sip:x@127.0.0.1:{port};transport=tcp",
            f"Route: <sip:{rest}\r\nRoute: <sip:127.0.0.1:{port};lr>\r\n",
        ),
    ):
        core.send(request("OPTIONS", uri, extra=route, **core_host))
        assert (await core.next("SIP/2.0", 2)).status in {404, 430}, (uri, route)
    listener.close()


@pytest.mark.req("W5")
async def test_a_core_with_another_token_is_not_served(rig) -> None:
    wrong = Core(rig, token="0" * 64)
    await until(lambda: "refused the hello with 403" in wrong.link._why)
    assert not wrong.link.up
    await wrong.stop()


async def test_methods_that_nobody_needs_get_405(core, phone) -> None:
    phone.send(request("FROBNICATE", "sip:example.test"))
    answer = await phone.final()
    assert answer.status == 405
    assert "INVITE" in answer.get("Allow")


async def test_a_message_that_is_too_large_gets_513_and_a_huge_one_ends_the_connection(core, phone) -> None:
    phone.send(request("OPTIONS", "sip:example.test", body=b"x" * 12_500))
    assert (await phone.final()).status == 513
    phone.send(request("OPTIONS", "sip:example.test", body=b"x" * 60_000))
    await phone.closed()


async def test_garbage_and_loops_end_at_the_edge(core, rig) -> None:
    phone = await Phone.connect(rig)
    phone.send(request("OPTIONS", "sip:x@example.test").replace(b"Max-Forwards: 70", b"Max-Forwards: 0"))
    assert (await phone.final()).status == 483
    phone.send(request("OPTIONS", "sip:x@example.test").replace(b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE"))
    assert (await phone.final()).status == 400
    await phone.close()
    junk = await Phone.connect(rig)
    junk.send(b"\x00\xff" * 2000 + b"\r\n\r\n" + b"\x00" * 20000)
    await junk.closed()
    # A report of a flow that another test has closed may still come; nothing else may.
    assert all(message.all("P-Ringwall-Event") for message in core.messages)


async def test_replies_of_a_phone_carry_no_word_of_the_edge(core, phone) -> None:
    path = (await phone.register(core)).get("Path")
    core.send(
        request("OPTIONS", "sip:100@192.0.2.99", host="core1.ringwall.internal", extra=f"Route: {path}\r\n")
    )
    asked = await phone.next()
    phone.send(asked.reply(200, "OK", "P-Ringwall-Event: flow-closed;flow=192.0.2.1:5\r\n"))
    await phone.closed()
    assert not [message for message in core.messages if message.status == 200]


async def test_replies_of_a_phone_say_over_which_connection_they_came(core, phone) -> None:
    path = (await phone.register(core)).get("Path")
    core.send(
        request("OPTIONS", "sip:100@192.0.2.99", host="core1.ringwall.internal", extra=f"Route: {path}\r\n")
    )
    phone.send((await phone.next()).reply(200, "OK"))
    assert (await core.next("SIP/2.0")).get("P-Ringwall-Flow").startswith(f"{phone.local};proto=tls;id=")


async def test_the_source_is_that_of_the_client(rig, core) -> None:
    other = await Phone.connect(rig, OTHER_ADDRESS)
    seen = await other.register(core)
    assert seen.get("P-Ringwall-Flow").startswith(f"{OTHER_ADDRESS}:")
    await other.close()
