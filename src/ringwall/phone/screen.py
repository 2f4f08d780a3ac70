"""The phone's display and keys in a terminal (P5)."""

import asyncio
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Footer, Input, Label, Static

from ringwall.infra.errors import RingwallError
from ringwall.phone.handset import Handset
from ringwall.phone.keys import Keys

MOST_BUTTONS = 8


class Screen(App[None]):
    """The display of one phone."""

    CSS = """
    Screen { align: center middle; }
    #phone { width: 64; height: auto; border: round $accent; padding: 1 2; }
    #lamp { color: $error; text-style: bold; }
    #calls { min-height: 3; }
    Input { margin: 1 0 0 0; }
    Horizontal { height: auto; }
    Button { margin: 1 1 0 0; min-width: 10; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+a", "key('answer')", "Answer"),
        Binding("ctrl+h", "key('hang-up')", "Hang up"),
        Binding("ctrl+o", "key('hold')", "Hold"),
        Binding("ctrl+r", "key('resume')", "Back"),
        Binding("ctrl+l", "logout", "Log out"),
        Binding("ctrl+q", "quit", "Unplug"),
    ]

    def __init__(self, handset: Handset) -> None:
        super().__init__()
        self._handset = handset
        self._keys = Keys(handset)
        self._secret = ""
        self._asked = "extension"

    def compose(self) -> ComposeResult:
        """Build the display."""
        with Vertical(id="phone"):
            yield Label(id="title")
            yield Static(id="lamp")
            yield Static(id="calls")
            yield Static(id="text")
            yield Input(id="line")
            with Horizontal(id="buttons"):
                for number in range(1, MOST_BUTTONS + 1):
                    yield Button("", id=f"button-{number}")
        yield Footer()

    def on_mount(self) -> None:
        """Show what there is, and whatever changes."""
        self._handset.on_change.append(self._refresh)
        self._refresh()
        self.query_one("#line", Input).focus()

    def _refresh(self) -> None:
        shown = self._handset.shown()
        self.query_one("#title", Label).update(title_of(shown))
        lamp = shown["lamp"]
        self.query_one("#lamp", Static).update(f"* {lamp['new']} new messages" if lamp["on"] else "")
        calls = [f"{one['state']:8} {one['peer']} {one['why']}" for one in shown["calls"]]
        self.query_one("#calls", Static).update("\n".join(calls))
        self.query_one("#text", Static).update(shown["text"])
        line = self.query_one("#line", Input)
        line.placeholder = self._wanted(shown)
        line.password = shown["user"] is None and self._asked != "extension"
        for number in range(1, MOST_BUTTONS + 1):
            button = self.query_one(f"#button-{number}", Button)
            there = number <= len(shown["buttons"])
            button.display = there
            button.label = shown["buttons"][number - 1] if there else ""

    def _wanted(self, shown: dict[str, Any]) -> str:
        if shown["user"] is not None:
            return "Number"
        if shown["phase"] != "ready":
            return "Code from your administrator"
        return {"extension": "Extension", "pin": "PIN", "new_pin": "New PIN"}[self._asked]

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take what was typed for what was wanted."""
        text, shown = event.value.strip(), self._handset.shown()
        self.query_one("#line", Input).value = ""
        if not text:
            return
        if shown["user"] is not None:
            await self._press("dial", number=text)
        elif shown["phase"] != "ready":
            await self._press("code", code=text)
        else:
            await self._login(text)
        self._refresh()

    async def _login(self, text: str) -> None:
        if self._asked == "extension":
            self._extension, self._asked = text, "pin"
            return
        told = {"extension": self._extension, "pin": text}
        if self._asked == "new_pin":
            told = {"extension": self._extension, "pin": self._secret, "new_pin": text}
        answer = await self._press("login", **told)
        if answer.get("reason") in {"must_change", "bad_pin"}:
            self._secret, self._asked = told["pin"], "new_pin"
        else:
            self._secret, self._asked = "", "extension"

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        """Press a programmed button."""
        number = str(event.button.id).rpartition("-")[2]
        await self._press("button", button=int(number))
        self.query_one("#line", Input).focus()

    async def action_key(self, operation: str) -> None:
        """Press a fixed key."""
        await self._press(operation)

    async def action_logout(self) -> None:
        """Log out."""
        await self._press("logout")

    async def _press(self, operation: str, **told: Any) -> dict[str, Any]:
        try:
            return await self._keys(operation, told)
        except RingwallError as error:
            self._handset.text = str(error)
            self._refresh()
            return {}


def title_of(shown: dict[str, Any]) -> str:
    """The first line of the display."""
    if shown["user"] is not None:
        return f"{shown['user']['extension']}  {shown['user']['name']}"
    if shown["phase"] == "ready":
        return "Log in: type your extension"
    return f"{shown['phase'].capitalize()}  ({shown['mac']}, firmware {shown['version']})"


async def show(handset: Handset) -> None:
    """Run phone and display together until the display is closed."""
    running = asyncio.create_task(handset.run())
    try:
        await Screen(handset).run_async()
        handset.loader.off()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
