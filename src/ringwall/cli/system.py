"""The commands for the system as a whole: up, down, status, doctor, test, bench."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from types import FrameType
from typing import Annotated, Any

import typer

from ringwall.cli import bench, checks, readiness, starting
from ringwall.cli import doctor as examination
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output, format_table
from ringwall.infra import host
from ringwall.infra.layout import DEFAULT_DATA, Layout
from ringwall.infra.supervise import Supervisor

_LOOK_SECONDS = 1.0


class Suite(StrEnum):
    """What ``test`` runs."""

    FAST = "fast"
    SYSTEM = "system"
    ALL = "all"


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(doctor)
    app.command(name="test")(run_tests)
    app.command(name="bench", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
        run_bench
    )


class _StopAskedError(BaseException):
    """SIGINT, SIGTERM or SIGHUP came. Not an Exception: nothing on the way may take it for a failure."""


@contextmanager
def _stop_signals() -> Iterator[None]:
    """Turn the signals that mean "stop" into an exception, once: a second one does not disturb the stop."""
    asked = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if not asked.is_set():
            asked.set()
            raise _StopAskedError

    old = {
        number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def up(
    data: DataOption = DATA_DEFAULT,
    address: Annotated[
        str | None, typer.Option(metavar="ADDR", help="The IPv4 address at which phones reach this system.")
    ] = None,
    free_ports: Annotated[
        bool, typer.Option("--free-ports", help="Take other ports where the usual ones are taken.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Return when the system is ready.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Install what is missing and run the system until Ctrl-C."""
    output = Output(as_json=as_json)
    layout = Layout.of(data)
    started: starting.Started | None = None
    try:
        with _stop_signals():
            settings = starting.prepare(layout, output, address=address, free_ports=free_ports)
            with starting.locked(layout):
                starting.refuse_running(layout)
                started = starting.start(
                    layout, settings, die_with_caller=not detach, on_step=output.progress
                )
            output.result(
                {"ok": True, "event": "ready", **_facts(layout, started)}, _welcome(layout, started, detach)
            )
            if not detach:
                _follow(layout, output, started)
    except _StopAskedError:
        # Before that a start cleans up behind itself, and what runs may be the system of another command.
        if started is not None:
            output.progress("stopping")
            Supervisor(layout).stop()
        output.result({"ok": True, "event": "stopped"}, "Stopped.")


def _facts(layout: Layout, started: starting.Started) -> dict[str, Any]:
    settings = started.settings
    return {
        "data": str(layout.data),
        "address": settings.address,
        "domain": settings.organisation.domain,
        "ports": settings.ports.model_dump(),
        "ca_certificate": str(layout.ca_certificate),
        "administrator": started.administrator,
        "password": started.password,
        "seconds": round(started.seconds, 2),
    }


def _welcome(layout: Layout, started: starting.Started, detached: bool) -> str:
    """Return what a person needs to know now, and nothing else."""
    settings = started.settings
    where = "" if layout.data == DEFAULT_DATA else f" --data {layout.data}"
    https = "" if settings.ports.https == 443 else f":{settings.ports.https}"
    rows = [
        [
            "Phones (SIP over TLS)",
            f"{settings.address}:{settings.ports.sips}, domain {settings.organisation.domain}",
        ],
        ["Browsers and API", f"https://{settings.address}{https}/"],
        ["Trust this certificate", str(layout.ca_certificate)],
    ]
    if started.password is not None:
        rows.append(
            ["Administrator", f"{started.administrator}, password {started.password} (shown only now)"]
        )
    steps = [
        [f'./ringwall user add 201 "Anna Berg"{where}', "a first user"],
        [f"./ringwall user pin reset 201{where}", "her PIN: with it she logs in at any desk phone"],
        [f"./ringwall phone dhcp{where}", "how desk phones find this system and set themselves up"],
        [f"./ringwall device add 201{where}", "a phone set up by hand: prints what to type into it"],
        ["./ringwall demo", "real phones call one another, and prove what this does"],
    ]
    width = max(len(command) for command, _ in steps) + 3
    facts = "\n".join(f"  {title:<24}{value}" for title, value in rows)
    commands = "\n".join(f"  {command:<{width}}{why}" for command, why in steps)
    stop = f"./ringwall down{where} stops it." if detached else "Ctrl-C stops it."
    return (
        f"\nRingwall is up ({started.seconds:.1f} s). {stop}\n\n{facts}\n\n"
        f"What to do next{'' if detached else ', in another terminal'}:\n{commands}\n"
    )


