"""A start, step by step: settings that stay, one command at a time, passwords that are not lost."""

import os
import subprocess
import sys

import pytest

from ringwall.cli import programs, readiness, starting
from ringwall.infra import accounts
from ringwall.infra.errors import PortTakenError, RingwallError, SuperviseError
from ringwall.infra.settings import Settings


@pytest.fixture(autouse=True)
def ours(monkeypatch):
    monkeypatch.setattr(accounts, "group_id", lambda _name: os.getegid())


def test_the_first_start_makes_settings_and_the_next_one_keeps_them(layout):
    first = starting._settings(layout, address="127.0.0.1", free_ports=True)
    assert Settings.load(layout) == first
    assert first.ports.https != 443
    assert starting._settings(layout, address=None, free_ports=False) == first
    assert starting._settings(layout, address=None, free_ports=True) == first  # they are still free


def test_an_address_of_somebody_else_is_refused_and_nothing_saved(layout):
    with pytest.raises(PortTakenError, match="not an address of this host"):
        starting._settings(layout, address="192.0.2.77", free_ports=False)
    assert not layout.settings_file.exists()


def test_another_address_is_saved(layout):
    starting._settings(layout, address="127.0.0.1", free_ports=True)
    starting._settings(layout, address="127.0.0.2", free_ports=False)
    assert Settings.load(layout).address == "127.0.0.2"


def test_settings_of_the_owner_are_not_written_anew(layout):
    starting._settings(layout, address="127.0.0.1", free_ports=True)
    edited = "# my own remark\n" + layout.settings_file.read_text()
    layout.settings_file.write_text(edited)
    starting._settings(layout, address="127.0.0.1", free_ports=True)
    assert layout.settings_file.read_text() == edited


def test_two_commands_do_not_start_or_stop_the_same_system_at_once(layout):
    with (
        starting.locked(layout),
        pytest.raises(SuperviseError, match="wait for it") as caught,
        starting.locked(layout),
    ):
        pass
    assert caught.value.code == "busy"
    with starting.locked(layout):
        pass


def setup_says(monkeypatch, code):
    monkeypatch.setattr(starting.Program, "full_command", lambda _self: [sys.executable, "-c", code])


def test_the_first_run_gives_the_password_once(layout, monkeypatch):
    setup_says(monkeypatch, 'print(\'{"created": true, "administrator": "admin", "password": "x"}\')')
    assert starting.first_run(layout) == ("admin", "x")
    setup_says(monkeypatch, 'print(\'{"created": false, "administrator": "admin", "password": null}\')')
    assert starting.first_run(layout) == (None, None)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('the disk is full')", "the disk is full"),
        ('import sys; sys.exit(\'{"message": "the disk is full."}\')', "the disk is full."),
        ("print('junk')", "no reason given"),
        ("print('{}')", "no reason given"),
    ],
)
def test_a_database_that_cannot_be_prepared_is_told_with_its_reason(layout, monkeypatch, code, said):
    setup_says(monkeypatch, code)
    with pytest.raises(starting.StartError) as caught:
        starting.first_run(layout)
    assert said in str(caught.value)
    assert not str(caught.value).endswith("..")


class FailingSupervisor:
    stopped = 0

    def __init__(self, _layout):
        pass

    def start(self, *_args, **_more):
        raise SuperviseError("The supervisor did not start.")

    def stop(self):
        type(self).stopped += 1


def test_a_password_is_told_even_when_the_start_fails_after_it_was_made(layout, monkeypatch):
    monkeypatch.setattr(starting, "_require_readable", lambda _folder: None)
    monkeypatch.setattr(starting, "first_run", lambda _layout: ("admin", "pa55"))
    monkeypatch.setattr(starting, "Supervisor", FailingSupervisor)
    monkeypatch.setattr(programs, "programs", lambda *_args: [])
    with pytest.raises(SuperviseError, match="administrator was made before that: admin, password pa55"):
        starting.start(layout, Settings.for_address("127.0.0.1"), die_with_caller=True, on_step=print)
    assert FailingSupervisor.stopped == 1


def test_a_system_that_does_not_become_ready_says_which_part_and_its_last_words(layout, monkeypatch):
    monkeypatch.setattr(starting, "READY_SECONDS", 0.1)
    (layout.log / "core.log").write_text('{"message": "no such table"}\n')
    health = readiness.Health(
        (readiness.ProgramState("core", "backoff", None, 0.0),), {"link sip": (False, "")}, {}, ""
    )
    monkeypatch.setattr(readiness, "look", lambda _layout: health)
    process = subprocess.Popen(["sleep", "30"])
    try:
        with pytest.raises(starting.StartError) as caught:
            starting._wait_ready(layout, process)
    finally:
        process.kill()
        process.wait()
    assert "core (backoff)" in str(caught.value)
    assert "link sip" in str(caught.value)
    assert "core said last: no such table" in str(caught.value)


def test_a_supervisor_that_ended_is_not_waited_for(layout, monkeypatch):
    monkeypatch.setattr(readiness, "look", lambda _layout: readiness.Health((), {}, None, ""))
    process = subprocess.Popen(["true"])
    process.wait()
    with pytest.raises(starting.StartError, match="supervisor ended"):
        starting._wait_ready(layout, process)


def test_code_that_the_system_users_cannot_read_is_refused(tmp_path):
    tmp_path.chmod(0o700)
    with pytest.raises(starting.StartError, match=r"start it with \./ringwall"):
        starting._require_readable(str(tmp_path))


def test_root_is_asked_for_before_anything_is_done(layout, monkeypatch):
    monkeypatch.setattr(starting.host.os, "geteuid", lambda: 1000)
    with pytest.raises(RingwallError, match="needs root"):
        starting.prepare(layout, None)
