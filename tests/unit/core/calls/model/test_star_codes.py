"""The table of feature numbers, and what else has to agree with it."""

from pathlib import Path

from ringwall.core.calls.model.star_codes import CODES, find
from ringwall.policy.snapshot import STAR_CODES

DOCUMENT = Path(__file__).parents[5] / "docs/star-codes.md"


def test_the_document_has_each_code_as_the_table_has_it():
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `*")]
    assert rows == [
        f"| `{each.code}` | {each.takes} | {each.help} | {'yes' if each.without_user else 'no'} |"
        for each in CODES
    ]


def test_the_policy_knows_the_same_codes():
    assert frozenset(each.code for each in CODES) == STAR_CODES


def test_what_stands_behind_a_code_is_told_with_it():
    assert find("*15201") is not None
    found, typed = find("*15201")
    assert (found.feature, typed) == ("intercom", "201")
    assert find("*98")[1] == ""


def test_what_is_no_code_is_none():
    for dialled in ("", "*", "*1", "201", "*99", "98", "**98"):
        assert find(dialled) is None
