"""What the transaction layer tells its user: small frozen values, one class for each thing that can happen.

`key` names a transaction: the branch of a request that we sent, or the matching fields of one that we
received. It is an opaque string.
"""

from dataclasses import dataclass

from ringwall.sip.message import Request, Response


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A new request, neither ACK nor CANCEL. The user answers it with `Transactions.respond(key, ...)`."""

    key: str
    request: Request


@dataclass(frozen=True, slots=True)
class AckReceived:
    """The ACK for a 2xx that we sent. It comes once, however often the ACK does."""

    request: Request  # the ACK; its body may hold the answer to an offer that our 2xx made
    key: str  # of the INVITE's transaction


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A CANCEL came for an INVITE that has no final answer. The layer has answered the CANCEL with 200.

    The user answers the INVITE with 487 (RFC 3261 9.2).
    """

    key: str
    request: Request  # the INVITE


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """A response to a request that we sent.

    The ACK for a refused INVITE is already on its way. A 2xx to an INVITE is the user's to acknowledge, each
    time that it comes, with `Transactions.send`.
    """

    key: str
    request: Request  # as sent; without its body once a first 2xx has been told
    response: Response


@dataclass(frozen=True, slots=True)
class TimedOut:
    """No final answer came in time: treat it as a 408 (RFC 3261 8.1.3.1)."""

    key: str
    request: Request


@dataclass(frozen=True, slots=True)
class TransactionFailed:
    """The link was lost before a final answer came: treat it as a 503 (RFC 3261 8.1.3.1)."""

    key: str
    request: Request


@dataclass(frozen=True, slots=True)
class AckMissing:
    """A 2xx was repeated for 64*T1 and never acknowledged: the dialog is confirmed, the user sends a BYE.

    RFC 3261 13.3.1.4.
    """

    key: str


Event = (
    RequestReceived | AckReceived | Cancelled | ResponseReceived | TimedOut | TransactionFailed | AckMissing
)
