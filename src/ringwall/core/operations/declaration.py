"""What an operation is: one value, from which its route, its document, its check and its command follow.

    RETRY = Operation(
        "mail.retry",
        "Try a message now, also one that was given up.",
        topic=MAIL,
        verb="POST",
        path="/api/mail/messages/{mail}/retry",
        permission=Permission.MAIL_WRITE,
        arguments=MailNamed,
        result=MailItem,
        errors=("not_found",),
        changes=True,
        example={"mail": "m5f0c"},
    )

Rules that this module keeps:
- A declaration that contradicts itself is refused when it is made, so a process with one does not start.
- Whoever declares no permission has declared an operation that nobody may use from outside.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal

from pydantic import BaseModel

from ringwall.core.errors import Code
from ringwall.core.identity.permissions import Permission
from ringwall.core.operations.arguments import Arguments, NoArguments
from ringwall.core.operations.listing import ListArguments, Listing

Verb = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})

_NAME: Final = re.compile(r"[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*)*")
_PATH: Final = re.compile(r"/api(/[a-z0-9-]+|/\{[a-z0-9_]+(:path)?\})+")
_IN_PATH: Final = re.compile(r"\{([a-z0-9_]+)(?::path)?\}")


@dataclass(frozen=True, slots=True)
class Topic:
    """What several operations are about: a title and one sentence, for the document."""

    title: str
    sentence: str


@dataclass(frozen=True, slots=True)
class RawBody:
    """The body of the request is the argument `argument` as it is, which the operation takes as base64."""

    argument: str
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """The body of the answer is the field `field` of the result, as it is."""

    field: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked of the core.

    `name` is the same on the control socket, in records and in the document; with blanks for dots it is the
    command, unless `command` says otherwise. Arguments that `path` does not name stand in the query, or with
    POST, PUT and PATCH in a JSON body. The result is one `result`, or with `listing` a list of them. `errors`
    are those that are not every operation's (`refused`, `invalid`, `unavailable`). `changes`: it changes
    something, so a refusal is on record. `example` are arguments that could be given.
    """

    name: str
    sentence: str
    topic: Topic = field(kw_only=True)
    verb: Verb = field(kw_only=True)
    path: str = field(kw_only=True)
    permission: Permission | None = field(kw_only=True, default=None)
    arguments: type[Arguments] = field(kw_only=True, default=NoArguments)
    result: type[BaseModel] = field(kw_only=True)
    listing: Listing | None = field(kw_only=True, default=None)
    status: HTTPStatus = field(kw_only=True, default=HTTPStatus.OK)
    errors: tuple[Code, ...] = field(kw_only=True, default=())
    changes: bool = field(kw_only=True, default=False)
    example: Mapping[str, Any] = field(kw_only=True, default_factory=dict)
    body: RawBody | None = field(kw_only=True, default=None)
    answer: TextAnswer | None = field(kw_only=True, default=None)
    command: str = field(kw_only=True, default="")

    def __post_init__(self) -> None:
        """Raise ValueError where the declaration contradicts itself."""
        for good, problem in (
            (_NAME.fullmatch(self.name), "a name is words in small letters with dots between them"),
            (self.sentence.endswith("."), "the sentence ends with a full stop"),
            (_PATH.fullmatch(self.path), "a path begins with /api and has small letters, digits and -"),
            (
                self.in_path <= set(self.arguments.model_fields),
                "the path names an argument that there is not",
            ),
            (not (self.changes and self.verb == "GET"), "GET changes nothing (RFC 9110, 9.2.1)"),
            (
                (self.listing is not None) == issubclass(self.arguments, ListArguments),
                "a list takes ListArguments, and nothing else does",
            ),
        ):
            if not good:
                raise ValueError(f"{self.name}: {problem}")
        # It goes into the document: an example that is refused would mislead.
        self.arguments.model_validate(dict(self.example))

    @property
    def in_path(self) -> frozenset[str]:
        """The arguments that stand in the path."""
        return frozenset(_IN_PATH.findall(self.path))

    @property
    def in_query(self) -> tuple[str, ...]:
        """The arguments that stand in the query, in the order of the model."""
        rest = [name for name in self.arguments.model_fields if name not in self.in_path]
        if self.body is not None:
            return tuple(name for name in rest if name != self.body.argument)
        return () if self.verb in WITH_BODY else tuple(rest)

    @property
    def in_body(self) -> tuple[str, ...]:
        """The arguments that stand in a JSON body, in the order of the model."""
        if self.body is not None or self.verb not in WITH_BODY:
            return ()
        return tuple(name for name in self.arguments.model_fields if name not in self.in_path)

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its command."""
        return tuple(self.command.split() if self.command else self.name.split("."))
