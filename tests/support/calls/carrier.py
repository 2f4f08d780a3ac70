"""A carrier: takes calls over its trunk, asks for a login, brings calls, fails on demand."""

from ringwall.core.rights.trunk import DidRange, TrunkLine
from ringwall.sip.digest import Challenge, ha1, parse_authorization
from ringwall.sip.message import Request
from support.calls.media import describe
from support.calls.phone import Phone, PhoneCall

REALM = "carrier.example"


class Carrier(Phone):
    """`line` is what the administrator has set for it. Calls show `number` as the caller."""

    def __init__(self, world, line: TrunkLine, *, suites, slot: bool = True) -> None:
        super().__init__(world, "", f"carrier-{line.id}", "", suites=suites)
        self.line = line
        self.clear = line.media == "rtp"
        self.number = "+442079460000"
        self.login: tuple[str, str] | None = None
        self.realm_header = ("WWW-Authenticate", 401)
        self.challenges = 0
        self.refuses_location = False
        self.on_other = 200  # OPTIONS and REGISTER
        self.heard_outside: list[Request] = []
        self.by_slot = slot
        self.connect()

    def connect(self) -> None:
        self.connection = self.world.edge.connect(
            self, f"192.0.2.{len(self.world.edge.connections) + 10}:5061"
        )
        if self.by_slot:
            self.world.edge.trunks[self.world.trunks.slots[self.line.id]] = self.connection
            self.connection.slot = self.world.trunks.slots[self.line.id]

    @property
    def aor(self) -> str:
        return f"sip:{self.number}@{REALM}"

    def bring(self, called: str, body: bytes | None = None, headers=()) -> PhoneCall:
        """A call comes in over this carrier."""
        if body is None and self.clear:
            body = describe((), protocol="RTP/AVP")
        return self.call(called, body, headers)

    def _request(self, key: str, request: Request) -> None:
        if request.to.tag is None:
            self.heard_outside.append(request)
        if self.login is not None and request.method != "OPTIONS" and not self._logged_in(request):
            self.challenges += 1
            header, status = self.realm_header
            challenge = Challenge(REALM, f"nonce{self.challenges}")
            response = request.response(status, to_tag="ch", headers=[(header, str(challenge))])
            self.tx.respond(key, response, self.now())
            return
        if request.method in ("OPTIONS", "REGISTER") and request.to.tag is None:
            if self.on_other != "silence":
                headers = (
                    [("Contact", f"{request.headers.get('Contact')};expires=120")]
                    if request.method == "REGISTER"
                    else []
                )
                self.tx.respond(key, request.response(self.on_other, to_tag="o", headers=headers), self.now())
            return
        super()._request(key, request)

    def _logged_in(self, request: Request) -> bool:
        header = "Authorization" if self.realm_header[1] == 401 else "Proxy-Authorization"
        value = request.headers.get(header)
        if value is None:
            return False
        username, password = self.login
        given = parse_authorization(value)
        secret = ha1(given.algorithm, username, REALM, password)
        return (
            given.username == username and given.verify(secret, request.method) and given.uri == request.uri
        )

    def _called(self, key: str, request: Request) -> None:
        if self.refuses_location and "Geolocation" in request.headers:
            self.tx.respond(key, request.response(415, to_tag="no"), self.now())
            return
        if request.content_type == "multipart/mixed":
            # The description is the first part.
            start = request.body.index(b"v=0")
            request.body = request.body[start : request.body.index(b"\r\n--", start)]
        super()._called(key, request)


def line(trunk: str = "t1", **changes) -> TrunkLine:
    values = {
        "name": f"Carrier {trunk}",
        "trunk_group": "tg",
        "host": "sip.carrier.example",
        "caller_number": "+14085550100",
        "did_ranges": (DidRange("+14085550200", "+14085550299"),),
        "did_digits": 3,
        "options_seconds": 0,
    }
    return TrunkLine(trunk, **{**values, **changes})
