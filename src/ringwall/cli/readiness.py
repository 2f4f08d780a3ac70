"""How the whole system is doing: what supervision sees, and what the core says of its links and engines."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ringwall.cli import media
from ringwall.cli.client import ask
from ringwall.infra.errors import RefusedError, SuperviseError, UnavailableError
from ringwall.infra.layout import Layout
from ringwall.infra.supervise import ProgramState, Supervisor

_ANSWER_SECONDS = 5.0
_TAIL_BYTES = 8192
_MEDIA = re.compile(r"media-(\d+)\Z")
_NOISE = re.compile(r"^\s*$")


@dataclass(frozen=True, slots=True)
class Health:
    """One look at a system. ``parts`` are links and engines: name -> (up, detail)."""

    programs: tuple[ProgramState, ...]
    parts: Mapping[str, tuple[bool, str]]
    core: Mapping[str, Any] | None
    """What the core's ``status`` said, as it is, or None when it did not answer."""
    why: str
    """Why the core did not answer; empty when it did."""

    @property
    def running(self) -> bool:
        """Say whether supervision runs at all."""
        return bool(self.programs)

    @property
    def ready(self) -> bool:
        """Say whether every program runs, every link is up and every engine answers."""
        return (
            self.running
            and all(program.running for program in self.programs)
            and any(_MEDIA.match(name) is None for name in self.parts)
            and all(up for up, _ in self.parts.values())
        )

    def down(self) -> list[str]:
        """Return what is not up, for people."""
        found = [f"{program.name} ({program.state})" for program in self.programs if not program.running]
        found += [
            f"{name} ({detail})" if detail else name for name, (up, detail) in self.parts.items() if not up
        ]
        if self.running and self.core is None:
            found.append(f"core ({self.why})")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "running": self.running,
            "ready": self.ready,
            "programs": [
                {"name": program.name, "state": program.state, "pid": program.pid, "since": program.since}
                for program in self.programs
            ],
            "parts": {name: {"up": up, "detail": detail} for name, (up, detail) in self.parts.items()},
            "core": self.core,
        }


def look(layout: Layout) -> Health:
    """Return how the system on this data directory is doing now; never raises for a system that is down."""
    supervisor = Supervisor(layout)
    try:
        programs = tuple(supervisor.states()) if supervisor.pid is not None else ()
    except SuperviseError:
        programs = ()
    if not programs:
        return Health((), {}, None, "it does not run")
    try:
        told = ask(layout, "status", timeout=_ANSWER_SECONDS)
    except (UnavailableError, RefusedError) as error:
        return Health(programs, {}, None, str(error))
    core = told if isinstance(told, Mapping) else {}
    return Health(programs, {**_parts(core), **_media(layout, programs)}, core, "")


def _media(layout: Layout, programs: Iterable[ProgramState]) -> dict[str, tuple[bool, str]]:
    """Ask each media server that should run how it is doing."""
    found = {}
    for program in programs:
        match = _MEDIA.match(program.name)
        if match:
            try:
                told = media.status(layout, int(match[1]))
            except UnavailableError as error:
                found[program.name] = (False, str(error))
            else:
                legs = f"{told.get('legs')} of {told.get('most_legs')} legs"
                in_time = "" if told.get("real_time") else ", without real-time scheduling"
                found[program.name] = (True, legs + in_time)
    return found


def _parts(core: Mapping[str, Any]) -> dict[str, tuple[bool, str]]:
    """Return links and engines of the core's status; each says ``up`` or ``ok``, and maybe why not."""
    found = {}
    for group, noun in (("links", "link"), ("engines", "engine")):
        members = core.get(group)
        if not isinstance(members, Mapping):
            continue
        for name, member in members.items():
            if isinstance(member, Mapping):
                up = bool(member.get("up", member.get("ok", False)))
                detail = str(member.get("detail") or member.get("why") or "")
            else:
                up, detail = bool(member), ""
            found[f"{noun} {name}"] = (up, detail)
    store = core.get("store")
    if isinstance(store, Mapping):
        found["store"] = (bool(store.get("ok", False)), str(store.get("detail") or ""))
    return found


def last_words(layout: Layout, program: str) -> str:
    """Return the last line that a program logged, cut to a readable length; empty when there is none."""
    try:
        with (layout.log / f"{program}.log").open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line[:300] for line in reversed(lines) if not _NOISE.match(line)), "")
