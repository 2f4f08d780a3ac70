"""The engines' configurations as text: limits for each source among them (R3).

All that a template may use is one frozen value, `Edge`. Its fields are numbers, addresses, names and paths
whose form is checked when it is made, so no setting, however it got there, can put a line of its own into a
configuration.
"""

import hashlib
import hmac
import ipaddress
import os
import re
import resource
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ringwall.infra import link_proof
from ringwall.infra.layout import Layout
from ringwall.infra.settings import TRUNK_SLOTS, Settings

MESSAGE_BYTES = 12_000
"""The largest SIP message: a browser's offer with many candidates has 6 kB.

Kamailio's buffer of 16 KiB leaves room to refuse somewhat larger ones politely."""

_INNER_CONNECTIONS = 400
_SPARE_FILES = 500
_FEWEST_CONNECTIONS = 100
_LINK_ADDRESS = "127.255.255.1"  # where the core's links come from, as Kamailio sees it
_INSIDE_SOURCES = "127.255.0.0/16"  # this one and those that the agent makes up for its slots
_TRACKED_SOURCES = 200_000
_UNREGISTERED_SECONDS = 60
_FLOOD_SECONDS = 30
_OFFENDERS_WAITING = 1000
_OFFENDERS_TOLD = 20  # each half second
_CLOSED_TOLD = 200  # each tenth of a second
_URL_BYTES = 4096
_CERTIFICATE_BYTES = 6000  # of a phone: as a header it has to fit into HAProxy's buffer
_FLOW_MARGIN_SECONDS = 100
_STRAYS = (
    20  # responses that are none, of one connection within a minute: a call that ends badly leaves a few
)
_TO_SIGN_IN = 6  # requests of a connection: one without and one with credentials, and some to spare
_MAX_FORWARDS = 70  # RFC 3261, 8.1.1.6
_PORT_LIMIT = 65536
_TRUNK_CONNECTIONS = 4 * TRUNK_SLOTS  # room for those that are just ending
_NUMBER_LIMIT = 2**31

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_PATH = re.compile(r"/[A-Za-z0-9_./+@-]{1,200}\Z")
_SECRET = re.compile(r"[A-Za-z0-9_-]{22,128}\Z")
_WORD = re.compile(r"[a-z]{1,10}\Z")


class RenderError(ValueError):
    """A value cannot stand in a configuration; the text names the field and says what is possible."""


def _is_address(value: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(value)) == value
    except ValueError:
        return False


def _is_network(value: str) -> bool:
    try:
        return str(ipaddress.IPv4Network(value)) == value
    except ValueError:
        return False


_CHECKS: dict[str, tuple[Callable[[str], object], str]] = {
    "address": (_is_address, "an IPv4 address"),
    "link_address": (_is_address, "an IPv4 address"),
    "inside_sources": (_is_network, "an IPv4 network"),
    "haproxy": (_PATH.match, "an absolute path of letters, digits and _ . / + @ -"),
    "run": (_PATH.match, "an absolute path of letters, digits and _ . / + @ -"),
    "heads": (_PATH.match, "an absolute path of letters, digits and _ . / + @ -"),
    "core_name": (_NAME.match, "a DNS name"),
    "link_token": (_SECRET.match, "22 to 128 letters, digits, - or _"),
    "link_inner": (_SECRET.match, "22 to 128 letters, digits, - or _"),
    "link_outer": (_SECRET.match, "22 to 128 letters, digits, - or _"),
    "flow_token_secret": (_SECRET.match, "22 to 128 letters, digits, - or _"),
    "via_mark": (_SECRET.match, "22 to 128 letters, digits, - or _"),
    "seal_secret": (_SECRET.match, "22 to 128 letters, digits, - or _"),
    "trunk_token": (_SECRET.match, "22 to 128 letters, digits, - or _"),
    "haproxy_log_level": (_WORD.match, "a level of syslog"),
}


@dataclass(frozen=True, slots=True)
class Edge:
    """What the templates may use. RenderError if a value has not its form. Seconds and bytes."""

    address: str
    haproxy: str
    run: str
    heads: str
    socket_gid: int
    core_name: str
    link_token: str
    link_inner: str
    link_outer: str
    flow_token_secret: str
    trunk_token: str
    via_mark: str
    seal_secret: str
    sips_port: int
    https_port: int
    phones_port: int
    inner_port: int
    kamailio_phones_port: int
    kamailio_core_port: int
    kamailio_ws_port: int
    kamailio_trunks_port: int
    ng_port: int
    rtp_first: int
    rtp_last: int
    sips_connections: int
    https_connections: int
    fetch_connections: int
    connections_per_source: int
    handshakes_per_source_10s: int
    sip_requests_per_source_2s: int
    sip_requests_per_trunk_2s: int
    http_requests_per_source_10s: int
    http_body_bytes: int
    handshake_seconds: int
    first_message_seconds: int
    flow_idle_seconds: int
    ring_seconds: int
    media_timeout: int
    offer_timeout: int
    max_calls: int
    link_address: str = _LINK_ADDRESS
    inside_sources: str = _INSIDE_SOURCES
    inner_connections: int = _INNER_CONNECTIONS
    trunk_connections: int = _TRUNK_CONNECTIONS
    trunk_slots: int = TRUNK_SLOTS
    tracked_sources: int = _TRACKED_SOURCES
    unregistered_seconds: int = _UNREGISTERED_SECONDS
    flood_seconds: int = _FLOOD_SECONDS
    message_bytes: int = MESSAGE_BYTES
    offenders_waiting: int = _OFFENDERS_WAITING
    offenders_told: int = _OFFENDERS_TOLD
    closed_told: int = _CLOSED_TOLD
    url_bytes: int = _URL_BYTES
    certificate_bytes: int = _CERTIFICATE_BYTES
    sip_requests_to_sign_in: int = _TO_SIGN_IN
    max_forwards: int = _MAX_FORWARDS
    strays_put_up_with: int = _STRAYS
    threads: int = 2
    kamailio_debug: int = -1
    haproxy_log_level: str = "notice"

    def __post_init__(self) -> None:
        """Check the form of every field."""
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not field.type:
                raise RenderError(f"{field.name} has the wrong type.")
            if isinstance(value, int):
                highest = _PORT_LIMIT if field.name.endswith("_port") else _NUMBER_LIMIT
                if not -1 <= value < highest:
                    raise RenderError(f"{field.name} is out of range: {value}.")
            else:
                check, wanted = _CHECKS[field.name]
                if not check(str(value)):
                    raise RenderError(f"{field.name} must be {wanted}.")