def _follow(layout: Layout, output: Output, started: starting.Started) -> None:
    """Say what changes until the system has ended or somebody asks to stop it."""
    known: dict[str, str] = _seen(readiness.look(layout))
    pause = threading.Event()
    while started.process.poll() is None:
        pause.wait(_LOOK_SECONDS)
        now = _seen(readiness.look(layout))
        if started.process.poll() is not None or not now:
            continue
        for name, state in now.items():
            if known.get(name) != state:
                output.result({"event": "change", "name": name, "state": state}, f"  {name}: {state}")
        known = now
    output.result({"ok": True, "event": "stopped"}, "Stopped by another command.")


def _seen(health: readiness.Health) -> dict[str, str]:
    """Return what a person would want to be told of when it changes; a new process counts as a change."""
    seen = {
        program.name: f"running (process {program.pid})" if program.running else program.state
        for program in health.programs
    }
    if health.running and health.core is None:
        seen["core's answer"] = "none"
    return seen | {
        name: "up" if up_now else f"down {detail}".strip() for name, (up_now, detail) in health.parts.items()
    }


def down(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Stop the system and wait until every process of it has ended."""
    host.require_root()
    layout = Layout.of(data)
    output = Output(as_json=as_json)
    supervisor = Supervisor(layout)
    if supervisor.pid is None:
        output.result({"ok": True, "was_running": False}, f"Nothing runs on {layout.data}.")
        return
    with starting.locked(layout):
        output.progress("stopping")
        was_running = supervisor.stop()
    output.result({"ok": True, "was_running": was_running}, "Stopped.")


def status(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Say of each program, link and engine whether it is up; exit code 0 only if all are."""
    host.require_root()
    layout = Layout.of(data)
    health = readiness.look(layout)
    rows = [
        (program.name, program.state, f"process {program.pid}" if program.pid else "")
        for program in health.programs
    ]
    rows += [(name, "up" if is_up else "down", detail) for name, (is_up, detail) in health.parts.items()]
    if health.running and health.core is None:
        rows.append(("core's answer", "none", health.why))
    text = format_table(("part", "state", ""), rows) + "\n\n" if rows else ""
    if not health.running:
        text += f"Nothing runs on {layout.data}: `./ringwall up` starts it."
    else:
        text += "Everything is up." if health.ready else f"Not up: {'; '.join(health.down())}."
    text += "".join(f"\n{line}" for line in _ledger(health))
    Output(as_json=as_json).result({"ok": health.ready, "data": str(layout.data), **health.to_dict()}, text)
    if not health.ready:
        raise typer.Exit(1)


def _ledger(health: readiness.Health) -> list[str]:
    """Return what was ever found wrong with the ledger. The system goes on all the same."""
    told = (health.core or {}).get("ledger") or {}
    lines = []
    for found in told.get("mismatches", ()):
        known = "acknowledged" if found["acknowledged"] else "MISMATCH"
        lines.append(f"Ledger, {known}: {found['at']}, {found['place']}: {found['text']}")
    return lines


def doctor(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Check engines, certificates, ports, clock, disk, users and secrets, and say how to mend each."""
    host.require_root()
    findings = examination.examine(Layout.of(data))
    ok = all(finding.ok for finding in findings)
    rows = [
        (
            ("ok" if finding.ok else "MEND"),
            finding.subject,
            finding.found + (f" -> {finding.mend}" if finding.mend else ""),
        )
        for finding in findings
    ]
    Output(as_json=as_json).table(
        ("", "what", "found"), rows, {"ok": ok, "findings": [finding.to_dict() for finding in findings]}
    )
    if not ok:
        raise typer.Exit(1)


def run_tests(
    suite: Annotated[Suite, typer.Argument(help="What to run.")] = Suite.ALL,
    as_json: JsonOption = False,
) -> None:
    """Run what CI runs: style, types, import rules, unit tests, and tests with real engines and phones."""
    repository = checks.repository()
    stages = checks.suite(repository, suite, checks.processors())
    results = checks.run(repository, stages, Output(as_json=as_json))
    if not all(result.ok for result in results):
        raise typer.Exit(1)


def run_bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The benchmark: a file of bench/ without its ending.")],
    as_json: JsonOption = False,
) -> None:
    """Run a benchmark of the repository; further options are handed on to it."""
    raise typer.Exit(bench.run(checks.repository(), name, [*context.args, *(["--json"] if as_json else [])]))
