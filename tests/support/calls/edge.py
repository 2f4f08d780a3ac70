"""Kamailio at the edge, as far as call control can tell: flows, tokens, hop-by-hop answers, 430 and events."""

import itertools

from ringwall.sip.headers import NameAddr
from ringwall.sip.message import Headers, Request, Response
from ringwall.sip.parser import Ping, Pong, StreamParser

EDGE = "203.0.113.1:5061;transport=tls;lr"
_VIA = "SIP/2.0/TCP 127.0.0.1:15071;branch="


class Connection:
    """One phone's connection. `phone.heard(message)` gets what comes over it."""

    def __init__(self, edge: "Edge", phone, peer: str, transport: str, number: int) -> None:
        self.edge, self.phone, self.peer, self.transport, self.number = edge, phone, peer, transport, number
        self.id, self.run = next(edge.ids), edge.run  # as the edge names it
        self.open = True
        self.slot = 0  # of a carrier's connection
        self.registered = False
        self.device: str | None = None  # as which it may speak
        self.parser = StreamParser()

    @property
    def flow(self) -> str:
        return f"{self.peer};proto={self.transport};id={self.id};run={self.run}"

    @property
    def token(self) -> str:
        return f"<sip:flow{self.number}@{EDGE}>"

    def write(self, data: bytes) -> None:
        if self.open:
            self.edge.loop.call_soon(self.edge.from_phone, self, data)


