"""Writes the table of kinds in docs/ledger.md from the classes of `ringwall.events`.

Kinds with the same fields share a table. What stands outside the two marks is written by hand. `--check`
writes nothing and fails when the file is not what it would be.
"""

import argparse
import sys
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from ringwall.events import states  # noqa: E402
from ringwall.events.base import Event  # noqa: E402 - it is found beside this file
from ringwall.events.catalogue import DOMAINS, KINDS, PASSING, fields_of  # noqa: E402

DOCUMENT = ROOT / "docs" / "ledger.md"
BEGIN = "<!-- made by `python tools/events.py` from src/ringwall/events: do not edit by hand -->"
END = "<!-- end of what is made -->"


def render() -> str:
    """Return what stands between the marks."""
    lines = [BEGIN, ""]
    for domain in (*DOMAINS, states):
        lines += [f"### {_first_line(domain.__doc__).rstrip('.')}", ""]
        kinds = [cls for cls in (*KINDS.values(), *PASSING.values()) if cls.__module__ == domain.__name__]
        for table, alike in groupby(kinds, _table):
            lines += [*map(_heading, alike), "", *table]
    return "\n".join([*lines, END])


def _heading(cls: type[Event]) -> str:
    version = f" (version {cls.body_version})" if cls.body_version > 1 else ""
    text = " ".join(line.strip() for line in (cls.__doc__ or "").split("\n") if line.strip())
    return f"- `{cls.kind}`{version}: {text}"


def _table(cls: type[Event]) -> list[str]:
    rows = []
    for field in fields_of(cls):
        name = f"`{field.name}` (not always)" if field.may_be_left_out else f"`{field.name}`"
        rows.append(f"| {name} | {field.type} | {field.meaning} |")
    return ["| field | type | meaning |", "|---|---|---|", *rows, ""] if rows else []


def _first_line(text: str | None) -> str:
    return (text or "").split("\n")[0]


def document(old: str) -> str:
    """Return the whole document; SystemExit where it has no marks."""
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{DOCUMENT} has lost its marks: put in {BEGIN} and {END}")
    return head + render() + tail


def main() -> int:
    """Write the document, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when docs/ledger.md is not up to date")
    old = DOCUMENT.read_text(encoding="utf-8")
    new = document(old)
    if parser.parse_args().check:
        if old != new:
            print("docs/ledger.md is not up to date: run `python tools/events.py`")
            return 1
        return 0
    DOCUMENT.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
