"""Real phones for demonstration and tests: baresip in this process, with verified TLS and mandatory SRTP."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ringwall.cli.demo.tones import RATE, tone
from ringwall.infra.errors import RingwallError
from ringwall.infra.settings import Settings

_BY_ITSELF = ("Alert-Info", "Call-Info", "Answer-Mode")  # what may ask a phone to answer by itself
_FRAME_SECONDS = 0.02
_KEEP_SECONDS = 2


class PhoneError(RingwallError):
    """A phone did not do what it was asked; the text says what and why."""

    code = "phone"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a phone signs in with, as `ringwall device add` prints it."""

    server: str
    port: int
    domain: str
    extension: str
    username: str
    password: str = field(repr=False)

    @classmethod
    def of(cls, settings: Settings, device: Mapping[str, Any]) -> Self:
        """Return those of a device that was just added: what `device.add` said of it."""
        return cls(
            server=settings.address,
            port=settings.ports.sips,
            domain=settings.organisation.domain,
            extension=device["extension"],
            username=device["auth_user"],
            password=device["password"],
        )


def load() -> Any:
    """Return the baresip package; PhoneError with what to do when it is not there."""
    try:
        import baresip  # noqa: PLC0415 - a test extra, not part of a running system
    except ImportError as error:
        raise PhoneError("The demonstration needs baresip-python: start it as `./ringwall demo`.") from error
    return baresip


class Phones:
    """The one baresip runtime of a process, and the phones in it. Use it as an async context manager."""

    def __init__(
        self,
        ca_file: Path,
        address: str,
        *,
        media: str = "srtp-mand",
        codecs: str = "pcmu",
        listen: tuple[int, Path] | None = None,
    ) -> None:
        """`listen` is a port, TLS being on the one behind it, and the file of a certificate with its key."""
        self._baresip = load()
        self._ca_file = ca_file
        self._address = address
        self._media = media
        self._codecs = (codecs,)
        self._listen = (
            f"sip_listen {address}:{listen[0]}\nsip_certificate {listen[1]}\n" if listen is not None else ""
        )
        self.runtime: Any = None

    async def __aenter__(self) -> Self:
        config = self._baresip.Config(
            net_interface=self._address,
            max_concurrent_calls=None,
            expose_headers=_BY_ITSELF,
            extra_config_text=(
                f"sip_cafile {self._ca_file}\nsip_verify_server yes\nrtp_ports 50000-58000\nrtcp_mux no\n"
                f"{self._listen}"
            ),
        )
        self.runtime = self._baresip.Runtime()
        await self.runtime.start(config)
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(Exception):
            await self.runtime.close()

    async def phone(
        self, credentials: Credentials, *, media: str | None = None, answers: bool | None = True
    ) -> "Phone":
        """Make a phone; it is not registered yet. With `answers` it takes every call at once.

        With None it takes those by itself whose INVITE asks for that, as desk phones do.
        """
        baresip = self._baresip
        account = baresip.Account(
            user=credentials.extension,
            domain=credentials.domain,
            password=credentials.password,
            auth_user=credentials.username,
            registrar=f"sip:{credentials.server}:{credentials.port};transport=tls",
            transport="tls",
            audio_codecs=self._codecs,
            extra_params=(f"mediaenc={self._media if media is None else media}", "sipnat="),
        )
        return Phone(
            self, await baresip.UserAgent.create(self.runtime, account), credentials, answers=answers
        )


class Phone:
    """One phone that plays its tone in every call and remembers what it hears."""

    def __init__(self, phones: Phones, agent: Any, credentials: Credentials, *, answers: bool | None) -> None:
        self._phones = phones
        self._agent = agent
        self.credentials = credentials
        self.tone_hz = 440.0
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.answers = answers
        self._tasks: set[asyncio.Task[None]] = set()
        agent.on_incoming(self._rings)

    async def register(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109 - baresip's own
        """Sign in; raises baresip's RegistrationError with the status."""
        await self._agent.register(timeout=timeout)

    async def unregister(self) -> None:
        """Sign out."""
        await self._agent.unregister()

    async def dial(self, extension: str) -> "Talk":
        """Start a call; it is on its way when this returns."""
        uri = f"sip:{extension}@{self.credentials.domain}"
        runtime = self._phones.runtime
        before: list[Any] = []
        note = before.append
        runtime.subscribe(note)
        try:
            call = await self._agent.dial(uri)
        finally:
            runtime.unsubscribe(note)
        for event in before:
            # An answer that comes at once is told before the call is there to hear of it.
            call._on_stack_event(event)  # noqa: SLF001
        return self._talk(call)

    async def call(self, extension: str, timeout: float = 15.0) -> "Talk":  # noqa: ASYNC109 - baresip's own
        """Call and wait until the other side has answered; raises baresip's CallFailed and its kind."""
        talk = await self.dial(extension)
        await talk.call.wait_established(timeout)
        return talk

    async def taken(self, timeout: float = 10.0) -> "Talk":  # noqa: ASYNC109 - a wait for the other side
        """The next call that came in (and was answered, where the phone answers)."""
        talk: Talk = await asyncio.wait_for(self.incoming.get(), timeout)
        return talk

    def _rings(self, call: Any) -> None:
        talk = self._talk(call)

        async def take() -> None:
            if talk.asks_for_answer if self.answers is None else self.answers:
                await call.answer()
            self.incoming.put_nowait(talk)

        self._spawn(take())

    def _talk(self, call: Any) -> "Talk":
        talk = Talk(call, lambda: self.tone_hz)
        self._spawn(talk.play())
        return talk

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Talk:
    """One call of a phone: what it plays, what it hears, how it went."""

    def __init__(self, call: Any, hertz: Callable[[], float]) -> None:
        self.call = call
        self._hertz = hertz
        self.heard = bytearray()

    async def play(self) -> None:
        """Play the tone and take what comes, until the call is over."""
        baresip = load()
        made: dict[float, bytes] = {}
        place = 0
        frame = int(RATE * _FRAME_SECONDS) * 2
        while self.call.state is not baresip.CallState.CLOSED:
            hertz = self._hertz()
            sound = made.setdefault(hertz, tone(hertz, 1.0))
            try:
                info = self.call.audio.info()
                while info.tx_ready and info.tx_buffered < 6 * frame:
                    written = self.call.audio.write(sound[place : place + frame] or sound[:frame])
                    place = (place + frame) % len(sound)
                    if not written:
                        break
                    info = self.call.audio.info()
                if info.rx_ready:
                    self.heard += self.call.audio.read(64 * frame)
                    del self.heard[: -RATE * 2 * _KEEP_SECONDS]
            except (baresip.AudioNotActive, baresip.AudioRestarted):
                pass
            await asyncio.sleep(_FRAME_SECONDS)

    @property
    def asks_for_answer(self) -> bool:
        """Whether the INVITE asks the phone to answer by itself: Alert-Info, Call-Info or RFC 5373."""
        said = {name.lower(): value.lower().replace(" ", "") for name, value in self.call.headers.items()}
        return (
            "info=alert-autoanswer" in said.get("alert-info", "")
            or "answer-after=0" in said.get("call-info", "")
            or said.get("answer-mode", "").startswith("auto")
        )

    def forget(self) -> None:
        """Forget what was heard so far."""
        self.heard.clear()

    @property
    def established(self) -> bool:
        """Whether the call is up."""
        return bool(self.call.state is load().CallState.ESTABLISHED)

    @property
    def closed(self) -> bool:
        """Whether the call is over."""
        return bool(self.call.state is load().CallState.CLOSED)
