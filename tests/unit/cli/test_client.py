"""Asking the core: its answers are taken apart with care, its silence is one sentence."""

import json
import socket
import threading

import pytest

from ringwall.cli.client import ask
from ringwall.infra.errors import RefusedError, UnavailableError


@pytest.fixture
def core(layout):
    """A control socket that answers each question with the bytes that the test gives."""
    asked = []
    answers = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(layout.core_socket))
    listener.listen()

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                asked.append(json.loads(lines.readline()))
                for part in answers:
                    connection.sendall(part)

    threading.Thread(target=serve, daemon=True).start()
    yield asked, answers
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_a_question_is_one_line_and_the_result_comes_back(layout, core):
    asked, answers = core
    answers += [b'{"ok": true, "resu', b'lt": {"users": 3}}\n']
    assert ask(layout, "user.list", {"name": "Zoë"}) == {"users": 3}
    assert asked == [{"op": "user.list", "args": {"name": "Zoë"}}]


def test_a_refusal_has_code_text_and_field(layout, core):
    core[1].append(
        b'{"ok": false, "error": {"code": "taken", "message": "100 is taken.", "field": "extension"}}\n'
    )
    with pytest.raises(RefusedError, match=r"100 is taken\.") as caught:
        ask(layout, "user.add")
    assert (caught.value.code, caught.value.field) == ("taken", "extension")


@pytest.mark.parametrize(
    "answer",
    [b"junk\n", b"[]\n", b"{}\n", b'{"ok": true}\n', b'{"ok": false}\n', b'{"ok": false, "error": 3}\n'],
)
def test_an_answer_that_makes_no_sense_is_told(layout, core, answer):
    core[1].append(answer)
    with pytest.raises(UnavailableError, match="cannot be understood"):
        ask(layout, "status")


def test_an_answer_that_is_cut_off_is_told(layout, core):
    core[1].append(b'{"ok": tr')
    with pytest.raises(UnavailableError, match="No system answers"):
        ask(layout, "status")


def test_without_a_system_the_error_says_how_to_start_one(layout):
    with pytest.raises(UnavailableError, match=r"`\./ringwall up`"):
        ask(layout, "status")


def test_a_core_that_hangs_is_not_waited_for(layout):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(layout.core_socket))
        listener.listen()
        with pytest.raises(UnavailableError, match=r"does not answer: see .*core\.log"):
            ask(layout, "status", timeout=0.1)
