"""Every row of the transaction tables, written down a second time, and what the layer does around them."""

import pytest

from ringwall.sip.message import Headers, Request, Response
from ringwall.sip.parser import StreamParser
from ringwall.sip.transaction import AckReceived, Cancelled, RequestReceived, ResponseReceived, Transactions
from ringwall.sip.transaction_states import (
    CLIENT_CANCEL,
    CLIENT_INVITE,
    CLIENT_OTHER,
    SERVER_INVITE,
    SERVER_OTHER,
    Happening,
    State,
)
from support.sip_peers import counting_ids, request, start_line

T0 = 100.0
FULL = 32.0  # 64*T1


def sent(transactions: Transactions) -> list[Request | Response]:
    return StreamParser().feed(transactions.take_output())


def lines(transactions: Transactions) -> list[str]:
    return [start_line(message) for message in sent(transactions)]


def names(events) -> list[str]:
    return [type(event).__name__ for event in events]


class Client:
    """A client transaction and everything that can happen to it."""

    def __init__(self, method: str) -> None:
        self.transactions = Transactions("core.invalid:5061", ids=counting_ids("i"))
        self.key = self.transactions.request(request("INVITE" if method == "CANCEL" else method), T0)
        self.request = sent(self.transactions)[0]
        if method == "CANCEL":
            self.heard(180)
            self.transactions.cancel(self.key, T0)
            self.request = sent(self.transactions)[0]
            self.heard(487, "INVITE")  # so that only the CANCEL is left
            sent(self.transactions)
            self.key += " CANCEL"

    def heard(self, status: int, method: str | None = None):
        response = self.request.response(status, to_tag="bob")
        if method is not None:
            response.headers.set("CSeq", f"1 {method}")
        return self.transactions.receive(response, T0)

    def happens(self, what: Happening):
        match what:
            case Happening.PROVISIONAL:
                return self.heard(180)
            case Happening.SUCCESS:
                return self.heard(200)
            case Happening.FAILURE:
                return self.heard(486)
            case Happening.CANCEL:
                self.transactions.cancel(self.key, T0)
                return []
            case Happening.LINK_LOST:
                return self.transactions.fail_all(T0)
            case Happening.TIMER:
                due = self.transactions.deadline()
                assert self.transactions.expire(due - 0.001) == []
                return self.transactions.expire(due)
        raise AssertionError(what)

    @property
    def state(self) -> str:
        transaction = self.transactions._clients._open.get(self.key)
        return "terminated" if transaction is None else transaction.state.value


class Server:
    """A server transaction and everything that can happen to it."""

    def __init__(self, method: str) -> None:
        self.transactions = Transactions("core.invalid:5061", ids=counting_ids("i"))
        self.request = request(method, branch="z9hG4bKphone")
        (event,) = self.transactions.receive(self.request, T0)
        assert isinstance(event, RequestReceived)
        self.key = event.key

    def answers(self, status: int):
        self.transactions.respond(self.key, self.request.response(status, to_tag="core"), T0)
        return []

    def happens(self, what: Happening):
        match what:
            case Happening.PROVISIONAL:
                return self.answers(180)
            case Happening.SUCCESS:
                return self.answers(200)
            case Happening.FAILURE:
                return self.answers(486)
            case Happening.REPEATED:
                return self.transactions.receive(self.request, T0)
            case Happening.CANCEL:
                return self.transactions.receive(request("CANCEL", branch="z9hG4bKphone"), T0)
            case Happening.ACK:
                branch = "z9hG4bKack" if self.state in ("accepted", "confirmed") else "z9hG4bKphone"
                return self.transactions.receive(request("ACK", branch=branch, to_tag="core"), T0)
            case Happening.REPEAT_DUE:
                due = self.transactions.deadline()
                assert due == T0 + 0.5
                assert self.transactions.expire(due - 0.001) == []
                return self.transactions.expire(due)
            case Happening.EXPIRED:
                return self.transactions.expire(T0 + FULL)
        raise AssertionError(what)

    @property
    def state(self) -> str:
        transaction = self.transactions._servers._open.get(self.key)
        return "terminated" if transaction is None else transaction.state.value


