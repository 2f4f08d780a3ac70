"""What happens in a mailbox goes to its lamps and to whoever listens."""

import pytest

from ringwall.core.voice_mail import VoiceMailHouse
from ringwall.core.voicemail.events import Happened, What
from ringwall.core.voicemail.model import Counts
from ringwall.events.states import StateOfMailbox


class Lamps:
    def __init__(self) -> None:
        self.told: list[str] = []

    def changed(self, extension: str) -> None:
        self.told.append(extension)


@pytest.mark.req("V2")
@pytest.mark.parametrize("what", What)
def test_what_waits_is_passed_on_with_the_counts_after_it(what: What) -> None:
    house = VoiceMailHouse.__new__(VoiceMailHouse)
    house._lamps, told = Lamps(), []
    house._pass_on = lambda make: told.append(make())
    house._happened(Happened(what, "201", Counts(new=3, new_urgent=1, saved=2, saved_urgent=1, deleted=4)))
    assert house._lamps.told == ["201"]
    assert told == [StateOfMailbox(mailbox="201", new=3, new_urgent=1, saved=2)]
