"""What each key of the phone does, for whoever presses it: the screen, or a program (control.py)."""

from collections.abc import Awaitable, Callable
from typing import Any

from ringwall.phone.control import encoded
from ringwall.phone.handset import Handset, PhoneError
from ringwall.phone.line import Line
from ringwall.phone.provisioning import Answer

Told = dict[str, Any]
Key = Callable[[Told], Awaitable[Told | None]]


class Keys:
    """The keys of one phone."""

    def __init__(self, handset: Handset) -> None:
        self._handset = handset
        self._table: dict[str, Key] = {
            "state": self._state,
            "dial": self._dial,
            "answer": self._answer,
            "hang-up": self._hang_up,
            "hold": self._hold,
            "resume": self._resume,
            "digits": self._digits,
            "login": self._login,
            "logout": self._logout,
            "code": self._code,
            "button": self._button,
            "reload": self._reload,
            "tone": self._tone,
            "heard": self._heard,
        }

    async def __call__(self, operation: str, told: Told) -> Told:
        """Press a key; return what the display shows then. Raise RingwallError with a sentence."""
        key = self._table.get(operation)
        if key is None:
            raise PhoneError("The phone has no such key.")
        found = await key(told)
        return {**self._handset.shown(), **(found or {})}

    async def _state(self, _told: Told) -> None:
        """Only look."""

    async def _dial(self, told: Told) -> None:
        await self._handset.dial(_word(told, "number"))

    async def _answer(self, told: Told) -> None:
        await self._line.answer(self._handset.talk(told.get("call")))

    async def _hang_up(self, told: Told) -> None:
        await self._line.hang_up(self._handset.talk(told.get("call")))

    async def _hold(self, told: Told) -> None:
        await self._line.hold(self._handset.talk(told.get("call")), on=True)

    async def _resume(self, told: Told) -> None:
        await self._line.hold(self._handset.talk(told.get("call")), on=False)

    async def _digits(self, told: Told) -> None:
        await self._line.digits(self._handset.talk(told.get("call")), _word(told, "digits"))

    async def _login(self, told: Told) -> Told:
        new_pin = _word(told, "new_pin") if "new_pin" in told else ""
        return _of(await self._handset.login(_word(told, "extension"), _word(told, "pin"), new_pin))

    async def _logout(self, _told: Told) -> Told:
        return _of(await self._handset.logout())

    async def _code(self, told: Told) -> None:
        self._handset.let_in(_word(told, "code"))

    async def _button(self, told: Told) -> None:
        await self._handset.press(int(told.get("button", 0)))

    async def _reload(self, _told: Told) -> None:
        self._handset.reload()

    async def _tone(self, told: Told) -> None:
        self._line.hertz = float(told.get("hertz", 0))

    async def _heard(self, told: Told) -> Told:
        return {"pcm": encoded(bytes(self._handset.talk(told.get("call")).sound.heard))}

    @property
    def _line(self) -> Line:
        if self._handset.line is None:
            raise PhoneError("The phone is not ready.")
        return self._handset.line


def _of(answer: Answer) -> Told:
    return {"done": answer.done, "reason": answer.reason, "why": answer.text}


def _word(told: Told, name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or len(value) > 128:
        raise PhoneError(f"{name}: a text is needed.")
    return value