P, S, F = Happening.PROVISIONAL, Happening.SUCCESS, Happening.FAILURE
C, L, T = Happening.CANCEL, Happening.LINK_LOST, Happening.TIMER
R, A, D, E = Happening.REPEATED, Happening.ACK, Happening.REPEAT_DUE, Happening.EXPIRED

RESPONSE, TIMED_OUT, FAILED = ["ResponseReceived"], ["TimedOut"], ["TransactionFailed"]

# (what led there, what happens, state after it, what is sent, what is told)
CLIENT_INVITE_ROWS = [
    ([], P, "proceeding", [], RESPONSE),
    ([], S, "accepted", [], RESPONSE),
    ([], F, "terminated", ["ACK"], RESPONSE),
    ([], T, "terminated", [], TIMED_OUT),
    ([], C, "withdrawn", [], []),
    ([], L, "terminated", [], FAILED),
    ([C], P, "cancelled", ["CANCEL"], RESPONSE),
    ([C], S, "accepted", [], RESPONSE),
    ([C], F, "terminated", ["ACK"], RESPONSE),
    ([C], T, "terminated", [], TIMED_OUT),
    ([C], L, "terminated", [], FAILED),
    ([P], P, "proceeding", [], RESPONSE),
    ([P], S, "accepted", [], RESPONSE),
    ([P], F, "terminated", ["ACK"], RESPONSE),
    ([P], T, "cancelled", ["CANCEL"], []),
    ([P], C, "cancelled", ["CANCEL"], []),
    ([P], L, "terminated", [], FAILED),
    ([P, C], P, "cancelled", [], RESPONSE),
    ([P, C], S, "accepted", [], RESPONSE),
    ([P, C], F, "terminated", ["ACK"], RESPONSE),
    ([P, C], T, "terminated", [], TIMED_OUT),
    ([P, C], L, "terminated", [], FAILED),
    ([S], S, "accepted", [], RESPONSE),
    ([S], T, "terminated", [], []),
]
CLIENT_OTHER_ROWS = [
    (way, what, after, [], told)
    for way in ([], [P])
    for what, after, told in (
        (P, "proceeding", RESPONSE),
        (S, "terminated", RESPONSE),
        (F, "terminated", RESPONSE),
        (T, "terminated", TIMED_OUT),
        (L, "terminated", FAILED),
    )
]
CLIENT_CANCEL_ROWS = [([], what, "terminated", [], []) for what in (S, F, T, L)]
SERVER_INVITE_ROWS = [
    ([], P, "proceeding", ["180 INVITE"], []),
    ([], S, "accepted", ["200 INVITE"], []),
    ([], F, "completed", ["486 INVITE"], []),
    ([], R, "proceeding", [], []),
    ([P], R, "proceeding", ["180 INVITE"], []),
    ([], C, "cancelled", ["200 CANCEL"], ["Cancelled"]),
    ([C], P, "cancelled", ["180 INVITE"], []),
    ([C], S, "accepted", ["200 INVITE"], []),
    ([C], F, "completed", ["486 INVITE"], []),
    ([C], R, "cancelled", [], []),
    ([P, C], R, "cancelled", ["180 INVITE"], []),
    ([F], R, "completed", ["486 INVITE"], []),
    ([F], A, "terminated", [], []),
    ([F], E, "terminated", [], []),
    ([S], A, "confirmed", [], ["AckReceived"]),
    ([S], D, "accepted", ["200 INVITE"], []),
    ([S], E, "terminated", [], ["AckMissing"]),
    ([S, A], E, "terminated", [], []),
]
SERVER_OTHER_ROWS = [
    ([], P, "proceeding", ["180 INFO"], []),
    ([], S, "terminated", ["200 INFO"], []),
    ([], F, "terminated", ["486 INFO"], []),
    ([], R, "trying", [], []),
    ([], E, "terminated", [], []),
    ([P], P, "proceeding", ["180 INFO"], []),
    ([P], S, "terminated", ["200 INFO"], []),
    ([P], F, "terminated", ["486 INFO"], []),
    ([P], R, "proceeding", ["180 INFO"], []),
    ([P], E, "terminated", [], []),
]

