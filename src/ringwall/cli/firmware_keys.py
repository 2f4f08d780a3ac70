"""``ringwall firmware key``: keys of people, in files or in hardware, and what they may sign."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ringwall.cli.client import ask
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output
from ringwall.core.firmware import keys
from ringwall.core.firmware.desk import Desk
from ringwall.core.firmware.keys import AskSecret, HeldKey
from ringwall.infra.files import read_limited
from ringwall.infra.firmware import FirmwareError
from ringwall.infra.layout import Layout

app = typer.Typer(help="Keys: make, import, list, and say what they may sign.", no_args_is_help=True)

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The signing room's folder, such as one on a stick.")
]
FdOption = Annotated[
    int | None,
    typer.Option(
        "--passphrase-fd",
        help="Read passphrases and PINs from this file descriptor, one line for each that is asked for.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is, such as anna.")]
_LONGEST_SECRET = 1024


def desk_of(folder: Path, data: Path) -> Desk:
    """Return the desk of a folder; raise FirmwareError where it lies in the data directory."""
    absolute, kept = folder.expanduser().absolute(), Path(data).expanduser().absolute()
    if absolute.resolve().is_relative_to(kept.resolve()):
        raise FirmwareError("Keys of people do not belong on the server: choose a folder outside of --data.")
    return Desk(absolute)


def words(text: str) -> list[str]:
    """Return the words of a list with commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


@contextmanager
def secrets_from(descriptor: int | None) -> Iterator[AskSecret]:
    """Ask people for secrets, unseen; or take the next line of a file descriptor each time."""
    if descriptor is None:
        yield lambda what: str(typer.prompt(what, hide_input=True))
        return
    try:
        source = os.fdopen(descriptor, "r", encoding="utf-8", closefd=False)
    except OSError:
        raise FirmwareError(f"--passphrase-fd: there is no file descriptor {descriptor}.") from None
    with source:

        def next_line(what: str) -> str:
            line = source.readline(_LONGEST_SECRET).rstrip("\r\n")
            if not line:
                raise FirmwareError(f"--passphrase-fd has no line for this: {what}.")
            return line

        yield next_line


@app.command()
def make(
    folder: Folder,
    name: Name,
    pkcs11: Annotated[
        Path | None, typer.Option("--pkcs11", metavar="LIBRARY", help="Keep it in this PKCS#11 module.")
    ] = None,
    token: Annotated[str, typer.Option("--token", help="The label of the module's token.")] = "",
    key_id: Annotated[int, typer.Option("--id", help="The key's id in it; one that is there is taken.")] = 1,
    passphrase_fd: FdOption = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Make a key: in a file that a passphrase opens, or in a hardware security module."""
    desk = desk_of(folder, data)
    with secrets_from(passphrase_fd) as secret:
        if pkcs11 is not None:
            pin = secret(f"PIN of the token {token}")
            held = keys.make_hsm_key(desk.keys, name, str(pkcs11), token, pin, key_id)
        else:
            chosen = secret(f"New passphrase for the key {name}")
            if passphrase_fd is None and secret("The same again") != chosen:
                raise FirmwareError("The two passphrases are different: try again.")
            held = keys.make_file_key(desk.keys, name, chosen)
    Output(as_json=as_json).result(held.to_dict(), f"Made the key {name}: {held.public.keyid}.")


@app.command(name="import")
def import_key(
    folder: Folder,
    name: Name,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="NAME.json of its owner, or PEM.", exists=True)
    ],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Take the public half of somebody else's key."""
    held = keys.add_public_key(desk_of(folder, data).keys, name, read_limited(file))
    Output(as_json=as_json).result(held.to_dict(), f"Took the key {name}: {held.public.keyid}.")


@app.command(name="list")
def list_keys(folder: Folder, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """List the keys of a folder."""
    held = keys.held_keys(desk_of(folder, data).keys)
    Output(as_json=as_json).table(
        ("key", "id", "kind", "private half"),
        [(name, one.public.keyid, one.public.scheme, _where(one)) for name, one in held.items()],
        {"keys": [one.to_dict() for one in held.values()]},
    )


def _where(held: HeldKey) -> str:
    kind = held.uri.partition(":")[0]
    return {"file": f"{held.name}.pem", "hsm": held.uri}.get(kind, "elsewhere")


@app.command(name="set")
def set_holders(
    folder: Folder,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="root, targets, VENDOR or VENDOR/MODEL.")],
    names: Annotated[str, typer.Argument(metavar="KEYS", help="Who signs from now on, with commas.")],
    threshold: Annotated[
        int | None, typer.Option("--threshold", help="How many of them must sign; for root 2, else 1.")
    ] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Propose who signs for a role: to begin, to rotate a key, to revoke one."""
    desk = desk_of(folder, data)
    wanted = threshold if threshold is not None else 2 if role == "root" else 1
    desk.set_holders(role, words(names), wanted, datetime.now(UTC))
    proposed = sorted(desk.proposals())
    Output(as_json=as_json).result({"proposed": proposed}, f"Proposed: {', '.join(proposed)}.")


@app.command()
def drop(
    folder: Folder,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="VENDOR or VENDOR/MODEL.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Propose that nobody signs for a vendor or model any more; its images are revoked."""
    desk = desk_of(folder, data)
    desk.remove_role(role, datetime.now(UTC))
    proposed = sorted(desk.proposals())
    Output(as_json=as_json).result({"proposed": proposed}, f"Proposed: {', '.join(proposed)}.")


@app.command(name="rotate-online")
def rotate_online(folder: Folder, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Have the core make new keys for snapshot and timestamp, and propose a root that names them."""
    desk = desk_of(folder, data)
    told = ask(Layout.of(data), "firmware.rotate")
    desk.take(told["files"], told["online"])
    desk.use_online_keys(datetime.now(UTC))
    Output(as_json=as_json).result({"proposed": ["root"]}, "Proposed: root.")
