"""The settings of the media servers: ports for each of them, and addresses that make sense together."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.infra.errors import SettingsError
from ringwall.infra.media_settings import LEAST_MEDIA_PORTS, MOST_MEDIA_PROCESSES
from ringwall.infra.settings import Settings


def settings(**media):
    return Settings.checked(Settings.for_address("192.0.2.1").model_dump() | {"media": media}, "test").media


@given(st.integers(1, MOST_MEDIA_PROCESSES), st.integers(1024, 40000), st.integers(0, 3000))
def test_each_process_has_ports_of_its_own_and_enough_of_them(processes, first, more):
    last = first + processes * LEAST_MEDIA_PORTS - 1 + more
    media = settings(processes=processes, first_port=first, last_port=last)
    shares = [media.ports_of(number) for number in range(1, processes + 1)]
    assert shares[0][0] == first
    assert shares[-1][1] <= last
    assert all(one[1] < other[0] for one, other in itertools.pairwise(shares))
    assert all(until - since + 1 >= LEAST_MEDIA_PORTS for since, until in shares)


@pytest.mark.parametrize(
    "wrong",
    [
        {"processes": 0},
        {"processes": 4},
        {"first_port": 18000, "last_port": 18100},
        {"address": "0.0.0.0"},
        {"relays": ["edge.example.com"]},
        {"elsewhere": True},
        {"name": "core1"},
        {"name": "Media 1"},
        {"unknown": 1},
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(SettingsError):
        settings(**wrong)


def test_legs_are_on_loopback_unless_another_address_is_set():
    assert settings().media_address == "127.0.0.1"
    assert settings(address="192.0.2.9").media_address == "192.0.2.9"
