"""Finding the server by itself: SIP plug and play, a SUBSCRIBE to everybody on the local network (P1).

Rules that this module keeps:
- What is found is only an address to ask, over HTTPS, with the certificate checked: whoever answers first
  gains nothing by it.
- Only https addresses are taken, from answers that belong to our own question; they have a size.
"""

import asyncio
import secrets
import socket
import struct
from typing import cast
from urllib.parse import urlsplit

from ringwall.sip.errors import ParseError
from ringwall.sip.message import Headers, Request, Response
from ringwall.sip.parser import parse_message

GROUP = ("224.0.1.75", 5060)
"""sip.mcast.net (RFC 3261 21.4), where plug and play asks."""
WAIT_S = 2.0
TRIES = 3
LONGEST_URL = 512


class _Asker(asyncio.DatagramProtocol):
    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self.transport: asyncio.DatagramTransport
        self.found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # In Python 3.11 asyncio's own transport is none by its class.
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        url, answer = answered(data, self._call_id)
        if answer is not None:
            self.transport.sendto(answer, addr)
        if url is not None and not self.found.done():
            self.found.set_result(url)


def question(address: str, port: int, mac: str, vendor: str, model: str, version: str, call_id: str) -> bytes:
    """Return the SUBSCRIBE for a device's profile (RFC 6080, 5)."""
    event = f'ua-profile;profile-type="device";vendor="{vendor}";model="{model}";version="{version}"'
    headers = Headers(
        [
            ("Via", f"SIP/2.0/UDP {address}:{port};branch=z9hG4bK{secrets.token_hex(8)}"),
            ("Max-Forwards", "1"),
            ("From", f"<sip:MAC{mac}@{GROUP[0]}>;tag={secrets.token_hex(6)}"),
            ("To", f"<sip:MAC{mac}@{GROUP[0]}>"),
            ("Call-ID", call_id),
            ("CSeq", "1 SUBSCRIBE"),
            ("Contact", f"<sip:{mac}@{address}:{port}>"),
            ("Event", event),
            ("Expires", "0"),
            ("Accept", "application/url"),
        ]
    )
    return Request("SUBSCRIBE", f"sip:MAC{mac}@{GROUP[0]}", headers).to_bytes()


def answered(data: bytes, call_id: str) -> tuple[str | None, bytes | None]:
    """Return the address that a datagram names, if it does, and what to answer. Never raises."""
    try:
        message = parse_message(data)
        if isinstance(message, Response) or message.method != "NOTIFY" or message.call_id != call_id:
            return None, None
        answer = message.response(200, to_tag=secrets.token_hex(6)).to_bytes()
        return _url(message.body), answer
    except (ParseError, ValueError):
        return None, None


def _url(body: bytes) -> str | None:
    text = body[: LONGEST_URL + 1].decode("utf-8", "replace").strip()
    if len(text) > LONGEST_URL or not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        good = parts.scheme == "https" and bool(parts.hostname) and (parts.port or 443) > 0
    except ValueError:
        return None
    return text if good and not parts.username and not parts.fragment else None


async def find(
    address: str, mac: str, vendor: str, model: str, version: str, *, wait_s: float = WAIT_S
) -> str | None:
    """Ask on the network of an address where the configuration is; None where nobody answers in time."""
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((address, 0))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    # It is for the local network; a router does not pass it on.
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, struct.pack("b", 1))
    call_id = secrets.token_hex(12)
    transport, asker = await loop.create_datagram_endpoint(lambda: _Asker(call_id), sock=sock)
    port = transport.get_extra_info("sockname")[1]
    try:
        for _ in range(TRIES):
            transport.sendto(question(address, port, mac, vendor, model, version, call_id), GROUP)
            done, _waiting = await asyncio.wait({asker.found}, timeout=wait_s)
            if done:
                return asker.found.result()
        return None
    finally:
        transport.close()
