"""Options of commands, made from the descriptions of settings, such as `--area-codes 408,650`.

A description says once what a setting means and accepts; the help of each command shows it.
"""

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption
from ringwall.core.rights.settings import Form, Setting, Value, to_text
from ringwall.infra.errors import RefusedError
from ringwall.infra.files import read_limited
from ringwall.policy.errors import PolicyError

LARGEST_FILE = 5 * 1024 * 1024

Command = Callable[..., None]


def with_options(command: Command, *parameters: inspect.Parameter) -> Command:
    """Return a command that typer sees with these parameters, and --data and --json behind them.

    The command itself is called with all of them by name.
    """
    told = [
        *parameters,
        _parameter("data", DataOption, DATA_DEFAULT),
        _parameter("as_json", JsonOption, default=False),
    ]

    def run(**given: Any) -> None:
        command(**given)

    run.__doc__ = command.__doc__
    run.__signature__ = inspect.Signature(told)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in told}
    return run


def argument(name: str, metavar: str, told: str, *, optional: bool = False) -> inspect.Parameter:
    """Return a positional argument."""
    default = None if optional else inspect.Parameter.empty
    return _parameter(name, Annotated[str | None, typer.Argument(metavar=metavar, help=told)], default)


def options(settings: Iterable[Setting], *, fresh: bool) -> list[inspect.Parameter]:
    """Return an option for each setting; for something `fresh` the required ones have to be given."""
    return [_option(one, fresh=fresh) for one in settings]


def ask_option(secret: str) -> inspect.Parameter:
    """Return the option that has a secret asked for."""
    told = f"Ask for the {secret}, or read it from standard input: it never stands on the command line."
    return _parameter("ask", Annotated[bool, typer.Option(f"--ask-{secret}", help=told)], default=False)


def given_values(settings: Iterable[Setting], given: Mapping[str, Any]) -> dict[str, Value]:
    """Return what was given, as the operations take it; raise RefusedError with the option at fault."""
    values: dict[str, Value] = {}
    for one in settings:
        value = given.get(one.name)
        if value is None:
            continue
        try:
            if one.form is Form.FILE:
                values[one.name] = read_text(value) if str(value) not in {"", "none"} else ""
            else:
                values[one.name] = one.from_text(value) if isinstance(value, str) else value
        except PolicyError as error:
            raise RefusedError(f"--{one.option}: {error.message}", code="invalid", field=one.name) from error
    return values


def ask_secret(name: str) -> str:
    """Return a secret that is typed unseen, or the first line of standard input where nobody types."""
    if sys.stdin.isatty():
        return str(typer.prompt(f"The {name}", hide_input=True, confirmation_prompt=True, default=""))
    return sys.stdin.readline(1024).rstrip("\r\n")


def read_text(path: Path | str) -> str:
    """Return the text of a file, or of standard input for `-`; raise RefusedError where it is none."""
    try:
        if str(path) == "-":
            content = sys.stdin.buffer.read(LARGEST_FILE + 1)
            if len(content) > LARGEST_FILE:
                raise RefusedError(f"Standard input has more than {LARGEST_FILE} bytes.", code="invalid")
        else:
            content = read_limited(Path(path), LARGEST_FILE)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RefusedError(f"{path} is no text in UTF-8.", code="invalid") from None


def _option(setting: Setting, *, fresh: bool) -> inspect.Parameter:
    name = f"--{setting.option}"
    told = setting.help
    required = fresh and setting.required
    if fresh and not required and setting.form is not Form.FLAG and setting.default not in (None, "", []):
        told = f"{told} Default: {to_text(setting.default)}."
    if fresh and setting.form is Form.FLAG:
        told = f"{told} Default: {to_text(setting.default)}."
    if setting.nullable or setting.form is Form.WORDS:
        told = f"{told} `none` empties it."
    kind: Any = {Form.FLAG: bool, Form.NUMBER: int, Form.AMOUNT: float}.get(setting.form, str)
    opposite = setting.option[3:] if setting.option.startswith("no-") else f"no-{setting.option}"
    names = [f"{name}/--{opposite}"] if setting.form is Form.FLAG else [name]
    metavar = {Form.WORDS: "LIST", Form.FILE: "FILE"}.get(setting.form)
    info = typer.Option(*names, help=told, show_default=False, metavar=metavar)
    default = inspect.Parameter.empty if required else None
    return _parameter(setting.name, Annotated[kind if required else kind | None, info], default)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
