"""The worked cases: what a telephony engineer expects of each number, scope, list and path.

`cases/README.md` says how to read and extend them.
"""

import csv
from functools import lru_cache
from pathlib import Path

import pytest

from ringwall.policy import (
    Action,
    MailboxSubject,
    ObjectSubject,
    Party,
    PhoneSubject,
    PolicySnapshot,
    Subject,
    TrunkSubject,
    UserSubject,
)

from .house import MENU, WORKGROUP, ask, from_words

CASES = Path(__file__).parent / "cases"

USER = UserSubject("201")
PATHS: dict[str, tuple[Subject, Action, dict[str, object]]] = {
    "dial": (USER, Action.DIAL, {}),
    "api": (USER, Action.ORIGINATE, {}),
    "bare phone": (PhoneSubject("bare"), Action.DIAL, {}),
    "lobby phone": (PhoneSubject("lobby"), Action.DIAL, {}),
    "blind, outsider": (USER, Action.BLIND_TRANSFER, {"party": Party.OUTSIDE}),
    "blind, insider": (USER, Action.BLIND_TRANSFER, {"party": Party.INSIDE}),
    "attended, outsider": (USER, Action.ATTENDED_TRANSFER, {"party": Party.OUTSIDE}),
    "attended, insider": (USER, Action.ATTENDED_TRANSFER, {"party": Party.INSIDE}),
    "forward always": (USER, Action.FORWARD_ALWAYS, {}),
    "forward busy": (USER, Action.FORWARD_BUSY, {}),
    "forward no answer": (USER, Action.FORWARD_NO_ANSWER, {}),
    "find me": (USER, Action.FIND_ME, {}),
    "assignment": (USER, Action.EXTERNAL_ASSIGNMENT, {}),
    "conference": (USER, Action.CONFERENCE_ADD, {"count": 2}),
    "full conference": (USER, Action.CONFERENCE_ADD, {"count": 3}),
    "callback": (MailboxSubject("201", from_outside=False), Action.CALLBACK, {}),
    "callback from outside": (MailboxSubject("201", from_outside=True), Action.CALLBACK, {}),
    "notify": (MailboxSubject("201"), Action.NOTIFY, {}),
    "failover": (USER, Action.PSTN_FAILOVER, {}),
    "inbound": (TrunkSubject("trunk-us"), Action.DIAL, {}),
    "menu": (ObjectSubject(MENU), Action.FORWARD_ALWAYS, {}),
    "workgroup": (ObjectSubject(WORKGROUP), Action.FORWARD_ALWAYS, {}),
    "mailbox dials": (MailboxSubject("201", from_outside=False), Action.DIAL, {}),
}


def rows() -> list[tuple[str, dict[str, str]]]:
    found = []
    for path in sorted(CASES.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for line, row in enumerate(csv.DictReader(file, delimiter=";"), 2):
                found.append((f"{path.name}:{line}", {key: value.strip() for key, value in row.items()}))
    return found


ROWS = rows()


@lru_cache(maxsize=64)
def snapshot_of(rights: str, scope: str, restrict: str, permit: str, site: str) -> PolicySnapshot:
    return from_words(rights, scope, restrict, permit, site)


@pytest.mark.req("C3", "C5")
def test_there_are_cases_enough() -> None:
    assert len(ROWS) >= 300
    assert {row["site"] for _, row in ROWS} >= {"us", "ca", "gb", "de", "ch", "fr", "au", "in", "it"}
    assert {row["path"] for _, row in ROWS} == set(PATHS)


@pytest.mark.req("C3", "C5")
@pytest.mark.parametrize("row", [row for _, row in ROWS], ids=[name for name, _ in ROWS])
def test_a_worked_case(row: dict[str, str]) -> None:
    snapshot = snapshot_of(row["rights"], row["scope"], row["restrict"], row["permit"], row["site"])
    subject, action, context = PATHS[row["path"]]
    answer = ask(snapshot, subject, action, row["dialled"], **context)
    number_class = answer.number_class
    got = {
        "canonical": answer.canonical,
        "class": number_class.value if number_class is not None else "",
        "allowed": "yes" if answer.allowed else "no",
        "rule": answer.rule.id,
    }
    assert got == {name: row[name] for name in got}, answer.steps
