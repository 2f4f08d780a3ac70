"""Calls to and from a carrier over the whole way: core, edge, TLS, and a carrier with its own authority."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from system.carrier import NAME, Authority
from system.descriptions import answer_to, good
from system.edge_rig import Message, Phone, request
from system.running import until

SDP = "Contact: <sip:gw@carrier.example>\r\nContent-Type: application/sdp\r\n"


class FarEnd:
    """The carrier's side of the trunk."""

    def __init__(self) -> None:
        self.connections: asyncio.Queue[Phone] = asyncio.Queue()

    async def taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.put_nowait(Phone(reader, writer))


def with_body(message: Message, body: bytes) -> bytes:
    """A 200 with a description."""
    head = message.reply(200, "OK", SDP, tag="carrier").decode()
    return head.replace("Content-Length: 0", f"Content-Length: {len(body)}").encode() + body


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def trunk(system, tmp_path_factory) -> AsyncIterator[Phone]:
    """A trunk that is up, with a group of people who may call the country; its connection at the far end."""
    authority, far = Authority("A carrier's own authority"), FarEnd()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.leaf(tmp_path_factory.mktemp("carrier")))
    server = await asyncio.start_server(far.taken, system.settings.address, 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    system.ask("trunk-group.add", trunk_group="pstn", name="PSTN", site="main")
    system.ask("cos.call.add", cos="National", scope="national")
    system.ask("group.add", group="callers", name="Callers", call="National", trunk_groups=["pstn"])
    system.ask(
        "trunk.add", trunk="carrier", name="Carrier", trunk_group="pstn", host=system.settings.address, port=port,
        certificate_name=NAME, authority=authority.pem.decode(), options_seconds=0, caller_number="+14085550100",
        did_ranges=["+14085550000-+14085559999"], did_digits=4,
    )  # fmt: skip
    async with asyncio.timeout(20):
        connection = await far.connections.get()
    await until(lambda: system.ask("status")["trunks"][0]["up"], "the trunk is up", 30)
    yield connection
    system.ask("trunk.remove", trunk="carrier")
    for operation, named in (("group.remove", {"group": "callers"}), ("cos.call.remove", {"cos": "National"}),
                             ("trunk-group.remove", {"trunk_group": "pstn"})):  # fmt: skip
        system.ask(operation, **named)
    server.close()


@pytest_asyncio.fixture(loop_scope="session")
async def anna(system, connect, trunk):
    phone = await connect()
    system.ask("user.set", extension=phone.account.extension, group="callers")
    yield phone
    system.ask("user.set", extension=phone.account.extension, group="least-privileged")


@pytest.mark.req("C3", "C6", "T5")
async def test_a_call_goes_out_over_tls_with_srtp_and_the_record_keeps_its_grant(system, anna, trunk) -> None:
    before = system.seq()
    asked = anna.invite("914085550123", good())
    invite = await trunk.next()
    assert invite.start.startswith("INVITE sip:+14085550123@")
    assert b"RTP/SAVP" in invite.body
    trunk.send(with_body(invite, answer_to(invite.body)))
    here = anna.confirm(asked, await asked.status(200))
    assert (await trunk.next()).method == "ACK"
    (call,) = [one for one in system.ask("call.list") if one["caller"] == anna.account.extension]
    assert (call["direction"], call["trunks"], call["callee"]) == ("out", ["carrier"], "+14085550123")
    assert (await here.hang_up()).status == 200
    bye = await trunk.next()
    assert bye.method == "BYE"
    trunk.send(bye.reply(200))
    record = await system.record(before, "call.ended", caller=anna.account.extension)
    assert (record["rule"], record["class"], record["path"]) == ("call.scope", "national", "dial")
    assert record["trunk"] == "carrier"


@pytest.mark.req("C3", "C5")
async def test_a_call_that_the_class_of_service_does_not_reach_is_denied_with_the_reason(
    system, anna, trunk
) -> None:
    before = system.seq()
    answer = await anna.invite("9011442079460123", good()).final()
    assert (answer.status, answer.reason) == (403, "Not permitted")
    assert "reaches less far than International" in (answer.headers.get("warning") or "")
    record = await system.record(before, "call.denied", caller=anna.account.extension)
    assert record["rule"] == "call.beyond-scope"


async def test_a_number_of_the_trunk_rings_at_its_user(system, anna, trunk) -> None:
    before = system.seq()
    extension = anna.account.extension
    body = good()
    contact = "Contact: <sip:gw@carrier.example>\r\nContent-Type: application/sdp\r\n"
    uri = f"sip:+1408555{extension.zfill(4)}@{system.settings.organisation.domain}"
    trunk.send(request("INVITE", uri, extra=contact, body=body))
    ringing = await anna.ringing()
    there = await ringing.answer(answer_to(ringing.request.body))
    answer = await trunk.final()
    while answer.get("CSeq") != "1 INVITE":
        answer = await trunk.final()
    assert answer.status == 200
    assert b"RTP/SAVP" in answer.body
    to = answer.get("To").partition("tag=")[2]
    target = answer.get("Contact").strip("<>")
    trunk.send(request("ACK", target, call_id=answer.get("Call-ID"), to_tag=to))
    assert (await there.hang_up()).status == 200
    bye = await trunk.next()
    assert bye.method == "BYE"
    trunk.send(bye.reply(200))
    record = await system.record(before, "call.ended", callee=extension)
    assert (record["direction"], record["caller_trunk"]) == ("in", "carrier")


@pytest.mark.req("C2")
@pytest.mark.parametrize("called", ["+14085557050", "7050", "*157050"])
async def test_an_outside_caller_does_not_page_and_has_no_feature_numbers(
    system, connect, trunk, called
) -> None:
    before = system.seq()
    ben = await connect()
    members = [ben.account.extension]
    system.ask("object.add", extension="7050", kind="paging group", name="Everybody", members=members)
    try:
        contact = "Contact: <sip:gw@carrier.example>\r\nContent-Type: application/sdp\r\n"
        uri = f"sip:{called}@{system.settings.organisation.domain}"
        trunk.send(request("INVITE", uri, extra=contact, body=good()))
        answer = await trunk.final()
        assert answer.status in {403, 404}
        to = answer.get("To").partition("tag=")[2]
        trunk.send(request("ACK", uri, call_id=answer.get("Call-ID"), to_tag=to))
        assert await system.record(before, "call.denied", caller_trunk="carrier")
        assert not ben.came_already("INVITE")
    finally:
        system.ask("object.remove", extension="7050")


@pytest.mark.req("P2")
async def test_an_emergency_call_of_somebody_without_rights_goes_out(system, connect, trunk) -> None:
    before = system.seq()
    ben = await connect()
    asked = ben.invite("911", good())
    invite = await trunk.next()
    assert invite.start.startswith("INVITE sip:911@")
    trunk.send(invite.reply(486, "Busy Here", tag="carrier"))
    assert (await asked.final()).status == 486
    assert await system.record(before, "emergency.called", caller=ben.account.extension)
