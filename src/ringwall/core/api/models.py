"""What the API takes and gives, where it is not what the operations take and give."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ringwall.core.ledger.operations import Mismatch
from ringwall.core.operations import Arguments


class Health(BaseModel):
    """Whether the system works; nothing else is told to strangers."""

    status: Literal["ok", "degraded"]
    version: str


class SignIn(Arguments):
    """An administrator's name and password."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=256)]


class Token(BaseModel):
    """A bearer token; `expires_at` in RFC 3339, UTC."""

    token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_at: str


class ErrorText(BaseModel):
    """What went wrong: a word for programs, a sentence for people, the field at fault."""

    code: str
    message: str
    field: str | None = None
    problems: list[dict[str, str | int]] | None = None


class Error(BaseModel):
    """Every answer that is not a result."""

    error: ErrorText


class Told(BaseModel):
    """Facts that another part of the core tells; more may be added."""

    model_config = ConfigDict(extra="allow")


class Record(BaseModel):
    """A record of the ledger; `hash` covers it and, through the chain, all before it."""

    seq: int
    at: str
    kind: str
    body: Any
    hash: str


class Records(BaseModel):
    """Records in order; `after` is the cursor for the next question."""

    records: list[Record]
    after: int


class Finding(BaseModel):
    """What verification found first."""

    kind: str
    first: int
    last: int
    text: str


class MarkSeen(BaseModel):
    """How the ledger compares with a mark of how far it had come; `ok` is null where there was none."""

    place: str
    ok: bool | None
    seq: int | None
    at: str | None
    text: str


class Verdict(BaseModel):
    """Whether the ledger is as it was written, and always was but for what somebody acknowledged."""

    ok: bool
    records: int
    checkpoints: int
    seq: int
    hash: str
    public_key: str
    finding: Finding | None
    marks: list[MarkSeen]
    mismatches: list[Mismatch]