MACHINES = {
    "client INVITE": (lambda: Client("INVITE"), CLIENT_INVITE, CLIENT_INVITE_ROWS),
    "client INFO": (lambda: Client("INFO"), CLIENT_OTHER, CLIENT_OTHER_ROWS),
    "client CANCEL": (lambda: Client("CANCEL"), CLIENT_CANCEL, CLIENT_CANCEL_ROWS),
    "server INVITE": (lambda: Server("INVITE"), SERVER_INVITE, SERVER_INVITE_ROWS),
    "server INFO": (lambda: Server("INFO"), SERVER_OTHER, SERVER_OTHER_ROWS),
}


def arrive(make, way):
    machine = make()
    for step in way:
        machine.happens(step)
    machine.transactions.take_output()
    return machine


@pytest.mark.parametrize(
    ("make", "row"),
    [
        pytest.param(make, row, id=f"{name} {' '.join([*row[0], row[1]])}")
        for name, (make, _, rows) in MACHINES.items()
        for row in rows
    ],
)
def test_a_row_of_the_table_does_what_it_says(make, row):
    way, what, after, output, told = row
    machine = arrive(make, way)
    events = machine.happens(what)
    assert (machine.state, lines(machine.transactions), names(events)) == (after, output, told)
    if after == "terminated":
        assert machine.key not in machine.transactions._timers


@pytest.mark.parametrize("name", MACHINES)
def test_the_rows_above_are_all_rows_that_there_are(name):
    make, table, rows = MACHINES[name]
    tested = {(arrive(make, row[0]).state, row[1]) for row in rows}
    assert tested == {(state.value, what) for state, row in table.items() for what in row}


@pytest.mark.parametrize("name", MACHINES)
def test_whatever_has_no_row_is_ignored(name):
    make, table, rows = MACHINES[name]
    possible = [P, S, F, C, L] if name.startswith("client") else [P, S, F, R, C, A]
    ways = {arrive(make, row[0]).state: row[0] for row in rows}
    ignored = [(state, what) for state in ways for what in possible if what not in table[State(state)]]
    assert ignored
    for state, what in ignored:
        machine = arrive(make, ways[state])
        due = machine.transactions.deadline()
        events = machine.happens(what)
        output = [line for line in lines(machine.transactions) if not line.endswith(" CANCEL")]
        assert (machine.state, output, names(events)) == (state, [], []), what
        assert machine.transactions.deadline() == due


@pytest.mark.parametrize(
    ("way", "seconds"), [([], FULL), ([P], 185.0), ([C], FULL), ([P, C], FULL), ([S], FULL)], ids=str
)
def test_a_client_invite_waits_as_long_as_its_state_says(way, seconds):
    assert arrive(lambda: Client("INVITE"), way).transactions.deadline() == T0 + seconds


def test_an_invite_that_its_user_works_on_has_no_timer():
    assert arrive(lambda: Server("INVITE"), [P]).transactions.deadline() is None


@pytest.mark.parametrize(("way", "seconds"), [([F], FULL), ([S], 0.5), ([S, A], FULL)], ids=str)
def test_a_server_invite_waits_as_long_as_its_state_says(way, seconds):
    assert arrive(lambda: Server("INVITE"), way).transactions.deadline() == T0 + seconds


def test_an_answered_invite_keeps_neither_the_request_nor_the_answer():
    transaction = arrive(lambda: Server("INVITE"), [S, A]).transactions._servers._open.popitem()[1]
    assert (transaction.invite, transaction.last, transaction.to, transaction.ack) == (None,) * 4


def test_the_answer_to_a_repeated_request_is_byte_for_byte_the_same():
    server = Server("INVITE")
    server.happens(F)
    first = server.transactions.take_output()
    server.happens(R)
    assert server.transactions.take_output() == first


