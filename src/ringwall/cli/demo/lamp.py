"""A phone that is nothing but a lamp: it signs in over verified TLS and shows what it is told (RFC 3842)."""

import asyncio
import re
import secrets
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from ringwall.cli.demo.phones import Credentials, PhoneError
from ringwall.sip.digest import Challenge, ha1
from ringwall.sip.message import Headers, Request, Response
from ringwall.sip.parser import StreamParser

_SECONDS: Final = 10.0
_COUNTS: Final = re.compile(rb"^Voice-Message:\s*(\d+)/(\d+)", re.MULTILINE)


class Lamp:
    """One device with a lamp. Calls that come to it are declined: it has no voice."""

    def __init__(
        self, credentials: Credentials, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._credentials = credentials
        self._reader = reader
        self._writer = writer
        self._parser = StreamParser()
        self._answers: asyncio.Queue[Response] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._cseq = 0
        self._call_id = secrets.token_hex(8)
        self._task = asyncio.get_running_loop().create_task(self._read())
        self.new: int | None = None
        """How many new messages it was told of last; None before it was told anything."""

    @classmethod
    async def sign_in(cls, credentials: Credentials, ca_file: Path) -> Self:
        """Connect and register; raise PhoneError where that is refused."""
        trust = ssl.create_default_context(cafile=str(ca_file))
        reader, writer = await asyncio.open_connection(
            credentials.server, credentials.port, ssl=trust, server_hostname=credentials.domain
        )
        lamp = cls(credentials, reader, writer)
        answer = await lamp._register(None)
        if answer.status == 401:
            answer = await lamp._register(Challenge.parse(answer.headers.all("www-authenticate")[0]))
        if answer.status != 200:
            raise PhoneError(f"the lamp cannot sign in: {answer.status} {answer.reason}")
        return lamp

    async def shows(self, new: int) -> bool:
        """Wait until it shows so many new messages; False where it does not within some seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS):
                while self.new != new:
                    self._changed.clear()
                    await self._changed.wait()
        return self.new == new

    async def close(self) -> None:
        """Drop the connection."""
        self._task.cancel()
        self._writer.close()
        with suppress(OSError, ssl.SSLError, TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(self._writer.wait_closed(), 2)

    async def _register(self, challenge: Challenge | None) -> Response:
        own = self._credentials
        host, port = self._writer.get_extra_info("sockname")[:2]
        self._cseq += 1
        target = f"sip:{own.domain}"
        headers = Headers(
            [
                ("Via", f"SIP/2.0/TLS {host}:{port};branch=z9hG4bK{secrets.token_hex(8)};rport"),
                ("Max-Forwards", "70"),
                ("From", f"<sip:{own.extension}@{own.domain}>;tag={secrets.token_hex(4)}"),
                ("To", f"<sip:{own.extension}@{own.domain}>"),
                ("Call-ID", self._call_id),
                ("CSeq", f"{self._cseq} REGISTER"),
                ("Contact", f"<sip:{own.extension}@{host}:{port};transport=tls>"),
                ("Supported", "path, outbound"),
                ("Expires", "600"),
            ]
        )
        if challenge is not None:
            secret = ha1(challenge.algorithm, own.username, challenge.realm, own.password)
            proof = challenge.answer(own.username, secret, "REGISTER", target, 1, secrets.token_hex(4))
            headers.set("Authorization", str(proof))
        self._writer.write(Request("REGISTER", target, headers).to_bytes())
        async with asyncio.timeout(_SECONDS):
            while (answer := await self._answers.get()).status < 200:
                pass
        return answer

    async def _read(self) -> None:
        with suppress(OSError, ssl.SSLError):
            while data := await self._reader.read(65536):
                for message in self._parser.feed(data):
                    if isinstance(message, Response):
                        self._answers.put_nowait(message)
                    elif isinstance(message, Request) and message.method != "ACK":
                        self._asked(message)

    def _asked(self, request: Request) -> None:
        status = 486 if request.method == "INVITE" else 200
        self._writer.write(request.response(status, to_tag=secrets.token_hex(4)).to_bytes())
        found = _COUNTS.search(request.body)
        if request.method == "NOTIFY" and found is not None:
            self.new = int(found[1])
            self._changed.set()
