"""Ports: even ones, each at a time for one leg, given again only after its rest."""

import pytest

from ringwall.media.errors import MediaError
from ringwall.media.ports import QUARANTINE_SECONDS, Ports


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_port_rests_before_it_is_given_again():
    clock = Clock()
    ports = Ports("127.0.0.1", 17001, 17006, clock)
    one, two = ports.open(), ports.open()
    numbers = [used.getsockname()[1] for used in (one, two)]
    assert all(number % 2 == 0 and 17001 <= number <= 17006 for number in numbers)
    third = ports.open()
    ports.close(one)
    with pytest.raises(MediaError) as caught:
        ports.open()
    assert caught.value.code == "full"
    clock.now = QUARANTINE_SECONDS - 0.1
    with pytest.raises(MediaError):
        ports.open()
    clock.now = QUARANTINE_SECONDS
    again = ports.open()
    assert again.getsockname()[1] == numbers[0]
    for used in (two, third, again):
        used.close()


def test_a_port_that_somebody_else_has_is_passed_over():
    other = Ports("127.0.0.1", 17010, 17013).open()
    ports = Ports("127.0.0.1", 17010, 17013)
    mine = ports.open()
    assert mine.getsockname()[1] != other.getsockname()[1]
    with pytest.raises(MediaError):
        ports.open()
    mine.close()
    other.close()
    ports.open().close()
