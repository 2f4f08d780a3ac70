"""``ringwall site``, ``group``, ``cos``, ``limits``, ``trunk`` and others: who may do what.

All have the commands add, set, list, show and remove, whose options are the settings of each kind.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from ringwall.cli.client import ask
from ringwall.cli.forms import argument, ask_option, ask_secret, given_values, options, with_options
from ringwall.cli.output import Output, format_table
from ringwall.cli.sheets import add_sheets
from ringwall.core.rights import kinds
from ringwall.core.rights.kinds import Kind
from ringwall.core.rights.settings import to_text
from ringwall.infra.layout import Layout

# What stands in the columns of a list beside the key.
_COLUMNS = {
    "site": ("name", "country", "area_codes", "access_code", "emergency_numbers"),
    "cos.telephony": ("max_calls", "trunk_to_trunk", "external_forwarding", "forwarding_scope"),
    "cos.call": ("scope", "restrictions", "permissions", "opened"),
    "cos.voice-mail": ("max_messages", "password_lifespan", "external_notification", "callback"),
    "group": ("name", "telephony", "call", "voice_mail", "trunk_groups", "codes"),
    "trunk-group": ("name", "site", "access_code", "services", "max_calls"),
    "trunk": ("name", "trunk_group", "host", "port", "transport", "media", "enabled"),
    "authcode": ("name", "owner", "scope", "wildcard", "locked"),
    "limits": ("user_concurrent", "group_concurrent", "user_spend", "group_spend"),
    "range": ("kind", "name"),
    "object": ("kind", "name", "group", "site"),
}
_PLURALS = {"cos.telephony": "cos", "cos.call": "cos", "cos.voice-mail": "cos", "limits": "limits"}
_LONGEST_CELL = 40


def plural(kind: Kind) -> str:
    """The name of a list in JSON."""
    return _PLURALS.get(kind.word, f"{kind.record}s")


def app_of(kind: Kind, about: str) -> typer.Typer:
    """Return the group of commands of a kind."""
    app = typer.Typer(help=about, no_args_is_help=True)
    key = argument("key", kind.argument.upper().replace("_", "-"), f"What the {kind.title} is called.")
    new_key = key
    if kind is kinds.CODE:
        new_key = argument("key", "AUTHCODE", "What it is called; left out, one is chosen.", optional=True)
    secret = [ask_option(kind.secret)] if kind.secret else []
    fresh, changes = options(kind.settings, fresh=True), options(kind.settings, fresh=False)
    for name, hidden in (("add", False), ("create", True)):
        app.command(name, hidden=hidden)(with_options(_add(kind), new_key, *fresh, *secret))
    for name, hidden in (("set", False), ("change", True)):
        app.command(name, hidden=hidden)(with_options(_set(kind), key, *changes, *secret))
    app.command("list")(with_options(_list(kind)))
    app.command("show")(with_options(_show(kind), key))
    app.command("remove")(with_options(_remove(kind), key))
    return app


def _asked(kind: Kind, given: Mapping[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = dict(given_values(kind.settings, given))
    if given["key"] is not None:
        asked[kind.argument] = given["key"]
    if given.get("ask"):
        asked[kind.secret] = ask_secret(kind.secret)
    return asked


def _add(kind: Kind) -> Any:
    def add(data: Path, as_json: bool, **given: Any) -> None:
        made = ask(Layout.of(data), f"{kind.word}.add", _asked(kind, given))
        told = f"Added the {kind.title} {made[kind.argument]}."
        if made.get("code"):
            told += f" Its digits are {made['code']}; they are not shown again."
        Output(as_json=as_json).result(made, told)

    add.__doc__ = f"Add a {kind.title}." if kind.title[0] not in "aeiou" else f"Add an {kind.title}."
    return add


def _set(kind: Kind) -> Any:
    def change(data: Path, as_json: bool, **given: Any) -> None:
        changed = ask(Layout.of(data), f"{kind.word}.set", _asked(kind, given))
        Output(as_json=as_json).result(changed, _facts(kind, changed))

    change.__doc__ = "Change settings; what is not given stays. The next call meets the change."
    return change


def _show(kind: Kind) -> Any:
    def show(data: Path, as_json: bool, key: str) -> None:
        shown = ask(Layout.of(data), f"{kind.word}.show", {kind.argument: key})
        Output(as_json=as_json).result(shown, _facts(kind, shown))

    show.__doc__ = f"Show all settings of the {kind.title}, with what they mean."
    return show


def _remove(kind: Kind) -> Any:
    def remove(data: Path, as_json: bool, key: str) -> None:
        removed = ask(Layout.of(data), f"{kind.word}.remove", {kind.argument: key})
        Output(as_json=as_json).result(removed, f"Removed the {kind.title} {key}.")

    remove.__doc__ = f"Remove the {kind.title}, if nothing uses it."
    return remove


def _list(kind: Kind) -> Any:
    def list_all(data: Path, as_json: bool) -> None:
        listed = ask(Layout.of(data), f"{kind.word}.list")
        columns = _COLUMNS[kind.word]
        Output(as_json=as_json).table(
            (kind.argument.replace("_", " "), *(name.replace("_", " ") for name in columns)),
            [(one[kind.argument], *(_cell(one[name]) for name in columns)) for one in listed],
            {plural(kind): listed},
        )

    list_all.__doc__ = "List all."
    return list_all


def _cell(value: Any) -> str:
    text = to_text(value)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 3]}..."


def _facts(kind: Kind, shown: Mapping[str, Any]) -> str:
    rows = [(one.option, to_text(shown[one.name]), one.help) for one in kind.settings]
    if kind.secret:
        rows.append((kind.secret, "is set" if shown[f"{kind.secret}_set"] else "none", "Never shown."))
    return f"{kind.title} {shown[kind.argument]}\n" + format_table(("setting", "value", "meaning"), rows)


def register(app: typer.Typer) -> None:
    """Add the groups of commands."""
    app.add_typer(
        app_of(kinds.SITE, "Sites: places with phones, their numbering and emergency."), name="site"
    )
    app.add_typer(app_of(kinds.GROUP, "User groups: what their members may do."), name="group")
    app.add_typer(_classes(), name="cos")
    app.add_typer(app_of(kinds.TRUNK_GROUP, "Trunk groups: lines of one kind."), name="trunk-group")
    app.add_typer(app_of(kinds.TRUNK, "Trunks: how carriers are reached."), name="trunk")
    app.add_typer(
        app_of(kinds.LIMITS, "Limits: how much may be called and spent before it is cut."), name="limits"
    )
    ranges = app_of(kinds.RANGE, "Ranges of numbers that are dear or abused, closed unless opened by name.")
    add_sheets(ranges, "range", "ranges", f"range, {', '.join(one.name for one in kinds.RANGE.settings)}")
    app.add_typer(ranges, name="range")
    app.add_typer(
        app_of(kinds.OBJECT, "Inside objects: extensions that are not a person's, and their rights."),
        name="object",
    )


def _classes() -> typer.Typer:
    app = typer.Typer(help="Classes of service: sets of permissions.", no_args_is_help=True)
    for kind, word, about in (
        (kinds.TELEPHONY, "telephony", "What may be done with a phone and with calls."),
        (kinds.CALL, "call", "Which numbers may be called."),
        (kinds.VOICE_MAIL, "voice-mail", "What a mailbox may hold and do."),
    ):
        app.add_typer(app_of(kind, about), name=word)
    return app