def test_a_response_with_another_method_or_an_unknown_branch_is_dropped():
    client = Client("INFO")
    response = client.request.response(200)
    response.headers.set("CSeq", "1 INVITE")
    assert client.transactions.receive(response, T0) == []
    response.headers.set("CSeq", "1 CANCEL")
    assert client.transactions.receive(response, T0) == []
    stray = request("INFO", branch="z9hG4bKsomebody").response(200)
    assert client.transactions.receive(stray, T0) == []
    unnamed = request("INFO", via="SIP/2.0/TLS phone.invalid").response(200)
    assert client.transactions.receive(unnamed, T0) == []
    assert client.state == "trying"


def test_the_via_names_us_and_a_fresh_branch():
    transactions = Transactions("192.0.2.5:5061", transport="TLS", ids=counting_ids("x"))
    keys = [transactions.request(request("OPTIONS"), T0), transactions.request(request("OPTIONS"), T0)]
    assert keys == ["z9hG4bKx1", "z9hG4bKx2"]
    assert [message.headers.get("Via") for message in sent(transactions)] == [
        "SIP/2.0/TLS 192.0.2.5:5061;branch=z9hG4bKx1",
        "SIP/2.0/TLS 192.0.2.5:5061;branch=z9hG4bKx2",
    ]


def test_ids_are_random_where_none_are_given():
    transactions = Transactions("192.0.2.5:5061")
    keys = {transactions.request(request("OPTIONS"), T0) for _ in range(50)}
    assert len(keys) == 50
    assert {len(key) for key in keys} == {len("z9hG4bK") + 16}


def test_the_same_branch_from_another_sender_is_another_transaction():
    transactions = Transactions("core.invalid:5061")
    one = request("INFO", via="SIP/2.0/TLS one.invalid:5061;branch=z9hG4bKsame", from_tag="1")
    two = request("INFO", via="SIP/2.0/TLS two.invalid:5061;branch=z9hG4bKsame", from_tag="2")
    three = request("OPTIONS", via="SIP/2.0/TLS one.invalid:5061;branch=z9hG4bKsame", from_tag="1")
    keys = [event.key for message in (one, two, three) for event in transactions.receive(message, T0)]
    assert len(set(keys)) == 3


@pytest.mark.parametrize("via", ["SIP/2.0/TLS phone.invalid", "SIP/2.0/TLS phone.invalid;branch=1"])
def test_without_the_magic_cookie_the_fields_of_rfc_2543_match(via):
    transactions = Transactions("core.invalid:5061")
    invite = request(via=via)
    (received,) = transactions.receive(invite, T0)
    assert transactions.receive(request(via=via), T0) == []  # a repetition
    other = request(via=via, call_id="call-2")
    assert names(transactions.receive(other, T0)) == ["RequestReceived"]
    (cancelled,) = transactions.receive(request("CANCEL", via=via), T0)
    assert cancelled == Cancelled(received.key, invite)
    transactions.respond(received.key, invite.response(487, to_tag="core"), T0)
    assert transactions.receive(request("ACK", via=via, to_tag="core"), T0) == []
    assert received.key not in transactions._servers
    assert len(transactions) == 1


def test_the_ack_of_a_2xx_may_have_the_branch_of_its_invite():
    server = arrive(lambda: Server("INVITE"), [S])
    events = server.transactions.receive(request("ACK", branch="z9hG4bKphone", to_tag="core"), T0)
    assert names(events) == ["AckReceived"]


@pytest.mark.parametrize(
    "wrong",
    [{"call_id": "call-2"}, {"from_tag": "mallory"}, {"to_tag": "other"}, {"to_tag": "CORE"}, {"cseq": 2}],
    ids=str,
)
def test_an_ack_of_another_dialog_is_dropped(wrong):
    server = arrive(lambda: Server("INVITE"), [S])
    ack = request("ACK", **{"branch": "z9hG4bKack", "to_tag": "core", **wrong})
    assert server.transactions.receive(ack, T0) == []
    assert server.state == "accepted"


