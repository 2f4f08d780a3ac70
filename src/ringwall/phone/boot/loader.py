"""The boot loader: starts what is verified, watches whether it comes up, puts new images in place (F2, F3).

Rules that this module keeps:
- Nothing is started that was not verified in this very moment, from memory that cannot change any more.
- An image that does not say "up" in time, or ends before that, has failed its try; after three the phone is
  back on the one before, and says so.
- The application may ask for an update, for a restart, to be switched off, and for the refusals that the
  server is to be told; it can name an image, never say that one is good.
- The phone keeps running what it has while a new image is fetched, and when that is refused.
- Where no slot holds a verified image any more, the loader itself fetches the one that it was told of last.
"""

import asyncio
import hashlib
import json
import logging
import os
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringwall.phone.boot import trust, update
from ringwall.phone.boot.errors import RefusedError
from ringwall.phone.boot.fetch import Fetcher
from ringwall.phone.boot.made import Factory, Wish
from ringwall.phone.boot.memory import Memory
from ringwall.phone.boot.slots import Slot

log = logging.getLogger(__name__)

UP_S = 60.0
STOP_S = 5.0
PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
_LARGEST_MESSAGE = 64 * 1024
LOADER_FD = "RINGWALL_LOADER_FD"


@dataclass(slots=True)
class Running:
    """The application that runs: where it was started from, and whether it said that it is up."""

    slot: Slot
    version: str
    sha256: str
    process: asyncio.subprocess.Process
    up: asyncio.Event
    restart: asyncio.Event


