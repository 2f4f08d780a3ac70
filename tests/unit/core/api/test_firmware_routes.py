"""Administrators bring images and signed metadata over HTTP too; signatures decide, not the administrator."""

import hashlib

import httpx
import pytest

from ringwall.core.api.app import create_app
from ringwall.core.firmware import metadata
from ringwall.core.firmware.operations import register
from ringwall.core.firmware.service import FirmwareService
from support.accounts import PASSWORD, put_account
from support.firmware import Room, signed

PATH = "ringwall/reference/1.0.0/reference.rwi"
IMAGE = b"image " * 40_000


@pytest.fixture
async def api(core, tmp_path, operations):
    firmware = await FirmwareService.open(core.store, core.ledger, tmp_path / "firmware")
    register(operations, firmware)
    app = create_app(operations, core.store, await put_account(core), firmware=firmware)
    headers = {"X-Ringwall-Source": "192.0.2.1"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="https://x", headers=headers) as client:
        answer = await client.post("/api/tokens", json={"name": "admin", "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield client


class Key:
    def __init__(self, told) -> None:
        from securesystemslib.signer import SSlibKey

        self.public_key = SSlibKey.from_dict(told.pop("keyid"), told)


def files(**proposed) -> dict:
    return {"files": {role.replace("_", "."): one.to_bytes().decode() for role, one in proposed.items()}}


@pytest.mark.req("F1")
async def test_everything_can_be_done_over_http(api) -> None:
    online = (await api.get("/api/firmware/metadata")).json()["online"]
    room = Room(online={role: Key(told) for role, told in online.items()})
    targets = room.draft("targets")
    room.roles["ringwall"] = room.targets
    metadata.set_holders(targets, "ringwall", [room.targets[0].public_key], 1)
    ringwall = room.image(PATH, IMAGE, by="ringwall")
    proposed = files(root=room.first_root(), targets=signed(targets, room.targets), ringwall=ringwall)
    answer = await api.post("/api/firmware/publications", json=proposed)
    assert answer.status_code == 403
    assert "is not here: bring it first" in answer.json()["error"]["message"]

    sha256, have = hashlib.sha256(IMAGE).hexdigest(), 0
    while have < len(IMAGE):
        told = await api.put(
            f"/api/firmware/images/{sha256}",
            params={"length": len(IMAGE), "offset": have},
            content=IMAGE[have : have + 100_000],
        )
        assert told.status_code == 200, told.text
        have = told.json()["have"]
    assert told.json()["complete"]
    answer = await api.post("/api/firmware/publications", json=proposed)
    assert answer.status_code == 201, answer.text
    (image,) = answer.json()["images"]
    assert (image["image"], image["sha256"], image["signed_by"]) == (PATH, sha256, "ringwall")
    assert (await api.get(f"/firmware/images/{image['image_path']}")).content == IMAGE

    rollout = await api.patch("/api/firmware/rollouts/ringwall/reference", json={"stable": PATH})
    assert rollout.json()["percent"] == 100
    offer = await api.get("/api/firmware/offers/ringwall/reference", params={"device": "d1"})
    assert (offer.json()["image"], offer.json()["why"]) == (PATH, "stable channel")
    assert (await api.post("/api/firmware/verification")).json() == {"ok": True, "problems": []}
    assert (await api.post("/api/firmware/online-keys")).status_code == 201
    roles = {one["role"]: one for one in (await api.get("/api/firmware")).json()["roles"]}
    assert set(roles) == {"root", "targets", "snapshot", "timestamp", "ringwall"}
    assert roles["root"]["threshold"] == 2


async def test_a_body_beyond_the_limit_is_refused(api) -> None:
    answer = await api.put(
        "/api/firmware/images/" + "0" * 64, params={"length": 9_000_000}, content=b"x" * (1024 * 1024 + 1)
    )
    assert answer.status_code == 413
