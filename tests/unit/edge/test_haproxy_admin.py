"""The admin socket's client, against a socket that answers what HAProxy 2.6 was seen to answer."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.edge.haproxy_admin import HaproxyAdmin, HaproxyAwayError, HaproxyError

SESSIONS = """\
0x55d0c1: proto=tcpv4 src=192.0.2.9:40000 fe=sips be=kamailio_phones srv=kamailio ts=00 epoch=0 age=5s
0x55d0c2: proto=tcpv4 src=192.0.2.9:40001 fe=inner be=kamailio_core srv=kamailio ts=00 epoch=0 age=5s
0x55d0c3: proto=tcpv4 src=192.0.2.90:40002 fe=https be=agent_http srv=agent ts=00 epoch=0 age=5s
0x55d0c4: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s
"""


class Fake:
    """Answers each command by its first words."""

    def __init__(self, path: Path) -> None:
        self.commands: list[str] = []
        self.answers: dict[str, str] = {}
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection:
                data = connection.recv(65536).decode()
                self.commands.append(data)
                for start, answer in self.answers.items():
                    if data.startswith(start):
                        connection.sendall(answer.encode())
                        break


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    made = Fake(tmp_path / "admin.sock")
    yield made
    made.server.close()


@pytest.fixture
def admin(tmp_path: Path, fake: Fake) -> HaproxyAdmin:
    return HaproxyAdmin(tmp_path / "admin.sock")


def test_only_the_sessions_of_the_very_address_are_ended_and_none_of_the_core(fake, admin) -> None:
    fake.answers = {"show sess": SESSIONS}
    assert admin.cut("192.0.2.9", frozenset({"inner"})) == 1
    assert fake.commands == ["show sess\n", "shutdown session 0x55d0c1\n"]


def test_the_list_of_bans_is_read_and_changed(fake, admin) -> None:
    fake.answers = {"show acl": "0x5580 192.0.2.9\n0x5581 2001:db8::1\n\n"}
    assert admin.banned("/run/bans.acl") == {"192.0.2.9", "2001:db8::1"}
    admin.ban("/run/bans.acl", "192.0.2.10")
    admin.unban("/run/bans.acl", "192.0.2.9")
    assert fake.commands[1:] == ["add acl /run/bans.acl 192.0.2.10\n", "del acl /run/bans.acl 192.0.2.9\n"]


def test_an_answer_where_there_should_be_none_is_an_error(fake, admin) -> None:
    fake.answers = {"add acl": "Unknown ACL identifier. Please use #<id> or <file>.\n"}
    with pytest.raises(HaproxyError, match="Unknown ACL identifier"):
        admin.ban("/run/bans.acl", "192.0.2.10")


@pytest.mark.parametrize("part", ["x\nshutdown frontend sips", "x;y", "x y", "", "x\\", "ü", "x\t"])
def test_no_part_of_a_command_can_be_a_second_one(fake, admin, part) -> None:
    with pytest.raises(HaproxyError, match="character"):
        admin.ban("/run/bans.acl", part)
    assert fake.commands == []


def test_a_certificate_is_sent_committed_and_aborted_when_it_is_not_taken(fake, admin) -> None:
    fake.answers = {
        "set ssl cert": "Transaction created for certificate x!\n",
        "commit": "Committing x.\nSuccess!\n",
    }
    admin.deploy_certificate("/x/world.pem", "-----BEGIN X-----\n")
    assert fake.commands == [
        "set ssl cert /x/world.pem <<\n-----BEGIN X-----\n\n",
        "commit ssl cert /x/world.pem\n",
    ]
    fake.answers["commit"] = "Can't commit!\n"
    with pytest.raises(HaproxyError, match="Can't commit"):
        admin.deploy_certificate("/x/world.pem", "-----BEGIN X-----\n")
    assert fake.commands[-1] == "abort ssl cert /x/world.pem\n"
    fake.answers["set ssl cert"] = "unable to load certificate\n"
    with pytest.raises(HaproxyError, match="unable to load certificate"):
        admin.deploy_certificate("/x/world.pem", "-----BEGIN X-----\n")


def test_serial_numbers_are_read_as_numbers(fake, admin) -> None:
    fake.answers = {
        "show ssl cert": "Filename: x\nSerial: 0A1B\n",
        "show ssl ca-file": "Serial: FF\nSerial: 01\n",
    }
    assert admin.certificate_serial("/x") == 0x0A1B
    assert admin.trusts("/x", 255)
    assert not admin.trusts("/x", 254)


def test_info_is_a_mapping(fake, admin) -> None:
    fake.answers = {"show info": "Name: HAProxy\nPid: 12\nUptime: 0d 0h01m\n\n"}
    assert admin.info() == {"Name": "HAProxy", "Pid": "12", "Uptime": "0d 0h01m"}


def test_a_haproxy_that_is_not_there_is_one_clear_error(tmp_path) -> None:
    with pytest.raises(HaproxyAwayError, match="does not run"):
        HaproxyAdmin(tmp_path / "none.sock").info()
    # What an ended HAProxy leaves behind is a socket that nobody listens at.
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "stale.sock"))
    with pytest.raises(HaproxyAwayError, match="does not run"):
        HaproxyAdmin(tmp_path / "stale.sock").info()


def test_a_haproxy_that_does_not_answer_in_time_is_another_error(tmp_path) -> None:
    with socket.socket(socket.AF_UNIX) as frozen:
        frozen.bind(str(tmp_path / "frozen.sock"))
        frozen.listen()
        with pytest.raises(HaproxyError, match="does not answer at"):
            HaproxyAdmin(tmp_path / "frozen.sock", timeout=0.01).info()
