"""``ringwall pki``: the certificates of a system."""

from datetime import UTC, datetime

import typer

from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output
from ringwall.edge import certificates
from ringwall.infra import host, pki
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from ringwall.infra.supervise import Supervisor

app = typer.Typer(help="Certificates: look at them, renew them.", no_args_is_help=True)


@app.command()
def show(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Show every certificate: its names, until when it is good, and what is wrong with it."""
    host.require_root()
    layout = Layout.of(data)
    states = pki.inspect(layout, Settings.load(layout))
    now = datetime.now(UTC)
    Output(as_json=as_json).table(
        ("certificate", "names", "good until", "days", "state"),
        [
            (
                state.name,
                ", ".join(state.names) or None,
                state.not_after and f"{state.not_after:%Y-%m-%d}",
                state.not_after and (state.not_after - now).days,
                state.problem or ("due for renewal" if state.due else "good"),
            )
            for state in states
        ],
        {
            "certificates": [
                {
                    "name": state.name,
                    "path": str(state.path),
                    "names": state.names,
                    "not_after": state.not_after and state.not_after.isoformat(),
                    "due": state.due,
                    "problem": state.problem,
                }
                for state in states
            ]
        },
    )


@app.command()
def renew(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Issue new certificates and put them into the running system; calls go on."""
    host.require_root()
    layout = Layout.of(data)
    renewed, deployed = renew_and_deploy(layout)
    told = "The running system uses them now." if deployed else "Nothing runs now that would use them."
    Output(as_json=as_json).result(
        {"ok": True, "renewed": renewed, "deployed": deployed}, f"Renewed: {', '.join(renewed)}. {told}"
    )


def renew_and_deploy(layout: Layout) -> tuple[list[str], bool]:
    """Renew on disk, then hand over to the running HAProxy; the core takes its own at the next connection."""
    renewed = pki.renew(layout, Settings.load(layout))
    running = Supervisor(layout).pid is not None
    if running:
        certificates.deploy(layout)
    return renewed, running
