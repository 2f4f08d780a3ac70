"""The settings of a trunk, and how they become a TrunkLine."""

from typing import Any, Final

from ringwall.core.numbers import outside_number
from ringwall.core.rights.settings import Form, Setting, Value, Values, flag, number, text, words
from ringwall.core.rights.trunk import (
    CALLER_IDS,
    MEDIA,
    NUMBER_FORMATS,
    TRANSPORTS,
    DidRange,
    TrunkLine,
)

TRUNK_SETTINGS: Final = (
    text("name", "What people call it, such as the carrier.", None, required=True),
    text("trunk_group", "The trunk group that it belongs to.", None, required=True, refers="trunk-group"),
    flag("enabled", "It is in service.", default=True),
    text("host", "The carrier's SIP server, a name or an address.", None, required=True),
    number("port", "The port of the carrier's SIP server.", 5061),
    text(
        "transport",
        "How signalling goes: tls; tcp is clear text.",
        "tls",
        choices=TRANSPORTS,
        hint="The edge has no UDP to carriers: ask the carrier for TLS.",
    ),
    text("media", "How voice goes: srtp; rtp is clear text.", "srtp", choices=MEDIA),
    flag(
        "allow_clear_text", "Allow expressly what is not encrypted on the way to this carrier.", default=False
    ),
    text("certificate_name", "The name in the carrier's certificate; empty: the host."),
    Setting(
        "authority",
        Form.FILE,
        "A file with the certificates (PEM) that may sign the carrier's; empty: the public authorities.",
        "",
    ),
    words("sources", "Addresses or networks that its calls come in from; none: those of the host."),
    flag(
        "registers",
        "Register at the carrier; off: the carrier knows us by address or certificate.",
        default=False,
    ),
    number("register_seconds", "How long a registration lasts: 60 to 86400.", 600),
    text("username", "The name of the digest login."),
    text("domain", "The domain in our From and To; empty: the host."),
    text("number_format", "How numbers go out: +e164, e164, national.", "+e164", choices=NUMBER_FORMATS),
    text("prefix", "Digits that the carrier wants in front of every number."),
    text(
        "caller_id",
        "What a call shows: the user's number (the trunk's, if there is none), the trunk's, or withheld.",
        "user",
        choices=CALLER_IDS,
    ),
    text("caller_number", "The trunk's number, such as +14085550100."),
    flag("asserted_identity", "Tell the carrier who calls in P-Asserted-Identity (RFC 3325).", default=True),
    words("did_ranges", "Numbers that ring here, such as +14085550100-+14085550199."),
    number("did_digits", "How many of a number's last digits are the extension: 2 to 8.", 4),
    number(
        "options_seconds", "How often the carrier is asked whether it is there: 10 to 3600; 0: never.", 30
    ),
    number("priority", "Its place among the trunks of its group: 1, tried first, to 100.", 10),
    number("max_calls", "Calls that it carries at once: 0 to 10000.", 30),
)


def build_trunk(key: str, values: Values) -> tuple[TrunkLine, Values]:
    """Return the trunk, and its settings in their tidy form; raise PolicyError."""
    ranges = values["did_ranges"] if isinstance(values["did_ranges"], list) else []
    found = tuple(DidRange.parse(one) for one in ranges)
    tidy: dict[str, Value] = {"did_ranges": [str(one) for one in found]}
    if values["caller_number"]:
        tidy["caller_number"] = outside_number(str(values["caller_number"]), "caller_number")
    plain: dict[str, Any] = {**values, **tidy, "did_ranges": found}
    plain["sources"] = tuple(plain["sources"])
    return TrunkLine(key, **plain), tidy
