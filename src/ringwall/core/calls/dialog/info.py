"""INFO within a call: what a phone says beside its media, such as the keys of one that sends them so.

Rules that this module keeps:
- Between two parties it is passed on, and what the other one answers is the answer.
- A feature may understand it first (`hooks.info`).
- A party that talks with the system is understood here: keys (application/dtmf-relay, application/dtmf).
"""

import re
from typing import Final

from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.dialog.glare import DEAD, dialog_is_gone
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.states import LegState
from ringwall.core.calls.switch.switch import Switch
from ringwall.sip.message import Request, Response

_SIGNAL: Final = re.compile(rb"^\s*Signal\s*=\s*([0-9A-Da-d*#])\s*$", re.MULTILINE)
_KEY: Final = re.compile(rb"\s*([0-9A-Da-d*#])\s*\Z")
_LONGEST: Final = 256


def key_of(content_type: str | None, body: bytes) -> str:
    """The key that an INFO says was pressed; empty where it says something else."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if len(body) > _LONGEST:
        return ""
    if kind == "application/dtmf-relay":
        found = _SIGNAL.search(body)
    elif kind == "application/dtmf":
        found = _KEY.match(body)
    else:
        return ""
    return found[1].decode().upper() if found is not None else ""


def _to_system(switch: Switch, leg: Leg, key: str, request: Request) -> None:
    pressed = key_of(request.headers.get("content-type"), request.body)
    if pressed:
        switch.media.pressed(leg.tag, pressed)
        switch.respond(key, request.response(200))
    else:
        switch.respond(key, request.response(415))


def passed_through(switch: Switch, call: Call, leg: Leg, key: str, request: Request) -> None:
    """An INFO within the call, such as a digit of a phone that sends digits so: the other party gets it."""
    if any(understands(call, leg, key, request) for understands in switch.hooks.info):
        return
    if leg.media is not None:
        _to_system(switch, leg, key, request)
        return
    other = call.other(leg)
    if other is None or other.dialog is None or other.state is not LegState.TALKING:
        switch.respond(key, request.response(480))
        return
    content_type = request.headers.get("content-type")
    package = request.headers.get("info-package")
    headers = [("Info-Package", package)] if package else []
    leg.pending_requests[key] = request

    def answered(_request: Request, response: Response) -> None:
        status = response.status
        if status < 200:
            return
        gone = status >= 300 and dialog_is_gone(switch, other, status)
        # 430 and what else is about the other dialog must not be taken for a word about this one (RFC 5057).
        switch.answer(leg, key, request.response(480 if status in DEAD else status))
        if gone:
            teardown.end(switch, call, "phone lost")

    switch.request(other, other.dialog.request("INFO", None, headers, request.body, content_type), answered)
