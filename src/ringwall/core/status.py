"""Whether everything works, as administrators are told it."""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from ringwall.core.identity.permissions import Permission
from ringwall.core.operations import Operation, Topic


class LinkStatus(BaseModel):
    """One of the core's connections to the edge, and the TLS that it has."""

    model_config = ConfigDict(extra="allow")

    up: bool


class Status(BaseModel):
    """What the core knows of itself and of the engines; parts may tell more than stands here."""

    model_config = ConfigDict(extra="allow")

    version: str
    seconds_up: float
    address: str
    domain: str
    links: dict[str, LinkStatus]
    engines: dict[str, dict[str, Any]]
    users: int
    devices: int
    registrations: int
    calls: int
    calls_outlive_the_core: bool
    trunks: list[dict[str, Any]]
    media: list[dict[str, Any]]
    mail: dict[str, Any]
    ledger_seq: int
    ledger: dict[str, Any]
    store: dict[str, Any]


SYSTEM: Final = Topic("System", "The system as a whole.")

STATUS: Final = Operation(
    "status",
    "Show whether everything works: links, engines, trunks, media servers, mail, the store.",
    topic=SYSTEM,
    verb="GET",
    path="/api/status",
    permission=Permission.SYSTEM_READ,
    result=Status,
)
OPERATIONS: Final = (STATUS,)
