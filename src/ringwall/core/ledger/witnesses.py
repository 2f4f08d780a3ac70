"""Who else keeps how far the ledger has come, so that the database's owner cannot cut it off alone."""

from collections.abc import Awaitable
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ringwall.core.errors import EdgeRefused, EdgeUnavailable, LedgerError
from ringwall.infra.errors import RingwallError
from ringwall.infra.ledger_mark import Evidence, evidence_of

OPERATION: Final = "ledger-witness"


class Witness(Protocol):
    """Somebody who keeps marks of this ledger. `place` is what people call it."""

    @property
    def place(self) -> str:
        """What people call it."""
        ...

    async def ask(self) -> Evidence | None:
        """Return what it holds, None where that is nothing. Raises WitnessAway, LedgerError."""
        ...

    async def tell(self, evidence: Evidence) -> None:
        """Return when it keeps this. Raises WitnessAway, and LedgerError where it will not."""
        ...


class WitnessAway(LedgerError):  # noqa: N818 - a state of the world
    """The witness cannot be asked now."""


class Control(Protocol):
    """The control link to the edge agent."""

    def call(self, op: dict[str, Any]) -> Awaitable[dict[str, Any]]:
        """Run an operation. Raises EdgeUnavailable, EdgeRefused."""


class EdgeWitness:
    """An edge agent. It trusts the key that it was told of first, so a chain has one key for ever."""

    def __init__(self, control: Control, edge: str, public_key: str) -> None:
        self._control = control
        self._public_key = public_key
        self._verifier = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        self.place = f"the edge agent of {edge}"

    async def ask(self) -> Evidence | None:
        """Return what the edge holds of the ledger with our key. Raises as `Witness.ask`."""
        return self._held(await self._call({}))

    async def tell(self, evidence: Evidence) -> None:
        """Have the edge keep this. Raises as `Witness.tell`."""
        answer = await self._call({"evidence": evidence.to_dict()})
        if answer.get("other_key") is not None:
            raise LedgerError(f"{self.place} knows this ledger by another key, and keeps nothing of ours.")

    async def _call(self, fields: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._control.call({"op": OPERATION, "key": self._public_key, **fields})
        except EdgeUnavailable as error:
            raise WitnessAway(f"{self.place} cannot be asked: {error}.") from None
        except EdgeRefused as error:
            raise LedgerError(f"{self.place} refuses: {error}") from None

    def _held(self, answer: dict[str, Any]) -> Evidence | None:
        try:
            return None if answer.get("held") is None else evidence_of(answer["held"], self._verifier)
        except RingwallError as error:
            raise LedgerError(f"What {self.place} says of the ledger cannot be believed. {error}") from None
