"""Writes docs/requirements.md: a row for each requirement, where it is built, how many tests prove it, what is open.

Where it is built is read from the source: a docstring or comment that names a requirement in parentheses,
such as "(T5)" or "(W2, W5)". Which test proves it is read from the marks: `@pytest.mark.req("T5")`. What it
lacks stands in docs/requirements.toml under `open`. A requirement counts as built only where a test proves it
that asks more than the policy's own: what the policy says is no proof that anybody asks it.

Nothing is imported or run. `--check` writes nothing and fails when the file is not what it would be;
`--tests FILE` writes the list of all tests by requirement.
"""

import argparse
import ast
import re
import sys
import tomllib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "requirements.toml"
OUTPUT = ROOT / "docs" / "requirements.md"
SOURCES = ("src/ringwall", "web", "ringwall", "bench")
NAMED = re.compile(r"\(([TFPWNCAVDOHIR]\d{1,2}(?:, [TFPWNCAVDOHIR]\d{1,2})*)\)")
OPEN = "open"
POLICY_ALONE = "tests/unit/policy/"


def built() -> dict[str, list[str]]:
    """Return the source files that name each requirement."""
    found: dict[str, list[str]] = defaultdict(list)
    for source in SOURCES:
        path = ROOT / source
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if not file.is_file() or file.suffix in {".pyc", ".lock"} or "node_modules" in file.parts:
                continue
            text = file.read_text(encoding="utf-8", errors="ignore")
            for name in sorted({one for match in NAMED.findall(text) for one in match.split(", ")}):
                found[name].append(str(file.relative_to(ROOT)))
    return found


def proven() -> dict[str, list[str]]:
    """Return the tests that carry the mark of each requirement."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        whole = _module_marks(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for name in sorted({*whole, *_marks(node.decorator_list)}):
                    found[name].append(f"{file.relative_to(ROOT)}::{node.name}")
    return found


def _marks(nodes: list[ast.expr]) -> list[str]:
    names: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "req":
            names += [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return names


def _module_marks(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets
        ):
            value = node.value
            return _marks(value.elts if isinstance(value, ast.List) else [value])
    return []


def read_table() -> tuple[dict[str, Any], dict[str, str]]:
    """Return the groups of requirements by letter, and what is open by id."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    lacking = table.pop(OPEN, {})
    return table, lacking


def render() -> str:
    """Return the whole document. Raises SystemExit when something names a requirement that does not exist."""
    table, lacking = read_table()
    where, tests = built(), proven()
    known = {name for group in table.values() for name in group["rows"]}
    strangers = sorted((set(where) | set(tests) | set(lacking)) - known)
    if strangers:
        sys.exit(f"no such requirement: {', '.join(strangers)}; docs/requirements.toml has them all")
    lines = [
        "# Requirements: where each is built, and what proves it",
        "",
        "Made by `python tools/requirements.py` from the source, the tests' marks and docs/requirements.toml; do not",
        "edit by hand. A requirement is built when a test proves it that asks more than the policy's own tests do.",
        "`python tools/requirements.py --tests FILE` lists the tests; CI keeps that list as build/requirements-tests.md.",
        "",
    ]
    for letter, group in table.items():
        lines += [f"## {letter}. {group['title']}", ""]
        lines += ["| id | requirement | built in | tests | open |", "|---|---|---|---|---|"]
        for name, text in group["rows"].items():
            proofs = tests.get(name, [])
            done = any(not proof.startswith(POLICY_ALONE) for proof in proofs)
            places = ", ".join(rooms(where.get(name, []))) if done else "not yet"
            cells = (name, text, places or "not named", counted(proofs), lacking.get(name, ""))
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def rooms(files: list[str]) -> list[str]:
    """Return the packages that these files are in, two levels below ringwall, each once."""
    found = []
    for file in files:
        parts = Path(file.removeprefix("src/ringwall/")).parts
        found.append("`" + "/".join(parts[: min(2, len(parts) - 1)] or parts).removesuffix(".py") + "`")
    return list(dict.fromkeys(found))


def counted(proofs: list[str]) -> str:
    """Return how many tests there are of each kind: "12 unit, 3 system"."""
    kinds = Counter(proof.split("/")[1] for proof in proofs)
    return ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())) or "none"


def render_tests() -> str:
    """Return the list of all tests by requirement."""
    table, _ = read_table()
    tests = proven()
    lines = ["# Tests by requirement", ""]
    for group in table.values():
        for name, text in group["rows"].items():
            lines += [f"## {name}", "", text, "", *(f"- `{proof}`" for proof in tests.get(name, [])), ""]
    return "\n".join(lines)


def main() -> int:
    """Write the document, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="fail when docs/requirements.md is not up to date"
    )
    parser.add_argument("--tests", type=Path, metavar="FILE", help="write the list of all tests to a file")
    asked, text = parser.parse_args(), render()
    if asked.tests is not None:
        asked.tests.parent.mkdir(parents=True, exist_ok=True)
        asked.tests.write_text(render_tests(), encoding="utf-8")
    if asked.check:
        if not OUTPUT.exists() or OUTPUT.read_text(encoding="utf-8") != text:
            print("docs/requirements.md is not up to date: run `python tools/requirements.py`")
            return 1
        return 0
    if asked.tests is None:
        OUTPUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
