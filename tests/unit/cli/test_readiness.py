"""Health: ready means that every program runs, every link is up and every engine answers."""

import pytest

from ringwall.cli import readiness
from ringwall.infra.errors import SuperviseError, UnavailableError
from ringwall.infra.supervise import ProgramState

GOOD = {
    "links": {"sip": {"up": True}, "http": {"up": True}, "control": {"up": True}},
    "engines": {"haproxy": {"ok": True, "detail": "5 connections"}, "kamailio": {"ok": True}},
    "store": {"ok": True, "detail": ""},
}


@pytest.fixture
def system(monkeypatch):
    """A system whose supervision and core say what the test sets."""

    class System:
        pid = 1
        states_ = (ProgramState("core", "running", 5, 1.0), ProgramState("haproxy", "starting", 6, 1.0))
        told = GOOD

        def __init__(self, _layout=None):
            pass

        def states(self):
            if isinstance(self.states_, Exception):
                raise self.states_
            return list(self.states_)

    def ask(*_args, **_more):
        if isinstance(System.told, Exception):
            raise System.told
        return System.told

    monkeypatch.setattr(readiness, "Supervisor", System)
    monkeypatch.setattr(readiness, "ask", ask)
    return System


def test_a_system_with_everything_up_is_ready(layout, system):
    health = readiness.look(layout)
    assert health.ready
    assert health.down() == []
    assert health.to_dict()["parts"]["engine haproxy"] == {"up": True, "detail": "5 connections"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"links": {"sip": {"up": False, "detail": "refused"}}}, "link sip (refused)"),
        ({"engines": {"rtpengine": {"ok": False, "detail": "no answer"}}}, "engine rtpengine (no answer)"),
        ({"engines": {"rtpengine": {}}}, "engine rtpengine"),
        ({"store": {"ok": False, "detail": "disk full"}}, "store (disk full)"),
        ({"links": {"sip": False}}, "link sip"),
    ],
)
def test_one_part_that_is_down_is_named(layout, system, change, said):
    system.told = GOOD | change
    health = readiness.look(layout)
    assert not health.ready
    assert health.down() == [said]


def test_a_program_that_keeps_ending_is_named(layout, system):
    system.states_ = (ProgramState("core", "backoff", None, 1.0),)
    assert not readiness.look(layout).ready
    assert readiness.look(layout).down() == ["core (backoff)"]


def test_a_silent_core_is_not_ready(layout, system):
    system.told = UnavailableError("No system answers.")
    health = readiness.look(layout)
    assert health.running
    assert not health.ready
    assert health.down() == ["core (No system answers.)"]


@pytest.mark.parametrize("answer", [{}, [], "junk", {"links": 3, "engines": None}])
def test_a_core_that_says_nothing_of_its_links_is_not_ready(layout, system, answer):
    system.told = answer
    assert not readiness.look(layout).ready


def test_without_supervision_nothing_runs(layout, system):
    system.states_ = SuperviseError("silent")
    assert not readiness.look(layout).running
    system.pid = None
    assert readiness.look(layout).why == "it does not run"


def test_the_last_line_of_a_log_is_found(layout):
    assert readiness.last_words(layout, "core") == ""
    (layout.log / "core.log").write_text("x\n" * 10_000 + "the reason\n\n  \n")
    assert readiness.last_words(layout, "core") == "the reason"
