"""Whatever comes in, in whatever order: the layer never raises, answers once, and ends up empty."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from ringwall.sip.message import Request, Response
from ringwall.sip.parser import parse_message
from ringwall.sip.transaction import (
    AckMissing,
    AckReceived,
    Cancelled,
    RequestReceived,
    ResponseReceived,
    TimedOut,
    TransactionFailed,
    Transactions,
)
from support.sip_peers import counting_ids, request

LIMIT = 3
METHODS = st.sampled_from(["INVITE", "INVITE", "BYE", "OPTIONS", "INFO"])
STATUSES = st.sampled_from([100, 180, 183, 200, 202, 302, 404, 486, 487, 503, 603])
TAGS = st.sampled_from(["one", "two"])


class TransactionMachine(RuleBasedStateMachine):
    received = Bundle("received")  # (key, request): requests that the layer told of
    sent = Bundle("sent")  # requests of ours, as they went out
    seen = Bundle("seen")  # every request that ever came in

    @initialize()
    def begin(self):
        self.ids = counting_ids("i")
        self.transactions = Transactions("core.invalid:5061", ids=self.ids, limit=LIMIT)
        self.now = 0.0
        self.number = 0
        self.finals: dict[str, set[bytes]] = {}  # the final answers of each open server transaction
        self.answered: dict[str, int] = {}  # the final answer that the user gave
        self.open_invites: dict[str, Request] = {}  # that the user still has to answer
        self.ended: set[str] = set()  # client transactions of which the end was told
        self.acked: set[str] = set()
        self.output: list[Request | Response] = []

    def check(self, events):
        for event in events:
            match event:
                case RequestReceived(key, message):
                    assert message.method not in ("ACK", "CANCEL")
                    self.finals[key] = set()
                    self.answered.pop(key, None)
                    self.acked.discard(key)
                    if message.method == "INVITE":
                        self.open_invites[key] = message
                case Cancelled(key, message):
                    assert self.open_invites[key].to_bytes() == message.to_bytes()
                case AckReceived(message, key):
                    assert message.method == "ACK"
                    assert 200 <= self.answered[key] < 300
                    assert key not in self.acked
                    self.acked.add(key)
                case AckMissing(key):
                    assert 200 <= self.answered[key] < 300
                    assert key not in self.acked
                case ResponseReceived(key, message, response):
                    assert key not in self.ended
                    assert message.method == response.cseq.method
                    if response.status >= 300 or (response.status >= 200 and message.method != "INVITE"):
                        self.ended.add(key)
                case TimedOut(key, message) | TransactionFailed(key, message):
                    assert key not in self.ended
                    assert message.method != "CANCEL"
                    self.ended.add(key)
        return events

    def take(self):
        """Look at what was written; one list element is one message."""
        messages = [parse_message(data) for data in self.transactions.outbox]
        raw = b"".join(self.transactions.outbox)
        assert self.transactions.take_output() == raw
        for message in messages:
            if isinstance(message, Response) and message.status >= 200:
                via = message.via
                key = f"{via.branch}|{via.host}:{via.port}|{message.cseq.method}"
                if message.status not in (481, 482, 503) and key in self.finals:
                    self.finals[key].add(message.to_bytes())
                    assert len(self.finals[key]) == 1, "two final answers"
            if isinstance(message, Request):
                self.output.append(message)
        return messages

    @rule(target=sent, method=METHODS)
    def we_send(self, method):
        self.number += 1
        self.transactions.request(request(method, call_id=f"ours{self.number}"), self.now)
        return self.take()[-1]

    @rule(message=sent)
    def we_cancel(self, message):
        self.transactions.cancel(message.branch, self.now)
        self.take()

    @rule(message=sent, status=STATUSES, tag=TAGS, method=st.sampled_from([None, "CANCEL", "BYE"]))
    def a_response_comes(self, message, status, tag, method):
        response = message.response(status, to_tag=tag)
        if method is not None:
            response.headers.set("CSeq", f"1 {method}")
        self.check(self.transactions.receive(response, self.now))
        for out in self.take():
            assert (out.method, out.branch) in (("ACK", message.branch), ("CANCEL", message.branch))

    @rule(
        target=received,
        other=st.none() | seen,
        method=METHODS,
        cookie=st.booleans(),
        to_tag=st.none() | TAGS,
        call_id=st.sampled_from(["c1", "c2", None]),
    )
    def a_request_comes(self, other, method, cookie, to_tag, call_id):
        self.number += 1
        branch = ("z9hG4bK" if cookie else "") + str(self.number)
        message = request(method, branch=branch, to_tag=to_tag, call_id=call_id or f"c{self.number}")
        if other is not None:
            message = request(
                other.method,
                branch=other.branch,
                to_tag=other.to.tag,
                call_id=other.call_id,
                cseq=other.cseq.number,
            )
        events = self.check(self.transactions.receive(message, self.now))
        self.take()
        return multiple(*((event.key, event.request) for event in events))

    @rule(target=seen, pair=received)
    def remember(self, pair):
        return pair[1]

    @rule(pair=received, status=STATUSES, tag=TAGS)
    def the_user_answers(self, pair, status, tag):
        key, message = pair
        before = key in self.transactions._servers
        self.transactions.respond(key, message.response(status, to_tag=tag), self.now)
        if before and status >= 200:
            self.answered.setdefault(key, status)
            self.open_invites.pop(key, None)
        self.take()

    @rule(pair=received, tag=TAGS, own_branch=st.booleans())
    def an_ack_comes(self, pair, tag, own_branch):
        message = pair[1]
        self.number += 1
        branch = f"z9hG4bKack{self.number}" if own_branch else message.branch
        ack = request("ACK", branch=branch, to_tag=tag, call_id=message.call_id)
        self.check(self.transactions.receive(ack, self.now))
        assert self.take() == []

    @rule(pair=received)
    def a_cancel_comes(self, pair):
        message = pair[1]
        cancel = request("CANCEL", branch=message.branch, call_id=message.call_id)
        self.check(self.transactions.receive(cancel, self.now))
        (answer,) = self.take()
        assert answer.status in (200, 481)

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds):
        self.now += seconds
        self.check(self.transactions.expire(self.now))
        self.take()
        due = self.transactions.deadline()
        assert due is None or due > self.now

    @rule()
    def the_link_is_lost(self):
        self.check(self.transactions.fail_all(self.now))
        self.take()

    @invariant()
    def the_server_table_is_bounded(self):
        if hasattr(self, "transactions"):
            assert len(self.transactions._servers) <= 2 * LIMIT

    def teardown(self):
        if not hasattr(self, "transactions"):
            return
        for key, message in self.open_invites.items():
            self.transactions.respond(key, message.response(480, to_tag="end"), self.now)
        rounds = 0
        while (due := self.transactions.deadline()) is not None:
            rounds += 1
            assert rounds < 1000
            self.now = max(self.now, due)
            self.check(self.transactions.expire(self.now))
        self.take()
        servers, clients = self.transactions._servers, self.transactions._clients
        assert len(self.transactions) == 0
        assert not servers._merged
        assert not servers._awaited
        assert not clients._open
        assert len(self.transactions._timers) == 0


TestTransactions = TransactionMachine.TestCase
TestTransactions.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
