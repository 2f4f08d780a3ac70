"""Plain commands: one for each declared operation that has none written by hand, and `ask` for all.

Arguments in the path are positional, the others are options; a secret is asked for or read from standard
input, a long one comes from a file; what is a list is given several times; what is a structure is JSON. So
whatever the API can, the command line can.
"""

import base64
import copy
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from ringwall.cli.client import ask
from ringwall.cli.forms import ask_secret, with_options
from ringwall.cli.forms import read_text as read_text_of
from ringwall.cli.output import Output, format_table
from ringwall.core.operations import ListArguments, Operation, read_text
from ringwall.infra.errors import RefusedError
from ringwall.infra.files import read_limited
from ringwall.infra.layout import Layout

LARGEST_FILE = 5 * 1024 * 1024
LONGEST_TYPED = 1000
_GIVEN = "given_"  # before the names of arguments, which may be called as --data and --json are here


def with_plain_commands(by_hand: typer.Typer, operations: Sequence[Operation]) -> typer.Typer:
    """Return a command line with a command for each operation; `by_hand` stays as it is."""
    app = _copy(by_hand)
    every = _group(app, "ask", "Ask any operation by its name, with all the arguments that it has.")
    for operation in operations:
        every.command(name=operation.name, help=operation.sentence)(_command(operation))
    for operation in operations:
        *groups, name = operation.words
        at = app
        for word in groups:
            at = _group(at, word, operation.topic.sentence)
        if find(at, [name]) is None:
            at.command(name=name, help=operation.sentence)(_command(operation))
    return app


def _copy(app: typer.Typer) -> typer.Typer:
    """Return a copy to which commands can be added: groups are values of their modules."""
    made = copy.copy(app)
    made.registered_commands = list(app.registered_commands)
    made.registered_groups = [copy.copy(group) for group in app.registered_groups]
    for group in made.registered_groups:
        if group.typer_instance is not None:
            group.typer_instance = _copy(group.typer_instance)
    return made


def find(app: typer.Typer, words: Sequence[str]) -> object | None:
    """Return the command of these words, None where there is none; what follows a command does not matter."""
    if not words:
        return None
    for group in app.registered_groups:
        if group.name == words[0] and group.typer_instance is not None:
            return find(group.typer_instance, words[1:])
    for command in app.registered_commands:
        callback = command.callback
        if words[0] == (command.name or (callback.__name__.replace("_", "-") if callback else None)):
            return command
    return None


def _group(app: typer.Typer, word: str, sentence: str) -> typer.Typer:
    for group in app.registered_groups:
        if group.name == word and group.typer_instance is not None:
            return group.typer_instance
    made = typer.Typer(help=sentence, no_args_is_help=True)
    app.add_typer(made, name=word)
    return made


def _command(operation: Operation) -> Callable[..., None]:
    fields = operation.arguments.model_fields
    raw = operation.body.argument if operation.body is not None else ""
    hidden = {name for name, field in fields.items() if _is_secret(field) and name != raw}
    typed = {name for name in hidden if _is_typed(operation, name)}
    ordered = sorted(fields, key=lambda name: name not in operation.in_path)
    parameters = [_parameter(operation, name) for name in ordered if name not in hidden | {raw}]
    parameters += [_file(name, name, fields[name]) for name in ordered if name in hidden - typed]
    parameters += [_file(name, "file", fields[name]) for name in ordered if name == raw]
    parameters += [_asking(name) for name in ordered if name in typed and not fields[name].is_required()]

    def run(**given: Any) -> None:
        data, as_json = given.pop("data"), given.pop("as_json")
        asked: dict[str, Any] = {}
        for name, value in ((word.removeprefix(_GIVEN), value) for word, value in given.items()):
            if name == raw:
                asked[raw] = base64.b64encode(read_limited(value, LARGEST_FILE)).decode()
            elif name in hidden and value is not None:
                text = read_text_of(value)
                asked[name] = text if _is_text(fields[name]) else _json(name, text)
            elif name in fields and value is not None:
                asked[name] = _value(operation, name, value)
        for name in sorted(typed):
            if fields[name].is_required() or given.get(f"{_GIVEN}ask_{name}"):
                asked[name] = ask_secret(name.replace("_", " "))
        result = ask(Layout.of(data), operation.name, asked)
        Output(as_json=as_json).result(result, _text(operation, result))

    run.__doc__ = operation.sentence
    return with_options(run, *parameters)


