"""``ringwall voicemail``: mailboxes, their settings, the lists of the system. Nobody hears a message here."""

from typing import Annotated, Any

import typer

from ringwall.cli.client import ask
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output, format_table
from ringwall.infra.layout import Layout

app = typer.Typer(
    help="Voice mail: status, list, show, set, empty; profile and lists. PINs: `ringwall user pin`.",
    no_args_is_help=True,
)
profile = typer.Typer(help="Who is told of unheard messages, step by step.", no_args_is_help=True)
lists = typer.Typer(help="Distribution lists of the system.", no_args_is_help=True)
app.add_typer(profile, name="profile")
app.add_typer(lists, name="lists")

Extension = Annotated[str, typer.Argument(metavar="EXTENSION", help="Whose mailbox, such as 201.")]
ProfileNumber = Annotated[int, typer.Argument(metavar="PROFILE", min=1, max=9, help="1 to 9.")]
ListNumber = Annotated[int, typer.Argument(metavar="LIST", min=1, max=99, help="1 to 99.")]
_MIB = 1024 * 1024


@app.command()
def status(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Show how many messages there are, and what they take of the disk."""
    told = ask(Layout.of(data), "voicemail.status")
    free = "not known" if told["free"] is None else f"{told['free'] // _MIB} MiB free on the disk"
    text = (
        f"Voice mail is {'on' if told['enabled'] else 'off'}: {told['messages']} messages in "
        f"{told['mailboxes']} mailboxes, {told['used'] // _MIB} of {told['budget'] // _MIB} MiB used, {free}."
    )
    Output(as_json=as_json).result(told, text)


@app.command(name="list")
def list_all(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """List all mailboxes with their counts."""
    listed = ask(Layout.of(data), "voicemail.list")
    Output(as_json=as_json).table(
        ("mailbox", "name", "new", "urgent", "saved", "deleted", "places"),
        [
            (
                one["extension"],
                one["name"],
                one["new"],
                one["new_urgent"],
                one["saved"],
                one["deleted"],
                one["places"] or "full",
            )
            for one in listed
        ],
        {"mailboxes": listed},
        "There are no mailboxes.",
    )


@app.command()
def show(extension: Extension, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Show what a mailbox holds and what its owner has chosen."""
    told = ask(Layout.of(data), "voicemail.show", {"extension": extension})
    Output(as_json=as_json).result(told, _facts(told))


@app.command(name="set")
def set_it(
    extension: Extension,
    calls: Annotated[
        bool | None, typer.Option("--calls/--no-calls", help="Calls that nobody takes go to the mailbox.")
    ] = None,
    always: Annotated[
        bool | None, typer.Option("--always/--not-always", help="Every call goes to the mailbox at once.")
    ] = None,
    broadcast: Annotated[
        bool | None, typer.Option("--broadcast/--no-broadcast", help="Gets messages to everybody.")
    ] = None,
    assistant: Annotated[
        str | None, typer.Option(help="The extension that 0 leads to; `none`: the operator.")
    ] = None,
    recordings: Annotated[
        str | None,
        typer.Option(help="The mailbox for calls that this user records; `none`: this one."),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(help="standard, meeting, out of office, extended absence or custom."),
    ] = None,
    temporary: Annotated[
        bool | None,
        typer.Option("--temporary/--no-temporary", help="The temporary greeting counts now."),
    ] = None,
    mail_for: Annotated[str | None, typer.Option(help="Mail about messages: none, all or urgent.")] = None,
    mail_to: Annotated[str | None, typer.Option(help="Where that mail goes; `none` takes it away.")] = None,
    mail_audio: Annotated[
        bool | None, typer.Option("--mail-audio/--no-mail-audio", help="The sound goes along.")
    ] = None,
    every_message: Annotated[
        bool | None,
        typer.Option("--every-message/--first-message", help="Which messages begin the notification."),
    ] = None,
    profiles: Annotated[
        str | None,
        typer.Option(help="The profile of each mode, such as standard=1,meeting=2; `none`: none at all."),
    ] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Change settings of a mailbox; what is not given stays."""
    given = {
        "takes_calls": calls,
        "always": always,
        "accept_broadcast": broadcast,
        "assistant": _none(assistant),
        "recordings": _none(recordings),
        "mode": mode,
        "temporary": temporary,
        "mail_for": mail_for,
        "mail_to": _none(mail_to),
        "mail_audio": mail_audio,
        "every_message": every_message,
        "profiles": None if profiles is None else _profiles(profiles),
    }
    asked = {name: value for name, value in given.items() if value is not None}
    if not asked:
        raise typer.BadParameter("Give at least one option: `ringwall voicemail set --help` lists them.")
    told = ask(Layout.of(data), "voicemail.set", {"extension": extension, **asked})
    Output(as_json=as_json).result(told, _facts(told))


@app.command()
def empty(extension: Extension, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Remove all messages of a mailbox for good."""
    told = ask(Layout.of(data), "voicemail.empty", {"extension": extension})
    Output(as_json=as_json).result(told, f"Removed {told['removed']} messages of {extension}.")


@profile.command(name="set")
def set_profile(
    extension: Extension,
    number: ProfileNumber,
    steps: Annotated[
        list[str],
        typer.Option("--step", metavar="TO[=SECONDS]", help="An address, extension or number; up to ten."),
    ],
    repeats: Annotated[int, typer.Option(min=0, max=9, help="How often the round is repeated.")] = 0,
    urgent_only: Annotated[bool, typer.Option("--urgent-only", help="For urgent messages alone.")] = False,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Set a notification profile: --step 202=60 --step anna@example.com."""
    asked = {
        "extension": extension,
        "number": number,
        "steps": [_step(one) for one in steps],
        "repeats": repeats,
        "urgent_only": urgent_only,
    }
    told = ask(Layout.of(data), "voicemail.profile.set", asked)
    Output(as_json=as_json).result(told, _facts(told))


@profile.command(name="remove")
def remove_profile(
    extension: Extension, number: ProfileNumber, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False
) -> None:
    """Remove a notification profile."""
    asked = {"extension": extension, "number": number}
    told = ask(Layout.of(data), "voicemail.profile.remove", asked)
    Output(as_json=as_json).result(told, f"Removed profile {number} of {extension}.")


@lists.command(name="list")
def list_lists(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """List the lists of the system."""
    listed = ask(Layout.of(data), "voicemail.lists.list")
    Output(as_json=as_json).table(
        ("list", "name", "members"),
        [(one["number"], one["name"], ", ".join(one["members"]) or None) for one in listed],
        {"lists": listed},
        "There are no lists.",
    )


@lists.command(name="set")
def set_list(
    number: ListNumber,
    name: Annotated[str | None, typer.Option(help="What it is called.")] = None,
    members: Annotated[
        str | None, typer.Option(help="Who is on it, such as 201,202; `none`: nobody.")
    ] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Make or change a list; what is not given stays."""
    asked: dict[str, Any] = {"number": number}
    if name is not None:
        asked["name"] = name
    if members is not None:
        asked["members"] = [each.strip() for each in (_none(members) or "").split(",") if each.strip()]
    told = ask(Layout.of(data), "voicemail.lists.set", asked)
    text = f"List {told['number']} {told['name']}: {', '.join(told['members']) or 'nobody'}."
    Output(as_json=as_json).result(told, text)


@lists.command(name="remove")
def remove_list(number: ListNumber, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Remove a list."""
    told = ask(Layout.of(data), "voicemail.lists.remove", {"number": number})
    Output(as_json=as_json).result(told, f"Removed list {number}.")


def _none(text: str | None) -> str | None:
    return "" if text is not None and text.strip().casefold() == "none" else text


def _profiles(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in (_none(text) or "").split(","):
        mode, sign, number = part.partition("=")
        if not part.strip():
            continue
        if not sign or not number.strip().isdecimal():
            raise typer.BadParameter("has the form standard=1,meeting=2.", param_hint="--profiles")
        found[mode.strip()] = int(number)
    return found


def _step(text: str) -> dict[str, Any]:
    to, sign, seconds = text.rpartition("=")
    if not sign:
        return {"to": text}
    if not seconds.isdecimal():
        raise typer.BadParameter("has the form TO or TO=SECONDS.", param_hint="--step")
    return {"to": to, "seconds": int(seconds)}


def _facts(told: dict[str, Any]) -> str:
    settings = told["settings"]
    mail = f"{settings['mail_for']}, to {settings['mail_to'] or 'nobody'}"
    rows = [
        ("Mailbox", f"{told['extension']} {told['name']}"),
        ("Messages", f"{told['new']} new, {told['saved']} saved, {told['deleted']} deleted"),
        ("Places left", str(told["places"])),
        ("Mode", settings["mode"]),
        ("Calls go to the mailbox", _calls(settings)),
        ("Greetings recorded", ", ".join(told["greetings"]) or "none"),
        ("0 leads to", settings["assistant"] or "the operator"),
        ("Recorded calls go to", settings["recordings"] or "this mailbox"),
        ("Gets broadcasts", _yes(settings["accept_broadcast"])),
        ("Mail about messages", mail + (", with the sound" if settings["mail_audio"] else "")),
        *(
            (f"Profile {number}", _steps(one))
            for number, one in sorted(told["profiles"].items(), key=lambda each: int(each[0]))
        ),
        ("Profiles in use", ", ".join(f"{k}: {v}" for k, v in settings["profiles"].items()) or "none"),
    ]
    return format_table(("", ""), rows)


def _steps(one: dict[str, Any]) -> str:
    steps = ", ".join(f"{step['to']} ({step['seconds']} s)" for step in one["steps"])
    urgent = ", urgent messages alone" if one["urgent_only"] else ""
    return f"{steps}; {one['repeats'] + 1} rounds{urgent}"


def _calls(settings: dict[str, Any]) -> str:
    if not settings["takes_calls"]:
        return "never"
    return "all of them, at once" if settings["always"] else "that nobody takes"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
