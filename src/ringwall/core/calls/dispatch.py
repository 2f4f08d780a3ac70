"""From what comes over an edge link to the transition that it calls for.

Rules that this module keeps:
- Every request of an end point names its flow; what is said within a dialog is taken only from the flow of
  that party, or from another flow on which the same device has signed in.
- What nobody here understands is refused with what would be understood (405, Allow).
- The edge itself speaks with P-Ringwall-Event and without a flow; the edge removes that header from
  everything that comes from outside.
- An error of ours in one message never touches another: it is logged and the message answered with 500.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ringwall.core.calls import (
    answering,
    arrival,
    inbound,
    keepalive,
    outside,
    renegotiation,
    setup,
    teardown,
)
from ringwall.core.calls.call import Call, Leg, LegState
from ringwall.core.calls.features import transfer
from ringwall.core.calls.switch import ALLOW, Switch
from ringwall.core.registrar.authenticator import Challenge, Refusal
from ringwall.core.registrar.flows import EVENT_HEADER, FLOW_HEADER, Flow
from ringwall.core.rights.trunk import TrunkLine
from ringwall.core.trunks.trunks import TRUNK_HEADER
from ringwall.sip.dialog import OutOfOrder
from ringwall.sip.errors import FramingError, ParseError
from ringwall.sip.message import Request, Response
from ringwall.sip.parser import Ping, StreamParser
from ringwall.sip.transaction import (
    AckMissing,
    AckReceived,
    Cancelled,
    Event,
    RequestReceived,
    ResponseReceived,
    TimedOut,
    TransactionFailed,
)

log = logging.getLogger(__name__)

SWEEP_SECONDS = 5.0

# What a party may ask within its call.
_IN_DIALOG: Final[Mapping[str, Callable[[Switch, Call, Leg, str, Request], None]]] = {
    "BYE": teardown.bye_received,
    "INVITE": renegotiation.asked,
    "UPDATE": renegotiation.asked,
    "PRACK": answering.pracked,
    "INFO": renegotiation.passed_through,
    "REFER": transfer.referred,
}


class Dispatcher:
    """Feeds one edge link's bytes to the transactions, their events to call control; owns the one timer."""

    def __init__(
        self, switch: Switch, loop: asyncio.AbstractEventLoop, hello: Callable[[str, int], bool]
    ) -> None:
        """`hello(call_id, status)` tells whether a response was for a hello of the link."""
        self._switch = switch
        self._loop = loop
        self._hello = hello
        self._parser = StreamParser()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._next_sweep = loop.time() + SWEEP_SECONDS
        switch.wake = self.arm
        switch.divert = lambda call, status: arrival.divert(switch, call, status)
        switch.left = lambda call, leg: transfer.left(switch, call, leg)
        switch.ended = lambda call, status: transfer.ended(switch, call, status)
        switch.on_leg_end.append(lambda leg: outside.leg_ended(switch, leg))
        switch.registrar.on_return.append(lambda binding: keepalive.phone_returned(switch, binding))

    # The link

    def data(self, data: bytes) -> bool:
        """Take what the link has read; False when the stream is broken and the link must be dropped."""
        messages: Sequence[object]
        try:
            messages = self._parser.feed(data)
            broken = False
        except FramingError as error:
            log.warning("the edge's SIP stream cannot be read any further: %s", error)
            messages, broken = error.messages, True
            self._parser = StreamParser()  # for the next connection
        switch = self._switch
        now = self._loop.time()
        for message in messages:
            if isinstance(message, Request | Response):
                if isinstance(message, Response) and self._hello(message.call_id, message.status):
                    continue
                for event in switch.tx.receive(message, now):
                    self._event(event)
            elif isinstance(message, ParseError):
                self._malformed(message)
            elif isinstance(message, Ping):
                switch.tx.outbox.append(b"\r\n")
        switch.flush()
        return not broken

    def link_up(self) -> None:
        """A new connection to the edge; more than the answer to our hello may have been read from it."""
        was_down = not self._switch.link_is_up
        self._switch.release()
        if was_down:
            keepalive.ask_everybody(self._switch)
            self._switch.supervision.link_up()
            self.arm()

    def link_down(self) -> None:
        """The connection to the edge is gone: nothing that was asked over it will be answered."""
        self._parser = StreamParser()
        self._switch.hold()
        self._switch.supervision.link_down()
        for event in self._switch.tx.fail_all(self._loop.time()):
            self._event(event)
        self._switch.flush()

    def _malformed(self, error: ParseError) -> None:
        request = error.request
        if request is None:
            return
        flow = request.headers.get(FLOW_HEADER) or "unknown"
        self._switch.watch.note(
            "security.malformed_message",
            flow.split(";")[0],
            self._loop.time(),
            why=error.reason,
            status=error.status,
        )
        response = request.response(error.status, error.reason, to_tag=self._switch.new_tag())
        self._switch.tx.outbox.append(response.to_bytes())

    # Time

    def arm(self) -> None:
        """Set the one timer to whatever comes due first. One that is set too early does no harm."""
        at = self._next_sweep
        switch = self._switch
        for due in (switch.tx.deadline(), switch.timers.next(), switch.supervision.timers.next()):
            if due is not None and due < at:
                at = due
        if at < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = at
            self._timer = self._loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        switch = self._switch
        now = self._loop.time()
        for event in switch.tx.expire(now):
            self._event(event)
        for key in switch.timers.pop_due(now):
            try:
                self._due(key)
            except Exception:
                log.exception("a timer of a call failed")
        switch.supervision.due()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_SECONDS
            switch.registrar.sweep()
            switch.watch.sweep(now)
        switch.flush()

    def _due(self, key: tuple[str, object]) -> None:
        name, subject = key
        switch = self._switch
        if isinstance(subject, Call):
            arrival.nobody_answers(switch, subject)
            return
        assert isinstance(subject, Leg)
        found = switch.legs.get((subject.sip_call_id, subject.tag))
        if found is None:
            return
        call = found[0]
        if name == "refresh":
            keepalive.refresh(switch, call, subject)
        elif name == "trying":
            answering.still_trying(switch, subject)
        elif name == "reliable":
            answering.repeat_reliable(switch, call, subject)
        elif name == "longest":
            teardown.end(switch, call, "the longest time that such a call may last is over")
        else:
            keepalive.expired(switch, call, subject)

    # Events

    def _event(self, event: Event) -> None:
        try:
            self._take(event)
        except Exception:
            log.exception("a message could not be dealt with")
            if isinstance(event, RequestReceived):
                tag = self._switch.new_tag()
                self._switch.respond(event.key, event.request.response(500, to_tag=tag))

    def _take(self, event: Event) -> None:
        switch = self._switch
        if isinstance(event, ResponseReceived):
            self._response(event.key, event.request, event.response)
        elif isinstance(event, RequestReceived):
            self._request(event.key, event.request)
        elif isinstance(event, AckReceived):
            found = switch.server_invites.get(event.key)
            if found is not None:
                answering.acknowledged(switch, found[0], found[1], event.key, event.request)
        elif isinstance(event, Cancelled):
            self._cancelled(event.key, event.request)
        elif isinstance(event, TimedOut):
            self._response(event.key, event.request, event.request.response(408))
        elif isinstance(event, TransactionFailed):
            self._response(event.key, event.request, event.request.response(503))
        elif isinstance(event, AckMissing):
            found = switch.server_invites.get(event.key)
            if found is not None:
                answering.never_acknowledged(switch, found[0], found[1], event.key)

    def _response(self, key: str, request: Request, response: Response) -> None:
        switch = self._switch
        errand = switch.errands.pop(key, None) if response.status >= 200 else None
        if errand is not None:
            errand(request, response)
            return
        found = switch.legs.get((request.call_id, request.from_.tag or ""))
        accepted = request.method == "INVITE" and 200 <= response.status < 300
        if found is not None:
            leg = found[1]
            if accepted and leg.dialog is not None and leg.dialog.remote_tag == response.to.tag:
                # Each 2xx is acknowledged at once, also when it comes again.
                leg.dialog.confirm(response)
                leg.dialog.refresh_target(response)
                switch.acknowledge(leg, request.cseq.number)
                accepted = False
            then = leg.waiting.pop(key, None) if response.status >= 200 else leg.waiting.get(key)
            if then is not None:
                then(request, response)
                return
        if accepted:
            teardown.stray_answer(switch, request, response)

    def _cancelled(self, key: str, request: Request) -> None:
        switch = self._switch
        found = switch.server_invites.get(key)
        if found is None:
            switch.respond(key, request.response(487, to_tag=switch.new_tag()))
            return
        call, leg = found
        if leg.state is LegState.SETUP:
            teardown.end(switch, call, "cancelled", by="caller", status=487)
        else:
            # A re-INVITE that is being passed on cannot be called back: its answer comes (RFC 3261 9.2).
            log.debug("a CANCEL came too late to matter")

    def _request(self, key: str, request: Request) -> None:
        switch = self._switch
        event = request.headers.get(EVENT_HEADER)
        if event is not None and FLOW_HEADER not in request.headers:
            self._edge_event(event)
            switch.respond(key, request.response(200, to_tag=switch.new_tag()))
            return
        slot = request.headers.get(TRUNK_HEADER)
        if slot is not None:
            self._request_of_carrier(key, request, switch.trunks.of_slot(slot), slot)
            return
        try:
            flow = Flow.parse(request.headers.get(FLOW_HEADER))
        except ParseError as error:
            switch.respond(key, request.response(error.status, "No Flow", to_tag=switch.new_tag()))
            return
        if request.to.tag:
            self._in_dialog(key, request, flow)
        elif request.method == "REGISTER":
            switch.respond(key, switch.registrar.register(request, flow, self._loop.time()))
        elif request.method == "INVITE":
            self._initial_invite(key, request, flow)
        elif request.method == "OPTIONS":
            switch.respond(key, request.response(200, to_tag=switch.new_tag(), headers=[("Allow", ALLOW)]))
        elif request.method in {"BYE", "PRACK", "UPDATE", "INFO"}:
            switch.respond(key, request.response(481, to_tag=switch.new_tag()))
        else:
            switch.respond(key, request.response(405, to_tag=switch.new_tag(), headers=[("Allow", ALLOW)]))

    def _request_of_carrier(self, key: str, request: Request, line: TrunkLine | None, slot: str) -> None:
        """A request that came over a trunk's slot at the edge."""
        switch = self._switch
        if line is None:
            switch.watch.note("security.unknown_trunk", f"slot {slot[:8]}", self._loop.time())
            switch.respond(key, request.response(403, to_tag=switch.new_tag()))
        elif request.to.tag:
            self._in_dialog(key, request, line)
        elif request.method == "INVITE":
            self._invite_of_carrier(key, request, line, None)
        elif request.method == "OPTIONS":
            switch.respond(key, request.response(200, to_tag=switch.new_tag(), headers=[("Allow", ALLOW)]))
        else:
            switch.respond(key, request.response(405, to_tag=switch.new_tag(), headers=[("Allow", ALLOW)]))

    def _invite_of_carrier(self, key: str, request: Request, line: TrunkLine, flow: Flow | None) -> None:
        try:
            inbound.invited(self._switch, key, request, line, flow)
        except ParseError as error:
            tag = self._switch.new_tag()
            self._switch.respond(key, request.response(error.status, error.reason, to_tag=tag))

    def _is_ours(self, request: Request) -> bool:
        """Whether the caller says that he is somebody of this house."""
        switch = self._switch
        return request.from_.uri.host.lower() in {switch.domain.lower(), str(switch.settings.address)}

    def _initial_invite(self, key: str, request: Request, flow: Flow) -> None:
        switch = self._switch
        if not switch.authenticator.knows(flow):
            line = switch.trunks.of_source(flow.source) if flow.transport == "tls" else None
            if line is not None:
                self._invite_of_carrier(key, request, line, flow)
                return
            if not self._is_ours(request):
                uri = request.from_.uri
                switch.watch.note(
                    "security.foreign_call",
                    flow.source,
                    self._loop.time(),
                    claimed=f"{uri.user}@{uri.host}"[:128],
                    dialled=(request.to.uri.user or "")[:64],
                )
                switch.respond(key, request.response(403, to_tag=switch.new_tag()))
                return
        found = switch.authenticator.identify(request, flow, self._loop.time())
        if isinstance(found, Challenge):
            headers = [("WWW-Authenticate", value) for value in found.values]
            switch.respond(key, request.response(401, to_tag=switch.new_tag(), headers=headers))
        elif isinstance(found, Refusal):
            # It is on record already, folded: one who is not known must not be able to fill the ledger.
            headers = [teardown.warning(found.why)]
            response = request.response(found.status, found.reason, to_tag=switch.new_tag(), headers=headers)
            switch.respond(key, response)
        else:
            try:
                setup.invited(switch, key, request, found, flow)
            except ParseError as error:
                switch.respond(key, request.response(error.status, error.reason, to_tag=switch.new_tag()))

    def _in_dialog(self, key: str, request: Request, sender: Flow | TrunkLine) -> None:
        switch = self._switch
        found = switch.legs.get((request.call_id, request.to.tag or ""))
        dialog = found[1].dialog if found is not None else None
        if found is None or dialog is None or dialog.remote_tag != request.from_.tag:
            switch.respond(key, request.response(481))
            return
        call, leg = found
        if not self._speaks_for(sender, leg):
            switch.watch.note(
                "security.foreign_dialog",
                sender.source if isinstance(sender, Flow) else f"trunk {sender.id}",
                self._loop.time(),
                method=request.method,
                call=call.id,
            )
            switch.respond(key, request.response(403))
            return
        # A leg that was made over a trunk's slot stays there, whatever way the carrier's own words take.
        by_slot = leg.trunk and leg.flow is None
        if isinstance(sender, Flow) and not by_slot and (sender != leg.flow or switch.is_lost(leg)):
            moved = sender != leg.flow
            switch.move_leg(leg, sender)  # it is there after all
            if moved:
                switch.keep(call)
        try:
            dialog.receive(request)
        except OutOfOrder:
            switch.respond(key, request.response(500, headers=[("Retry-After", "1")]))
            return
        except ParseError as error:
            switch.respond(key, request.response(error.status, error.reason))
            return
        deal = _IN_DIALOG.get(request.method)
        if deal is not None:
            deal(switch, call, leg, key, request)
        elif request.method == "OPTIONS":
            switch.respond(key, request.response(200, headers=[("Allow", ALLOW)]))
        else:
            switch.respond(key, request.response(405, headers=[("Allow", ALLOW)]))

    def _speaks_for(self, sender: Flow | TrunkLine, leg: Leg) -> bool:
        """Whether what comes from this sender is said by the leg's party."""
        if not isinstance(sender, Flow):
            return leg.trunk == sender.id
        if sender == leg.flow:
            return True
        if leg.trunk:
            line = self._switch.trunks.of_source(sender.source)
            return line is not None and line.id == leg.trunk and sender.transport == "tls"
        return self._switch.authenticator.speaks_for(sender, leg.device_id)

    def _edge_event(self, text: str) -> None:
        kind, _, rest = text.partition(";")
        if kind.strip() == "flow-closed" and rest.strip().startswith("flow="):
            peer = rest.strip()[5:]
            keepalive.flow_closed(self._switch, peer)
            self._switch.registrar.flow_closed(peer)
        else:
            log.warning("the edge told of something unknown: %s", kind[:40])
