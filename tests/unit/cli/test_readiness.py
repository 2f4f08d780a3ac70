"""Health: ready means that every program runs, every link is up and every engine answers."""

import socket
import threading

import pytest

from ringwall.cli import readiness
from ringwall.infra.errors import SuperviseError, UnavailableError
from ringwall.infra.frames import Kind, encode
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


@pytest.fixture
def media_server(layout):
    """A media server that answers one question with what is put into the list, then is gone."""
    layout.media_run.mkdir(parents=True, exist_ok=True)
    answers = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(layout.media_socket(1)))
        listener.listen()

        def serve():
            client, _ = listener.accept()
            with client:
                client.recv(1000)
                client.sendall(answers[0])

        threading.Thread(target=serve, daemon=True).start()
        yield answers


PROGRAMS_WITH_MEDIA = tuple(ProgramState(name, "running", 7, 1.0) for name in ("core", "media-1"))


def test_a_media_server_tells_how_it_is_doing(layout, system, media_server):
    system.states_ = PROGRAMS_WITH_MEDIA
    media_server.append(encode(Kind.REPLY, 1, b'{"ok":true,"legs":3,"most_legs":250,"real_time":false}'))
    health = readiness.look(layout)
    assert health.ready
    assert health.parts["media-1"] == (True, "3 of 250 legs, without real-time scheduling")


@pytest.mark.parametrize(
    "answer",
    [b"", b"\xff" * 20, encode(Kind.REPLY, 1, b"{"), encode(Kind.REPLY, 1, b'{"ok":false,"error":"x"}')],
)
def test_a_media_server_that_does_not_answer_is_down(layout, system, media_server, answer):
    system.states_ = PROGRAMS_WITH_MEDIA
    media_server.append(answer)
    health = readiness.look(layout)
    assert not health.ready
    assert health.down()[0].startswith("media-1 (Media server 1 does not")


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
