"""What strangers can do to a whole system without signing in: leave a record."""

import asyncio
import ssl
from contextlib import suppress

import pytest

from system.descriptions import answer_to, good
from system.raw_phone import joined
from system.running import System


async def dial(system: System, source: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a TLS connection to the SIPS port from a local address."""
    settings = system.settings
    return await asyncio.open_connection(
        str(settings.address),
        settings.ports.sips,
        ssl=ssl.create_default_context(cafile=str(system.layout.ca_certificate)),
        server_hostname=str(settings.address),
        local_addr=(source, 0),
    )


@pytest.mark.req("R3", "N4")
async def test_responses_of_nobody_are_one_record_and_cost_the_connection(system, source) -> None:
    before = system.seq()
    via = f"SIP/2.0/TLS {system.settings.address}:{system.settings.ports.sips};branch=z9hG4bKx"
    stray = (
        f"SIP/2.0 200 OK\r\nVia: {via}\r\nVia: SIP/2.0/TCP 192.0.2.9:40000;branch=z9hG4bKy\r\n"
        "From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\nCall-ID: 9\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    for _ in range(2):
        reader, writer = await dial(system, source)
        writer.write(stray * 100)
        async with asyncio.timeout(20):
            assert not await reader.read()
        writer.close()
    await system.record(before, "security.stray_response", source=source)
    assert len(system.records(before, "security.stray_response")) == 1


@pytest.mark.req("T1", "N4")
async def test_clear_text_at_a_port_of_tls_is_closed_and_on_record_with_the_device(
    system, connect, source
) -> None:
    """A phone that obeys a wrong Via would say its keys so; with two phones behind one address it may be either."""
    port, address = system.settings.ports, str(system.settings.address)
    anna = await connect(source=source)
    before = system.seq()
    leak = f"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP {address}\r\nContent-Length: 0\r\n\r\na=crypto:1 X inline:KEY\r\n"
    for number in range(3):
        assert await answer_in_clear_text(address, port.sips, source, leak.encode()) == b"", number
    told = await system.record(before, "security.clear_text", source=source)
    assert (told["device"], told["door"]) == (anna.account.username, "sips")
    assert "inline" not in system.log("haproxy")
    assert len(system.records(before, "security.clear_text")) == 1
    # Two who are signed in, from another address; and somebody unknown, at the other ports.
    for where, people, doors in (("127.0.6.1", 2, ("sips",)), ("127.0.6.2", 0, ("https", "phones"))):
        for _ in range(people):
            await connect(source=where)
        for door in doors:
            data = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
            assert await answer_in_clear_text(address, getattr(port, door), where, data) == b""
        told = await system.record(before, "security.clear_text", source=where)
        assert "device" not in told


async def answer_in_clear_text(address: str, port: int, source: str, data: bytes) -> bytes:
    """What is said to bytes that are no TLS, until the other side closes."""
    reader, writer = await asyncio.open_connection(address, port, local_addr=(source, 0))
    writer.write(data)
    async with asyncio.timeout(5):
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


@pytest.mark.req("R3", "N3", "N4")
@pytest.mark.alone  # 25 phones and a flood are much for one process, whose phones have to answer in time
async def test_one_bad_host_does_not_take_its_office_down(system, connect, source) -> None:
    """450 REGISTERs a second without a login, while the 25 phones behind the same address call each other."""
    phones = [await connect(source=source) for _ in range(25)]
    before = system.seq()
    domain = system.settings.organisation.domain
    asked = 0

    async def flood() -> None:
        nonlocal asked
        loop = asyncio.get_running_loop()
        started, sent = loop.time(), 0
        while True:
            try:
                reader, writer = await dial(system, source)
            except (ConnectionError, ssl.SSLError):
                await asyncio.sleep(0.2)  # more connections than HAProxy takes of one source
                continue
            with suppress(ConnectionError, ssl.SSLError):
                while not (reader.at_eof() or writer.is_closing()):
                    due = min(20, int((loop.time() - started) * 450) - sent)
                    writer.write(b"".join(nobodys_register(domain, sent + each) for each in range(due)))
                    sent, asked = sent + due, asked + due
                    with suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(65536), 0.02)
            writer.close()

    flooding = asyncio.create_task(flood())
    try:
        await system.record(before, "security.request_flood", source=source)
        while asked < 2000:
            for here, there in zip(phones[::2], phones[1::2], strict=False):
                call, other = await joined(here, there, good(), answer_to)
                assert (await call.hang_up()).status == 200
                await other.ended()
            for phone in phones:
                assert (await phone.register()).status == 200
        assert not flooding.done()
    finally:
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
    assert not any(phone.closed.is_set() for phone in phones)
    assert {record["body"]["source"] for record in system.records(before, "security.request_flood")} == {
        source
    }


def nobodys_register(domain: str, number: int) -> bytes:
    return (
        f"REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/TLS x.invalid;branch=z9hG4bKflood{number}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:999@{domain}>;tag=1\r\nTo: <sip:999@{domain}>\r\n"
        f"Call-ID: flood{number}\r\nCSeq: 1 REGISTER\r\nContact: <sip:999@x.invalid>\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()
