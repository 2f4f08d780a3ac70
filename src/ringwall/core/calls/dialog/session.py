"""Session timers of a call's legs (RFC 4028): each has its own, so that either phone's loss is noticed."""

from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.switch.switch import Switch
from ringwall.sip.errors import ParseError
from ringwall.sip.message import Request, Response
from ringwall.sip.session_timer import (
    Refresher,
    SessionTimer,
    TooSmall,
    from_response,
    negotiate_uas,
    uac_headers,
)


def refuse_small_interval(switch: Switch, request: Request) -> Response | None:
    """The 422 or 400 for an INVITE whose session timer cannot be accepted, or None."""
    try:
        choice = negotiate_uas(request, switch.session_policy)
    except ParseError as error:
        return request.response(error.status, "Bad Session Timer", to_tag=switch.new_tag())
    if isinstance(choice, TooSmall):
        return request.response(choice.status, to_tag=switch.new_tag(), headers=choice.headers)
    return None


def answer_headers(switch: Switch, leg: Leg, request: Request) -> tuple[tuple[str, str], ...]:
    """Choose the leg's timer for a 2xx to `request`, start it, and return the headers that say so."""
    choice = negotiate_uas(request, switch.session_policy)
    if isinstance(choice, TooSmall):  # was refused before; a refresh may not make it shorter either
        return ()
    start(switch, leg, choice.timer)
    return choice.headers


def offer_headers(switch: Switch, timer: SessionTimer | None = None) -> tuple[tuple[str, str], ...]:
    """What an INVITE or UPDATE of ours says of session timers, without its Supported."""
    return tuple(pair for pair in uac_headers(switch.session_policy, timer) if pair[0] != "Supported")


def start_from_answer(switch: Switch, leg: Leg, response: Response) -> None:
    """Take the timer from a 2xx to our INVITE or UPDATE and start it."""
    try:
        timer = from_response(response, switch.session_policy)
    except ParseError:
        timer = SessionTimer(switch.settings.sip.session_expires, Refresher.LOCAL)
    start(switch, leg, timer)


def start(switch: Switch, leg: Leg, timer: SessionTimer) -> None:
    """Let the timer run from now."""
    leg.timer = timer
    now = switch.now()
    refresh_at = timer.refresh_at(now)
    if refresh_at is None:
        switch.timers.cancel(("refresh", leg))
    else:
        switch.timers.set(("refresh", leg), refresh_at)
    switch.timers.set(("session", leg), timer.expires_at(now))
