"""Whether the three engines answer, asked the way that they are used."""

import asyncio
import secrets
from typing import Any

from ringwall.edge.agent.ng import NgClient
from ringwall.edge.haproxy_admin import HaproxyAdmin
from ringwall.infra.errors import RingwallError

_SECONDS = 2.0
_MOST_BYTES = 16384


async def haproxy(admin: HaproxyAdmin) -> dict[str, Any]:
    """Ask the admin socket how HAProxy is."""
    try:
        info = await asyncio.to_thread(admin.info)
    except RingwallError as error:
        return {"ok": False, "detail": str(error)}
    return {
        "ok": True,
        "detail": f"{info.get('CurrConns', '?')} connections, up {info.get('Uptime', '?')}",
        "version": info.get("Version", ""),
    }


async def kamailio(host: str, port: int) -> dict[str, Any]:
    """Send OPTIONS to the listener for phones: any SIP answer says that a worker is at work."""
    branch = secrets.token_hex(8)
    options = (
        f"OPTIONS sip:{host}:{port} SIP/2.0\r\nVia: SIP/2.0/TCP {host};branch=z9hG4bK{branch}\r\n"
        f"Max-Forwards: 1\r\nFrom: <sip:agent@ringwall.internal>;tag={branch}\r\n"
        f"To: <sip:{host}:{port}>\r\nCall-ID: {branch}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, limit=_MOST_BYTES)
            try:
                writer.write(options.encode())
                answer = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError) as error:
        return {"ok": False, "detail": f"Kamailio does not answer: {error or 'no answer in time'}."}
    line = answer.decode(errors="replace").strip()
    return {"ok": line.startswith("SIP/2.0 "), "detail": line[:100]}


async def rtpengine(ng: NgClient) -> dict[str, Any]:
    """Send an ng ping."""
    answer: asyncio.Future[tuple[bytes | None, str]] = asyncio.get_running_loop().create_future()

    def answered(reply: bytes | None, why: str) -> None:
        if not answer.done():
            answer.set_result((reply, why))

    ng.ask(b"d7:command4:pinge", answered)
    reply, why = await answer
    return {"ok": reply is not None and b"4:pong" in reply, "detail": why or "pong"}
