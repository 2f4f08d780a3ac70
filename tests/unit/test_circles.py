"""No module of Ringwall needs one that needs it: no import circle anywhere."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import ringwall

SOURCE = Path(ringwall.__file__).parent


def name_of(path: Path) -> str:
    name = ".".join(("ringwall", *path.relative_to(SOURCE).with_suffix("").parts))
    return name.removesuffix(".__init__")


def imports() -> dict[str, set[str]]:
    """What each module imports of Ringwall, wherever in the module that stands; types too."""
    modules = {name_of(path): path for path in SOURCE.rglob("*.py")}
    found: dict[str, set[str]] = {}
    for module, path in modules.items():
        named: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                parts = {f"{node.module}.{one.name}" for one in node.names}
                named |= {part if part in modules else node.module for part in parts}
            elif isinstance(node, ast.Import):
                named |= {one.name for one in node.names}
        found[module] = (named & modules.keys()) - {module}
    return found


def test_nothing_needs_what_needs_it() -> None:
    graph = imports()
    assert len(graph) > 300
    assert graph["ringwall.sip.parser"]
    TopologicalSorter(graph).prepare()  # CycleError names the circle
