"""Conferences by command and over HTTP: list, start, add, drop (C2).

The rights are those of the one in whose name it is done: who made the conference, or whose calls become one.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.features import conference_calls
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.operations.calls import CallId
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.errors import OperationError
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
from ringwall.events.call_features import AdminConferenceAdded, AdminConferenceDropped, CallConference
from ringwall.policy.grant import Denial

Room = Annotated[
    str, Field(min_length=4, max_length=64, description="the conference, as the list of conferences has it")
]


class ConferenceList(ListArguments):
    """Which conferences."""

    starter: Annotated[str | None, Field(max_length=32, description="only those that this user made")] = None


class Start(Arguments):
    """Of whose calls to make a conference."""

    extension: Annotated[str, Field(min_length=1, max_length=32)]


class Add(Arguments):
    """Whom to call into which conference: an extension, or a number as its starter would dial it."""

    conference: Room
    number: Annotated[str, Field(min_length=1, max_length=64)]


class Drop(Arguments):
    """Which call with a conference to end; the conference goes on without it."""

    conference: Room
    call: CallId


class Party(BaseModel):
    """Somebody in a conference; `trunk` is empty for people inside."""

    call: str
    party: str
    device: str
    trunk: str


class Conference(BaseModel):
    """A conference and who is in it."""

    conference: str
    starter: str
    parties: list[Party]


CONFERENCES: Final = Topic("Conferences", "Calls of several people, with the rights of who made them.")

LIST: Final = Operation(
    "call.conference.list",
    "List the conferences that go on, and who is in them.",
    topic=CONFERENCES,
    verb="GET",
    path="/api/conferences",
    permission=Permission.CALLS_READ,
    arguments=ConferenceList,
    result=Conference,
    listing=Listing(order=("conference",), search=("starter", "parties")),
    command="conference list",
    example={"starter": "201"},
)
START: Final = Operation(
    "call.conference.start",
    "Make one conference of the calls that somebody has.",
    topic=CONFERENCES,
    verb="POST",
    path="/api/conferences",
    permission=Permission.CALLS_WRITE,
    arguments=Start,
    result=Conference,
    status=HTTPStatus.CREATED,
    changes=True,
    command="conference start",
    example={"extension": "201"},
)
ADD: Final = Operation(
    "call.conference.add",
    "Call somebody into a conference.",
    topic=CONFERENCES,
    verb="POST",
    path="/api/conferences/{conference}/parties",
    permission=Permission.CALLS_WRITE,
    arguments=Add,
    result=Conference,
    status=HTTPStatus.ACCEPTED,
    errors=("not_found",),
    changes=True,
    command="conference add",
    example={"conference": "c0ffee01", "number": "203"},
)
DROP: Final = Operation(
    "call.conference.drop",
    "End the call of one party; the conference goes on.",
    topic=CONFERENCES,
    verb="DELETE",
    path="/api/conferences/{conference}/parties/{call}",
    permission=Permission.CALLS_WRITE,
    arguments=Drop,
    result=Conference,
    errors=("not_found",),
    changes=True,
    command="conference drop",
    example={"conference": "c0ffee01", "call": "beef0001"},
)
OPERATIONS: Final = (LIST, START, ADD, DROP)


def add_operations(operations: Operations, switch: Switch) -> None:
    """Do what is declared above."""

    async def list_conferences(_actor: Actor, _args: ConferenceList) -> Iterable[Any]:
        return [describe(switch, room) for room in conference_calls.all_rooms(switch)]

    async def start(actor: Actor, args: Start) -> dict[str, Any]:
        try:
            room = await conference_calls.start(switch, args.extension)
        except conference_calls.Refused as error:
            raise OperationError("refused", f"No conference was made: {error}.", "extension") from error
        switch.record(
            CallConference(
                conference=room,
                by=args.extension,
                actor=actor.to_dict(),
                parties=tuple(leg.party for _, leg in conference_calls.parties(switch, room)),
            )
        )
        switch.flush()
        return describe(switch, room)

    async def add(actor: Actor, args: Add) -> dict[str, Any]:
        starter = _starter(switch, args.conference)
        why_not = conference_calls.add(switch, args.conference, starter, args.number)
        if isinstance(why_not, Denial):
            switch.denied(why_not, by=starter, actor=actor.to_dict())
            raise OperationError("refused", why_not.rule.sentence, "number")
        if why_not is not None:
            raise OperationError("refused", f"Nobody was added: {why_not.why}.", "number")
        switch.record(AdminConferenceAdded(conference=args.conference, actor=actor.to_dict()))
        switch.flush()
        return describe(switch, args.conference)

    async def drop(actor: Actor, args: Drop) -> dict[str, Any]:
        found = [
            call for call, _ in conference_calls.parties(switch, args.conference) if call.id == args.call
        ]
        if not found:
            raise OperationError("not_found", f"There is no call {args.call} in that conference.", "call")
        facts = describe(switch, args.conference)
        switch.record(
            AdminConferenceDropped(conference=args.conference, call=args.call, actor=actor.to_dict())
        )
        teardown.end(switch, found[0], "dropped from the conference", by="administrator")
        switch.flush()
        return facts

    operations.offer(LIST, list_conferences)
    operations.offer(START, start)
    operations.offer(ADD, add)
    operations.offer(DROP, drop)


def _starter(switch: Switch, room: str) -> Leg:
    """Who made the conference. Raises OperationError where they take no part any more."""
    there = conference_calls.parties(switch, room)
    if not there:
        message = f"There is no conference {room}: `ringwall conference list` has them."
        raise OperationError("not_found", message, "conference")
    starter = conference_calls.starter_of(there[0][0])
    own = [leg for _, leg in there if leg.extension == starter]
    if not own:
        message = "Who made the conference has left: nobody can be added."
        raise OperationError("refused", message, "conference")
    return own[0]


def describe(switch: Switch, room: str) -> dict[str, Any]:
    """What an administrator sees of a conference."""
    there = conference_calls.parties(switch, room)
    return {
        "conference": room,
        "starter": conference_calls.starter_of(there[0][0]) if there else "",
        "parties": [
            {"call": call.id, "party": leg.party, "device": leg.device, "trunk": leg.trunk}
            for call, leg in there
        ],
    }
