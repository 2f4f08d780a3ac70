"""Writes settings as TOML, each value below the sentence that explains it.

tomllib only reads. The models' own attribute docstrings are the explanation: file and code cannot differ.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache

from pydantic import BaseModel

_WIDTH = 100
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_FIRST_PRINTABLE = 0x20
_DELETE = 0x7F


def dump_toml(model: BaseModel, *, title: str) -> str:
    """Return ``model`` as TOML text: its plain values first, then one table for each section."""
    lines = [f"# {title}", ""]
    sections = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            sections.append((name, value))
        else:
            lines += _entry(type(model), name, value)
    for name, section in sections:
        lines += ["", f"[{name}]", *_comment((inspect.getdoc(type(section)) or "").split("\n\n")[0])]
        for field in type(section).model_fields:
            lines += _entry(type(section), field, getattr(section, field))
    return "\n".join(lines) + "\n"


def _entry(model: type[BaseModel], name: str, value: object) -> Iterator[str]:
    yield from _comment(_explanations(model).get(name, ""))
    yield f"{name} = {format_value(value)}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), _WIDTH, initial_indent="# ", subsequent_indent="# ")


def format_value(value: object) -> str:
    """Return a TOML literal of a boolean, number, string or list of such; TypeError for anything else."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return f'"{"".join(_escape(character) for character in value)}"'
        case list() | tuple():
            return f"[{', '.join(format_value(item) for item in value)}]"
        case _:
            raise TypeError(f"no TOML form for {type(value).__name__}")


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if ord(character) < _FIRST_PRINTABLE or ord(character) == _DELETE:
        return f"\\u{ord(character):04x}"
    return character


@cache
def _explanations(model: type[BaseModel]) -> dict[str, str]:
    """Return the string literal that stands below each field in the class body."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            found[statement.target.id] = following.value.value
    return found