def test_a_merged_request_is_refused_with_482_until_the_first_is_over():
    transactions = Transactions("core.invalid:5061")
    (first,) = transactions.receive(request(branch="z9hG4bKone"), T0)
    assert transactions.receive(request(branch="z9hG4bKtwo"), T0) == []
    assert lines(transactions) == ["482 INVITE"]
    # The next attempt of the same caller counts up, and so is none.
    assert names(transactions.receive(request(branch="z9hG4bKthree", cseq=2), T0)) == ["RequestReceived"]
    transactions.respond(first.key, first.request.response(486, to_tag="core"), T0)
    transactions.receive(request("ACK", branch="z9hG4bKone", to_tag="core"), T0)
    assert names(transactions.receive(request(branch="z9hG4bKfour"), T0)) == ["RequestReceived"]


def test_a_request_within_a_dialog_is_never_merged():
    transactions = Transactions("core.invalid:5061")
    for branch in ("z9hG4bKone", "z9hG4bKtwo"):
        events = transactions.receive(request("INFO", branch=branch, to_tag="core"), T0)
        assert names(events) == ["RequestReceived"]


def test_a_full_table_refuses_new_calls_and_lets_running_ones_end():
    transactions = Transactions("core.invalid:5061", limit=2)
    for number in range(2):
        assert transactions.receive(request(branch=f"z9hG4bK{number}", call_id=f"c{number}"), T0)
    assert transactions.receive(request(branch="z9hG4bK2", call_id="c2"), T0) == []
    (refusal,) = sent(transactions)
    assert (refusal.status, refusal.headers.get("Retry-After")) == (503, "5")
    assert refusal.to.tag
    for number in range(2):
        assert transactions.receive(request("BYE", branch=f"z9hG4bKb{number}", to_tag="x"), T0)
    assert transactions.receive(request("BYE", branch="z9hG4bKb2", to_tag="x"), T0) == []
    assert lines(transactions) == ["503 BYE"]
    assert len(transactions) == 4
    # What belongs to a transaction that is there still gets in.
    assert names(transactions.receive(request("CANCEL", branch="z9hG4bK0"), T0)) == ["Cancelled"]


def test_what_comes_too_late_for_a_transaction_is_no_error():
    transactions = Transactions("core.invalid:5061")
    (event,) = transactions.receive(request("INFO", branch="z9hG4bKx"), T0)
    response = event.request.response(200)
    transactions.respond(event.key, response, T0)
    transactions.respond(event.key, response, T0)
    transactions.cancel("z9hG4bKnone", T0)
    assert lines(transactions) == ["200 INFO"]
    assert transactions.expire(T0 + 1000) == []


def test_cancel_of_another_request_than_invite_does_nothing():
    client = Client("INFO")
    client.happens(P)
    client.transactions.cancel(client.key, T0)
    assert lines(client.transactions) == []


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_ack_and_cancel_have_methods_of_their_own(method):
    transactions = Transactions("core.invalid:5061")
    with pytest.raises(ValueError, match=method):
        transactions.request(request(method), T0)
    assert transactions.outbox == []


def test_two_invites_that_one_ack_would_fit_do_not_lose_each_other():
    # Only a peer that counts wrongly sends the second; its ACK still counts for the last that was accepted.
    transactions = Transactions("core.invalid:5061")
    keys = []
    for branch in ("z9hG4bKone", "z9hG4bKtwo"):
        (event,) = transactions.receive(request(branch=branch, to_tag="core"), T0)
        transactions.respond(event.key, event.request.response(200), T0)
        keys.append(event.key)
    assert transactions.receive(request("ACK", branch="z9hG4bKone", to_tag="core"), T0)[0].key == keys[0]
    assert transactions.receive(request("ACK", branch="z9hG4bKack", to_tag="core"), T0)[0].key == keys[1]


def test_output_is_taken_once_and_in_order():
    transactions = Transactions("core.invalid:5061")
    transactions.request(request("OPTIONS"), T0)
    transactions.send(request("ACK", to_tag="bob"))
    assert lines(transactions) == ["OPTIONS", "ACK"]
    assert transactions.take_output() == b""


def test_events_are_values():
    client = Client("INFO")
    (event,) = client.happens(S)
    assert event == ResponseReceived(client.key, event.request, event.response)
    with pytest.raises(AttributeError):
        event.key = "other"
    assert AckReceived(event.request, "k").key == "k"
    assert isinstance(event.request.headers, Headers)
