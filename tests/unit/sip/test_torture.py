"""The messages of RFC 4475 and RFC 5118: what each must come to, over a stream and alone.

Every one arrives over a connection here, where Content-Length is mandatory and cuts the stream; where that
changes what the RFC says of a datagram, the table says so.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from ringwall.sip.digest import parse_authorization
from ringwall.sip.errors import FramingError, ParseError
from ringwall.sip.headers import AuthValue, NameAddr, Via, unquote
from ringwall.sip.message import Request, Response
from ringwall.sip.parser import StreamParser, parse_message
from ringwall.sip.sdp import SessionDescription
from ringwall.sip.uri import Uri

FOLDER = Path(__file__).parent / "torture"


def load(name: str) -> bytes:
    return (FOLDER / f"{name}.sip").read_bytes()


def feed(data: bytes) -> list[object]:
    return list(StreamParser().feed(data))


def wsinv(m: Request) -> None:
    assert m.to.tag == "1918181833n"
    assert m.from_.display == 'J Rosenberg \\"'
    assert m.from_.tag == "98asjd8"
    assert m.max_forwards == 68
    assert (m.cseq.number, m.cseq.method) == (9, "INVITE")
    assert m.via == Via("UDP", "192.0.2.2", None, {"branch": "390skdjuw"})
    assert [Via.parse(via).host for via in m.headers.all("Via")] == [
        "192.0.2.2",
        "spindle.example.com",
        "192.168.255.111",
    ]
    assert m.headers.get("Subject") == ""
    assert m.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert m.headers.all("UnknownHeaderWithUnusualValue") == [";;,,;;,;"]
    assert m.contact is not None
    assert m.contact.display == 'Quoted string ""'
    assert m.contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
    assert NameAddr.parse(m.headers.all("Route")[0]).uri.params["unknown-no-value"] is None
    assert Uri.parse(m.uri).params == {"unknownparam": None}
    assert len(SessionDescription.parse(m.body).media) == 2


def intmeth(m: Request) -> None:
    assert m.method == "!interesting-Method0123456789_*+`.%indeed'~"
    uri = Uri.parse(m.uri)
    assert uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert uri.host == "example.com"
    assert m.branch == "z9hG4bK-.!%66*_+`'~"
    assert m.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert m.from_.display == "token1~` token2'+_ token3*%!.-"
    assert (
        unquote(m.from_.params["fromparam''~+*_!.-%"] or "")
        == "\u0440\u0430\u0431\u043e\u0442\u0430\u044e\u0449\u0438\u0439"
    )
    assert m.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert m.headers.get("extensionHeader-!.%*+_`'~") == "\ufeff\u5927\u505c\u96fb"


def esc01(m: Request) -> None:
    assert Uri.parse(m.uri).user == "sips%3Auser%40example.com"
    assert m.to.uri.user == "user"
    assert m.from_.uri.user == "I%20have%20spaces"
    assert m.contact is not None
    assert m.contact.uri.user == "caller"
    assert m.contact.uri.params == {"lr": None, "name": "value%2541"}
    assert m.content_type == "application/sdp"


def esc02(m: Request) -> None:
    assert m.method == "RE%47IST%45R"
    assert m.to.display == "%Z%45"
    assert len(m.contacts) == 2
    assert m.headers.get("C%6Fntact") == "<sip:alias2@host2.example.com>"


def escnull(m: Request) -> None:
    assert m.to.uri.user == "null-%00-null"
    assert [contact.uri.user for contact in m.contacts] == ["%00", "%00%00"]


def longreq(m: Request) -> None:
    assert len(m.headers.all("Via")) == 34
    assert m.to.uri.port == 6000
    assert (m.from_.tag or "").endswith("982424")


def semiuri(m: Request) -> None:
    uri = Uri.parse(m.uri)
    assert (uri.user, uri.host, uri.params) == ("user;par=u%40example.net", "example.com", {})
    assert len(m.headers.all("Accept")) == 6


def transports(m: Request) -> None:
    assert [Via.parse(via).transport for via in m.headers.all("Via")] == [
        "UDP",
        "SCTP",
        "TLS",
        "UNKNOWN",
        "TCP",
    ]


def mpart01(m: Request) -> None:
    assert len(m.body) == 553
    assert b"\0" in m.body


def unreason(m: Response) -> None:
    assert m.status == 200
    assert m.reason.startswith("= 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e")


def noreason(m: Response) -> None:
    assert (m.status, m.reason) == (100, "")


def unksm2(m: Request) -> None:
    # A registrar refuses it because this address of record is nobody's; the parser must not stumble.
    assert m.to.uri.aor == "isbn:2983792873"
    assert m.from_.uri.scheme == "http"
    assert m.contact is not None
    assert m.contact.uri.scheme == "name"


def bext01(m: Request) -> None:
    assert m.headers.all("Require") == ["nothingSupportsThis", "nothingSupportsThisEither"]


def invut(m: Request) -> None:
    assert m.content_type == "application/unknownformat"


def regaut01(m: Request) -> None:
    value = m.headers.get("Authorization")
    assert value is not None
    assert AuthValue.parse(value).scheme == "NoOneKnowsThisScheme"
    with pytest.raises(ParseError):
        parse_authorization(value)


def bcast(m: Response) -> None:
    # Its top Via is not ours, so no transaction takes it; that is not for the parser to see.
    assert len(m.headers.all("Via")) == 2


def zeromf(m: Request) -> None:
    assert m.max_forwards == 0


def cparam01(m: Request) -> None:
    assert m.contact is not None
    assert m.contact.params == {"unknownparam": None}
    assert m.contact.uri.params == {}


def cparam02(m: Request) -> None:
    assert m.contact is not None
    assert m.contact.params == {}
    assert m.contact.uri.params == {"unknownparam": None}


def regescrt(m: Request) -> None:
    assert m.contact is not None
    assert m.contact.uri.headers == "Route=%3Csip:sip.example.com%3E"


def sdp01(m: Request) -> None:
    assert m.headers.all("Accept") == ["text/nobodyKnowsThis"]


def lwsdisp(m: Request) -> None:
    assert m.from_.display == "caller"


def baddate(m: Request) -> None:
    # Nobody here reads Date, and 3.1.2.12 allows to ignore it.
    assert m.headers.get("Date") == "Fri, 01 Jan 2010 16:00:00 EST"


def ipv6_good(m: Request) -> None:
    assert Uri.parse(m.uri).host == "[2001:db8::10]"
    assert m.via.host == "[2001:db8::9:1]"


def port_ambiguous(m: Request) -> None:
    assert (Uri.parse(m.uri).host, Uri.parse(m.uri).port) == ("[2001:db8::10:5070]", None)


def port_unambiguous(m: Request) -> None:
    assert (Uri.parse(m.uri).host, Uri.parse(m.uri).port) == ("[2001:db8::10]", 5070)


def received_with_delimiters(m: Request) -> None:
    assert m.via.params["received"] == "[2001:db8::9:255]"


def received_without_delimiters(m: Request) -> None:
    assert m.via.params["received"] == "2001:db8::9:255"


def ipv6_in_sdp(m: Request) -> None:
    audio = SessionDescription.parse(m.body).audio
    assert audio is not None
    assert audio.address is not None
    assert audio.address.address == "2001:db8::20"


def mult_ip_in_header(m: Request) -> None:
    vias = [Via.parse(via) for via in m.headers.all("Via")]
    assert [(via.host, via.port) for via in vias] == [
        ("[2001:db8::9:1]", 6050),
        ("192.0.2.1", None),
        ("[2001:db8::9:255]", None),
    ]


def mult_ip_in_sdp(m: Request) -> None:
    addresses = [media.address for media in SessionDescription.parse(m.body).media]
    assert [address and address.address for address in addresses] == ["192.0.2.1", "2001:db8::1"]


def ipv4_mapped(m: Request) -> None:
    assert (m.via.host, m.via.port) == ("[::ffff:192.0.2.10]", 19823)
    assert SessionDescription.parse(m.body).connection is not None


def two_colons(m: Request) -> None:
    assert Uri.parse(m.uri).host == "[2001:db8::192.0.2.1]"


UNDERSTOOD: dict[str, Callable[..., None]] = {
    "wsinv": wsinv,
    "intmeth": intmeth,
    "esc01": esc01,
    "escnull": escnull,
    "esc02": esc02,
    "lwsdisp": lwsdisp,
    "longreq": longreq,
    "semiuri": semiuri,
    "transports": transports,
    "mpart01": mpart01,
    "unreason": unreason,
    "noreason": noreason,
    "baddate": baddate,
    "unksm2": unksm2,
    "bext01": bext01,
    "invut": invut,
    "regaut01": regaut01,
    "bcast": bcast,
    "zeromf": zeromf,
    "cparam01": cparam01,
    "cparam02": cparam02,
    "regescrt": regescrt,
    "sdp01": sdp01,
    "ipv6-good": ipv6_good,
    "port-ambiguous": port_ambiguous,
    "port-unambiguous": port_unambiguous,
    "via-received-param-with-delim": received_with_delimiters,
    "via-received-param-no-delim": received_without_delimiters,
    "ipv6-in-sdp": ipv6_in_sdp,
    "mult-ip-in-header": mult_ip_in_header,
    "mult-ip-in-sdp": mult_ip_in_sdp,
    "ipv4-mapped-ipv6": ipv4_mapped,
    "ipv6-correct-abnf-2-colons": two_colons,
}

REFUSED = {
    "badinv01": 400,
    "scalar02": 400,
    "quotbal": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "trws": 400,
    "escruri": 400,
    "regbadct": 400,
    "badaspec": 400,
    "baddn": 400,
    "badvers": 505,
    "mismatch01": 400,
    "mismatch02": 501,
    "badbranch": 400,
    "unkscm": 416,
    "novelsc": 416,
    "multi01": 400,
    "ipv6-bad": 400,
    "ipv6-bug-abnf-3-colons": 400,
}

# Malformed responses, and a request that does not say whom to answer (no From, To and Call-ID).
DROPPED = ["scalarlg", "bigcode", "insuf"]

# Refused, and then the connection ends: where the next message begins cannot be known.
BREAKING = ["ncl", "mcl01", "inv2543"]

OTHERS = ["dblreq", "clerr"]


def test_every_message_of_both_rfcs_is_in_a_table() -> None:
    named = [*UNDERSTOOD, *REFUSED, *DROPPED, *BREAKING, *OTHERS]
    assert sorted(named) == sorted(path.stem for path in FOLDER.glob("*.sip"))
    assert len(named) == 49 + 12


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_a_valid_message_is_understood(name: str) -> None:
    data = load(name)
    (message,) = feed(data)
    assert isinstance(message, Request | Response)
    UNDERSTOOD[name](message)
    assert parse_message(data) == message
    assert parse_message(message.to_bytes()) == message


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_request_is_refused_with_its_code(name: str) -> None:
    data = load(name)
    (error,) = feed(data)
    assert isinstance(error, ParseError)
    assert error.status == REFUSED[name]
    assert error.request is not None
    reply = error.request.response(error.status, to_tag="x")
    assert reply.to_bytes().startswith(f"SIP/2.0 {error.status} ".encode())
    assert reply.headers.get("Call-ID") == error.request.call_id
    with pytest.raises(ParseError) as alone:
        parse_message(data)
    assert alone.value.status == REFUSED[name]


@pytest.mark.parametrize("name", DROPPED)
def test_what_cannot_be_answered_is_dropped(name: str) -> None:
    data = load(name)
    error, message = feed(data + load("zeromf"))
    assert isinstance(error, ParseError)
    assert error.request is None
    assert isinstance(message, Request)


@pytest.mark.parametrize("name", BREAKING)
def test_a_message_without_a_clear_end_is_refused_and_ends_the_connection(name: str) -> None:
    stream = StreamParser()
    with pytest.raises(FramingError) as caught:
        stream.feed(load("zeromf") + load(name))
    before, error = caught.value.messages
    assert isinstance(before, Request)
    assert isinstance(error, ParseError)
    assert error.status == 400
    assert error.request is not None
    assert stream.feed(load("zeromf")) == []


def test_a_message_of_rfc_2543_is_understood_where_its_end_is_known() -> None:
    message = parse_message(load("inv2543"))
    assert isinstance(message, Request)
    assert message.branch == ""
    assert message.from_.tag is None
    assert message.to.params == {"user": "phone"}


def test_two_requests_in_a_row_are_two_requests() -> None:
    # A datagram would end with the first. The second claims three bytes less than its body has: they stay.
    stream = StreamParser()
    register, invite = stream.feed(load("dblreq"))
    assert isinstance(register, Request)
    assert isinstance(invite, Request)
    assert (register.method, invite.method) == ("REGISTER", "INVITE")
    assert len(invite.body) == 150
    assert stream.buffered == 3


def test_a_body_that_is_shorter_than_it_claims_is_waited_for() -> None:
    stream = StreamParser()
    assert stream.feed(load("clerr")) == []
    (message,) = stream.feed(b"x" * (9999 - 152 - 2))
    assert isinstance(message, Request)
    with pytest.raises(ParseError) as caught:
        parse_message(load("clerr"))
    assert caught.value.status == 400
