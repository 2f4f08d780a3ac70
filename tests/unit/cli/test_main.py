"""The command line as a whole: exit codes, one sentence for an error, signals that mean stop."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

from ringwall import cli
from ringwall.cli import readiness, starting, system
from ringwall.infra.errors import PortTakenError
from ringwall.infra.settings import Settings
from ringwall.infra.supervise import ProgramState


def run(monkeypatch, *arguments):
    """Return the exit code of the whole program."""
    monkeypatch.setattr(sys, "argv", ["ringwall", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return end.code or 0
    return 0


def test_every_command_of_the_house_is_there(monkeypatch, capsys):
    assert run(monkeypatch, "--help") == 0
    said = capsys.readouterr().out
    for command in (
        "up",
        "down",
        "status",
        "doctor",
        "test",
        "demo",
        "bench",
        "user",
        "device",
        "call",
        "ledger",
        "pki",
    ):
        assert f"\n  {command} " in said


@pytest.mark.parametrize("arguments", [["nosuch"], ["up", "--nosuch"], ["test", "nosuch"], ["bench"]])
def test_wrong_usage_is_exit_code_2(monkeypatch, arguments):
    assert run(monkeypatch, *arguments) == 2


@pytest.mark.parametrize("as_json", [True, False])
def test_an_error_is_exit_code_1_and_one_sentence(monkeypatch, capsys, as_json):
    def refuse():
        raise PortTakenError("TCP port 443 is taken by nginx.")

    monkeypatch.setattr(system.host, "require_root", refuse)
    assert run(monkeypatch, "status", *(["--json"] if as_json else [])) == 1
    told = capsys.readouterr()
    if as_json:
        assert json.loads(told.out)["error"] == {
            "code": "port-taken",
            "message": "TCP port 443 is taken by nginx.",
        }
    else:
        assert told.err == "ringwall: TCP port 443 is taken by nginx.\n"


@pytest.mark.req("R2")
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/d/x"),
            "No space left on device (/d/x): make room",
        ),
        (OSError(errno.EROFS, "Read-only file system"), "choose a place that can be written"),
        (
            subprocess.TimeoutExpired(["/usr/bin/apt-get", "x"], 60),
            "/usr/bin/apt-get did not end within 60 seconds",
        ),
    ],
)
def test_what_the_host_refuses_is_one_sentence_too(monkeypatch, capsys, error, said):
    def refuse():
        raise error

    monkeypatch.setattr(system.host, "require_root", refuse)
    assert run(monkeypatch, "status") == 1
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_a_data_directory_with_too_long_a_name_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(system.host, "require_root", lambda: None)
    assert run(monkeypatch, "status", "--data", "/" + "x" * 200) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def app():
    app = typer.Typer()
    system.register(app)
    return app


def health(state="running", up=True, core=True):
    return readiness.Health(
        (ProgramState("core", state, 7, 0.0),),
        {"link sip": (up, "")} if core else {},
        {} if core else None,
        "silent",
    )


@pytest.mark.parametrize(
    ("look", "code", "said"),
    [
        (health(), 0, "Everything is up."),
        (health(up=False), 1, "Not up: link sip."),
        (health(state="fatal"), 1, "Not up: core (fatal)"),
        (health(core=False), 1, "Not up: core (silent)."),
        (readiness.Health((), {}, None, ""), 1, "Nothing runs on"),
    ],
)
def test_status_says_what_is_up_and_is_0_only_if_all_is(app, layout, monkeypatch, look, code, said):
    monkeypatch.setattr(system.host, "require_root", lambda: None)
    monkeypatch.setattr(readiness, "look", lambda _layout: look)
    done = CliRunner().invoke(app, ["status", "--data", str(layout.data)])
    assert done.exit_code == code
    assert said in done.stdout
    told = json.loads(CliRunner().invoke(app, ["status", "--json", "--data", str(layout.data)]).stdout)
    assert told["ok"] is (code == 0)


class Process:
    """A supervisord that runs until somebody stops it."""

    ended = False

    def poll(self):
        return 0 if self.ended else None


@pytest.fixture
def started(layout, monkeypatch):
    """`up` with everything below it replaced: what remains is the command itself."""
    process = Process()
    stops = []

    class Supervisor:
        pid = None

        def __init__(self, _layout):
            pass

        def stop(self, **_more):
            process.ended = True
            stops.append(True)
            return True

    settings = Settings.for_address("127.0.0.1")
    monkeypatch.setattr(starting, "prepare", lambda *_args, **_more: settings)
    monkeypatch.setattr(
        starting, "start", lambda *_args, **_more: starting.Started(settings, "admin", "pa55", process, 1.5)
    )
    monkeypatch.setattr(system, "Supervisor", Supervisor)
    monkeypatch.setattr(starting, "Supervisor", Supervisor)
    monkeypatch.setattr(system, "_LOOK_SECONDS", 0.01)
    return process, stops


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_up_stops_everything_when_it_is_asked_to(app, layout, started, monkeypatch, number):
    _, stops = started
    looks = iter([health(), health(up=False), health()])

    def look(_layout):
        found = next(looks, None)
        if found is None:
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)  # a second Ctrl-C does not disturb the stop
            time.sleep(0.05)
        return found or health()

    monkeypatch.setattr(readiness, "look", look)
    before = signal.getsignal(number)
    done = CliRunner().invoke(app, ["up", "--data", str(layout.data)])
    assert done.exit_code == 0
    assert stops == [True]
    assert "password pa55 (shown only now)" in done.stdout
    assert "link sip: down" in done.stdout
    assert "link sip: up" in done.stdout
    assert done.stdout.endswith("Stopped.\n")
    assert signal.getsignal(number) is before


def test_up_ends_when_another_command_stopped_the_system(app, layout, started, monkeypatch):
    process, stops = started

    def look(_layout):
        process.ended = True
        return health()

    monkeypatch.setattr(readiness, "look", look)
    done = CliRunner().invoke(app, ["up", "--data", str(layout.data)])
    assert done.exit_code == 0
    assert "Stopped by another command." in done.stdout
    assert not stops


def test_up_detached_returns_and_leaves_it_running(app, layout, started):
    _, stops = started
    done = CliRunner().invoke(app, ["up", "--detach", "--json", "--data", str(layout.data)])
    told = json.loads(done.stdout)
    assert (told["event"], told["administrator"], told["password"]) == ("ready", "admin", "pa55")
    assert told["ports"]["sips"] == 5061
    assert not stops


def test_a_signal_during_the_preparation_ends_up_but_no_system_of_another_command(
    app, layout, started, monkeypatch
):
    monkeypatch.setattr(starting, "prepare", lambda *_args, **_more: os.kill(os.getpid(), signal.SIGTERM))
    done = CliRunner().invoke(app, ["up", "--data", str(layout.data)])
    assert done.exit_code == 0
    assert done.stdout == "Stopped.\n"
    assert started[1] == []


def test_down_says_when_nothing_ran(app, layout, monkeypatch):
    monkeypatch.setattr(system.host, "require_root", lambda: None)
    done = CliRunner().invoke(app, ["down", "--json", "--data", str(layout.data)])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"ok": True, "was_running": False}
