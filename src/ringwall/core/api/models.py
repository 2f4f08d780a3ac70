"""What the API takes and gives, where it is not what the operations take and give."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

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
