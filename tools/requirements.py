"""Writes docs/requirements.md: for each requirement where it is built and which tests prove it.

Where it is built is read from the source: a docstring or comment that names a requirement in parentheses,
such as "(T5)" or "(W2, W5)". Which test proves it is read from the marks: `@pytest.mark.req("T5")`.
Nothing is imported or run. `--check` writes nothing and fails when the file is not what it would be.
"""

import argparse
import ast
import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "requirements.toml"
OUTPUT = ROOT / "docs" / "requirements.md"
SOURCES = ("src/ringwall", "web", "ringwall", "bench")
NAMED = re.compile(r"\(([TFPWNCAVDIR]\d(?:, [TFPWNCAVDIR]\d)*)\)")


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


def render() -> str:
    """Return the whole document. Raises SystemExit when a mark names a requirement that does not exist."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    where, tests = built(), proven()
    known = {name for group in table.values() for name in group["rows"]}
    strangers = sorted((set(where) | set(tests)) - known)
    if strangers:
        sys.exit(f"no such requirement: {', '.join(strangers)}; docs/requirements.toml has them all")
    lines = [
        "# Requirements: where each is built, and what proves it",
        "",
        "Made by `python tools/requirements.py` from the source and the tests' marks; do not edit by hand.",
        "A requirement without a test is not proven, and one without a place is not built yet.",
        "",
    ]
    for letter, group in table.items():
        lines += [f"## {letter}. {group['title']}", ""]
        for name, text in group["rows"].items():
            lines += [f"### {name}", "", text, ""]
            places = where.get(name, [])
            proofs = tests.get(name, [])
            lines.append("Built in: " + (", ".join(f"`{p}`" for p in places) if places else "not yet"))
            lines.append("")
            if proofs:
                lines.append(f"Proven by {len(proofs)} test{'s' if len(proofs) > 1 else ''}:")
                lines += [f"- `{proof}`" for proof in proofs]
            else:
                lines.append("Proven by: nothing yet")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Write the document, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="fail when docs/requirements.md is not up to date"
    )
    text = render()
    if parser.parse_args().check:
        if not OUTPUT.exists() or OUTPUT.read_text(encoding="utf-8") != text:
            print("docs/requirements.md is not up to date: run `python tools/requirements.py`")
            return 1
        return 0
    OUTPUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
