"""The commands with a real system: what they start, with which rights, what they say, and what is left afterwards."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.infra import accounts
from ringwall.infra.layout import Layout
from ringwall.infra.supervise import Supervisor
from system.running import PROGRAMS, REPOSITORY, System, children, settings_for_tests, status_field, until

NO_RIGHTS = "0000000000000000"
NET_BIND_SERVICE = f"{1 << 10:016x}"
OWN_FILES_TO_OTHERS = f"{(1 << 0) | (1 << 1) | (1 << 3):016x}"  # chown, dac_override, fowner


@pytest.fixture
def own() -> Iterator[System]:
    """A folder for a system that a test starts and ends itself."""
    with tempfile.TemporaryDirectory(prefix="rw-system-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        system = System(Layout.of(folder))
        settings_for_tests().save(system.layout)
        yield system
        Supervisor(system.layout).stop()


def foreground(system: System, *more: str) -> "subprocess.Popen[str]":
    command = [str(REPOSITORY / "ringwall"), "up", "--json", *more, "--data", str(system.layout.data)]
    return subprocess.Popen(
        command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def of_this(folder: Path) -> list[int]:
    """Return every process that has the folder in its command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if str(folder).encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


@pytest.mark.req("W3")
def test_each_program_runs_as_its_own_user_without_any_right_but_its_own(system: System) -> None:
    pids = {name: system.pid(name) for name in PROGRAMS}
    owners = {name: status_field(pid, "Uid").split()[0] for name, pid in pids.items()}
    assert len(set(owners.values())) == len(PROGRAMS)
    assert [name for name, owner in owners.items() if owner == "0"] == ["certificates"]
    for name, top in pids.items():
        wanted = {"haproxy": NET_BIND_SERVICE, "certificates": OWN_FILES_TO_OTHERS}.get(name, NO_RIGHTS)
        for pid in children(top):
            assert status_field(pid, "CapEff") == wanted, name
            assert status_field(pid, "CapBnd") == wanted, name
            assert status_field(pid, "NoNewPrivs") == "1", name
            assert status_field(pid, "Uid").split()[0] == owners[name]


@pytest.mark.req("W3")
def test_no_program_of_the_edge_can_read_what_is_the_cores(system: System) -> None:
    secret = [
        system.layout.database,
        system.layout.link_key,
        system.layout.ledger_key,
        system.layout.inside_key,
    ]
    for user in (accounts.HAPROXY, accounts.KAMAILIO, accounts.RTPENGINE, accounts.EDGE):
        for path in secret:
            assert path.exists()
            groups = accounts.USERS[user]
            command = ["setpriv", f"--reuid={user}", f"--regid={user}"]
            command.append(f"--groups={','.join(groups)}" if groups else "--clear-groups")
            done = subprocess.run([*command, "cat", str(path)], capture_output=True, check=False)
            assert done.returncode != 0
            assert done.stdout == b""
            assert b"Permission denied" in done.stderr


def test_no_program_has_anything_of_the_environment_of_who_started_it(system: System) -> None:
    for name in PROGRAMS:
        names = {
            pair.partition(b"=")[0].decode()
            for pair in Path(f"/proc/{system.pid(name)}/environ").read_bytes().split(b"\0")
            if pair
        }
        known = {"PATH", "LANG", "LC_ALL", "HOME"}
        assert {each for each in names - known if not each.startswith(("PYTHON", "SUPERVISOR_"))} == set()


def test_status_and_doctor_find_nothing_to_mend(system: System) -> None:
    status = system.command("status", "--json")
    assert status.returncode == 0, status.stdout
    told = json.loads(status.stdout)
    assert {program["name"] for program in told["programs"]} == set(PROGRAMS)
    assert all(part["up"] for part in told["parts"].values())
    assert {
        "link sip",
        "link http",
        "link control",
        "engine haproxy",
        "engine kamailio",
        "engine rtpengine",
    } <= set(told["parts"])
    doctor = system.command("doctor", "--json")
    bad = [finding for finding in json.loads(doctor.stdout)["findings"] if not finding["ok"]]
    assert bad == []
    assert doctor.returncode == 0


def test_a_second_system_on_the_same_data_is_refused(system: System) -> None:
    done = system.run("up")
    assert done.returncode == 1
    assert f"A system already runs on {system.layout.data}" in done.stderr
    assert system.command("status").returncode == 0


@pytest.mark.req("R2")
@pytest.mark.parametrize("program", ["rtpengine", "kamailio", "agent", "haproxy"])
async def test_an_edge_program_that_was_killed_is_back(system: System, program: str) -> None:
    killed = system.kill(program)

    def started_again() -> bool:
        pids = {state.name: state.pid for state in Supervisor(system.layout).states()}
        return pids[program] not in {None, killed}

    await until(started_again, f"{program} is started again", 20)
    await system.ready()


def test_a_taken_port_is_one_sentence_and_leaves_nothing_running(own: System) -> None:
    settings = own.settings
    with socket.socket() as holder:
        holder.bind((settings.address, settings.ports.sips))
        holder.listen()
        done = own.run("up")
    assert done.returncode == 1
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("ringwall: ")]
    assert f"TCP port {settings.ports.sips} (sips) is taken by" in said
    assert "--free-ports" in said
    assert of_this(own.layout.data) == []


async def test_up_runs_until_it_is_asked_to_stop_and_leaves_nothing_behind(own: System) -> None:
    process = foreground(own)
    assert process.stdout is not None
    ready = json.loads(await asyncio.to_thread(process.stdout.readline))
    assert ready["event"] == "ready"
    assert ready["password"]
    assert own.command("status").returncode == 0
    process.send_signal(signal.SIGINT)
    out, _ = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    assert json.loads(out.splitlines()[-1])["event"] == "stopped"
    assert of_this(own.layout.data) == []
    again = foreground(own)
    assert again.stdout is not None
    told = json.loads(await asyncio.to_thread(again.stdout.readline))
    assert told["password"] is None  # it is shown once
    assert own.run("down").returncode == 0
    out, _ = await asyncio.to_thread(again.communicate)
    assert again.returncode == 0
    assert of_this(own.layout.data) == []


async def test_nothing_is_left_when_up_itself_is_killed(own: System) -> None:
    process = foreground(own)
    assert process.stdout is not None
    assert json.loads(await asyncio.to_thread(process.stdout.readline))["event"] == "ready"
    process.kill()
    await asyncio.to_thread(process.communicate)
    await until(lambda: not of_this(own.layout.data), "all programs have ended", 30)
