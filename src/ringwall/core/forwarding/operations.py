"""What administrators can ask of forwarding."""

from typing import Any

from pydantic import Field

from ringwall.core.calls.settings import NO_FORWARDING, Forwarding
from ringwall.core.directory.service import DirectoryService
from ringwall.core.forwarding.service import LONGEST, SHORTEST, ForwardingService
from ringwall.core.operations import Actor, Arguments, NoArguments, Operations

_NUMBER = r"^[0-9+*#() ./-]{0,64}$"


class ForwardingSet(Arguments):
    """Where a user's calls go, as the user would dial it; what is left out stays, empty takes away."""

    extension: str = Field(min_length=1, max_length=32)
    always: str | None = Field(default=None, pattern=_NUMBER)
    busy: str | None = Field(default=None, pattern=_NUMBER)
    no_answer: str | None = Field(default=None, pattern=_NUMBER)
    seconds: int | None = Field(default=None, ge=SHORTEST, le=LONGEST)
    """How long the phones ring before the call goes on; without it, as long as for everybody."""


class ForwardingOf(Arguments):
    """Whose forwarding."""

    extension: str = Field(min_length=1, max_length=32)


def register(operations: Operations, forwarding: ForwardingService, directory: DirectoryService) -> None:
    """Add forwarding.set, show and list."""

    async def set_it(actor: Actor, args: ForwardingSet) -> dict[str, Any]:
        given = args.model_dump(exclude_none=True, exclude={"extension"})
        return _told(args.extension, await forwarding.change(actor, args.extension, given))

    async def show(_actor: Actor, args: ForwardingOf) -> dict[str, Any]:
        directory.user(args.extension)
        return _told(args.extension, forwarding.forwarding(args.extension))

    async def list_all(_actor: Actor, _args: NoArguments) -> list[Any]:
        found = ((each, forwarding.forwarding(each)) for each in sorted(directory.snapshot.by_extension))
        return [_told(extension, one) for extension, one in found if one != NO_FORWARDING]

    operations.add("forwarding.set", ForwardingSet, set_it, changes=True)
    operations.add("forwarding.show", ForwardingOf, show)
    operations.add("forwarding.list", NoArguments, list_all)


def _told(extension: str, one: Forwarding) -> dict[str, Any]:
    return {
        "extension": extension,
        "always": one.always,
        "busy": one.busy,
        "no_answer": one.no_answer,
        "seconds": one.seconds or None,
    }
