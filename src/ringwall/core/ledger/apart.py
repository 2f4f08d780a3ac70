"""Verifies in a process of its own, so that reading a million records holds up no call.

`python -m ringwall.core.ledger.apart` reads one JSON object from standard input (`url`, `public_key`, `kept`;
an URL may hold a password, so it is no argument) and writes the verdict, or `{"error": text}`, to standard
output.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

import ringwall
from ringwall.core.errors import CoreError, LedgerError
from ringwall.core.ledger.verdict import Kept, Verdict, verify
from ringwall.core.store.engine import describe, explain, open_engine

NICE = 10


def verifier(public_key: str) -> Ed25519PublicKey:
    """Return the key that 64 hexadecimal digits stand for; LedgerError where they do not."""
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    except ValueError:
        raise LedgerError("The public key has to be 64 hexadecimal digits.") from None


def verify_database(url: str, public_key: str, kept: Sequence[Kept] = (), *, copy: bool = False) -> Verdict:
    """Verify the ledger of a database that is only read; raise LedgerError where it cannot be.

    `kept` and `copy` as for `verdict.verify`.
    """
    key = verifier(public_key)
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(str(parsed.database)).exists():
        raise LedgerError(f"There is no database {parsed.database}.")
    try:
        engine = open_engine(url, read_only=True)
        with engine.connect() as connection, connection.begin():
            verdict = verify(connection, key, kept, copy=copy)
        engine.dispose()
    except SQLAlchemyError as error:
        raise LedgerError(explain(error, describe(url))) from error
    return verdict


async def verify_apart(url: str, public_key: str, kept: Sequence[Kept] = ()) -> dict[str, Any]:
    """Return the verdict (`Verdict.to_dict`) of another process; raise LedgerError where there is none."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ringwall.core.ledger.apart",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(_paths())},
    )
    asked = {"url": url, "public_key": public_key, "kept": [each.to_dict() for each in kept]}
    try:
        answer, _ = await process.communicate(orjson.dumps(asked))
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    try:
        verdict: dict[str, Any] = orjson.loads(answer)
    except orjson.JSONDecodeError:
        raise LedgerError("The verification ended without a verdict: the log of the core says why.") from None
    if "error" in verdict:
        raise LedgerError(str(verdict["error"]))
    return verdict


def _paths() -> list[str]:
    """Return where the other process finds the same code as this one."""
    package = str(Path(ringwall.__file__).parent.parent)
    return [package, *filter(None, [os.environ.get("PYTHONPATH")])]


def main() -> None:
    """Answer one request."""
    os.nice(NICE)
    asked = orjson.loads(sys.stdin.buffer.read())
    try:
        kept = [Kept.of(each, verifier(asked["public_key"])) for each in asked["kept"]]
        answer = verify_database(asked["url"], asked["public_key"], kept).to_dict()
    except CoreError as error:
        answer = {"error": str(error)}
    sys.stdout.buffer.write(orjson.dumps(answer))


if __name__ == "__main__":
    main()
