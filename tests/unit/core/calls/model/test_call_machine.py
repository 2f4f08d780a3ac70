"""Three phones do what they like, and the edge and the relay come and go: nothing breaks and nothing is left."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ringwall.core.calls.media.descriptions import AES_CM, GCM_128, GCM_256
from ringwall.core.calls.model.states import CallState
from support.calls.media import describe
from support.calls.world import World

phones = st.integers(0, 3)
directions = st.sampled_from(["sendrecv", "sendonly", "inactive"])
KINDS = [(AES_CM,), (AES_CM, GCM_256), (GCM_256, GCM_128, AES_CM), (GCM_256,)]


class _Counting(dict):
    """Remembers every call that there ever was."""

    def __init__(self, ever: set[str]) -> None:
        super().__init__()
        self.ever = ever

    def __setitem__(self, key, value) -> None:
        self.ever.add(key)
        super().__setitem__(key, value)


class CallMachine(RuleBasedStateMachine):
    @initialize(kinds=st.lists(st.sampled_from([*KINDS, None]), min_size=4, max_size=4))
    def begin(self, kinds) -> None:
        self.world = World()
        self.ever: set[str] = set()
        self.world.switch.calls = _Counting(self.ever)
        extensions = ("201", "202", "203", "202")
        for extension, suites in zip(extensions, kinds, strict=True):
            if suites is None:
                self.world.phone(extension, dtls=True)
            else:
                self.world.phone(extension, suites=suites)

    def phone(self, number: int):
        return self.world.phones[number]

    def last(self, number: int, *states: str):
        for call in reversed(self.phone(number).calls):
            if call.state in states and call.dialog is not None:
                return call
        return None

    @rule(number=phones, to=st.sampled_from(["201", "202", "203"]), early=st.booleans(), rely=st.booleans())
    def call(self, number: int, to: str, early: bool, rely: bool) -> None:
        phone = self.phone(number)
        if phone.connection.open:
            phone.call(to, supports="100rel, timer" if rely else "timer")

    @rule(number=phones, bad=st.sampled_from([b"", describe((), protocol="RTP/AVP")]))
    def call_in_the_clear(self, number: int, bad: bytes) -> None:
        if self.phone(number).connection.open:
            self.phone(number).call("202", bad)

    @rule(number=phones, behaviour=st.sampled_from(["answer", "ring", "early", "silence", 486, 603, 500]))
    def decide_how_to_answer(self, number: int, behaviour) -> None:
        self.phone(number).on_invite = behaviour

    @rule(number=phones, behaviour=st.sampled_from(["accept", "accept", "silence", 488, 491, 481]))
    def decide_how_to_change(self, number: int, behaviour) -> None:
        self.phone(number).on_change = behaviour

    @rule(number=phones, ack=st.booleans(), prack=st.booleans(), update=st.booleans())
    def decide_manners(self, number: int, ack: bool, prack: bool, update: bool) -> None:
        phone = self.phone(number)
        phone.auto_ack, phone.auto_prack = ack, prack
        phone.allow = "INVITE, ACK, BYE, CANCEL" + (", UPDATE" if update else "")

    @rule(number=phones, reliable=st.booleans())
    def ring(self, number: int, reliable: bool) -> None:
        call = self.last(number, "ringing")
        if call is not None and not call.offered_nothing_common() and call.reliable is None:
            call.early(reliable=reliable and "100rel" in (call.invite.headers.get("Supported") or ""))

    @rule(number=phones, bad=st.booleans())
    def answer(self, number: int, bad: bool) -> None:
        call = self.last(number, "ringing")
        if call is not None:
            call.answer(describe((), protocol="RTP/AVP") if bad else None)

    @rule(number=phones, status=st.sampled_from([486, 480, 603]))
    def refuse(self, number: int, status: int) -> None:
        call = self.last(number, "ringing")
        if call is not None:
            call.refuse(status)

    @rule(number=phones)
    def cancel(self, number: int) -> None:
        for call in self.phone(number).calls:
            if call.state == "calling":
                call.cancel()
                call.state = "cancelled"
                return

    @rule(number=phones)
    def hang_up(self, number: int) -> None:
        call = self.last(number, "talking")
        if call is not None:
            call.bye()

    @rule(number=phones, direction=directions, method=st.sampled_from(["INVITE", "UPDATE"]))
    def change(self, number: int, direction: str, method: str) -> None:
        call = self.last(number, "talking")
        if call is not None:
            call.change(direction, method)

    @rule(number=phones)
    def change_without_offer(self, number: int) -> None:
        call = self.last(number, "talking")
        if call is not None:
            call.ack_body = call.local_sdp
            call.request("INVITE")

    @rule(number=phones, method=st.sampled_from(["INVITE", "UPDATE"]))
    def change_to_clear(self, number: int, method: str) -> None:
        call = self.last(number, "talking")
        if call is not None:
            call.request(method, describe((), protocol="RTP/AVP"))

    @rule(number=phones)
    def say_something(self, number: int) -> None:
        call = self.last(number, "talking")
        if call is not None:
            call.request("INFO", b"Signal=1", content_type="application/dtmf-relay")

    @rule(number=phones, tell=st.booleans())
    def lose_connection(self, number: int, tell: bool) -> None:
        self.world.edge.close(self.phone(number).connection, tell=tell)

    @rule(number=phones)
    @precondition(lambda self: self.world.edge.core_up)
    def sign_in(self, number: int) -> None:
        self.phone(number).register()

    @rule(seconds=st.sampled_from([0.0015, 0.01, 0.3, 2, 20, 70]))
    def wait(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(delay=st.sampled_from([0.001, 0.4]))
    def slow_relay(self, delay: float) -> None:
        self.world.rtpengine.delay = delay

    @rule(refusing=st.sampled_from([None, "no ports"]))
    def relay_trouble(self, refusing) -> None:
        self.world.rtpengine.refusing = refusing

    @rule()
    def edge_link(self) -> None:
        if self.world.edge.core_up:
            self.world.link_down()
        else:
            self.world.link_up()

    @rule()
    @precondition(lambda self: all(c.state is CallState.TALKING for c in self.world.switch.calls.values()))
    def core_dies(self) -> None:
        if self.world.switch._tasks or not self.world.edge.core_up:
            return
        self.world.restart_core()
        calls = _Counting(self.ever)
        calls.update(self.world.switch.calls)
        self.world.switch.calls = calls

    @invariant()
    def nobody_hears_in_the_clear_and_nothing_breaks(self) -> None:
        if hasattr(self, "world"):
            assert not self.world.witness.faults
            assert not self.world.errors.records

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        if not world.edge.core_up:
            world.link_up()
        world.rtpengine.refusing = None
        for _ in range(2):
            for number, phone in enumerate(world.phones):
                phone.auto_ack, phone.on_invite = True, 486
                while (call := self.last(number, "talking")) is not None:
                    call.bye()
            world.run(100)
        if world.switch.calls:
            world.run(4000)
        world.finish()
        assert {fields["call"] for fields in world.told("call.ended")} == self.ever


CallMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestCalls = pytest.mark.req("T5")(CallMachine.TestCase)