def _file(name: str, option: str, field: FieldInfo) -> inspect.Parameter:
    told = typer.Option(f"--{option.replace('_', '-')}", metavar="FILE", help="The file that is sent.")
    required = field.is_required()
    default = inspect.Parameter.empty if required else None
    return _keyword(name, Annotated[Path if required else Path | None, told], default)


def _asking(name: str) -> inspect.Parameter:
    told = f"Ask for the {name.replace('_', ' ')}, or read it from standard input."
    return _keyword(f"ask_{name}", Annotated[bool, typer.Option(f"--ask-{name}", help=told)], default=False)


def _is_text(field: FieldInfo) -> bool:
    return field.annotation in {str, str | None}


def _is_typed(operation: Operation, name: str) -> bool:
    """Whether a secret is short enough that somebody types it."""
    schema = operation.arguments.model_json_schema()["properties"][name]
    texts = [one for one in (schema, *schema.get("anyOf", ())) if one.get("type") == "string"]
    return bool(texts) and all(one.get("maxLength", LARGEST_FILE) <= LONGEST_TYPED for one in texts)


def _is_secret(field: FieldInfo) -> bool:
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("writeOnly"))


def _parameter(operation: Operation, name: str) -> inspect.Parameter:
    field = operation.arguments.model_fields[name]
    told = field.description or None
    if name in operation.in_path:
        positional = typer.Argument(metavar=name.upper(), help=told)
        return _keyword(name, Annotated[str, positional], inspect.Parameter.empty)
    option = f"--{name.replace('_', '-')}"
    required = field.is_required()
    default = inspect.Parameter.empty if required else None
    if field.annotation in {bool, bool | None}:
        flag = typer.Option(f"{option}/--no-{name.replace('_', '-')}", help=told, show_default=False)
        return _keyword(name, Annotated[bool if required else bool | None, flag], default)
    info = typer.Option(option, help=told, show_default=False, metavar=_metavar(field))
    if _is_list(field):
        return _keyword(name, Annotated[list[str] if required else list[str] | None, info], default)
    return _keyword(name, Annotated[str if required else str | None, info], default)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        f"{_GIVEN}{name}", inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _metavar(field: FieldInfo) -> str:
    shown = str(field.annotation)
    return "JSON" if "dict" in shown or "Value" in shown else "N" if "int" in shown else "TEXT"


def _is_list(field: FieldInfo) -> bool:
    shown = str(field.annotation)
    return shown.startswith(("list", "typing.Annotated[list")) or "list[" in shown


def _value(operation: Operation, name: str, given: Any) -> Any:
    """Return what was given as the operation takes it; raise RefusedError for JSON that is none."""
    if isinstance(given, bool | Path):
        return given
    field = operation.arguments.model_fields[name]
    if isinstance(given, list):
        return [_json(name, one) if "Value" in str(field.annotation) else one for one in given]
    if _metavar(field) == "JSON":
        return _json(name, given)
    return read_text(operation.arguments, name, given)


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise RefusedError(f"--{name}: has to be JSON.", code="invalid", field=name) from None


def _text(operation: Operation, result: Any) -> str:
    """Return a table for people: a row for each item of a list, or for each field."""
    if not issubclass(operation.arguments, ListArguments):
        rows = [(name.replace("_", " "), _cell(value)) for name, value in result.items()]
        return format_table((operation.words[0], ""), rows)
    if not result:
        return "None."
    columns = list(result[0])
    rows_of_items = [[_cell(item.get(column)) for column in columns] for item in result]
    return format_table([column.replace("_", " ") for column in columns], rows_of_items)


def _cell(value: object) -> str:
    """Show a value; what strangers chose must not steer the terminal."""
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, list) and not any(isinstance(one, list | Mapping) for one in value):
        text = ", ".join(str(one) for one in value)
    else:
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | Mapping) else str(value)
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)
