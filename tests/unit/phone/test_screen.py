"""The display in a terminal: what it shows and what its keys do."""

import pytest

from ringwall.phone.handset import PhoneError
from ringwall.phone.provisioning import Answer
from ringwall.phone.screen import title_of

pytest.importorskip("textual")

from textual.widgets import Input, Label, Static

from ringwall.phone.screen import Screen


class Handset:
    """A phone that only remembers what was asked of it."""

    line = None

    def __init__(self) -> None:
        self.asked: list[tuple] = []
        self.answer = Answer(done=True)
        self.on_change: list = []
        self.text = ""
        self.user: dict | None = None
        self.phase = "ready"
        self.lamp = {"on": False, "new": 0}

    def shown(self) -> dict:
        return {
            "mac": "020000000001",
            "version": "1.0",
            "phase": self.phase,
            "text": self.text,
            "user": self.user,
            "lamp": self.lamp,
            "calls": [],
            "buttons": ["Mailbox"] if self.user else [],
        }

    async def login(self, extension, pin, new_pin="") -> Answer:
        self.asked.append(("login", extension, pin, new_pin))
        if self.answer.done:
            self.user = {"extension": extension, "name": "Anna"}
        return self.answer

    async def dial(self, number) -> None:
        self.asked.append(("dial", number))
        if number == "0":
            raise PhoneError("Nobody is there.")

    async def press(self, button) -> None:
        self.asked.append(("button", button))

    def let_in(self, code) -> None:
        self.asked.append(("code", code))


async def typed(pilot, text: str) -> None:
    pilot.app.query_one("#line", Input).value = text
    await pilot.press("enter")
    await pilot.pause()


@pytest.mark.req("P3", "P5")
async def test_a_user_logs_in_with_extension_and_pin_and_the_pin_is_not_shown() -> None:
    handset = Handset()
    async with Screen(handset).run_test() as pilot:
        line = pilot.app.query_one("#line", Input)
        assert line.placeholder == "Extension"
        await typed(pilot, "201")
        assert line.placeholder == "PIN"
        assert line.password
        await typed(pilot, "4711")
        assert handset.asked == [("login", "201", "4711", "")]
        assert "201" in str(pilot.app.query_one("#title", Label).render())
        assert line.placeholder == "Number"
        assert not line.password
        await typed(pilot, "202")
        assert handset.asked[-1] == ("dial", "202")


@pytest.mark.req("P3")
async def test_a_pin_that_must_be_changed_is_changed_with_the_login() -> None:
    handset = Handset()
    handset.answer = Answer(done=False, reason="must_change", text="Choose a new PIN.")
    async with Screen(handset).run_test() as pilot:
        for text in ("201", "1234"):
            await typed(pilot, text)
        assert pilot.app.query_one("#line", Input).placeholder == "New PIN"
        handset.answer = Answer(done=True)
        await typed(pilot, "582913")
        assert handset.asked[-1] == ("login", "201", "1234", "582913")


@pytest.mark.req("P2")
async def test_until_the_phone_is_let_in_a_code_is_all_that_can_be_typed() -> None:
    handset = Handset()
    handset.phase = "waiting to be let in"
    async with Screen(handset).run_test() as pilot:
        assert "Code" in pilot.app.query_one("#line", Input).placeholder
        await typed(pilot, "ABCDE-23456")
        assert handset.asked == [("code", "ABCDE-23456")]


async def test_lamp_and_buttons_show_and_an_error_is_a_sentence_on_the_display() -> None:
    handset = Handset()
    handset.user = {"extension": "201", "name": "Anna"}
    handset.lamp = {"on": True, "new": 3}
    async with Screen(handset).run_test(size=(100, 40)) as pilot:
        assert "3 new" in str(pilot.app.query_one("#lamp", Static).render())
        await pilot.click("#button-1")
        assert handset.asked == [("button", 1)]
        await typed(pilot, "0")
        assert "Nobody is there" in str(pilot.app.query_one("#text", Static).render())


def test_the_first_line_says_what_the_phone_is_about() -> None:
    shown = Handset().shown()
    assert title_of(shown) == "Log in: type your extension"
    assert "Looking for a server" in title_of({**shown, "phase": "looking for a server"})
