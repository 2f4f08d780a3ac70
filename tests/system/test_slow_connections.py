"""A thousand connections that do nothing, or next to nothing, keep no phone out (N3)."""

import asyncio
import itertools
import ssl

from system.descriptions import answer_to, good
from system.raw_phone import joined

HALF_OPEN = 500
PARTIAL = 250
DRIPPING = 250
SOURCES = [f"127.0.1.{number}" for number in range(1, 9)]  # each below its own limits


async def test_a_thousand_half_open_and_slow_connections_keep_no_phone_out(system, connect) -> None:
    """Whole chain: while they are open a phone signs in, calls, and is heard within the usual time."""
    settings = system.settings
    address, port = settings.address, settings.ports.sips
    context = ssl.create_default_context(cafile=str(system.layout.ca_certificate))
    sources = itertools.cycle(SOURCES)
    slots = asyncio.Semaphore(40)
    writers: list[asyncio.StreamWriter] = []

    async def open_one(first: bytes, tls: ssl.SSLContext | None) -> None:
        async with slots:
            _, writer = await asyncio.open_connection(
                address, port, ssl=tls, local_addr=(next(sources), 0),
                server_hostname=settings.organisation.domain if tls else None,
            )  # fmt: skip
            writer.write(first)
            writers.append(writer)

    await asyncio.gather(
        *(open_one(b"", None) for _ in range(HALF_OPEN)),
        *(open_one(b"\x16\x03\x01\x02\x00\x01", None) for _ in range(PARTIAL)),
        *(open_one(b"INVITE sip:", context) for _ in range(DRIPPING)),
    )
    try:
        assert len(writers) == HALF_OPEN + PARTIAL + DRIPPING
        for writer in writers[-DRIPPING:]:
            writer.write(b"x")
        async with asyncio.timeout(15):
            anna, ben = await connect(), await connect()
            here, there = await joined(anna, ben, good(), answer_to)
            assert (await here.hang_up()).status == 200
            await there.ended()
    finally:
        for writer in writers:
            writer.transport.abort()


async def test_a_phone_that_writes_slowly_is_served_all_the_same(connect) -> None:
    """Each message in small pieces, over a connection that is known to be a phone's."""
    phone, callee = await connect(), await connect()
    request = phone.request(
        "INVITE", uri=f"sip:{callee.account.extension}@{callee.account.domain}", body=good()
    )
    write = phone.writer.write
    pieces: list[bytes] = []
    phone.writer.write = pieces.append  # type: ignore[method-assign]
    asked = phone.ask(request)
    phone.writer.write = write  # type: ignore[method-assign]
    (data,) = pieces
    for at in range(0, len(data), 97):
        write(data[at : at + 97])
        await asyncio.sleep(0.01)
    ringing = await callee.ringing()
    ringing.refuse(486)
    assert (await asked.final()).status == 486
