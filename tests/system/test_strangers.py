"""What strangers can do to a whole system without signing in: leave a record."""

import asyncio
import ssl

import pytest

from system.running import System


async def connect(system: System, source: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
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
        reader, writer = await connect(system, source)
        writer.write(stray * 100)
        async with asyncio.timeout(20):
            assert not await reader.read()
        writer.close()
    await system.record(before, "security.stray_response", source=source)
    assert len(system.records(before, "security.stray_response")) == 1
