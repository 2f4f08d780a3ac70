"""A phone that is nothing but a lamp: it signs in over verified TLS and shows what it is told (RFC 3842)."""

import asyncio
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from ringwall.cli.demo.phones import Credentials, PhoneError
from ringwall.cli.demo.sip_phone import TlsPhone
from ringwall.sip.message import Request

_SECONDS: Final = 10.0
_COUNTS: Final = re.compile(rb"^Voice-Message:\s*(\d+)/(\d+)", re.MULTILINE)


class Lamp(TlsPhone):
    """One device with a lamp. Calls that come to it are declined: it has no voice."""

    new: int | None = None
    """How many new messages it was told of last; None before it was told anything."""

    @classmethod
    async def sign_in(cls, credentials: Credentials, ca_file: Path) -> Self:
        """Connect and register; raise PhoneError where that is refused."""
        lamp = await cls.dial(credentials, ca_file)
        answer = await lamp.register()
        if answer.status != 200:
            await lamp.close()
            raise PhoneError(f"the lamp cannot sign in: {answer.status} {answer.reason}")
        return lamp

    async def shows(self, new: int) -> bool:
        """Wait until it shows so many new messages; False where it does not within some seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS):
                while self.new != new:
                    await self.came("NOTIFY", _SECONDS)
        return self.new == new

    def _came(self, key: str, request: Request) -> None:
        status = 486 if request.method == "INVITE" else 200
        self.respond(key, request.response(status, to_tag=secrets.token_hex(4)))
        found = _COUNTS.search(request.body)
        if request.method == "NOTIFY" and found is not None:
            self.new = int(found[1])
            self._boxes["NOTIFY"].put_nowait((key, request))
