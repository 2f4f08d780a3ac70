"""What is answered to a phone that asks by multicast where its configuration is. Pure: no sockets, no clock.

Rules that this module keeps:
- One question is answered, the SUBSCRIBE for ua-profile outside of a dialog (RFC 6080, RFC 3261 21.4);
  everything else, whatever it is, gets no answer at all.
- The answer is the same for all: the address where phones ask, over HTTPS, and prove who they are. There is
  no secret in it, and nothing that the question says comes back but what SIP asks for.
- It goes to where the question came from and to no other place that the question names, and is hardly longer.
- Each source gets few answers, and all together not many more; what is kept of sources is bounded.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from ringwall.sip.errors import ParseError
from ringwall.sip.head import Limits
from ringwall.sip.message import Headers, Request
from ringwall.sip.parser import parse_message

LARGEST: Final = 2048
PER_SOURCE: Final = 6
PER_SECOND: Final = 100
SOURCE_SECONDS: Final = 30.0
MOST_SOURCES: Final = 4096
_LIMITS: Final = Limits(head=LARGEST, body=LARGEST)
_VENDOR: Final = re.compile(r'vendor="?([A-Za-z]{1,20})', re.IGNORECASE)
_VENDORS: Final = {"aastra": "mitel", "polycom": "poly"}


class Rates:
    """How many answers there may be; `now` is in monotonic seconds."""

    def __init__(self) -> None:
        self._sources: OrderedDict[str, list[float]] = OrderedDict()
        self._recent: list[float] = []

    def may(self, source: str, now: float) -> bool:
        """Count an answer to a source and return True, or return False."""
        self._recent = [at for at in self._recent if at > now - 1.0]
        times = [at for at in self._sources.get(source, []) if at > now - SOURCE_SECONDS]
        if len(self._recent) >= PER_SECOND or len(times) >= PER_SOURCE:
            return False
        self._recent.append(now)
        self._sources[source] = [*times, now]
        self._sources.move_to_end(source)
        if len(self._sources) > MOST_SOURCES:
            self._sources.popitem(last=False)
        return True


def answers(
    data: bytes, source: tuple[str, int], here: tuple[str, int], address_for: Callable[[str], str]
) -> tuple[bytes, ...]:
    """Return the datagrams that answer one: a 200 and the NOTIFY, or nothing. Never raises.

    `source` is who asked, `here` who answers; `address_for` gives the address for phones of a vendor.
    """
    if len(data) > LARGEST:
        return ()
    try:
        request = parse_message(data, _LIMITS)
        if not isinstance(request, Request) or not _is_the_question(request):
            return ()
        tag = secrets.token_hex(8)
        accepted = request.response(
            200, to_tag=tag, headers=[("Expires", "0"), ("Contact", f"<sip:{here[0]}:{here[1]}>")]
        )
        event = request.headers.get("event") or ""
        body = address_for(_vendor(event, request.headers.get("user-agent") or "")).encode()
        return accepted.to_bytes(), _notify(request, tag, source, here, body)
    except (ParseError, ValueError):
        return ()


def _is_the_question(request: Request) -> bool:
    event = (request.headers.get("event") or "").partition(";")[0].strip().lower()
    return request.method == "SUBSCRIBE" and event == "ua-profile" and not request.to.tag


def _vendor(event: str, user_agent: str) -> str:
    found = _VENDOR.search(event[:256])
    name = (found[1] if found else user_agent[:32].partition(" ")[0]).lower()
    return _VENDORS.get(name, name)


def _notify(request: Request, tag: str, source: tuple[str, int], here: tuple[str, int], body: bytes) -> bytes:
    headers = Headers(
        [
            ("Via", f"SIP/2.0/UDP {here[0]}:{here[1]};branch=z9hG4bK{secrets.token_hex(8)}"),
            ("Max-Forwards", "1"),
            ("From", str(request.to.with_tag(tag))),
            ("To", str(request.from_)),
            ("Call-ID", request.call_id),
            ("CSeq", "1 NOTIFY"),
            ("Contact", f"<sip:{here[0]}:{here[1]}>"),
            ("Event", "ua-profile"),
            ("Subscription-State", "terminated;reason=timeout"),
            ("Content-Type", "application/url"),
        ]
    )
    return Request("NOTIFY", f"sip:{source[0]}:{source[1]}", headers, body).to_bytes()
