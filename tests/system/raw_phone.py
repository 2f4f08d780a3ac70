"""A phone that does what no good phone does: SIP over verified TLS, where each message can be made by the test."""

from typing import Self

from ringwall.cli.demo.sip_phone import (
    SDP,
    SECONDS,
    Asked,
    Call,
    CallRefusedError,
    Incoming,
    TlsPhone,
    joined,
)
from system.running import Account, System

__all__ = ["SDP", "SECONDS", "Asked", "Incoming", "RawCall", "RawPhone", "RefusedError", "joined"]

RawCall = Call
RefusedError = CallRefusedError


class RawPhone(TlsPhone):
    """One TLS connection of a device. Made by `connect`."""

    @classmethod
    async def connect(
        cls, system: System, account: Account, *, source: str | None = None, registered: bool = True
    ) -> Self:
        """Connect and, unless told otherwise, sign in. `source` is a local address to come from."""
        phone = await cls.dial(account, system.layout.ca_certificate, source=source)
        if registered:
            answer = await phone.register()
            assert answer.status == 200, f"{answer.status} {answer.reason}"
        return phone
