"""``ringwall firmware``: what phones may run, who signs it, and who gets it when.

Commands that take a FOLDER work on the signing room's folder alone and need no running system; fetch and
publish carry between it and the core.
"""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from ringwall.cli import firmware_keys
from ringwall.cli.client import ask
from ringwall.cli.firmware_keys import FdOption, Folder, desk_of, secrets_from, words
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output
from ringwall.core.firmware.desk import Desk
from ringwall.infra.firmware import FirmwareError, ImageName
from ringwall.infra.layout import Layout
from ringwall.phone.boot.image import read_manifest
from ringwall.phone.build import FILENAME, build

app = typer.Typer(help="Firmware of phones: sign, publish, roll out.", no_args_is_help=True)
app.add_typer(firmware_keys.app, name="key")

PIECE = 2 * 1024 * 1024
_SECONDS = 120.0


def _now() -> datetime:
    return datetime.now(UTC)


@app.command()
def init(
    folder: Folder,
    root: Annotated[str, typer.Option("--root", help="Keys that sign root: at least two, with commas.")],
    targets: Annotated[str, typer.Option("--targets", help="Keys that say who signs for which vendor.")],
    threshold: Annotated[int, typer.Option("--threshold", help="How many of the root keys must sign.")] = 2,
    targets_threshold: Annotated[int, typer.Option("--targets-threshold", help="The same for targets.")] = 1,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Propose the first root of trust; sign and publish it afterwards."""
    desk = desk_of(folder, data)
    desk.begin(
        words(root), words(targets), threshold=threshold, targets_threshold=targets_threshold, now=_now()
    )
    _show(desk, as_json)


@app.command()
def fetch(folder: Folder, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Take what is published, and the core's own keys, into the folder."""
    desk = desk_of(folder, data)
    _fetch(desk, data)
    versions = desk.repository().versions
    text = ", ".join(f"{role} {version}" for role, version in sorted(versions.items()))
    Output(as_json=as_json).result({"published": versions}, f"Published: {text or 'nothing yet'}.")


@app.command()
def add(
    folder: Folder,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The file.", exists=True, dir_okay=False)],
    vendor: Annotated[str | None, typer.Option("--vendor", help="Such as yealink.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Such as t54w.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="Such as 96.86.0.100.")] = None,
    filename: Annotated[
        str | None,
        typer.Option("--filename", help="What the phone asks for; the file's own name if left out."),
    ] = None,
    description: Annotated[str, typer.Option("--description", help="For people who read the list.")] = "",
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Propose an image. What a reference phone's image says of itself need not be given."""
    name = _name(image, vendor, model, version, filename)
    desk = desk_of(folder, data)
    role, sha256 = desk.add_image(image, name, description, _now())
    Output(as_json=as_json).result(
        {"image": str(name), "sha256": sha256, "role": role},
        f"Proposed {name}\n  SHA-256 {sha256}\n  to be signed by {role}.",
    )


def _name(
    image: Path, vendor: str | None, model: str | None, version: str | None, filename: str | None
) -> ImageName:
    if vendor is None and model is None and version is None:
        with image.open("rb") as file:
            manifest = read_manifest(file)
        return ImageName(manifest.vendor, manifest.model, manifest.version, filename or FILENAME)
    if vendor is None or model is None or version is None:
        raise FirmwareError(
            "Give --vendor, --model and --version: only the reference phone's image says them."
        )
    return ImageName(vendor, model, version, filename or image.name)


@app.command()
def remove(
    folder: Folder,
    image: Annotated[str, typer.Argument(metavar="PATH", help="Its path in `firmware list`.")],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Propose that an image is revoked: no phone gets it any more."""
    role = desk_of(folder, data).remove_image(ImageName.parse(image), _now())
    Output(as_json=as_json).result({"image": image, "role": role}, f"Proposed; to be signed by {role}.")


@app.command()
def renew(
    folder: Folder,
    within: Annotated[int, typer.Option("--within", help="What expires within so many days.")] = 60,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Propose the next version of whatever expires soon."""
    desk = desk_of(folder, data)
    roles = desk.renew(timedelta(days=within), _now())
    Output(as_json=as_json).result({"roles": roles}, f"Proposed: {', '.join(roles) or 'nothing'}.")


@app.command()
def sign(
    folder: Folder,
    key: Annotated[
        list[str] | None, typer.Option("--key", help="Only with this key; may be given several times.")
    ] = None,
    passphrase_fd: FdOption = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Sign what is proposed with the keys in the folder; passphrases and PINs are asked for."""
    desk = desk_of(folder, data)
    with secrets_from(passphrase_fd) as secret:
        done = desk.sign(key or [], secret)
    if not done and not as_json:
        Output(as_json=False).progress("no key in this folder may sign what is proposed")
    _show(desk, as_json)


@app.command()
def merge(
    folder: Folder,
    other: Annotated[Path, typer.Argument(metavar="COPY", help="Somebody else's copy of it.", exists=True)],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Take the signatures from somebody else's copy of the folder."""
    desk = desk_of(folder, data)
    desk.merge(other)
    _show(desk, as_json)


@app.command()
def show(folder: Folder, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Show what is proposed, and which signatures are missing."""
    _show(desk_of(folder, data), as_json)


def _show(desk: Desk, as_json: bool) -> None:
    needed = desk.needed()
    Output(as_json=as_json).table(
        ("role", "version", "signatures", "signed by", "may sign"),
        [
            (
                one.role,
                one.version,
                f"{one.have} of {one.threshold}",
                ", ".join(one.signed_by) or "-",
                ", ".join(one.may_sign),
            )
            for one in needed
        ],
        {
            "proposed": [
                {
                    "role": one.role,
                    "version": one.version,
                    "have": one.have,
                    "threshold": one.threshold,
                    "signed_by": one.signed_by,
                    "may_sign": one.may_sign,
                }
                for one in needed
            ]
        },
        "Nothing is proposed.",
    )


@app.command()
def publish(folder: Folder, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Bring what is signed to the core: it checks everything and publishes all of it or nothing."""
    desk, output, layout = desk_of(folder, data), Output(as_json=as_json), Layout.of(data)
    for sha256, path in desk.image_files().items():
        upload(layout, sha256, path)
        output.progress(f"brought {sha256[:12]} ({path.stat().st_size} bytes)")
    files = {role: one.to_bytes().decode() for role, one in desk.proposals().items()}
    published = ask(layout, "firmware.publish", {"files": files}, timeout=_SECONDS)
    desk.drop_proposals()
    _fetch(desk, data)
    output.result(published, f"Published: {', '.join(sorted(files))}.")


def upload(layout: Layout, sha256: str, path: Path) -> None:
    """Bring an image to the core, in pieces; raise FirmwareError or RefusedError."""
    length, have = path.stat().st_size, 0
    with path.open("rb") as file:
        while have < length:
            file.seek(have)
            piece = base64.b64encode(file.read(PIECE)).decode()
            asked = {"sha256": sha256, "length": length, "offset": have, "data": piece}
            told = ask(layout, "firmware.upload", asked, timeout=_SECONDS)
            if told["have"] == have:
                raise FirmwareError("The core takes nothing more of the image: see its log.")
            have = told["have"]


def _fetch(desk: Desk, data: Path) -> None:
    told = ask(Layout.of(data), "firmware.fetch")
    desk.take(told["files"], told["online"])


@app.command(name="list")
def list_all(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """List what is published, who signs it, and who gets it."""
    told, output = ask(Layout.of(data), "firmware.list"), Output(as_json=as_json)
    if as_json:
        output.result(told)
        return
    output.table(
        ("role", "version", "expires", "signatures", "keys"),
        [
            (
                one["role"],
                one["version"],
                one["expires"],
                f"{one['threshold']} of {len(one['keys'])}",
                ", ".join(key[:12] for key in one["keys"]),
            )
            for one in told["roles"]
        ],
        told,
        "Nothing is published: `ringwall firmware init` begins.",
    )
    if told["images"]:
        output.result([""])
        output.table(
            ("image", "bytes", "SHA-256", "signed by"),
            [(one["image"], one["length"], one["sha256"][:16], one["signed_by"]) for one in told["images"]],
            told,
        )
    if told["rollouts"]:
        output.result([""])
        output.table(
            ("model", "stable", "share", "test", "hold", "minimum"),
            [
                (
                    f"{one['vendor']}/{one['model']}",
                    _version(one["stable"]),
                    f"{one['percent']} %",
                    _version(one["test"]),
                    "yes" if one["hold"] else "no",
                    one["minimum"] or "-",
                )
                for one in told["rollouts"]
            ],
            told,
        )
    for role, day in told["expiring"].items():
        output.progress(f"{role} expires on {day}: `ringwall firmware renew FOLDER`")
    if told["trouble"]:
        output.progress(told["trouble"])


def _version(path: str) -> str:
    return path.split("/")[2] if path else "-"


@app.command()
def verify(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Check all signatures as a phone does, and the hash of every image."""
    told: dict[str, Any] = ask(Layout.of(data), "firmware.verify", timeout=_SECONDS)
    Output(as_json=as_json).result(told, "\n".join(told["problems"]) or "All of it is signed and whole.")
    if not told["ok"]:
        raise typer.Exit(1)


@app.command()
def rollout(
    vendor: Annotated[str, typer.Argument(metavar="VENDOR")],
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    stable: Annotated[
        str | None, typer.Option("--stable", metavar="PATH", help="The image for all; `none` empties it.")
    ] = None,
    percent: Annotated[int | None, typer.Option("--percent", help="The share of phones that get it.")] = None,
    first: Annotated[
        str | None, typer.Option("--first-groups", metavar="LIST", help="User groups that get it at once.")
    ] = None,
    test: Annotated[
        str | None, typer.Option("--test", metavar="PATH", help="The test channel's image.")
    ] = None,
    testers: Annotated[
        str | None, typer.Option("--testers", metavar="LIST", help="User groups on the test channel.")
    ] = None,
    hold: Annotated[bool | None, typer.Option("--hold/--no-hold", help="Tell nobody of a new image.")] = None,
    minimum: Annotated[
        str | None, typer.Option("--minimum", metavar="VERSION", help="Phones below it are updated at once.")
    ] = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Say which phones of a model get which image; what is not given stays."""
    asked: dict[str, Any] = {"vendor": vendor, "model": model}
    for name, value in (("stable", stable), ("test", test), ("minimum", minimum)):
        if value is not None:
            asked[name] = "" if value == "none" else value
    for name, listed in (("first_groups", first), ("testers", testers)):
        if listed is not None:
            asked[name] = [] if listed == "none" else words(listed)
    asked |= {name: value for name, value in (("percent", percent), ("hold", hold)) if value is not None}
    told = ask(Layout.of(data), "firmware.rollout", asked)
    Output(as_json=as_json).result(told)


@app.command(name="build-reference")
def build_reference(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the image goes.")],
    version: Annotated[str, typer.Option("--version", help="Its version, such as 1.4.2.")],
    as_json: JsonOption = False,
) -> None:
    """Build the image of the reference phone from this very code, always the same bytes."""
    sha256 = build(file, version)
    Output(as_json=as_json).result({"file": str(file), "sha256": sha256}, f"{file}: SHA-256 {sha256}")
