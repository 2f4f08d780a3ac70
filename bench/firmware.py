"""What signed firmware costs: publishing at the core, verifying and installing in the phone.

`ringwall bench firmware [--json]`: milliseconds, the median of several runs. The repository has a vendor, a
model and `--images` images; the phone's image is the reference phone's own.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from ringwall.cli.output import format_table
from ringwall.core.firmware import online
from ringwall.core.firmware.acceptance import accept, check_as_client
from ringwall.core.firmware.repository import Repository
from ringwall.core.firmware.rollout import Phone, Rollout, choose
from ringwall.phone import build
from ringwall.phone.boot import factory, trust
from ringwall.phone.boot.fetch import Fetcher
from ringwall.phone.boot.made import Wish
from support.depot import open_depot
from support.firmware import Room

ROLE = "ringwall.reference"
RUNS = 15


def path_of(version: str) -> str:
    return f"ringwall/reference/{version}/{build.FILENAME}"


def median_ms(work: Callable[[], object], runs: int = RUNS) -> float:
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(taken), 3)


def measure(images: int) -> list[tuple[str, float]]:
    room = Room().begin().delegate("ringwall").delegate("ringwall/reference")
    for number in range(images - 1):
        name = path_of(f"0.{number}")
        room.publish({ROLE: room.image(name, name.encode(), by=ROLE)})
    content = build.image_of("1.0.0")
    before = room.repository
    proposed = {ROLE: room.image(path_of("1.0.0"), content, by=ROLE).to_bytes()}

    def publish() -> Repository:
        after = accept(Repository(before.files), proposed, room.online_ids, room.now)
        after, _ = online.freshened(after, room.online, room.now, snapshot=True)
        check_as_client(before, after)
        return after

    rows = [("publish, with every check and python-tuf's client", median_ms(publish))]
    rows.append(
        (
            "a new timestamp",
            median_ms(lambda: online.freshened(before, room.online, room.now, snapshot=False)),
        )
    )
    rollout = Rollout("ringwall", "reference", stable=path_of("1.0.0"), percent=50)
    thousand = [Phone(f"d{number}") for number in range(1000)]
    rows.append(
        ("choosing the image for 1000 phones", median_ms(lambda: [choose(rollout, p) for p in thousand]))
    )
    with tempfile.TemporaryDirectory() as name, open_depot(Path(name), room) as depot:
        depot.add(path_of("1.0.0"), content)
        memory = factory.make(
            Path(name) / "phone",
            vendor="ringwall",
            model="reference",
            root=room.repository.files["root", 1],
            authority=depot.ca_file.read_bytes(),
        )
        wish, fetcher = Wish(depot.url, path_of("1.0.0")), Fetcher(depot.ca_file)
        began = time.perf_counter()
        factory.load_first_image(memory, wish, fetcher)
        rows.append(("first image over HTTPS into a slot", round((time.perf_counter() - began) * 1000, 3)))
        made = memory.factory()

        def verify() -> None:
            found = trust.open_verified(memory.slot("a"), made.root, made.vendor, made.model, "0")
            os.close(found.descriptor)

        rows.append((f"verifying a slot of {len(content) // 1024} KiB before a start", median_ms(verify)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--images", type=int, default=20, help="images that the model has")
    asked = parser.parse_args()
    rows = measure(asked.images)
    if asked.json:
        print(json.dumps({"what": "firmware", "images": asked.images, "ms": dict(rows)}))
    else:
        print(format_table(("what", "ms"), [(name, f"{value:.2f}") for name, value in rows]))


if __name__ == "__main__":
    main()
