"""Every command that lists or shows something, as a person reads it, on a system in which there is something."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from ringwall.cli import _assemble

MAC = "001565a1b2c3"

# One of each, by the command that shows it; `{extension}` is a user's.
SHOWN = {
    "authcode show": "shown",
    "cos call show": "Least privileged",
    "cos telephony show": "Least privileged",
    "cos voice-mail show": "Least privileged",
    "forwarding show": "{extension}",
    "group show": "least-privileged",
    "limits show": "organisation",
    "mail show": "",
    "object show": "800",
    "phone show": MAC,
    "pki show": "",
    "range show": "+4490912",
    "site show": "main",
    "trunk show": "shown",
    "trunk-group show": "shown",
    "user pin show": "{extension}",
    "user show": "{extension}",
    "voicemail show": "{extension}",
}
# Firmware is signed away from the server: its commands have tests of their own.
ELSEWHERE = "firmware "


def commands(tree: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    for name, below in tree.commands.items():
        if hasattr(below, "commands"):
            yield from commands(below, (*path, name))
        elif name in {"list", "show", "status"}:
            yield " ".join((*path, name))


ALL = sorted(name for name in commands(typer.main.get_command(_assemble())) if not name.startswith(ELSEWHERE))


def test_there_is_something_to_show_for_every_command_that_shows() -> None:
    assert sorted(name for name in ALL if name.endswith("show")) == sorted(SHOWN)


@pytest.fixture(scope="module")
def furnished(system) -> Iterator[str]:
    """The extension of a user in a house that has one of each."""
    extension = system.person("Shown").extension
    added = [
        ("trunk-group", "shown", "--name", "Shown", "--site", "main"),
        (
            "trunk",
            "shown",
            "--name",
            "Shown",
            "--trunk-group",
            "shown",
            "--host",
            "192.0.2.99",
            "--no-enabled",
        ),
        ("range", "+4490912", "--name", "Shown"),
        ("object", "800", "--kind", "hunt group", "--name", "Shown", "--members", extension),
        ("authcode", "shown", "--name", "Shown", "--wildcard", "6"),
        ("phone", MAC, "--vendor", "snom", "--label", "Shown"),
    ]
    for kind, *rest in added:
        done = system.command(kind, "add", *rest)
        assert done.returncode == 0, done.stdout + done.stderr
    yield extension
    for kind, key, *_ in reversed(added):
        done = system.command(kind, "remove", key)
        assert done.returncode == 0, done.stdout + done.stderr
    system.ask("user.remove", extension=extension)


@pytest.mark.parametrize("name", ALL)
def test_it_is_shown_as_a_person_reads_it(system, furnished, name) -> None:
    what = SHOWN.get(name, "").format(extension=furnished)
    done = system.command(*name.split(), *([what] if what else []))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr
