"""What mixing costs: `./ringwall bench media [--json]`.

Legs with SRTP, G.711 of 20 ms, in rooms in which everybody hears everybody; all speak all the time. The other
end is bench/rtpgen.c, which is compiled here (gcc and libsrtp2-dev are installed for it). Jitter is how much
the time between two packets of a leg differs from 20 ms, by the kernel's stamps. The delay is from when one
party is sent loud until the others are: the jitter buffer is in it. Lost are packets in either direction.
`--busy` keeps both processors busy with other work beside it. `--minutes` makes a soak of it and watches
memory.
"""

import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import _figures, _media_server
from bench._media_server import MediaServer

from ringwall.cli.starting import PACKAGE_LOG
from ringwall.infra import packages
from ringwall.infra.errors import PackageError

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (1, 30),
    "AEAD_AES_128_GCM": (2, 28),
    "AEAD_AES_256_GCM": (3, 44),
}
_SOURCE = Path(__file__).with_name("rtpgen.c")
_RENEW_SECONDS = 10.0


def compiled(folder: Path) -> Path:
    """Return the generator; SystemExit when it cannot be made."""
    try:
        packages.install(packages.BENCH_PACKAGES, log=PACKAGE_LOG)
    except (PackageError, OSError) as error:
        raise SystemExit(f"The generator cannot be made: {error}") from None
    made = folder / "rtpgen"
    done = subprocess.run(
        ["/usr/bin/gcc", "-O2", "-o", str(made), str(_SOURCE), "-lsrtp2"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"The generator cannot be compiled:\n{done.stderr}")
    return made


def connect(server: MediaServer, ports: list[int], suite: str, room: int) -> list[str]:
    """Open a leg for each port and put them into rooms; returns the generator's lines."""
    number, length = SUITES[suite]
    lines = []
    for leg, port in enumerate(ports):
        mine, theirs = secrets.token_bytes(length), secrets.token_bytes(length)
        opened = server.link.ask("leg.open", leg=f"leg{leg}")
        server.link.ask(
            "leg.connect", leg=f"leg{leg}", host="127.0.0.1", port=port, suite=suite, payload=0, ptime=20,
            send_key=b64encode(theirs).decode(), receive_key=b64encode(mine).decode(),
        )  # fmt: skip
        lines.append(f"{opened['port']} {number} {mine.hex()} {theirs.hex()}")
    for first in range(0, len(ports), room):
        members = [f"leg{leg}" for leg in range(first, min(first + room, len(ports)))]
        server.link.ask("room.set", room=f"room{first // room}", legs=members, hears={"*": {"*": 1}})
    return lines


def run(given: Any) -> dict[str, Any]:
    """Run one window and return what it took."""
    seconds = given.minutes * 60 if given.minutes else given.seconds
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        generator = compiled(folder)
        server = stack.enter_context(_media_server.running(ordinary=given.ordinary))
        process = stack.enter_context(
            subprocess.Popen(
                [str(generator), str(given.legs), str(given.room), str(seconds), "5"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
        stack.callback(process.kill)
        assert process.stdin is not None
        assert process.stdout is not None
        ports = [int(process.stdout.readline()) for _ in range(given.legs)]
        lines = connect(server, ports, given.suite, given.room)
        for number in range(given.recordings):
            server.link.ask("record", **server.recording(number))
        for _ in range(os.cpu_count() or 1 if given.busy else 0):
            hog = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(hog.kill)
        process.stdin.write("\n".join(lines) + "\n")
        process.stdin.flush()
        if process.stdout.readline() != "window\n":
            raise SystemExit("The generator ended before its time.")
        before, began = server.cpu_seconds(), time.monotonic()
        stats = [server.link.ask("leg.stats", leg=f"leg{leg}") for leg in range(given.legs)]
        memory = [server.resident_kb()]
        while not select.select([process.stdout], [], [], _RENEW_SECONDS)[0]:
            server.link.ask("renew")
            memory.append(server.resident_kb())
        used, took = server.cpu_seconds() - before, time.monotonic() - began
        heard: dict[str, Any] = json.loads(process.stdout.readline())
        after = [server.link.ask("leg.stats", leg=f"leg{leg}") for leg in range(given.legs)]
        memory.append(server.resident_kb())
        state = server.link.ask("status")
    missed = sum(new["lost"] - old["lost"] for old, new in zip(stats, after, strict=True))
    late = sum(new["late"] - old["late"] for old, new in zip(stats, after, strict=True))
    return {
        "legs": given.legs,
        "room": given.room,
        "srtp": given.suite,
        "recordings": given.recordings,
        "busy": given.busy,
        "in_real_time": state["real_time"],
        "skipped_ms": state["skipped_ms"],
        "window_seconds": round(took, 1),
        "cpu_percent": round(used / took * 100, 1),
        "cpu_ms_per_leg_minute": round(used * 1000 / given.legs / (took / 60), 1),
        "jitter_ms_p50": heard["jitter_ms_p50"],
        "jitter_ms_p99": heard["jitter_ms_p99"],
        "jitter_ms_most": heard["jitter_ms_most"],
        "delay_ms_p50": heard["delay_ms_p50"],
        "delay_ms_p99": heard["delay_ms_p99"],
        "shouts": heard["shouts"],
        "shouts_heard": heard["shouts_heard"],
        "sent": heard["sent"],
        "received": heard["received"],
        "lost": heard["lost"] + missed,
        "late": late,
        "unreadable": heard["unreadable"],
        "memory_kb": [memory[0], max(memory), memory[-1]],
    }


def main() -> int:
    parser = _figures.arguments(__doc__)
    parser.add_argument("--legs", type=int, default=100, help="legs, at most 250 (100)")
    parser.add_argument("--room", type=int, default=5, help="legs in a room (5)")
    parser.add_argument("--suite", choices=SUITES, default="AES_CM_128_HMAC_SHA1_80", help="SRTP suite")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the window (20)")
    parser.add_argument("--minutes", type=float, default=0.0, help="a soak of so many minutes instead")
    parser.add_argument("--recordings", type=int, default=0, help="rooms that are recorded (0)")
    parser.add_argument("--busy", action="store_true", help="keep all processors busy with other work")
    parser.add_argument("--ordinary", action="store_true", help="without real-time scheduling")
    given = parser.parse_args()
    if not 1 <= given.legs <= 250 or given.room < 1 or given.recordings * given.room > given.legs:
        parser.error("legs are 1 to 250, and each recording needs a room")
    result = run(given)
    if given.json:
        _figures.dump(result)
    else:
        rows = [[name, value] for name, value in result.items()]
        _figures.show({"what": f"{given.legs} legs with SRTP in rooms of {given.room}"}, ("", ""), rows, "")
    return 0 if result["received"] and not result["unreadable"] else 1


if __name__ == "__main__":
    sys.exit(main())