class Edge:
    def __init__(self, loop, to_core) -> None:
        self.loop = loop
        self.to_core = to_core
        self.core_up = True
        self.connections: dict[int, Connection] = {}
        self.trunks: dict[int, Connection] = {}  # by slot
        self.parser = StreamParser()
        self.numbers = itertools.count(1)
        self.starts = itertools.count(1)
        self.restart()
        self.invites: dict[str, str] = {}  # a phone's INVITE branch: the edge's
        self.branches: dict[str, Connection] = {}  # the edge's branch: who sent the request
        self.cancels: dict[
            str, tuple[str, Connection, Request]
        ] = {}  # the core's INVITE branch: where it went
        self.refused: set[str] = set()  # branches of the core that were answered here
        self.silent: dict[str, Response] = {}  # what the core is told if the phone says nothing
        self.lose = []  # predicates: messages (direction, message) that get lost
        self.from_core_log: list[Request | Response] = []

    def restart(self) -> None:
        """A new run of Kamailio: nobody is told that the connections are gone, numbers begin with 1 again."""
        for connection in self.connections.values():
            connection.open = False
        self.run, self.ids = f"{next(self.starts):032x}", itertools.count(1)

    def connect(self, phone, peer: str, transport: str = "tls") -> Connection:
        connection = Connection(self, phone, peer, transport, next(self.numbers))
        self.connections[connection.number] = connection
        return connection

    def close(self, connection: Connection, *, tell: bool = True) -> None:
        connection.open = False
        if connection.registered and tell:
            branch = f"z9hG4bKevent{connection.number}"
            fields = [
                ("Via", f"{_VIA}{branch}"), ("From", f"<sip:edge@ringwall.internal>;tag=e{connection.number}"),
                ("To", "<sip:edge@ringwall.internal>"), ("Call-ID", branch), ("CSeq", "1 INFO"),
                ("P-Ringwall-Event", f"flow-closed;flow={connection.flow}"),
            ]  # fmt: skip
            self._send_core(Request("INFO", "sip:edge@ringwall.internal", Headers(fields)))

    def _send_core(self, message: Request | Response) -> None:
        if self.core_up and not any(lost("to core", message) for lost in self.lose):
            self.loop.call_soon(self.to_core, message.to_bytes())

    def _send_phone(self, connection: Connection, message: Request | Response) -> None:
        if connection.open and not any(lost("to phone", message) for lost in self.lose):
            self.loop.call_soon(connection.phone.heard, connection, message)

    # From a phone

    def from_phone(self, connection: Connection, data: bytes) -> None:
        for message in connection.parser.feed(data):
            if isinstance(message, Ping | Pong):
                continue
            assert isinstance(message, Request | Response), f"a phone of the rig wrote nonsense: {message}"
            if isinstance(message, Request):
                self._request_of_phone(connection, message)
            else:
                self._response_of_phone(message)

    def _request_of_phone(self, connection: Connection, request: Request) -> None:
        headers = request.headers
        for name in [n for n, _ in headers.items() if n.startswith("P-Ringwall-")]:
            headers.remove(name)
        branch = request.branch
        if request.method == "ACK" and branch in self.invites:
            return  # for a refusal: that was between the phone and the edge
        if request.method == "CANCEL":
            self._send_phone(connection, request.response(200))
            if branch not in self.invites:
                return
            mine = self.invites[branch]
            headers.remove("Via")
            headers.add("Via", f"{_VIA}{mine}")
        else:
            mine = f"z9hG4bKin{next(self.numbers)}"
            if request.method == "INVITE":
                self.invites[branch] = mine
            self.branches[mine] = connection
            headers.prepend("Via", f"{_VIA}{mine}")
        headers.add("P-Ringwall-Flow", connection.flow)
        headers.remove("Route")
        if connection.slot:
            headers.add("P-Ringwall-Trunk", str(connection.slot))
        elif request.method == "REGISTER":
            headers.set("Path", connection.token.replace(";lr>", ";lr;ob>"))
        elif request.to.tag is None:
            headers.prepend("Record-Route", connection.token)
        if self.core_up and request.method == "INVITE":
            self._send_phone(connection, self._popped(request.response(100)))
        if not self.core_up:
            if request.method not in ("ACK", "CANCEL"):
                self._send_phone(
                    connection, self._popped(request.response(503, headers=[("Retry-After", "5")]))
                )
            return
        self._send_core(request)

    def _response_of_phone(self, response: Response) -> None:
        branch = response.branch
        response = self._popped(response)
        self.silent.pop(branch, None)
        if response.cseq.method == "CANCEL":
            return  # that was between the phone and the edge
        if response.cseq.method == "INVITE" and response.status >= 300:
            self._ack_refusal(branch, response)
        self._send_core(response)

    def _ack_refusal(self, branch: str, response: Response) -> None:
        connection = self.branches.get(branch)
        if connection is not None:
            fields = [("Via", f"{_VIA}{branch}"), ("From", response.headers.get("From")),
                      ("To", response.headers.get("To")), ("Call-ID", response.call_id),
                      ("CSeq", f"{response.cseq.number} ACK")]  # fmt: skip
            self._send_phone(connection, Request("ACK", "sip:phone", Headers(fields)))

    @staticmethod
    def _popped(response: Response) -> Response:
        _own, *below = response.headers.all("Via")
        response.headers.remove("Via")
        for via in below:
            response.headers.add("Via", via)
        return response

    # From the core

    def from_core(self, data: bytes) -> None:
        for message in self.parser.feed(data):
            if isinstance(message, Ping | Pong):
                continue
            assert isinstance(message, Request | Response), f"the core wrote nonsense: {message}"
            self.from_core_log.append(message)
            if isinstance(message, Request):
                self._request_of_core(message)
            else:
                self._response_of_core(message)

    def _request_of_core(self, request: Request) -> None:
        branch = request.branch
        if request.method == "ACK" and (branch in self.cancels or branch in self.refused):
            return  # for a refusal: that was between the core and the edge
        if request.method == "CANCEL":
            self._send_core(request.response(200, to_tag="edge"))
            if branch in self.cancels:
                mine, connection, invite = self.cancels[branch]
                fields = [("Via", f"{_VIA}{mine}"), ("From", invite.headers.get("From")),
                          ("To", invite.headers.get("To")), ("Call-ID", invite.call_id),
                          ("CSeq", f"{invite.cseq.number} CANCEL"), ("Max-Forwards", "69")]  # fmt: skip
                reason = request.headers.get("Reason")
                if reason:
                    fields.append(("Reason", reason))
                self._send_phone(connection, Request("CANCEL", invite.uri, Headers(fields)))
            return
        slot = request.headers.get("P-Ringwall-Trunk")
        if slot is not None:
            request.headers.remove("P-Ringwall-Trunk")
            self._to_carrier(request, self.trunks.get(int(slot)))
            return
        routes = request.headers.all("Route")
        assert routes, f"{request.method} of the core has no Route: Kamailio would not know where to send it"
        number = int((NameAddr.parse(routes[0]).uri.user or "")[4:])
        connection = self.connections[number]
        request.headers.remove("Route")
        if not connection.open:
            if request.method != "ACK":
                self._send_core(request.response(430, "Flow Failed", to_tag="edge"))
            return
        if request.method == "INVITE":
            request.headers.prepend("Record-Route", connection.token)
        self._forward(request, connection)

    def _to_carrier(self, request: Request, connection: Connection | None) -> None:
        if connection is not None and connection.open:
            self._forward(request, connection)
        elif request.method != "ACK":
            self.refused.add(request.branch)
            self._send_core(request.response(503, "Trunk Not Connected", to_tag="edge"))

    def _forward(self, request: Request, connection: Connection) -> None:
        branch, mine = request.branch, f"z9hG4bKout{next(self.numbers)}"
        if request.method == "INVITE":
            self._send_core(request.response(100))
            self.cancels[branch] = (mine, connection, request)
        self.branches[mine] = connection
        if request.method != "ACK":
            # Kamailio gives up on a phone that does not answer at all.
            self.silent[mine] = request.response(408, to_tag="edge")
            self.loop.call_later(5, self._give_up, mine)
        request.headers.prepend("Via", f"{_VIA}{mine}")
        self._send_phone(connection, request)

    def _give_up(self, branch: str) -> None:
        refusal = self.silent.pop(branch, None)
        if refusal is not None:
            self._send_core(refusal)

    def _response_of_core(self, response: Response) -> None:
        branch = response.branch
        connection = self.branches.get(branch)
        if connection is None or response.cseq.method == "CANCEL":
            return
        if response.cseq.method == "INVITE" and response.status >= 300:
            # The refusal is acknowledged here.
            fields = [("Via", f"{_VIA}{branch}"), ("From", response.headers.get("From")),
                      ("To", response.headers.get("To")), ("Call-ID", response.call_id),
                      ("CSeq", f"{response.cseq.number} ACK")]  # fmt: skip
            self._send_core(Request("ACK", "sip:core", Headers(fields)))
        if response.cseq.method == "REGISTER" and response.status == 200:
            connection.registered = True
            connection.device = response.headers.get("P-Ringwall-Device")
            response.headers.remove("P-Ringwall-Device")
        self._send_phone(connection, self._popped(response))
