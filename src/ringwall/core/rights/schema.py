"""What administrators send and get: arguments and results, made from the settings of each kind."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from ringwall.core.operations import SECRET, Arguments, ListArguments
from ringwall.core.rights import kinds
from ringwall.core.rights.kinds import Kind
from ringwall.core.rights.settings import LONGEST_FILE, LONGEST_TEXT, MOST_WORDS, Form, Setting

# Each is told in a full sentence what is wrong by the service; the limits here keep out what is absurd.
Key = Annotated[str, Field(max_length=64)]
Secret = Annotated[str, Field(max_length=256, json_schema_extra=SECRET)]
LARGEST_CSV = 5 * 1024 * 1024

_TYPES: dict[Form, Any] = {
    Form.TEXT: Annotated[str, Field(max_length=2 * LONGEST_TEXT)],
    Form.FILE: Annotated[str, Field(max_length=2 * LONGEST_FILE)],
    Form.FLAG: bool,
    Form.NUMBER: int,
    Form.AMOUNT: float,
    Form.WORDS: Annotated[list[Annotated[str, Field(max_length=256)]], Field(max_length=2 * MOST_WORDS)],
}


@dataclass(frozen=True, slots=True)
class Models:
    """The models of one kind."""

    add: type[Arguments]
    set: type[Arguments]
    named: type[Arguments]
    listed: type[ListArguments]
    shown: type[BaseModel]
    added: type[BaseModel]


class Csv(Arguments):
    """A CSV file with a heading line."""

    csv: Annotated[str, Field(max_length=LARGEST_CSV, json_schema_extra=SECRET)]


class Imported(BaseModel):
    """How many lines were new, changed something, or said what was so already."""

    added: int
    changed: int
    same: int


class Exported(BaseModel):
    """A CSV file and how many lines it has below the heading."""

    csv: str
    lines: int


class Explain(Arguments):
    """Who calls which number, when (RFC 3339, UTC where it says no zone; left out, now) and by which path."""

    user: Key
    number: Annotated[str, Field(max_length=128)]
    at: Annotated[str, Field(max_length=40)] | None = None
    path: Key = "dial"
    phone: Key | None = None


class Step(BaseModel):
    """One step of a decision."""

    check: str
    result: str


class Explained(BaseModel):
    """What would happen, and why."""

    model_config = ConfigDict(populate_by_name=True)

    user: str
    number: str
    path: str
    at: str
    allowed: bool
    canonical: str
    number_class: Annotated[str, Field(alias="class")]
    rule: str
    because: str
    steps: list[Step]
    heard: str
    trunk_groups: list[str]
    seconds: int
    code: str


class Finding(BaseModel):
    """One thing to look at; `severity` is notice, warning, high or critical."""

    id: str
    severity: str
    where: str
    what: str
    cure: str


class Linted(BaseModel):
    """Everything that was found, the worst first; `severe` where something is high or critical."""

    findings: list[Finding]
    severe: bool


def _type(setting: Setting) -> Any:
    return _TYPES[setting.form] | None if setting.nullable else _TYPES[setting.form]


def _field(setting: Setting, **more: Any) -> Any:
    enum: dict[str, Any] = {"examples": list(setting.choices)} if setting.choices else {}
    return _type(setting), Field(description=setting.help, **enum, **more)


def _filter(setting: Setting) -> Any:
    """Return the argument that keeps what has one value of a setting; None where that makes no sense."""
    if setting.form is not Form.TEXT:
        return None
    about = f"Only those with this {setting.name.replace('_', ' ')}."
    return Annotated[str, Field(max_length=2 * LONGEST_TEXT)] | None, Field(default=None, description=about)


def _default(setting: Setting) -> dict[str, Any]:
    if setting.required:
        return {}
    return {"default": setting.default}


def _models(kind: Kind) -> Models:
    name = "".join(word.capitalize() for word in kind.record.split("_"))
    about = kind.title[0].upper() + kind.title[1:]
    key: Any = (Key, Field(description=f"what the {kind.title} is called in commands and by others"))
    new_key: Any = (Key, Field(default="", description="empty: one is chosen")) if kind is kinds.CODE else key
    secret: dict[str, Any] = {}
    if kind.secret:
        told = "shown to nobody afterwards; left out, it stays as it is; empty, it is taken away"
        secret[kind.secret] = (Secret | None, Field(default=None, description=told, json_schema_extra=SECRET))
    optional = {one.name: _field(one, default=one.default) for one in kind.settings}
    changes: Any = {**optional, **secret}
    fresh: Any = {one.name: _field(one, **_default(one)) for one in kind.settings}
    facts: Any = {one.name: _field(one) for one in kind.settings}
    if kind.secret:
        facts[f"{kind.secret}_set"] = (bool, Field(description=f"whether there is a {kind.secret}"))
    filters: Any = {one.name: _filter(one) for one in kind.settings if one.choices or one.refers}
    filters = {name: told for name, told in filters.items() if told is not None}
    shown = create_model(name, __doc__=f"{about}.", **{kind.argument: key}, **facts)
    added = shown
    if kind is kinds.CODE:
        told = "the digits, where they were chosen here: shown this one time"
        code: Any = (str | None, Field(default=None, description=told))
        added = create_model(f"{name}Added", __base__=shown, __doc__=f"{about} that is new.", code=code)
    return Models(
        add=create_model(
            f"{name}Add",
            __base__=Arguments,
            __doc__=f"A new {kind.title}.",
            **{kind.argument: new_key},
            **fresh,
            **secret,
        ),
        set=create_model(
            f"{name}Set", __base__=Arguments, __doc__=f"{about}: changes.", **{kind.argument: key}, **changes
        ),
        named=create_model(
            f"{name}Named", __base__=Arguments, __doc__=f"Which {kind.title}.", **{kind.argument: key}
        ),
        listed=create_model(f"{name}List", __base__=ListArguments, __doc__="Which of them.", **filters),
        shown=shown,
        added=added,
    )


MODELS = {kind.word: _models(kind) for kind in kinds.KINDS}
