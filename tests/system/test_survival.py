"""What goes on when a part of the system dies, and when certificates are renewed (R1, R2, T7)."""

import asyncio
import ssl
import time
from functools import partial

import pytest

from ringwall.cli.demo.wiretap import TONES
from ringwall.infra import pki
from ringwall.infra.supervise import Supervisor
from system.descriptions import answer_to, good, of_port
from system.raw_phone import RawCall, RawPhone, joined
from system.running import System, until
from system.srtp import MediaPort


async def speak(ours: MediaPort, theirs: MediaPort, here: RawCall, there: RawCall) -> None:
    """Let both sides play from now on, and wait until each hears the other."""
    for port in (ours, theirs):
        port.forget()
    await ours.talk(here.remote, TONES[0])
    await theirs.talk(there.remote, TONES[1])
    await until(lambda: ours.tone == TONES[1] and theirs.tone == TONES[0], "both hear each other")


async def call_works(anna: RawPhone, ben: RawPhone, media) -> None:
    """One calls the other, both hear the other's tone, one hangs up."""
    ours, theirs = media(), media()
    here, there = await joined(anna, ben, of_port(ours), lambda sdp: answer_to(sdp, theirs))
    await speak(ours, theirs, here, there)
    assert (await here.hang_up()).status == 200
    await there.ended()


def on_disk(system: System) -> None:
    """Return when all that was written until now is on the disk: writes keep their order, and this one is awaited."""
    system.ask("user.remove", extension=system.user())


async def hold_and_back(call: RawCall, other: RawCall) -> None:
    for version, direction, mirror in ((8, "sendonly", "recvonly"), (9, "sendrecv", "sendrecv")):
        answer, request = await asyncio.gather(
            call.reinvite(good(direction=direction, version=version)),
            other.changed(partial(answer_to, direction=mirror)),
        )
        assert answer.status == 200, answer.headers.get("warning")
        assert f"a={direction}".encode() in request.body


async def started_again(system: System, program: str, killed: int) -> None:
    """Wait until supervision has started a program anew and all is as it was."""

    def other() -> bool:
        states = Supervisor(system.layout).states()
        return any(state.name == program and state.pid not in {None, killed} for state in states)

    await until(other, f"{program} is started again", 20)
    await system.ready()


@pytest.mark.req("R1", "R2", "W5")
async def test_the_core_is_killed_and_comes_back_with_its_registrations_and_calls(
    system, connect, media
) -> None:
    anna, ben, carl = await connect(), await connect(), await connect()
    ours, theirs = media(), media()
    here, there = await joined(anna, ben, of_port(ours), lambda sdp: answer_to(sdp, theirs))
    await speak(ours, theirs, here, there)
    (call,) = [c for c in system.ask("call.list") if c["caller"] == anna.account.extension]
    before = system.seq()
    on_disk(system)
    killed = system.kill("core")
    # What was under way at that moment may be lost; as soon as the edge knows, a keep-alive says so.
    while (await carl.ask(carl.request("OPTIONS")).final()).status != 503:
        pass

    # A new request is refused at once, not left to wait.
    began = time.monotonic()
    answer = await carl.invite(ben.account.extension, good()).final()
    assert answer.status == 503
    assert answer.headers.get("retry-after")
    assert time.monotonic() - began < 2
    # Voice does not need the core.
    for port in (ours, theirs):
        port.forget()
    await until(lambda: ours.tone == TONES[1] and theirs.tone == TONES[0], "both still hear each other")

    await started_again(system, "core", killed)
    known = {row["device"] for row in system.ask("registration.list")}
    assert {phone.account.username for phone in (anna, ben, carl)} <= known
    (taken_up,) = [c for c in system.ask("call.list") if c["call"] == call["call"]]
    assert taken_up["state"] == "talking"

    # Nobody signed in again: they are reached, and they may call.
    asked = carl.invite(ben.account.extension, good())
    ringing = await ben.ringing()
    ringing.refuse(486)
    assert (await asked.final()).status == 486
    # The call that was up can be held, changed back, heard and ended, and its record is whole.
    answer, _ = await asyncio.gather(
        here.reinvite(of_port(ours, version=2, direction="sendonly")),
        there.changed(lambda sdp: answer_to(sdp, theirs, direction="recvonly")),
    )
    assert answer.status == 200
    answer, _ = await asyncio.gather(
        there.reinvite(of_port(theirs, version=3)), here.changed(lambda sdp: answer_to(sdp, ours))
    )
    assert answer.status == 200
    await speak(ours, theirs, here, there)
    assert (await there.hang_up()).status == 200
    await here.ended()
    record = await system.record(before, "call.ended", call=call["call"])
    assert (record["cause"], record["by"], record["status"]) == ("hung up", "callee", 200)
    assert record["caller"] == anna.account.extension
    assert record["callee"] == ben.account.extension
    assert record["answered"] < record["ended"]
    assert len(record["suites"]) == 2
    assert all(record["suites"])
    assert system.ask("ledger.verify")["ok"]