def connections(settings: Settings, open_files: int) -> tuple[int, int, int]:
    """Return how many connections SIP, browsers and phones that fetch something may have in all.

    ``open_files`` is the limit of a process: HAProxy needs two descriptors for each connection, and does not
    start when it cannot have them. So a host with a low limit takes fewer connections instead of none.
    """
    phones = min(
        settings.limits.connections, ((open_files - _SPARE_FILES) // 2 - _INNER_CONNECTIONS) * 4 // 7
    )
    if phones < _FEWEST_CONNECTIONS:
        raise RenderError(f"this host allows a program only {open_files} open files, which are too few.")
    return phones, phones // 2, phones // 4


def file_limit() -> int:
    """Return how many files a program that is started from here may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def edge_of(layout: Layout, settings: Settings, link_token: str) -> Edge:
    """Return what the templates need; RenderError when a value has not its form."""
    ports, limits, sip = settings.ports, settings.limits, settings.sip
    phones, browsers, fetching = connections(settings, file_limit())
    return Edge(
        address=settings.address,
        haproxy=str(layout.haproxy),
        run=str(layout.edge_run),
        heads=str(layout.kamailio_heads),
        socket_gid=layout.edge_run.stat().st_gid,
        core_name=settings.core_host,
        link_token=link_token,
        link_inner=link_proof.keys(link_token)[0],
        link_outer=link_proof.keys(link_token)[1],
        # Tokens in the phones' Path and Record-Route must outlive a restart, and be another secret than the
        # core's word; so must the agent's.
        flow_token_secret=_derived(link_token, b"ringwall flow tokens"),
        trunk_token=_derived(link_token, b"ringwall trunks"),
        via_mark=_derived(link_token, b"ringwall marks in Via")[:32],
        seal_secret=_derived(link_token, b"ringwall seals in Via"),
        sips_port=ports.sips,
        https_port=ports.https,
        phones_port=ports.phones,
        inner_port=ports.inner,
        kamailio_phones_port=ports.kamailio_phones,
        kamailio_core_port=ports.kamailio_core,
        kamailio_ws_port=ports.kamailio_ws,
        kamailio_trunks_port=ports.kamailio_trunks,
        ng_port=ports.ng,
        rtp_first=ports.rtp_first,
        rtp_last=ports.rtp_last,
        sips_connections=phones,
        https_connections=browsers,
        fetch_connections=fetching,
        connections_per_source=limits.connections_per_source,
        handshakes_per_source_10s=limits.handshakes_per_source_10s,
        sip_requests_per_source_2s=max(2, limits.sip_requests_per_source_10s // 5),
        sip_requests_per_trunk_2s=max(2, limits.sip_requests_per_trunk_10s // 5),
        http_requests_per_source_10s=limits.http_requests_per_source_10s,
        http_body_bytes=limits.http_body_bytes,
        handshake_seconds=limits.handshake_seconds,
        first_message_seconds=2 * limits.handshake_seconds,
        flow_idle_seconds=sip.register_max + _FLOW_MARGIN_SECONDS,
        ring_seconds=sip.ring_seconds,
        media_timeout=2 * sip.session_expires,
        offer_timeout=2 * sip.ring_seconds + 60,
        max_calls=sip.max_calls,
        threads=min(4, os.cpu_count() or 1),
    )


def _derived(link_token: str, purpose: bytes) -> str:
    return hmac.new(link_token.encode(), purpose, hashlib.sha256).hexdigest()


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - no HTML; Edge checks every value
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def haproxy(edge: Edge) -> str:
    """Return haproxy.cfg."""
    return _TEMPLATES.get_template("haproxy.cfg.j2").render(e=edge)


def kamailio(edge: Edge) -> str:
    """Return kamailio.cfg. It holds what is made of the link token: 0640, for Kamailio's user."""
    return _TEMPLATES.get_template("kamailio.cfg.j2").render(e=edge)


def rtpengine(edge: Edge) -> str:
    """Return rtpengine.conf."""
    return _TEMPLATES.get_template("rtpengine.conf.j2").render(e=edge)