class Loader:
    """The loader of one phone; `run` ends when it is stopped, or when there is nothing that it may start."""

    def __init__(
        self,
        memory: Memory,
        factory: Factory,
        *,
        arguments: tuple[str, ...] = (),
        up_s: float = UP_S,
        pause_s: float = PAUSE_S,
        fetcher: Fetcher | None = None,
    ) -> None:
        self.memory = memory
        self.factory = factory
        self._arguments = arguments
        self._up_s, self._pause_s = up_s, pause_s
        self._fetcher = fetcher
        self._updating = asyncio.Lock()
        self._stopping = False
        self.running: Running | None = None

    async def run(self) -> bool:
        """Start, watch and start again; return False where there is nothing verified, nor can be fetched."""
        pause = self._pause_s
        while not self._stopping:
            began = time.monotonic()
            if not await self._once():
                if not await self._recover():
                    return False
                continue
            # An application that ends over and over does not take the whole phone with it.
            lived = time.monotonic() - began
            pause = self._pause_s if lived > self._up_s else min(2 * pause, LONGEST_PAUSE_S)
            if not self._stopping:
                await asyncio.sleep(pause if lived < self._up_s else 0)
        return True

    async def stop(self) -> None:
        """End the application and the loader."""
        self._stopping = True
        if self.running is not None:
            await _end(self.running.process)

    async def _recover(self) -> bool:
        """Fetch the image that the phone was told of last; return whether there is one to start now."""
        wish = self.memory.wish
        if wish is None:
            return False
        log.warning("no slot holds a verified image: fetching %s again", wish.path)
        try:
            found = await asyncio.to_thread(update.install, self.memory, self.factory, wish, self._fetcher)
        except RefusedError as error:
            self.memory.refused(error, wish.path)
            return False
        return found is not None

    async def _once(self) -> bool:
        """Start one image and stay until it has ended; return False where there was none."""
        verified, slot = self._choose()
        if verified is None or slot is None:
            return False
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await self._spawn(verified, theirs)
        finally:
            os.close(verified.descriptor)
        self.running = Running(
            slot,
            verified.name.version,
            verified.sha256,
            process,
            asyncio.Event(),
            asyncio.Event(),
        )
        try:
            await self._watch(self.running, ours)
        finally:
            self.running = None
            ours.close()
        return True

    def _choose(self) -> tuple[trust.Verified | None, Slot | None]:
        """Return the next image that verifies; what does not is refused and never asked again."""
        while True:
            slot, state = self.memory.state.next_start()
            if slot is None:
                self.memory.write(state)
                return None, None
            if self.memory.state.trial is not None and state.trial is None:
                self._failed_to_start()
                continue
            self.memory.write(state)
            factory = self.factory
            try:
                return trust.open_verified(
                    self.memory.slot(slot), factory.root, factory.vendor, factory.model, state.floor
                ), slot
            except RefusedError as error:
                self.memory.refused(error, self._name_in(slot))
                self.memory.write(state.gave_up(slot, self._hash_in(slot), time.time()))

    def _failed_to_start(self) -> None:
        """All tries of a new image are used up: it is given up, and that is told."""
        state, slot = self.memory.state, self.memory.state.trial
        assert slot is not None
        self.memory.refused(RefusedError("start"), self._name_in(slot))
        self.memory.write(state.gave_up(slot, self._hash_in(slot), time.time()))

    def _name_in(self, slot: Slot) -> str:
        with suppress(OSError, ValueError):
            return (self.memory.slot(slot) / trust.NAME).read_text(encoding="utf-8")[:256]
        return f"slot {slot}"

    def _hash_in(self, slot: Slot) -> str:
        with suppress(OSError), (self.memory.slot(slot) / trust.IMAGE).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
        return ""

    async def _spawn(self, verified: trust.Verified, theirs: socket.socket) -> asyncio.subprocess.Process:
        os.set_inheritable(verified.descriptor, True)
        self.memory.app.mkdir(mode=0o700, parents=True, exist_ok=True)
        # -I: no variable of the environment and no folder beside it adds code to what was verified.
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-B",
            f"/proc/self/fd/{verified.descriptor}",
            "--folder",
            str(self.memory.app),
            *self._arguments,
            env={**_environment(), LOADER_FD: str(theirs.fileno())},
            pass_fds=(verified.descriptor, theirs.fileno()),
        )

    async def _watch(self, running: Running, ours: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LARGEST_MESSAGE)
        talking = asyncio.create_task(self._talk(running, reader, writer))
        ended = asyncio.create_task(running.process.wait())
        up = asyncio.create_task(running.up.wait())
        restart = asyncio.create_task(running.restart.wait())
        try:
            await asyncio.wait({ended, up}, timeout=self._up_s, return_when=asyncio.FIRST_COMPLETED)
            if not running.up.is_set() and not ended.done():
                log.warning("%s did not come up in %.0f s", running.version, self._up_s)
                return
            await asyncio.wait({ended, restart}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(running.process)
            for task in (talking, ended, up, restart):
                task.cancel()
            await asyncio.gather(talking, ended, up, restart, return_exceptions=True)
            writer.close()

    # What the application may ask

    async def _talk(
        self, running: Running, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        _say(
            writer,
            event="hello",
            vendor=self.factory.vendor,
            model=self.factory.model,
            mac=self.factory.mac,
            ca_file=str(self.factory.ca_file),
            identity=str(self.factory.identity) if self.factory.identity is not None else "",
            version=running.version,
            sha256=running.sha256,
            slot=running.slot,
        )
        work: set[asyncio.Task[None]] = set()
        try:
            while line := await reader.readline():
                told = _read(line)
                if told.get("op") == "update":
                    task = asyncio.create_task(self._update(running, told, writer))
                    work.add(task)
                    task.add_done_callback(work.discard)
                else:
                    self._answer(running, told, writer)
        except (ValueError, OSError):
            log.warning("the application said something that cannot be read")
        finally:
            for task in work:
                task.cancel()

    def _answer(self, running: Running, told: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        match told.get("op"):
            case "up":
                if not running.up.is_set():
                    self.memory.write(self.memory.state.came_up(running.slot, running.version))
                    running.up.set()
                _say(writer, event="confirmed", version=running.version)
            case "restart":
                running.restart.set()
            case "off":
                # Somebody unplugs the phone at its display.
                self._stopping = True
                running.restart.set()
            case "refusals":
                _say(writer, event="refusals", refusals=self.memory.refusals())
            case "reported" if isinstance(told.get("number"), int):
                self.memory.reported(told["number"])
            case _:
                _say(writer, event="unknown")

    async def _update(self, running: Running, told: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        wish = Wish(str(told.get("url", ""))[:512], str(told.get("path", ""))[:256])
        if self._updating.locked() or not running.up.is_set():
            # Before it is up, the spare slot is the one that it was started from.
            _say(writer, event="busy")
            return
        self.memory.wish = wish
        async with self._updating:
            try:
                name = await asyncio.to_thread(update.install, self.memory, self.factory, wish, self._fetcher)
            except RefusedError as error:
                _say(writer, event="refused", **self.memory.refused(error, wish.path))
            except OSError as error:
                _say(writer, event="failed", text=error.strerror or str(error))
            else:
                _say(writer, event="installed" if name else "current", version=name.version if name else "")


def _say(writer: asyncio.StreamWriter, **told: Any) -> None:
    if not writer.is_closing():
        writer.write(json.dumps(told).encode() + b"\n")


def _read(line: bytes) -> dict[str, Any]:
    told = json.loads(line)
    if not isinstance(told, dict):
        raise ValueError("no message")  # noqa: TRY004 - one kind of error for all that cannot be read
    return told


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _environment() -> dict[str, str]:
    kept = ("PATH", "LANG", "LC_ALL", "TERM", "COLORTERM", "HOME")
    return {name: os.environ[name] for name in kept if name in os.environ}


def folder_of(text: str) -> Path:
    """Return the folder of a phone, absolute."""
    return Path(text).expanduser().absolute()