@pytest.mark.req("R1")
async def test_a_phone_that_hung_up_while_the_core_was_away_ends_the_call(system, connect) -> None:
    anna, ben = await connect(), await connect()
    here, there = await joined(anna, ben, good(), answer_to)
    before = system.seq()
    on_disk(system)
    killed = system.kill("core")
    assert (await here.hang_up()).status in {408, 503}
    await anna.close()
    await started_again(system, "core", killed)
    await there.ended(45)  # everybody is asked within 35 seconds of the link's return
    record = await system.record(before, "call.ended", caller=anna.account.extension)
    assert record["answered"]


@pytest.mark.req("R2")
async def test_the_core_is_stopped_in_good_order_and_started_again(system, connect) -> None:
    """A restart, as for an update: nobody signs in again, no call is lost, and the ledger says what happened."""
    anna, ben = await connect(), await connect()
    here, there = await joined(anna, ben, good(), answer_to)
    before = system.seq()
    await asyncio.to_thread(Supervisor(system.layout).restart, "core")
    await system.ready()
    await hold_and_back(here, there)
    assert (await here.hang_up()).status == 200
    await there.ended()
    kinds = [record["kind"] for record in system.records(before)]
    assert kinds.index("system.stopped") < kinds.index("system.started")


@pytest.mark.req("R2")
@pytest.mark.parametrize("program", ["haproxy", "kamailio", "rtpengine", "agent"])
async def test_a_process_of_the_edge_is_killed_and_phones_work_again(system, connect, media, program) -> None:
    anna, ben = await connect(), await connect()
    await call_works(anna, ben, media)
    killed = system.kill(program)
    await started_again(system, program, killed)
    if program in {"haproxy", "kamailio"}:
        # Their connections went with it; a phone connects and signs in again.
        await asyncio.gather(anna.closed.wait(), ben.closed.wait())
        anna, ben = await connect(anna.account), await connect(ben.account)
    await call_works(anna, ben, media)


@pytest.mark.req("R2")
async def test_a_real_phone_finds_the_system_again_after_the_edge_died(system, desk_phones, connect) -> None:
    desk, caller = await desk_phones(), await connect()
    before = system.seq()
    killed = system.kill("haproxy")
    await caller.closed.wait()
    await started_again(system, "haproxy", killed)
    await desk.register()
    await system.record(before, "registration.added", device=desk.credentials.username)
    caller = await connect(caller.account)
    call = await caller.call(desk.credentials.extension, good())
    assert (await call.hang_up()).status == 200


@pytest.mark.req("T7")
async def test_certificates_are_renewed_while_a_call_is_up(system, connect, media) -> None:
    anna, ben = await connect(), await connect()
    ours, theirs = media(), media()
    here, there = await joined(anna, ben, of_port(ours), lambda sdp: answer_to(sdp, theirs))
    await speak(ours, theirs, here, there)
    links = system.ask("status")["links"]
    assert all(link["up"] for link in links.values())
    old = anna.peer_certificate
    pids = {name: system.pid(name) for name in ("haproxy", "kamailio", "core", "agent", "rtpengine")}

    done = await asyncio.to_thread(system.command, "pki", "renew", "--json")
    assert done.returncode == 0, done.stdout + done.stderr

    # No process was started anew, no connection was closed, and both still hear each other.
    assert {name: system.pid(name) for name in pids} == pids
    assert not anna.closed.is_set()
    assert not ben.closed.is_set()
    await speak(ours, theirs, here, there)
    answer, _ = await asyncio.gather(
        here.reinvite(of_port(ours, version=2)), there.changed(lambda sdp: answer_to(sdp, theirs))
    )
    assert answer.status == 200
    # A new connection gets the new certificate, which is good for who trusts the old root.
    carl = await connect()
    assert carl.peer_certificate != old
    await call_works(carl, ben, media)
    # The core's next connections are made with its new one.
    killed = system.kill("agent")
    await started_again(system, "agent", killed)
    assert (await there.hang_up()).status == 200
    await here.ended()
    problems = [state for state in pki.inspect(system.layout, system.settings) if state.problem or state.due]
    assert not problems


@pytest.mark.req("T7")
async def test_the_page_that_browsers_see_has_the_same_new_certificate(system, connect) -> None:
    settings = system.settings
    phone = await connect()
    context = ssl.create_default_context(cafile=str(system.layout.ca_certificate))
    _, writer = await asyncio.open_connection(
        settings.address, settings.ports.https, ssl=context, server_hostname=settings.organisation.domain
    )
    seen = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    assert seen == phone.peer_certificate
