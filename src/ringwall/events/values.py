"""Fields that many kinds share, each with its type, its unit and its meaning."""

from typing import Annotated, Any, TypeAlias

CallId: TypeAlias = Annotated[str, "The id of the call."]
Extension: TypeAlias = Annotated[str, "The extension."]
DeviceName: TypeAlias = Annotated[str, "The name with which the device signs in."]
PhoneName: TypeAlias = Annotated[str, "The MAC address of the phone."]
Mailbox: TypeAlias = Annotated[str, "The extension of the mailbox."]
TrunkId: TypeAlias = Annotated[str, "The id of the trunk."]
RuleId: TypeAlias = Annotated[str, "The rule of the policy that decided."]
Why: TypeAlias = Annotated[str, "Why, as a sentence or a part of one."]
Source: TypeAlias = Annotated[str, "The address that it came from, with the port where it is a connection."]
Peer: TypeAlias = Annotated[str | None, "Address and port of the connection of the device; null without one."]
By: TypeAlias = Annotated[
    dict[str, str],
    "Who did it: `kind` (`local`, `api`, `phone`, `user` or `system`), `name`, and `source`, an address"
    " or `local`.",
]
Before: TypeAlias = Annotated[dict[str, Any] | None, "What it was, by setting; null where it is new."]
After: TypeAlias = Annotated[dict[str, Any] | None, "What it is now, by setting; null where it is gone."]
