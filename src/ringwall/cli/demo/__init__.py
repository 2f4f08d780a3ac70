"""`ringwall demo`: two real phones call each other while a wiretap listens (T1, T5, T6)."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ringwall.cli import readiness, starting
from ringwall.cli.demo import conference, outside, reference, watched
from ringwall.cli.demo.acts import play
from ringwall.cli.demo.stage import Report
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output, format_table
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from ringwall.infra.supervise import Supervisor

# Not the folder of the user: the system users must be able to pass through it. mkdtemp makes what is in it.
_ROOM = Path("/var/tmp")  # noqa: S108


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    data: DataOption = DATA_DEFAULT,
    own: Annotated[
        bool, typer.Option("--own", help="Use a system of its own even when one is running.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Prove it: two phones call each other, and nothing on any link can be read."""
    output = Output(as_json=as_json)
    layout = Layout.of(data)
    starting.install_proof_tools(output)
    if not own and readiness.look(layout).ready:
        output.progress(f"using the running system of {layout.data}")
        report = asyncio.run(play(layout, Settings.load(layout), output.progress))
        if report.ok:
            # The further acts change who may do what: not where people work.
            with _own_system(output) as (layout, settings):
                asyncio.run(_further_acts(layout, settings, report, output))
    else:
        with _own_system(output) as (layout, settings):
            report = asyncio.run(_all_acts(layout, settings, output))
    output.result(report.to_dict(), _text(report))
    if not report.ok:
        raise typer.Exit(1)


async def _all_acts(layout: Layout, settings: Settings, output: Output) -> Report:
    report = await play(layout, settings, output.progress)
    if report.ok:
        await _further_acts(layout, settings, report, output)
    return report


async def _further_acts(layout: Layout, settings: Settings, report: Report, output: Output) -> None:
    report.outside = await outside.play(layout, settings, report.acts, output.progress)
    if report.ok:
        report.watched = await watched.play(layout, settings, report.acts, output.progress)
    if report.ok:
        await conference.play(layout, settings, report.acts, output.progress)
    if report.ok:
        report.reference = await reference.play(layout, settings, report.acts, output.progress)


@contextmanager
def _own_system(output: Output) -> Iterator[tuple[Layout, Settings]]:
    """A system in a folder of its own; stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="ringwall-", dir=_ROOM))
    folder.chmod(0o755)
    layout = Layout.of(folder)
    output.progress(f"starting a system in {folder}")
    try:
        settings = starting.prepare(layout, output, free_ports=True)
        with starting.locked(layout):
            starting.start(layout, settings, die_with_caller=True, on_step=output.progress)
        try:
            yield layout, settings
        finally:
            output.progress("stopping it")
            Supervisor(layout).stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _text(report: Report) -> str:
    parts = [
        "",
        format_table(
            ("Link", "Protocol", "Cipher"),
            [(link["name"], link["protocol"], link["cipher"]) for link in report.links],
        ),
        "",
        format_table(
            ("Leg", "SRTP suite", "Sent", "Received", "Hears"),
            [
                (
                    name,
                    leg["suite"],
                    str(leg["packets_sent"]),
                    str(leg["packets_received"]),
                    f"{leg['tone_hz_heard']} Hz",
                )
                for name, leg in zip(("caller", "called"), report.legs, strict=False)
            ],
        ),
        "",
        f"Set-up          {report.setup_ms} ms, from dialling to answered",
        "Wiretap         "
        + ", ".join(f"{name} {count} packets" for name, count in report.wiretap.links.items())
        + f"; readable SIP {report.wiretap.readable_sip}, decodable voice {report.wiretap.decodable_rtp}"
        + f" of {report.wiretap.rtp_packets} packets; lost {report.wiretap.lost}",
        "                (left out: HAProxy to Kamailio, agent to rtpengine: loopback inside the edge)",
    ]
    if report.record is not None:
        body = report.record["body"]
        whole = "whole" if report.ledger_ok else "BROKEN"
        parts.append(
            f"Ledger          record {report.record['seq']}: {body['caller']} called {body['dialled']}, "
            f"{body['seconds']:.1f} s, {body['cause']} by the {body['by']}; chain {whole}"
        )
    if report.outside:
        parts += ["", *_reports(report.outside)]
    if report.reference.get("refused"):
        phone = report.reference
        parts += [
            "",
            (
                f"Reference phone {phone['mac']}, known by {phone['identity']}; runs {phone['running']}, "
                f"refused a tampered image ({phone['refused']})"
            ),
        ]
    if report.watched:
        names = ("agent", "customer", "supervisor")
        heads = ("A call is watched", *(f"{name.capitalize()} hears" for name in names))
        rows = [(row["mode"], *(row[name] for name in names)) for row in report.watched]
        parts += ["", format_table(heads, rows)]
    failed = [act for act in report.acts if not act.ok]
    verdict = (
        "All of it holds."
        if report.ok
        else f"It does not hold: {failed[0].name}: {failed[0].why}"
        if failed
        else ""
    )
    return "\n".join([*parts, "", verdict])


def _reports(outside_calls: dict[str, Any]) -> list[str]:
    """The two reports of the second act, as `ringwall report` shows them."""
    codes = outside_calls["authcodes"]["rows"]
    denied = outside_calls["denied"]["rows"]
    return [
        format_table(
            ("Authorization code", "Used by", "Calls", "Seconds"),
            [(row["code_name"], row["caller"], str(row["calls"]), f"{row['seconds']:.1f}") for row in codes],
        ),
        "",
        format_table(
            ("Denied", "Group", "Rule", "Calls"),
            [(row["caller"], row["group"], row["rule"], str(row["calls"])) for row in denied],
        ),
    ]
