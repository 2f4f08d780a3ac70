"""Any text is a header value, URI or credentials, or one ParseError; `str` and parse come back to the same.

The first byte of the input chooses the parser.
`python tests/fuzz/fuzz_headers.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

from collections.abc import Callable

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.sip.digest import Challenge, parse_authorization
    from ringwall.sip.errors import ParseError
    from ringwall.sip.headers import AuthValue, CSeq, NameAddr, Via, parse_params, split_values
    from ringwall.sip.sdes import Crypto
    from ringwall.sip.uri import Uri

ROUND_TRIPS: list[Callable[[str], object]] = [
    Uri.parse_any,
    NameAddr.parse,
    Via.parse,
    CSeq.parse,
    AuthValue.parse,
    Challenge.parse,
    parse_authorization,
]
OTHERS: list[Callable[[str], object]] = [Uri.parse, Crypto.parse, parse_params, split_values]
PARSERS = ROUND_TRIPS + OTHERS


def target(data: bytes) -> None:
    if not data:
        return
    parse = PARSERS[data[0] % len(PARSERS)]
    # Line breaks never reach these parsers: the head was cut at them.
    text = harness.text_of(data[1:].replace(b"\r", b"").replace(b"\n", b""))
    try:
        value = parse(text)
    except ParseError:
        return
    if parse in ROUND_TRIPS:
        assert parse(str(value)) == value
        assert hash(parse(str(value))) == hash(value)
    if isinstance(value, Crypto):
        assert Crypto.parse(value.to_text()) == value


if __name__ == "__main__":
    challenge = b'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth", stale=true, opaque="x"'
    credentials = (
        b'Digest username="u", realm="r", nonce="n", uri="sip:x", response="'
        + b"a" * 64
        + b'", algorithm=SHA-256, '
        b'cnonce="c", qop=auth, nc=00000001'
    )
    crypto = b"1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"|2^20|1:4 KDR=3"
    values = [
        *harness.header_values(),
        challenge,
        credentials,
        crypto,
        b"sip:a:b@c:5060;lr?x=y",
        b"tel:+1-2;x=y",
    ]
    harness.run(target, [bytes([index]) + value for value in values for index in range(len(PARSERS))])
