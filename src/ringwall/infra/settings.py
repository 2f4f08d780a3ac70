"""The settings of one system: typed, checked, one file, no secrets.

ringwall.toml may be edited by hand. Every value has a sane default; an unknown key is refused, because a
mistyped limit must not silently be no limit.
"""

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from ringwall.infra import ports as port_search
from ringwall.infra.errors import SettingsError
from ringwall.infra.files import KEEP, read_limited, write_atomically
from ringwall.infra.layout import Layout
from ringwall.infra.media_settings import Media
from ringwall.infra.phone_settings import Phones
from ringwall.infra.setting_values import (
    Address,
    DnsName,
    Domain,
    Label,
    Port,
    Section,
    checked_dns_name,
    checked_domain,
)
from ringwall.infra.toml import dump_toml
from ringwall.infra.voicemail_settings import VoiceMail

TRUNK_SLOTS = 16
"""Trunks that one edge keeps connections to; slots are numbered from 1."""


class Organisation(Section):
    """Whose system this is."""

    name: str = Field(default="Ringwall", min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
    """The name that people read."""
    domain: Domain
    """SIP domain and digest realm: the part behind the @ of every extension."""
    certificate_names: tuple[DnsName, ...] = Field(default=(), max_length=20, strict=False)
    """Further DNS names in the certificate that phones and browsers see."""


class Ports(Section):
    """Ports. The world sees sips, https, phones and the RTP range; the others are on this host only."""

    sips: Port = 5061
    """Desk phones: SIP over TLS, TCP."""
    https: Port = 443
    """Browsers and the API: HTTPS and WSS, TCP."""
    phones: Port = 8443
    """Desk phones: configuration, login and firmware over HTTPS, with their certificate if any, TCP."""
    inner: Port = 7443
    """Where the core reaches the edge: TLS 1.3 with client certificate, TCP."""
    kamailio_phones: Port = 15061
    """Kamailio for desk phones, loopback TCP behind HAProxy."""
    kamailio_core: Port = 15071
    """Kamailio for the core, loopback TCP behind HAProxy."""
    kamailio_ws: Port = 15080
    """Kamailio for browsers, loopback TCP behind HAProxy."""
    kamailio_trunks: Port = 15090
    """Kamailio for carriers, loopback TCP behind the edge agent."""
    ng: Port = 15222
    """The control port of rtpengine, loopback UDP."""
    rtp_first: Port = 30000
    """First media port, UDP."""
    rtp_last: Port = 34999
    """Last media port, UDP."""

    @model_validator(mode="after")
    def _no_overlap(self) -> Self:
        if self.rtp_last - self.rtp_first < port_search.SMALLEST_RTP_RANGE - 1:
            raise ValueError(f"rtp_first to rtp_last must be at least {port_search.SMALLEST_RTP_RANGE} ports")
        seen: dict[int, str] = {}
        for name in port_search.TCP_NAMES:
            other = seen.setdefault(getattr(self, name), name)
            if other != name:
                raise ValueError(f"{name} and {other} must be different ports")
        if self.rtp_first <= self.ng <= self.rtp_last:
            raise ValueError("ng must lie outside rtp_first to rtp_last")
        return self


class Sip(Section):
    """Timers of SIP, all in seconds, and the size of the house."""

    session_expires: int = Field(default=1800, ge=90, le=86400)
    """After this time without a refresh a call of a lost phone is ended (RFC 4028)."""
    min_se: int = Field(default=90, ge=90, le=3600)
    """The shortest session interval that is accepted (RFC 4028, 5)."""
    register_min: int = Field(default=60, ge=30, le=3600)
    """The shortest registration that is accepted."""
    register_default: int = Field(default=600, ge=30, le=86400)
    """The length of a registration that asks for none."""
    register_max: int = Field(default=3600, ge=30, le=86400)
    """The longest registration that is given."""
    ring_seconds: int = Field(default=60, ge=5, le=600)
    """How long a phone rings before nobody answers."""
    lost_phone_seconds: int = Field(default=60, ge=2, le=600)
    """How long a call waits for a phone whose connection closed to come back on another one."""
    nonce_seconds: int = Field(default=300, ge=10, le=3600)
    """How long a login challenge can be answered."""
    hold_music: str = Field(default="manolo_camp-morning_coffee", max_length=64, pattern=r"^[A-Za-z0-9._-]*$")
    """What a party hears that is put on hold: a track of the installed music on hold; empty: silence."""
    intercept_seconds: int = Field(default=6, ge=0, le=30)
    """How long a caller inside hears why a call is refused before the answer comes; 0: not at all."""
    max_calls: int = Field(default=2000, ge=1, le=100_000)
    """Calls at one time; further ones are refused with 503."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.register_min <= self.register_default <= self.register_max:
            raise ValueError("register_min, register_default and register_max must be in rising order")
        if self.session_expires < self.min_se:
            raise ValueError("session_expires must be at least min_se")
        return self


class Limits(Section):
    """What one source address may do. Generous: a whole office may sit behind one address."""

    connections_per_source: int = Field(default=400, ge=1, le=100_000)
    """Open connections at one time."""
    handshakes_per_source_10s: int = Field(default=200, ge=1, le=100_000)
    """New connections in ten seconds."""
    sip_requests_per_source_10s: int = Field(default=2000, ge=10, le=1_000_000)
    """SIP requests in ten seconds: of each connection that has signed in, and of all others together."""
    sip_requests_per_trunk_10s: int = Field(default=5000, ge=10, le=1_000_000)
    """SIP requests in ten seconds that a carrier sends over its trunk's own connection."""
    http_requests_per_source_10s: int = Field(default=400, ge=1, le=100_000)
    """HTTP requests in ten seconds."""
    http_body_bytes: int = Field(default=1_048_576, ge=1024, le=104_857_600)
    """The largest body of an HTTP request."""
    handshake_seconds: int = Field(default=5, ge=1, le=60)
    """How long a TLS handshake, or the head of an HTTP request, may take."""
    connections: int = Field(default=8000, ge=100, le=200_000)
    """Open connections of all sources together."""


class Links(Section):
    """The connections that the core opens to the edge."""

    idle_http: int = Field(default=8, ge=1, le=256)
    """Idle HTTP connections that the core keeps at each edge."""
    hello_seconds: int = Field(default=1, ge=1, le=10)
    """How often the core says hello on its SIP link; the edge forgets a silent core after 15 seconds.
    With a hello the core notices that its link is not the one over which requests come."""
    retry_seconds: float = Field(default=0.5, ge=0.1, le=30, strict=False)
    """How soon a lost link is dialled again."""


class Mail(Section):
    """Outgoing mail. Its password is no setting: `ringwall mail password` asks for it."""

    host: str = Field(default="", max_length=253)
    """The mail server that takes messages, a name or an IPv4 address; empty: no mail is sent."""
    port: Port = 587
    """Its port: 587 with STARTTLS, 465 with TLS from the first byte."""
    security: Literal["starttls", "tls"] = "starttls"
    """How TLS begins: starttls, or tls from the first byte. There is no way without."""
    username: str = Field(default="", max_length=256, pattern=r"^[\x21-\x7e]*$")
    """The name of the login; empty: the server takes our messages without one."""
    sender: str = Field(default="", max_length=254)
    """The address that messages come from, such as ringwall@example.com."""
    authority: str = Field(default="", max_length=1024)
    """A PEM file with the certificates that may sign the server's; empty: the public authorities."""
    give_up_hours: int = Field(default=48, ge=1, le=240)
    """How long a message is tried before it is set aside as undelivered."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.host:
            return self
        checked_domain(self.host)
        local, _, domain = self.sender.rpartition("@")
        if not local or not local.isascii() or not local.isprintable() or " " in local:
            raise ValueError("sender must be an address such as ringwall@example.com")
        checked_dns_name(domain)
        if self.authority and not Path(self.authority).is_absolute():
            raise ValueError("authority must be an absolute path")
        return self


class Settings(Section):
    """All settings; read with ``load``, made with ``for_address``, written with ``save``."""

    address: Address
    """The IPv4 address at which phones and browsers reach this system; media flows there too."""
    edge_name: Label = "edge1"
    """The edge's name in its certificate for the core."""
    core_name: Label = "core1"
    """The core's name in its certificate for the edge."""
    organisation: Organisation
    ports: Ports = Ports()
    sip: Sip = Sip()
    limits: Limits = Limits()
    links: Links = Links()
    mail: Mail = Mail()
    media: Media = Media()
    voicemail: VoiceMail = VoiceMail()
    phones: Phones = Phones()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if len({self.edge_name, self.core_name, self.media.name}) < 3:
            raise ValueError("edge_name, core_name and the name in [media] must be different")
        if not self.core_name.startswith("core"):
            raise ValueError("core_name must begin with core, such as core1: the edge knows a core by it")
        return self

    @classmethod
    def for_address(cls, address: str, *, domain: str | None = None, name: str = "Ringwall") -> Self:
        """Return default settings for a host; SettingsError when an argument is no such thing."""
        return cls.checked(
            {"address": address, "organisation": {"name": name, "domain": domain or address}},
            "The command line",
        )

    @classmethod
    def checked(cls, values: object, source: str) -> Self:
        """Return settings made of plain values; SettingsError naming each field at fault and ``source``."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(f"{source}: {_explain(error)}") from None

    @classmethod
    def load(cls, layout: Layout) -> Self:
        """Read DIR/ringwall.toml; SettingsError when it is missing, no TOML, or has a wrong value."""
        return cls.load_file(layout.settings_file)

    @classmethod
    def load_file(cls, path: Path) -> Self:
        """Read one settings file, wherever it lies; SettingsError as ``load``."""
        try:
            values = tomllib.loads(read_limited(path).decode())
        except FileNotFoundError:
            raise SettingsError(f"{path} is missing: run `./ringwall up` once to make it.") from None
        except OSError as error:
            raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} is not valid TOML: {error}.") from None
        return cls.checked(values, str(path))

    def save(self, layout: Layout, *, gid: int = KEEP) -> None:
        """Write DIR/ringwall.toml as a whole, 0640, with the group that may read it."""
        write_atomically(layout.settings_file, self.to_toml().encode(), mode=0o640, gid=gid)

    def to_toml(self) -> str:
        """Return the file's text: every value with the sentence that explains it."""
        return dump_toml(
            self, title="The settings of this Ringwall system. After a change: ./ringwall down, up."
        )

    def with_address(self, address: str) -> Self:
        """Return the same settings for another address.

        The domain stays what it was, also where it was the old address: the credentials of every phone are
        bound to it (RFC 7616, 3.4.2).
        """
        return self.checked({**self.model_dump(), "address": address}, "The command line")

    def with_free_ports(self) -> Self:
        """Return the same settings on ports that are free now, with a media range of 2000 ports."""
        found = port_search.find_free(self.address)
        values = self.model_dump()
        values["ports"] = found
        return self.checked(values, "Free ports")

    @property
    def edge_host(self) -> str:
        """The edge's name on the links inside."""
        return f"{self.edge_name}.ringwall.internal"

    @property
    def media_host(self) -> str:
        """The name of the media servers of this host on the links inside."""
        return f"{self.media.name}.ringwall.internal"

    @property
    def core_host(self) -> str:
        """The core's name on the links inside."""
        return f"{self.core_name}.ringwall.internal"


def _explain(error: ValidationError) -> str:
    """Return one sentence: each field at fault, and what is accepted there."""
    parts = []
    for item in error.errors(include_url=False):
        field = ".".join(str(part) for part in item["loc"]) or "settings"
        if item["type"] == "extra_forbidden":
            parts.append(f"{field} is not a known setting")
        elif item["type"] == "missing":
            parts.append(f"{field} is missing")
        elif item["type"] == "value_error":
            parts.append(f"{field} {item['ctx']['error']}")
        else:
            message = item["msg"].removeprefix("Input ").removeprefix("String ")
            parts.append(f"{field} {message} (it is {_short(item['input'])})")
    return "; ".join(parts) + "."


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
