"""The phone's line: signing in and calls, by baresip with mandatory SRTP, over `signalling` (T1, P3).

Rules that this module keeps:
- Media is SRTP or there is no call.
- One set of credentials at a time. New ones mean a new account; what is up on the old one goes on until it
  ends.
- A transfer that the other side asks for is not carried out by the phone: Ringwall does that itself.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ringwall.infra.errors import RingwallError
from ringwall.phone.sound import FRAME, Sound

log = logging.getLogger(__name__)

SIGN_IN_S = 10.0
CALL_S = 60.0
MOST_CALLS = 2
_PACE_S = 0.02


class LineError(RingwallError):
    """A call or a sign-in did not come about; the text says why."""

    code = "line"


@dataclass(frozen=True, slots=True)
class Account:
    """What the phone signs in with."""

    extension: str
    domain: str
    username: str
    password: str = field(repr=False)


@dataclass(slots=True)
class Talk:
    """A call. `state` is calling, ringing (here), talking, held or ended; `peer` is the other party."""

    number: int
    call: Any
    peer: str
    state: str
    sound: Sound
    why: str = ""


class Line:
    """All calls of the phone. `changed` is called whenever something about them is another."""

    def __init__(self, address: str, changed: Callable[[], None], *, rtp_ports: str = "58000-60000") -> None:
        self._address = address
        self._changed = changed
        self._rtp_ports = rtp_ports
        self._runtime: Any = None
        self._agent: Any = None
        self._account: Account | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._number = 0
        self.signed_in = False
        self.why_not = ""
        self.talks: list[Talk] = []
        self.hertz = 0.0
        self.last: Talk | None = None

    async def start(self) -> None:
        """Start the SIP stack; raise LineError where it is not there."""
        baresip = _baresip()
        self._runtime = baresip.Runtime()
        await self._runtime.start(
            baresip.Config(
                net_interface=self._address,
                max_concurrent_calls=MOST_CALLS,
                extra_config_text=f"rtp_ports {self._rtp_ports}\nrtcp_mux no\n",
            )
        )

    async def close(self) -> None:
        """Hang up, sign out, end the stack."""
        for talk in list(self.talks):
            with suppress(Exception):
                await talk.call.hangup()
        await self.sign_out()
        for task in list(self._tasks):
            task.cancel()
        if self._runtime is not None:
            with suppress(Exception):
                await self._runtime.close()

    async def sign_in(self, account: Account, port: int) -> None:
        """Sign in over the signalling on `port`; raise LineError with the reason."""
        if account == self._account and self.signed_in:
            return
        await self.sign_out()
        baresip = _baresip()
        told = baresip.Account(
            user=account.extension,
            domain=account.domain,
            password=account.password,
            auth_user=account.username,
            registrar=f"sip:{self._address}:{port};transport=tcp",
            transport="tcp",
            audio_codecs=("pcmu",),
            extra_params=("mediaenc=srtp-mand", "sipnat="),
        )
        agent = await baresip.UserAgent.create(self._runtime, told, transfer_policy="reject")
        agent.on_incoming(self._rings)
        try:
            await agent.register(timeout=SIGN_IN_S)
        except baresip.BaresipError as error:
            self.why_not = str(error)
            self._changed()
            raise LineError(f"The phone cannot sign in: {error}.") from None
        self._agent, self._account, self.signed_in, self.why_not = agent, account, True, ""
        self._changed()

    async def sign_out(self) -> None:
        """Sign out, whatever the server says to that."""
        agent, self._agent = self._agent, None
        self._account, self.signed_in = None, False
        if agent is not None:
            with suppress(Exception):
                await agent.unregister(timeout=3.0)
        self._changed()

    # Calls

    async def dial(self, number: str) -> Talk:
        """Begin a call; what becomes of it shows in its state. Raise LineError where it cannot begin."""
        if self._agent is None or self._account is None:
            raise LineError("The phone is not signed in.")
        if len(self.talks) >= MOST_CALLS:
            raise LineError("There are as many calls as this phone can have.")
        try:
            call = await self._agent.dial(f"sip:{number}@{self._account.domain}")
        except (_baresip().BaresipError, ValueError) as error:
            raise LineError(f"The call cannot begin: {error}.") from None
        talk = self._add(call, number, "calling")
        self._spawn(self._established(talk))
        return talk

    async def answer(self, talk: Talk) -> None:
        """Take a call."""
        await talk.call.answer()
        talk.state = "talking"
        self._changed()

    async def hang_up(self, talk: Talk) -> None:
        """End a call, or refuse it while it rings."""
        await (talk.call.reject() if talk.state == "ringing" else talk.call.hangup())

    async def hold(self, talk: Talk, *, on: bool) -> None:
        """Put a call on hold, or take it back."""
        await (talk.call.hold() if on else talk.call.resume())
        talk.state = "held" if on else "talking"
        self._changed()

    async def digits(self, talk: Talk, text: str) -> None:
        """Press keys in a call."""
        await talk.call.send_dtmf(text)

    def _rings(self, call: Any) -> None:
        peer = str(call.peer or "").removeprefix("sip:").partition("@")[0]
        self._add(call, peer, "ringing")

    def _add(self, call: Any, peer: str, state: str) -> Talk:
        self._number += 1
        talk = Talk(self._number, call, peer, state, Sound())
        self.talks.append(talk)
        self._spawn(self._play(talk))
        self._changed()
        return talk

    async def _established(self, talk: Talk) -> None:
        baresip = _baresip()
        try:
            await talk.call.wait_established(CALL_S)
        except baresip.BaresipError as error:
            talk.why = str(error)
            if talk.call.state is not baresip.CallState.CLOSED:
                with suppress(Exception):
                    await talk.call.hangup()
        else:
            talk.state = "talking"
        self._changed()

    async def _play(self, talk: Talk) -> None:
        """Send and keep sound until the call is over, then forget it."""
        baresip = _baresip()
        while talk.call.state is not baresip.CallState.CLOSED:
            talk.sound.hertz = self.hertz
            with suppress(baresip.AudioNotActive, baresip.AudioRestarted):
                info = talk.call.audio.info()
                while info.tx_ready and info.tx_buffered < 6 * FRAME:
                    if not talk.call.audio.write(talk.sound.take()):
                        break
                    info = talk.call.audio.info()
                if info.rx_ready:
                    talk.sound.hear(talk.call.audio.read(64 * FRAME))
            await asyncio.sleep(_PACE_S)
        talk.state = "ended"
        self.talks.remove(talk)
        self.last = talk
        self._changed()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _baresip() -> Any:
    try:
        import baresip  # noqa: PLC0415 - part of the phone's platform, not of a server
    except ImportError as error:
        raise LineError("The phone needs baresip-python: start it as `./ringwall phone run`.") from error
    return baresip
