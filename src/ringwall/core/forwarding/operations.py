"""What administrators can ask of forwarding."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, field_validator

from ringwall.core.calls.model.settings import NO_FORWARDING, Forwarding
from ringwall.core.directory.service import DirectoryService
from ringwall.core.forwarding.service import CASES, LONGEST, MOST_FIND_ME, SHORTEST, ForwardingService
from ringwall.core.operations import Actor, Arguments, NoArguments, Operations

_NUMBER = r"^[0-9+*#() ./-]{0,64}$"


class ForwardingChanges(Arguments):
    """Where a user's calls go, as the user would dial it; what is left out stays, empty takes away."""

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


class ForwardingSet(ForwardingChanges):
    """The same with whose calls they are."""

    extension: str = Field(min_length=1, max_length=32)


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


def register(operations: Operations, forwarding: ForwardingService, directory: DirectoryService) -> None:
    """Add forwarding.set, clear, show and list."""

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

    async def list_all(_actor: Actor, _args: NoArguments) -> list[Any]:
        found = ((each, forwarding.forwarding(each)) for each in sorted(directory.snapshot.by_extension))
        return [_told(extension, one) for extension, one in found if one != NO_FORWARDING]

    operations.add("forwarding.set", ForwardingSet, set_it, changes=True)
    operations.add("forwarding.clear", ForwardingOf, clear, changes=True)
    operations.add("forwarding.show", ForwardingOf, show)
    operations.add("forwarding.list", NoArguments, list_all)


def _told(extension: str, one: Forwarding) -> dict[str, Any]:
    return {
        "extension": extension,
        "always": one.always,
        "busy": one.busy,
        "no_answer": one.no_answer,
        "seconds": one.seconds or None,
        "find_me": list(one.find_me),
    }
