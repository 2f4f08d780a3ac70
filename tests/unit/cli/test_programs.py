"""The programs of a system: each under its own user, with nothing that it does not need."""

import os

import pytest

from ringwall.cli import programs
from ringwall.edge import engines
from ringwall.infra import accounts
from ringwall.infra.settings import Settings


@pytest.fixture
def made(layout, monkeypatch):
    for name in ("haproxy_command", "kamailio_command", "rtpengine_command"):
        monkeypatch.setattr(engines, name, lambda *_args: ["/usr/sbin/engine"])
    return {program.name: program for program in programs.programs(layout, Settings.for_address("127.0.0.1"))}


def test_each_program_has_a_user_of_its_own(made):
    users = [program.user for program in made.values()]
    assert len(set(users)) == len(users) == 8
    assert set(users) == {*accounts.USERS, accounts.ROOT}


def test_only_haproxy_and_the_renewal_have_any_right(made):
    assert made["haproxy"].capabilities == ("net_bind_service",)
    assert made["certificates"].capabilities == ("chown", "dac_override", "fowner")
    assert all(
        not made[name].capabilities for name in ("core", "media-1", "agent", "kamailio", "rtpengine", "pnp")
    )


def test_no_secret_is_in_a_command_or_environment(made, layout):
    for program in made.values():
        assert not program.environment
        assert all(len(word) < 200 for word in program.command)
    assert made["core"].command[1:] == ("-m", "ringwall.core", "--data", str(layout.data))


def test_the_edge_is_up_before_the_core_dials_it(made):
    assert made["core"].order > max(
        made[name].order for name in ("haproxy", "kamailio", "rtpengine", "agent", "media-1")
    )


def test_the_interpreter_is_the_one_of_the_pinned_environment(made):
    assert os.access(made["agent"].command[0], os.X_OK)


def test_there_are_as_many_media_servers_as_the_settings_say(layout):
    plain = Settings.for_address("127.0.0.1").model_dump() | {"media": {"processes": 3}}
    made = programs.media_servers(layout, Settings.checked(plain, "test"))
    assert [program.name for program in made] == ["media-1", "media-2", "media-3"]
    assert [program.command[-1] for program in made] == ["1", "2", "3"]
    assert all(program.user == accounts.MEDIA and program.realtime for program in made)
