"""Session timers (RFC 4028): a call whose other side has vanished does not stay for ever.

Rules that this module keeps:

- The interval is never below 90 seconds, never below what we or the caller ask for as the least (Min-SE), and
  never above what the caller asks for (Session-Expires).
- Too short an interval is refused with 422 and our Min-SE, but only to a caller that understands 422 (it says
  `Supported: timer`); for any other we keep the timer ourselves, at our least interval.
- Nor is it ever above a day, whatever Min-SE the other side writes: it could switch the timer off with it.
- Who refreshes: what the caller says; where it says nothing, whoever our policy prefers; and always we, where
  the other side does not know session timers (RFC 4028 9, table 2).
- Whoever refreshes does so at half the interval. Whoever hears no refresh ends the call a little before the
  interval does: by 32 seconds or a third of it, whichever is less (RFC 4028 10).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from ringwall.sip.errors import ParseError
from ringwall.sip.message import Request, Response
from ringwall.sip.syntax import parse_number, parse_params

LEAST_INTERVAL: Final = 90  # seconds, RFC 4028 4
LONGEST_INTERVAL: Final = 86_400
_LARGEST_NUMBER: Final = 2**32 - 1  # delta-seconds of RFC 3261 25.1
_EARLIEST_END: Final = 32.0
_TAG: Final = "timer"


class Refresher(StrEnum):
    """Which side of the dialog refreshes."""

    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class TimerPolicy:
    """What we want, in seconds; `refresher` is whom we choose where the other side leaves it to us."""

    session_expires: int = 1800
    min_se: int = LEAST_INTERVAL
    refresher: Refresher = Refresher.LOCAL

    def __post_init__(self) -> None:
        if not LEAST_INTERVAL <= self.min_se <= self.session_expires <= LONGEST_INTERVAL:
            raise ValueError(
                f"a session timer needs {LEAST_INTERVAL} <= Min-SE <= Session-Expires <= {LONGEST_INTERVAL}, "
                f"not {self.min_se} and {self.session_expires}"
            )


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """The timer of a dialog, agreed at `now`; it starts anew with each refresh that is answered with 2xx."""

    interval: int  # seconds
    refresher: Refresher

    def refresh_at(self, now: float) -> float | None:
        """When we have to refresh, or None where the other side does."""
        return now + self.interval / 2 if self.refresher is Refresher.LOCAL else None

    def expires_at(self, now: float) -> float:
        """When we end the call unless a refresh has succeeded."""
        return now + self.interval - min(_EARLIEST_END, self.interval / 3)

    def to_value(self) -> dict[str, Any]:
        """The timer as JSON-able values."""
        return {"interval": self.interval, "refresher": self.refresher.value}

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Self:
        """Take up what `to_value` gave. Raises KeyError or ValueError for anything else."""
        return cls(int(value["interval"]), Refresher(value["refresher"]))


@dataclass(frozen=True, slots=True)
class TimerChoice:
    """What a UAS chose: the timer, and what its 2xx says of it."""

    timer: SessionTimer
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TooSmall:
    """The caller asked for too short an interval: answer `status` with `headers`."""

    min_se: int
    status: int = 422

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What the 422 has to carry (RFC 4028 6)."""
        return (("Min-SE", str(self.min_se)),)


def supports_timer(message: Request | Response) -> bool:
    """Whether the sender understands session timers (`Supported` or `Require: timer`)."""
    return any(tag.lower() == _TAG for name in ("Supported", "Require") for tag in message.headers.all(name))


def negotiate_uas(request: Request, policy: TimerPolicy) -> TimerChoice | TooSmall:
    """Choose the timer for an INVITE or UPDATE that came in (RFC 4028 9).

    Raises ParseError(400) for headers that cannot be read.
    """
    supported = supports_timer(request)
    asked = _session_expires(request)
    least = max(_min_se(request), policy.min_se)
    if asked is None:
        interval, role = max(policy.session_expires, least), None
    else:
        interval, role = asked
        if interval < policy.min_se and supported:
            return TooSmall(policy.min_se)
        interval = max(min(interval, policy.session_expires), least)
    interval = min(interval, LONGEST_INTERVAL)
    if not supported:
        refresher = Refresher.LOCAL
    elif role is not None:
        refresher = Refresher.REMOTE if role == "uac" else Refresher.LOCAL
    else:
        refresher = policy.refresher
    side = "uac" if refresher is Refresher.REMOTE else "uas"
    headers: tuple[tuple[str, str], ...] = ()
    if supported:
        # Require is a must where the caller refreshes: it then knows that we rely on it (RFC 4028 9).
        headers = (("Require", _TAG), ("Session-Expires", f"{interval};refresher={side}"))
    return TimerChoice(SessionTimer(interval, refresher), headers)


def uac_headers(policy: TimerPolicy, timer: SessionTimer | None = None) -> tuple[tuple[str, str], ...]:
    """What an INVITE or UPDATE of ours says of session timers (RFC 4028 7.1); `timer` is the one that runs.

    A refresh keeps interval and roles (7.4); a first INVITE leaves the roles to the called side.
    """
    if timer is None:
        value = str(policy.session_expires)
    else:
        side = "uac" if timer.refresher is Refresher.LOCAL else "uas"
        value = f"{timer.interval};refresher={side}"
    return (("Supported", _TAG), ("Session-Expires", value), ("Min-SE", str(policy.min_se)))


def from_response(response: Response, policy: TimerPolicy) -> SessionTimer:
    """The timer that a 2xx to an INVITE or UPDATE of ours makes (RFC 4028 7.2).

    Where the other side knows no session timers we refresh alone, so that a lost phone is still noticed.
    Raises ParseError(400) for a header that cannot be read.
    """
    granted = _session_expires(response)
    if granted is None:
        return SessionTimer(policy.session_expires, Refresher.LOCAL)
    interval, role = granted
    # Below our least it is an error of the other side, and refreshing so often would harm only us.
    interval = min(max(interval, policy.min_se), LONGEST_INTERVAL)
    return SessionTimer(interval, Refresher.REMOTE if role == "uas" else Refresher.LOCAL)


def after_too_small(response: Response, policy: TimerPolicy) -> TimerPolicy:
    """The policy with which to try again after a 422 (RFC 4028 7.3); ParseError(400) for a bad Min-SE."""
    least = max(_min_se(response), policy.min_se)
    least = min(least, LONGEST_INTERVAL)
    return TimerPolicy(max(policy.session_expires, least), least, policy.refresher)


def _session_expires(message: Request | Response) -> tuple[int, str | None] | None:
    text = message.headers.get("Session-Expires")
    if text is None:
        return None
    number, _, rest = text.partition(";")
    seconds = parse_number(number.strip(), _LARGEST_NUMBER, "Session-Expires")
    role = parse_params(rest).get("refresher") if rest else None
    if role is None:
        return seconds, None
    role = role.lower()
    if role not in ("uac", "uas"):
        raise ParseError(400, "The refresher of Session-Expires is neither uac nor uas")
    return seconds, role


def _min_se(message: Request | Response) -> int:
    text = message.headers.get("Min-SE")
    if text is None:
        return LEAST_INTERVAL
    return max(LEAST_INTERVAL, parse_number(text.partition(";")[0].strip(), _LARGEST_NUMBER, "Min-SE"))
