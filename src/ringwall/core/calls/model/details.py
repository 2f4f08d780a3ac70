"""What the record of a call says besides who called whom, when, and how it ended.

Rules that this value keeps:
- It has a field for everything that may be said, so that nothing can take the place of another field of the
  record (`ringwall.events.calls.CallEnded`, which has each of them, too: a test holds that).
- What was never said is not in the record.
"""

from dataclasses import dataclass, field, fields
from typing import Any, Self


@dataclass(slots=True)
class CallDetails:
    """What features say of a call. All are empty for a plain call of two."""

    feature: str = ""
    """The feature that was dialled or asked for."""
    asked_by_command: bool = False
    """It was asked for over the API or the control socket, not dialled."""
    asked_for: bool = False
    """A supervisor's phone was called so that they can watch."""
    target: str = ""
    """The extension whose call a feature is about."""
    target_call: str = ""
    """The id of that call."""
    mailbox: str = ""
    """The mailbox of which a notice tells."""
    voice_mail: str = ""
    """The mailbox to which the call went."""
    answered_by: str = ""
    """How an intercom call was answered: `hand`, where the phone did not do it by itself."""
    watched_by: list[str] = field(default_factory=list)
    """The extensions that listened, coached or barged in."""
    recorded_by: list[str] = field(default_factory=list)
    """The extensions that recorded it."""
    paged: list[str] | None = None
    """The extensions that heard a page."""
    not_reached: list[str] = field(default_factory=list)
    """The extensions that a page did not reach."""
    hunt_group: str = ""
    """The hunt group that took it."""
    find_me: str = ""
    """The extension whose user was looked for elsewhere."""
    found_for: str = ""
    """The same, in the call of the one who was found."""
    found_from: str = ""
    """The id of the call for which somebody was looked for."""
    connected_by: str = ""
    """The menu that connected the call."""
    connected_from: str = ""
    """The id of the call of that menu."""
    connected_to: str = ""
    """The id of the call that a menu made of this one."""
    transferred_by: str = ""
    """The extension that transferred a party to here."""
    transferred_from: str = ""
    """The id of the call from which it was transferred."""
    transferred_to: str = ""
    """The id of the call to which a party of this one was transferred."""
    picked_up_by: str = ""
    """The extension that picked it up."""
    picked_up_at: str = ""
    """The extension at which it rang then."""
    picked_up: str = ""
    """The id of the call that was picked up with this one."""
    conference: str | None = None
    """The conference that its caller takes part in; empty when they were the last one there."""
    conference_of: str = ""
    """The extension that made the conference."""
    called_into: str = ""
    """The conference into which its party is called."""
    added_by: str = ""
    """Who had the party called into it."""
    came_from: str = ""
    """The id of the call from which its caller came into a conference."""
    went_to_conference: str = ""
    """The conference to which its parties went."""

    def to_value(self) -> dict[str, Any]:
        """What was said, by field: for the record and for a process that takes the call up."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        defaults = type(self)()
        return {name: value for name, value in said.items() if value != getattr(defaults, name)}

    @classmethod
    def from_value(cls, value: dict[str, Any]) -> Self:
        """Take up what another process has said; what is not known any more is left out."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: said for name, said in value.items() if name in known})
