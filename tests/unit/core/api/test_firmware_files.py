"""Anybody gets what is published and nothing else; nobody can take all the places."""

import asyncio
import hashlib

import httpx
import pytest

from ringwall.core.api import firmware_files
from ringwall.core.api.app import create_app
from ringwall.core.firmware import metadata
from ringwall.core.firmware.service import FirmwareService
from ringwall.core.operations import Operations
from support.accounts import nobody
from support.firmware import Room, signed

PATH = "ringwall/reference/1.0.0/reference.rwi"
CONTENT = bytes(range(256)) * 2000


@pytest.fixture
async def firmware(core, tmp_path) -> FirmwareService:
    service = await FirmwareService.open(core.store, core.ledger, tmp_path / "firmware")
    room = Room().begin().delegate("ringwall").delegate("ringwall/reference")
    room.publish({"ringwall.reference": room.image(PATH, CONTENT, by="ringwall.reference")})
    await service.take_piece(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), 0, CONTENT)
    service.repository = room.repository
    service.room = room
    return service


@pytest.fixture
async def phone(core, firmware):
    app = create_app(Operations(core.ledger), core.store, nobody(core), firmware=firmware)
    headers = {"X-Ringwall-Source": "192.0.2.7"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="https://x/firmware/", headers=headers
    ) as client:
        yield client


def image(firmware):
    return firmware.repository.images[PATH]


@pytest.mark.req("F1")
async def test_metadata_and_images_are_handed_out_to_anybody(phone, firmware) -> None:
    answer = await phone.get("metadata/timestamp.json")
    assert answer.status_code == 200
    assert answer.content == firmware.repository.bytes_of("timestamp")
    for path in (f"targets/{image(firmware).target_path}", f"images/{image(firmware).image_path}"):
        answer = await phone.get(path)
        assert answer.content == CONTENT
        assert answer.headers["etag"] == f'"{image(firmware).sha256}"'
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        head = await phone.head(path)
        assert (head.content, head.headers["content-length"]) == (b"", str(len(CONTENT)))


@pytest.mark.req("F1", "P5")
async def test_a_phone_goes_on_where_it_was_cut_off_and_fetches_nothing_twice(phone, firmware) -> None:
    path, tag = f"images/{image(firmware).image_path}", f'"{image(firmware).sha256}"'
    answer = await phone.get(path, headers={"Range": "bytes=1000-1099"})
    assert (answer.status_code, answer.content) == (206, CONTENT[1000:1100])
    assert answer.headers["content-range"] == f"bytes 1000-1099/{len(CONTENT)}"
    answer = await phone.get(path, headers={"Range": "bytes=511000-", "If-Range": tag})
    assert answer.content == CONTENT[511000:]
    answer = await phone.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert (await phone.get(path, headers={"If-None-Match": tag})).status_code == 304
    assert (await phone.get(path, headers={"Range": "bytes=9999999-"})).status_code == 416
    many = await phone.get(path, headers={"Range": "bytes=0-1,5-6,8-9"})
    assert many.status_code in {200, 400, 416}


@pytest.mark.req("P4")
@pytest.mark.parametrize(
    "path",
    [
        "",
        "metadata/",
        "metadata/snapshot.json",
        "metadata/online.json",
        "metadata/..%2f..%2fledger.key",
        "online/snapshot.key",
        "images/{sha}/other.rwi",
        "images/{sha}",
        "images/../online/snapshot.key",
        "targets/ringwall/reference/1.0.0/reference.rwi",
        "targets/ringwall/reference/1.0.1/{sha}.reference.rwi",
        "targets/ringwall/reference/1.0.0/" + "0" * 64 + ".reference.rwi",
        "targets/ringwall/reference/1.0.0/%2e%2e",
        "targets/ringwall/../../{sha}",
    ],
)
async def test_there_is_nothing_else(phone, firmware, path) -> None:
    answer = await phone.get(path.format(sha=image(firmware).sha256))
    assert answer.status_code == 404


@pytest.mark.req("P4")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_firmware_can_only_be_looked_at(phone, firmware, method) -> None:
    for path in ("metadata/timestamp.json", f"images/{image(firmware).image_path}"):
        assert (await phone.request(method, path)).status_code == 405


@pytest.mark.req("F3")
async def test_an_image_that_was_revoked_is_gone_for_everybody(phone, firmware) -> None:
    path = f"images/{image(firmware).image_path}"
    draft = firmware.room.draft("ringwall.reference")
    metadata.remove_image(draft, metadata.ImageName.parse(PATH))
    firmware.room.publish({"ringwall.reference": signed(draft, firmware.room.signers("ringwall.reference"))})
    firmware.repository = firmware.room.repository
    assert (await phone.get(path)).status_code == 404


class Slow:
    """An ASGI client that takes nothing until it is told to."""

    def __init__(self, app, path: str, source: bytes) -> None:
        self.go = asyncio.Event()
        self.aborted = False
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "https",
            "server": ("x", 443),
            "headers": [(b"x-ringwall-source", source)],
            "state": {"abort": self.abort},
        }
        self.status = 0
        self.task = asyncio.create_task(app(self.scope, self.receive, self.send))

    def abort(self) -> None:
        self.aborted = True

    async def receive(self):
        await asyncio.sleep(3600)

    async def send(self, message) -> None:
        self.status = message.get("status", self.status)
        if message["type"] == "http.response.body" and self.status == 200:
            await self.go.wait()


async def started(clients) -> None:
    for _ in range(200):
        if all(one.status for one in clients):
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("not all began")


@pytest.mark.req("R3")
async def test_no_source_and_not_all_together_can_take_every_place(core, firmware) -> None:
    app = create_app(Operations(core.ledger), core.store, nobody(core), firmware=firmware)
    path = f"/firmware/images/{image(firmware).image_path}"
    most, source = firmware_files.MOST_AT_A_TIME, firmware_files.MOST_OF_A_SOURCE
    greedy = [Slow(app, path, b"192.0.2.1") for _ in range(source + 3)]
    await started(greedy)
    assert sorted(one.status for one in greedy) == [200] * source + [503] * 3
    crowd = [Slow(app, path, f"198.51.100.{number}".encode()) for number in range(most - source + 2)]
    await started(crowd)
    assert [one.status for one in crowd].count(503) == 2
    for one in [*greedy, *crowd]:
        one.go.set()
    await asyncio.gather(*(one.task for one in [*greedy, *crowd]))
    again = Slow(app, path, b"192.0.2.1")
    again.go.set()
    await again.task
    assert again.status == 200


@pytest.mark.req("R3")
async def test_whoever_takes_nothing_for_too_long_is_hung_up_on(core, firmware, monkeypatch) -> None:
    monkeypatch.setattr(firmware_files, "STALLED_S", 0.05)
    app = create_app(Operations(core.ledger), core.store, nobody(core), firmware=firmware)
    slow = Slow(app, f"/firmware/images/{image(firmware).image_path}", b"192.0.2.1")
    await asyncio.wait_for(slow.task, 5)
    assert slow.aborted
