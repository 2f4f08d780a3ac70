"""A configuration counts as a whole or not at all, and never without encryption."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.phone.config import Button, ConfigError, read_config
from support.phone_papers import GOOD


def changed(**more) -> bytes:
    told = json.loads(json.dumps(GOOD))
    for path, value in more.items():
        place, names = told, path.split("__")
        for name in names[:-1]:
            place = place[name]
        place[names[-1]] = value
    return json.dumps(told).encode()


@pytest.mark.req("P3")
def test_what_the_server_tells_is_taken() -> None:
    config = read_config(changed())
    assert config.assigned
    assert (config.extension, config.account.username, config.port) == ("201", "d1", 5061)
    assert config.buttons == (Button("Mailbox", "*97"),)
    assert config.image == "ringwall/reference/1.2/reference.rwi"
    assert "secret" not in repr(config)
    assert "secret" not in repr(config.account)


@pytest.mark.req("P2")
def test_a_phone_without_a_user_has_none() -> None:
    config = read_config(changed(state="available", user=None, firmware=None, buttons=[]))
    assert not config.assigned
    assert (config.extension, config.image, config.buttons) == ("", "", ())


@pytest.mark.req("T1", "T5")
@pytest.mark.parametrize(
    "change",
    [
        {"sip__transport": "tcp"},
        {"sip__srtp": "optional"},
        {"firmware__url": "http://192.0.2.1/firmware/"},
    ],
)
def test_a_server_that_says_to_do_without_encryption_is_not_obeyed(change) -> None:
    with pytest.raises(ConfigError):
        read_config(changed(**change))


@pytest.mark.parametrize(
    "change",
    [
        {"sip__port": "5061"},
        {"sip__port": 0},
        {"sip__user": None},
        {"sip": []},
        {"user": "x"},
        {"state": 5},
        {"user__name": "a\nb"},
        {"user__name": "x" * 300},
        {"buttons": [{"label": "x"}]},
        {"buttons": {"a": 1}},
        {"firmware__path": "../../x"},
    ],
)
def test_what_cannot_be_is_refused_as_a_whole(change) -> None:
    with pytest.raises(ConfigError):
        read_config(changed(**change))


@given(st.one_of(st.binary(max_size=200), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_any_bytes_are_a_configuration_or_one_error(body) -> None:
    with pytest.raises(ConfigError):
        read_config(body if isinstance(body, bytes) else body.encode())
