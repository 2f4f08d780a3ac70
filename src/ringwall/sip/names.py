"""Header names: their keys, usual spellings, compact forms, and which of them hold lists."""

from functools import lru_cache
from typing import Final

from ringwall.sip.errors import ParseError
from ringwall.sip.syntax import is_token

_USUAL = [
    "Accept",
    "Accept-Contact",
    "Accept-Encoding",
    "Accept-Language",
    "Alert-Info",
    "Allow",
    "Allow-Events",
    "Authentication-Info",
    "Authorization",
    "Call-ID",
    "Call-Info",
    "Contact",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Type",
    "CSeq",
    "Date",
    "Diversion",
    "Error-Info",
    "Event",
    "Expires",
    "From",
    "Geolocation",
    "History-Info",
    "Identity",
    "In-Reply-To",
    "Info-Package",
    "Join",
    "Max-Breadth",
    "Max-Forwards",
    "MIME-Version",
    "Min-Expires",
    "Min-SE",
    "Organization",
    "P-Access-Network-Info",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "P-Ringwall-Event",
    "P-Ringwall-Flow",
    "P-Ringwall-Link",
    "Path",
    "Priority",
    "Privacy",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Require",
    "RAck",
    "Reason",
    "Record-Route",
    "Recv-Info",
    "Refer-Sub",
    "Refer-To",
    "Referred-By",
    "Reject-Contact",
    "Replaces",
    "Reply-To",
    "Request-Disposition",
    "Require",
    "Resource-Priority",
    "Retry-After",
    "Route",
    "RSeq",
    "Security-Client",
    "Security-Server",
    "Security-Verify",
    "Server",
    "Service-Route",
    "Session-Expires",
    "SIP-ETag",
    "SIP-If-Match",
    "Subject",
    "Subscription-State",
    "Supported",
    "Target-Dialog",
    "Timestamp",
    "To",
    "Unsupported",
    "User-Agent",
    "Via",
    "Warning",
    "WWW-Authenticate",
]

_COMPACT: Final = {
    "a": "accept-contact",  # RFC 3841
    "b": "referred-by",  # RFC 3892
    "c": "content-type",
    "d": "request-disposition",  # RFC 3841
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",  # RFC 3841
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",  # RFC 6665
    "r": "refer-to",  # RFC 3515
    "s": "subject",
    "t": "to",
    "u": "allow-events",  # RFC 6665
    "v": "via",
    "x": "session-expires",  # RFC 4028
    "y": "identity",  # RFC 8224
}

SPLIT_HEADERS: Final = frozenset({"via", "route", "record-route", "path", "service-route", "contact"})
"""Lists that are kept one value an element."""

LIST_HEADERS: Final = SPLIT_HEADERS | {
    name.lower()
    for name in [
        "Accept",
        "Accept-Contact",
        "Accept-Encoding",
        "Accept-Language",
        "Alert-Info",
        "Allow",
        "Allow-Events",
        "Call-Info",
        "Content-Encoding",
        "Content-Language",
        "Diversion",
        "Error-Info",
        "Geolocation",
        "History-Info",
        "In-Reply-To",
        "P-Asserted-Identity",
        "P-Preferred-Identity",
        "Proxy-Require",
        "Reason",
        "Recv-Info",
        "Reject-Contact",
        "Require",
        "Resource-Priority",
        "Security-Client",
        "Security-Server",
        "Security-Verify",
        "Supported",
        "Unsupported",
        "Warning",
    ]
}
"""Every header that is defined as a comma-separated list."""

_DISPLAY: Final = {name.lower(): name for name in _USUAL}

KNOWN_KEYS: Final = {
    spelling: key
    for key, name in [(name.lower(), name) for name in _USUAL]
    + [(key, short) for short, key in _COMPACT.items()]
    for spelling in (name, name.lower(), name.upper(), name.title())
}
"""The key of each usual spelling: a hit spares the check of the name."""


def header_key(name: str) -> str:
    """The key of a header name: its long form in lower case. ParseError (400) if it is no token."""
    key = KNOWN_KEYS.get(name)
    if key is not None:
        return key
    if not is_token(name):
        raise ParseError(400, "Malformed header name")
    key = name.lower()
    return _COMPACT.get(key, key)


@lru_cache(maxsize=512)
def display_name(key: str) -> str:
    """How a header with this key is usually written."""
    return _DISPLAY.get(key) or "-".join([part.capitalize() for part in key.split("-")])
