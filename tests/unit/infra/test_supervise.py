"""Supervision: the right rights, restart, and an end that leaves nothing behind."""

import configparser
import os
import shlex
import signal
import time
from pathlib import Path

import pytest

from ringwall.infra import accounts, supervise
from ringwall.infra.errors import SuperviseError
from ringwall.infra.layout import Layout
from ringwall.infra.supervise import Program, Supervisor, render

HAPROXY = Program(
    "haproxy", accounts.HAPROXY, ("/bin/h", "-f", "a b"), order=40, capabilities=("net_bind_service",)
)
CORE = Program("core", accounts.CORE, ("/bin/c", "100%"), order=50)


@pytest.fixture
def layout(tmp_path):
    layout = Layout.of(tmp_path)
    layout.run.mkdir()
    layout.log.mkdir()
    return layout


def parsed(layout, *programs, **more):
    parser = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
    parser.read_string(render(layout, programs, **more))
    return parser


def test_every_right_is_taken_but_the_one_that_is_needed():
    command = HAPROXY.full_command()
    assert f"--reuid={accounts.HAPROXY}" in command
    assert f"--groups={accounts.EDGE_SOCKET_GROUP}" in command
    assert "--no-new-privs" in command
    assert "--bounding-set=-all,+net_bind_service" in command
    assert "--ambient-caps=-all,+net_bind_service" in command
    assert "--bounding-set=-all" in CORE.full_command()
    assert "--ambient-caps=-all" in CORE.full_command()
    assert command[command.index("--") + 1 :] == list(HAPROXY.command)


def test_a_program_of_root_keeps_only_what_it_names():
    command = Program("certificates", "root", ("/bin/x",), capabilities=("chown",)).full_command()
    assert "--bounding-set=-all,+chown" in command
    assert "--ambient-caps=-all" in command
    assert not any(word.startswith("--reuid") for word in command)


def test_the_configuration_restarts_always_and_rotates_logs(layout):
    section = parsed(layout, CORE)["program:core"]
    assert section["autorestart"] == "true"
    assert int(section["startretries"]) > 1000
    assert section["stdout_logfile"] == str(layout.log / "core.log")
    assert section["stdout_logfile_maxbytes"] == "10MB"
    assert parsed(layout, CORE)["unix_http_server"]["chmod"] == "0600"


def test_commands_survive_quoting(layout):
    section = parsed(layout, HAPROXY, CORE)
    assert shlex.split(section["program:haproxy"]["command"])[-1] == "a b"
    assert section["program:core"]["command"].endswith("/bin/c 100%%")


def test_programs_get_a_clean_environment(layout, monkeypatch):
    monkeypatch.setenv("AWS_SECRET", "s3cret")
    text = render(layout, [CORE], python_path="/opt/ringwall/releases/x")
    assert 'PYTHONPATH="/opt/ringwall/releases/x"' in text
    assert "s3cret" not in text


@pytest.mark.parametrize("bad", ["a\nb", "a ;b"])
def test_what_could_change_the_configuration_is_refused(layout, bad):
    with pytest.raises(SuperviseError):
        render(layout, [Program("x", accounts.CORE, ("/bin/x", bad))])


def test_an_environment_value_cannot_break_out(layout):
    with pytest.raises(SuperviseError, match="quotes"):
        render(layout, [Program("x", accounts.CORE, ("/bin/x",), environment={"A": 'b",C="d'})])


def test_a_pid_of_somebody_else_is_not_taken_for_ours(layout):
    layout.supervisord_pid.write_text(f"{os.getpid()}\n")
    assert Supervisor(layout).pid is None
    assert Supervisor(layout).stop() is False


def test_without_supervisord_the_error_names_the_system(layout):
    with pytest.raises(SuperviseError, match=str(layout.data)):
        Supervisor(layout).states()


@pytest.fixture
def plain(monkeypatch):
    """Programs as whoever runs the test, without setpriv: what setpriv does is for the system tests."""
    monkeypatch.setattr(Program, "full_command", lambda self: list(self.command))


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


SLEEPER = ("/bin/sh", "-c", "sleep 1000 & echo started; wait")
STUBBORN = ("/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")


@pytest.mark.req("R2")
def test_programs_run_are_restarted_and_leave_nothing_behind(layout, plain):
    supervisor = Supervisor(layout)
    programs = [
        Program("engine", accounts.HAPROXY, SLEEPER, order=10, start_seconds=0),
        Program("core", accounts.CORE, SLEEPER, order=50, start_seconds=0),
        Program("stubborn", accounts.CORE, STUBBORN, start_seconds=0, stop_seconds=1),
    ]
    process = supervisor.start(programs, die_with_caller=False)
    try:
        assert supervisor.pid == process.pid
        until(lambda: all(state.running and state.pid for state in supervisor.states()))
        first = {state.name: state.pid for state in supervisor.states()}
        until(lambda: "started" in (layout.log / "core.log").read_text())
        with pytest.raises(SuperviseError, match="already runs"):
            supervisor.start(programs)
        os.kill(first["core"], signal.SIGKILL)
        until(lambda: {s.name: s.pid for s in supervisor.states()}["core"] not in {None, first["core"]})
        supervisor.restart("engine")
        second = {state.name: state.pid for state in supervisor.states()}
        assert second["engine"] != first["engine"]
        assert second["stubborn"] == first["stubborn"]
        members = supervise._living(process.pid)
        assert len(members) > len(second)  # the children are seen too
    finally:
        assert supervisor.stop() is True
    process.wait(5)
    assert set(second.values()) < set(members)
    assert not any(alive(pid) for pid in (*members, process.pid))
    assert supervisor.pid is None
    assert supervisor.stop() is False


def test_a_supervisor_that_cannot_start_says_why(layout, plain, monkeypatch):
    monkeypatch.setattr(supervise, "render", lambda *_args, **_more: "[supervisord]\n[program:x]\n")
    with pytest.raises(SuperviseError, match="did not start"):
        Supervisor(layout).start([])
