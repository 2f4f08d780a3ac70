"""What administrators can ask of forwarding."""

from collections.abc import Iterable
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, field_validator

from ringwall.core.calls.model.settings import NO_FORWARDING, Forwarding
from ringwall.core.directory.service import DirectoryService
from ringwall.core.forwarding.service import CASES, LONGEST, MOST_FIND_ME, SHORTEST, ForwardingService
from ringwall.core.identity.permissions import Permission
from ringwall.core.operations import (
    Actor,
    Arguments,
    ListArguments,
    Listing,
    Operation,
    Operations,
    Topic,
)

_NUMBER = r"^[0-9+*#() ./-]{0,64}$"


class ForwardingSet(Arguments):
    """Where a user's calls go, as the user would dial it; what is left out stays, empty takes away."""

    extension: str = Field(min_length=1, max_length=32)
    always: str | None = Field(default=None, pattern=_NUMBER)
    busy: str | None = Field(default=None, pattern=_NUMBER)
    no_answer: str | None = Field(default=None, pattern=_NUMBER)
    seconds: int | None = Field(default=None, ge=0, le=LONGEST)
    """How long the phones ring before the call goes on, 5 to 120; 0: as long as for everybody."""

    find_me: list[Annotated[str, Field(min_length=1, pattern=_NUMBER)]] | None = Field(
        default=None, max_length=MOST_FIND_ME
    )
    """Where the user is looked for when nobody takes a call, in turn: up to two numbers."""

    @field_validator("seconds")
    @classmethod
    def _long_enough(cls, seconds: int | None) -> int | None:
        if seconds is not None and 0 < seconds < SHORTEST:
            raise ValueError(f"has to be from {SHORTEST} to {LONGEST}, or 0 for as long as everybody's")
        return seconds


class ForwardingOf(Arguments):
    """Whose forwarding."""

    extension: str = Field(min_length=1, max_length=32)


class ForwardingShown(BaseModel):
    """Where a user's calls go; empty: nowhere else. Without `seconds` the phones ring as everybody's do."""

    extension: str
    always: str
    busy: str
    no_answer: str
    seconds: int | None
    find_me: list[str]


FORWARDING: Final = Topic("Forwarding", "Where users send their calls.")
_PATH: Final = "/api/users/{extension}/forwarding"

LIST: Final = Operation(
    "forwarding.list",
    "List the users whose calls go elsewhere.",
    topic=FORWARDING,
    verb="GET",
    path="/api/forwarding",
    permission=Permission.FORWARDING_READ,
    arguments=ListArguments,
    result=ForwardingShown,
    listing=Listing(order=("extension",), search=("extension", "always", "busy", "no_answer", "find_me")),
    example={"q": "9011"},
)
SHOW: Final = Operation(
    "forwarding.show",
    "Show where a user's calls go.",
    topic=FORWARDING,
    verb="GET",
    path=_PATH,
    permission=Permission.FORWARDING_READ,
    arguments=ForwardingOf,
    result=ForwardingShown,
    errors=("not_found",),
    example={"extension": "201"},
)
SET: Final = Operation(
    "forwarding.set",
    "Change where a user's calls go, as far as the user may call there.",
    topic=FORWARDING,
    verb="PATCH",
    path=_PATH,
    permission=Permission.FORWARDING_WRITE,
    arguments=ForwardingSet,
    result=ForwardingShown,
    errors=("not_found",),
    changes=True,
    example={"extension": "201", "no_answer": "202", "seconds": 20},
)
CLEAR: Final = Operation(
    "forwarding.clear",
    "Let all calls of a user ring at the user's phones again.",
    topic=FORWARDING,
    verb="DELETE",
    path=_PATH,
    permission=Permission.FORWARDING_WRITE,
    arguments=ForwardingOf,
    result=ForwardingShown,
    errors=("not_found",),
    changes=True,
    example={"extension": "201"},
)
OPERATIONS: Final = (LIST, SHOW, SET, CLEAR)


def register(operations: Operations, forwarding: ForwardingService, directory: DirectoryService) -> None:
    """Do what is declared above."""

    async def set_it(actor: Actor, args: ForwardingSet) -> dict[str, Any]:
        given = args.model_dump(exclude_none=True, exclude={"extension"})
        if "find_me" in given:
            given["find_me"] = tuple(dict.fromkeys(given["find_me"]))
        return _told(args.extension, await forwarding.change(actor, args.extension, given))

    async def clear(actor: Actor, args: ForwardingOf) -> dict[str, Any]:
        nothing = {**dict.fromkeys(CASES, ""), "seconds": 0, "find_me": ()}
        return _told(args.extension, await forwarding.change(actor, args.extension, nothing))

    async def show(_actor: Actor, args: ForwardingOf) -> dict[str, Any]:
        directory.user(args.extension)
        return _told(args.extension, forwarding.forwarding(args.extension))

    async def list_all(_actor: Actor, _args: ListArguments) -> Iterable[Any]:
        found = ((each, forwarding.forwarding(each)) for each in directory.snapshot.by_extension)
        return [_told(extension, one) for extension, one in found if one != NO_FORWARDING]

    operations.offer(LIST, list_all)
    operations.offer(SHOW, show)
    operations.offer(SET, set_it)
    operations.offer(CLEAR, clear)


def _told(extension: str, one: Forwarding) -> dict[str, Any]:
    return {
        "extension": extension,
        "always": one.always,
        "busy": one.busy,
        "no_answer": one.no_answer,
        "seconds": one.seconds or None,
        "find_me": list(one.find_me),
    }
