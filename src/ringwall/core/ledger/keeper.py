"""Keeps the mark of the ledger: in the file beside its key, and with the witnesses.

Rules that this module keeps:
- A mark says only what is durable, so that no crash ever makes the ledger shorter than a mark.
- It lags by at most `MARK_SECONDS`, or by `chain.CHECKPOINT_RECORDS` records and what comes within
  `LEAST_SECONDS`.
- A witness is asked before it is told: what it holds is compared with the database first.
- A witness or a disk that is away stops nothing: it is told in the status, and tried again.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ringwall.core.errors import CoreError, StoreError
from ringwall.core.ledger.ledger import Ledger
from ringwall.core.ledger.memory import Memory, told
from ringwall.core.ledger.trouble import Trouble
from ringwall.core.ledger.verdict import Kept
from ringwall.core.ledger.witnesses import Witness, WitnessAway
from ringwall.events.security import LedgerWitness
from ringwall.infra.ledger_mark import Evidence

log = logging.getLogger(__name__)

MARK_SECONDS = 5.0
LEAST_SECONDS = 0.2


class MarkKeeper:
    """Run `run` beside everything else; call `keep` once more when the store is closed."""

    def __init__(self, ledger: Ledger, memory: Memory, witnesses: Sequence[Witness] = ()) -> None:
        self._ledger = ledger
        self._memory = memory
        self._witnesses = witnesses
        self._told: dict[str, Evidence] = {}
        self._troubles: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._keeping = asyncio.Lock()

    async def run(self) -> None:
        """Go on until cancelled."""
        loop = asyncio.get_running_loop()

        def checkpoint() -> None:
            loop.call_soon_threadsafe(self._wake.set)

        self._ledger.on_checkpoint(checkpoint)
        try:
            while True:
                # Not wait_for: a cancellation that comes with the event would be lost in it (Python 3.11).
                with suppress(TimeoutError):
                    async with asyncio.timeout(MARK_SECONDS):
                        await self._wake.wait()
                self._wake.clear()
                await self.keep()
                await asyncio.sleep(LEAST_SECONDS)
        finally:
            self._ledger.on_checkpoint(lambda: None)

    async def keep(self) -> None:
        """Bring the file and the witnesses up to date, as far as that can be done now."""
        async with self._keeping:
            self._ledger.sign_mark()
            await self._save()
            for witness in self._witnesses:
                if self._told.get(witness.place) != self._memory.evidence:
                    await self._inform(witness)

    async def close(self) -> None:
        """Have the file say all that is on the disk; the store is closed, and no witness can be told."""
        async with self._keeping:
            self._ledger.sign_mark()
            await self._save()

    async def kept(self) -> list[Kept]:
        """Return what is kept everywhere, for a verification; what is wrong is found on the way."""
        found = []
        async with self._keeping:
            for witness in self._witnesses:
                try:
                    held = await self._ask(witness)
                except CoreError as error:
                    found.append(Kept(witness.place, "away", None, str(error)))
                else:
                    found.append(Kept(witness.place, "nothing" if held is None else "kept", held))
            await self._save()
            path, key = self._memory.path, self._memory.verifier
            return [await asyncio.to_thread(Kept.in_file, path, key), *found]

    async def acknowledge(self, by: str, reason: str) -> list[dict[str, Any]]:
        """Note everywhere that somebody has taken note of all that is open, and return that."""
        taken = self._memory.acknowledge(by, reason)
        await self.keep()
        return [each for each in told(self._memory.evidence) if each["text"] in {one.text for one in taken}]

    def knows_gap(self, last: int) -> bool:
        """Whether it is remembered already that the records up to this one are missing."""
        return any(each.last == last for each in self._memory.evidence.mismatches)

    async def found(self, place: str, trouble: Trouble) -> None:
        """Have a mismatch remembered everywhere."""
        self._ledger.found(place, trouble)
        await self.keep()

    def describe(self) -> dict[str, Any]:
        """Return what the status says of the ledger."""
        evidence = self._memory.evidence
        marks = {self._memory.place: self._memory.marked, **{w.place: None for w in self._witnesses}}
        for place, known in self._told.items():
            marks[place] = known.mark.seq if known.mark is not None else None
        return {
            "ok": not evidence.open,
            "mismatches": told(evidence),
            "marks": [
                {"place": place, "seq": seq, "detail": self._troubles.get(place, "")}
                for place, seq in marks.items()
            ],
        }

    async def _save(self) -> None:
        place = self._memory.place
        try:
            wrong = await self._memory.save()
        except CoreError as error:
            self._trouble(place, str(error))
            return
        self._troubles.pop(place, None)
        if wrong:
            self._ledger.found(place, Trouble(wrong))
            with suppress(CoreError):
                await self._memory.save()

    async def _inform(self, witness: Witness) -> None:
        try:
            await self._ask(witness)
            await self._save()
            evidence = self._memory.evidence
            await witness.tell(evidence)
        except CoreError as error:
            passing = isinstance(error, WitnessAway | StoreError)
            self._trouble(witness.place, str(error), on_record=not passing)
            return
        self._troubles.pop(witness.place, None)
        self._told[witness.place] = evidence

    async def _ask(self, witness: Witness) -> Evidence | None:
        held = await witness.ask()
        if held is not None:
            self._ledger.recalled(witness.place, held)
            await self._ledger.compare(witness.place, held)
        elif self._told.pop(witness.place, None) is not None:
            text = f"{witness.place} has forgotten how far the ledger has come, and is told anew."
            self._ledger.record(LedgerWitness(place=witness.place, found=text))
        return held

    def _trouble(self, place: str, text: str, *, on_record: bool = False) -> None:
        if self._troubles.get(place) == text:
            return
        self._troubles[place] = text
        log.warning("The mark of the ledger: %s", text)
        if on_record:
            self._ledger.record(LedgerWitness(place=place, found=text))
