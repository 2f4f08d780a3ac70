"""``ringwall phone authority``: whose factory certificates count."""

from pathlib import Path
from typing import Annotated

import typer

from ringwall.cli.forms import read_text
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output
from ringwall.core.phones.vendors import VENDORS
from ringwall.edge import certificates
from ringwall.infra import device_pki, host
from ringwall.infra.errors import RefusedError
from ringwall.infra.files import write_atomically
from ringwall.infra.layout import Layout
from ringwall.infra.supervise import Supervisor

app = typer.Typer(help="Authorities of vendors: add, list, remove.", no_args_is_help=True)

Vendor = Annotated[str, typer.Argument(metavar="VENDOR", help=f"One of {', '.join(VENDORS)}.")]


@app.command()
def add(
    vendor: Vendor,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The vendor's authorities as PEM, root first.")
    ],
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Let factory certificates of a vendor count: its root and whatever stands between it and the phones."""
    host.require_root()
    _check(vendor)
    layout = Layout.of(data)
    pem = read_text(file).encode()
    found = device_pki.read_vendor(pem)
    write_atomically(layout.authorities / f"{vendor}.pem", pem, mode=0o644)
    told = _deploy(layout)
    names = [one.subject.rfc4514_string() for one in found]
    text = "\n".join(
        [f"Factory certificates of {vendor} count now if one of these vouches for them:", *names]
    )
    Output(as_json=as_json).result({"vendor": vendor, "authorities": names, "deployed": told}, text)


@app.command(name="list")
def list_authorities(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """List the authorities of vendors."""
    rows = [
        (vendor, one.subject.rfc4514_string(), f"{one.not_valid_after_utc:%Y-%m-%d}")
        for vendor, pem in device_pki.vendor_files(Layout.of(data)).items()
        for one in device_pki.read_vendor(pem)
    ]
    names = ("vendor", "authority", "good until")
    told = [dict(zip(names, row, strict=True)) for row in rows]
    empty = (
        "There are none: every phone has to be approved. ./ringwall phone authority add VENDOR FILE adds one."
    )
    Output(as_json=as_json).table(names, rows, {"authorities": told}, empty)


@app.command()
def remove(vendor: Vendor, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Let factory certificates of a vendor count no longer."""
    host.require_root()
    _check(vendor)
    layout = Layout.of(data)
    path = layout.authorities / f"{vendor}.pem"
    if not path.exists():
        raise RefusedError(f"There are no authorities of {vendor}.", code="not_found", field="vendor")
    path.unlink()
    told = _deploy(layout)
    text = f"Factory certificates of {vendor} count no longer."
    Output(as_json=as_json).result({"vendor": vendor, "deployed": told}, text)


def _check(vendor: str) -> None:
    if vendor not in VENDORS:
        raise RefusedError(
            f"The vendor has to be one of {', '.join(VENDORS)}.", code="invalid", field="vendor"
        )


def _deploy(layout: Layout) -> bool:
    """Hand them over to the running HAProxy; the core reads the file by itself."""
    if Supervisor(layout).pid is None:
        return False
    certificates.deploy(layout)
    return True
