"""A text on the phones of a user: MESSAGE outside of any call (RFC 3428).

Rules that this module keeps:
- Only Ringwall itself sends one; phones cannot send each other any.
- It goes to every phone of the user that is signed in; one that takes it is enough.
"""

import time
from collections.abc import Callable

from ringwall.core.calls.switch.switch import PRODUCT, Switch
from ringwall.core.registrar.bindings import Binding
from ringwall.sip.message import Headers, Request, Response
from ringwall.sip.syntax import quote

LONGEST = 1000  # characters: with its headers it stays below the size of one packet (RFC 3428, 8)


def send_text(switch: Switch, extension: str, text: str, then: Callable[[int, str], None]) -> None:
    """Send a text to a user's phones; `then` learns how many took it and, where none did, why."""
    phones = switch.bindings.of_extension(extension, time.time())
    if not phones:
        then(0, "no phone is signed in")
        return
    open_, taken, why = len(phones), 0, ""

    def answered(_request: Request, response: Response) -> None:
        nonlocal open_, taken, why
        open_ -= 1
        if 200 <= response.status < 300:
            taken += 1
        else:
            why = f"{response.status} {response.reason}"[:120]
        if not open_:
            then(taken, why)

    for phone in phones:
        switch.out_of_dialog_request(_message(switch, phone, text[:LONGEST]), answered)
    switch.flush()


def _message(switch: Switch, phone: Binding, text: str) -> Request:
    tag = switch.new_tag()
    headers = [
        *(("Route", entry) for entry in phone.path),
        ("Max-Forwards", "70"),
        ("From", f"{quote(PRODUCT)} <sip:{switch.domain}>;tag={tag}"),
        ("To", f"<sip:{phone.extension}@{switch.domain}>"),
        ("Call-ID", switch.new_tag() + tag),
        ("CSeq", "1 MESSAGE"),
        ("User-Agent", PRODUCT),
        ("Content-Type", "text/plain;charset=UTF-8"),
    ]
    return Request("MESSAGE", phone.contact, Headers(headers), text.encode())
