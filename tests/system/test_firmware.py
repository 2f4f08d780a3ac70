"""Firmware from the signing room through the real edge into a real phone, and what is refused on the way."""

import asyncio
import hashlib
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from ringwall.phone.boot import factory, trust, update
from ringwall.phone.boot.errors import RefusedError
from ringwall.phone.boot.loader import Loader
from ringwall.phone.boot.made import Wish
from ringwall.phone.boot.memory import Memory
from support.handset import probe
from system.running import System, until
from system.signing_room import PHRASE, SigningRoom


def base(system: System) -> str:
    return f"https://{system.settings.address}:{system.settings.ports.https}/firmware/"


@pytest.fixture(scope="module")
def room(system, tmp_path_factory) -> SigningRoom:
    made = SigningRoom.of(system, tmp_path_factory.mktemp("room"))
    made.image("1.0.0", probe("1.0.0"))
    return made


@pytest.fixture
def web(system) -> Iterator[httpx.Client]:
    trusted = ssl.create_default_context(cafile=str(system.layout.ca_certificate))
    with httpx.Client(base_url=base(system), verify=trusted, timeout=20) as client:
        yield client


@pytest.fixture
def phone(system, room, tmp_path) -> Memory:
    memory = factory.make(
        tmp_path / "phone",
        vendor="ringwall",
        model="reference",
        root=(room.folder / "stick" / "published" / "1.root.json").read_bytes(),
        authority=system.layout.ca_certificate.read_bytes(),
    )
    factory.load_first_image(memory, Wish(base(system), path_of("1.0.0")))
    return memory


def path_of(version: str) -> str:
    return f"ringwall/reference/{version}/reference.rwi"


@pytest.mark.req("F1", "F2", "F3")
async def test_a_published_image_travels_through_the_edge_and_is_started_and_a_changed_one_is_refused(
    system, room, phone
) -> None:
    loader = Loader(phone, phone.factory(), pause_s=0.05)
    running = asyncio.create_task(loader.run())
    up, say, heard = (phone.app / name for name in ("up", "say", "heard"))
    try:
        await until(lambda: up.exists() and up.read_text() == "1.0.0", "the phone is up", 30)
        await asyncio.to_thread(room.image, "2.0.0", probe("2.0.0"))

        async def ask(version: str) -> dict:
            (phone.app / "said").write_text(
                json.dumps({"op": "update", "url": base(system), "path": path_of(version)})
            )
            (phone.app / "said").rename(say)
            await until(heard.exists, "an answer", 30)
            told = json.loads(heard.read_text())
            heard.unlink()
            return told

        assert (await ask("2.0.0"))["event"] == "installed"
        (phone.app / "said").write_text(json.dumps({"op": "restart"}))
        (phone.app / "said").rename(say)
        await until(lambda: up.read_text() == "2.0.0", "the new image is up", 30)

        # Somebody who got at the server's disk: what is served is not what was signed.
        content = probe("3.0.0")
        await asyncio.to_thread(room.image, "3.0.0", content)
        stored = system.layout.firmware / "images" / hashlib.sha256(content).hexdigest()
        stored.write_bytes(content.replace(b"started", b"stopped"))
        told = await ask("3.0.0")
        assert (told["event"], told["reason"], told["running"]) == ("refused", "changed", "2.0.0")
        assert "is changed" in room.run("verify", good=False)["problems"][0]
        stored.write_bytes(content)
        assert (await ask("1.0.0"))["reason"] == "older"
        assert (await ask("7.0.0"))["reason"] == "unsigned"
        assert loader.running is not None
        assert loader.running.version == "2.0.0"
    finally:
        await loader.stop()
        await running


@pytest.mark.req("F1", "F3")
def test_what_one_person_alone_signs_is_not_published_and_that_is_on_record(system, room) -> None:
    before = system.seq()
    room.run("key", "set", room.stick, "root", "anna,ben", "--threshold", "2")
    room.run("sign", room.stick, "--key", "anna", secrets=[PHRASE.format(name="anna")])
    refused = room.run("publish", room.stick, good=False)
    assert "root is signed by 1 of the 2 keys" in refused["error"]["message"]
    records = system.records(before, "admin.refused")
    assert records[-1]["body"]["operation"] == "firmware.publish"
    for path in (room.folder / "stick" / "proposed").iterdir():
        path.unlink()


@pytest.mark.req("F3")
def test_a_revoked_image_is_gone_and_a_phone_follows_new_root_keys(system, room, phone, web) -> None:
    room.image("1.5.0", probe("1.5.0"))
    image = next(one for one in room.run("list")["images"] if one["version"] == "1.5.0")
    assert web.get(f"images/{image['image_path']}").status_code == 200
    room.run("remove", room.stick, image["image"])
    room.run("key", "set", room.stick, "root", "ben,carla,dora")
    room.sign()
    room.run("publish", room.stick)
    assert web.get(f"images/{image['image_path']}").status_code == 404
    with pytest.raises(RefusedError) as refused:
        update.install(phone, phone.factory(), Wish(base(system), image["image"]))
    assert refused.value.reason == "unsigned"
    room.image("1.6.0", probe("1.6.0"))
    phone.write(phone.state.came_up(phone.state.trial, "1.0.0"))
    name = update.install(phone, phone.factory(), Wish(base(system), path_of("1.6.0")))
    assert name is not None
    made = phone.factory()
    found = trust.open_verified(phone.slot(phone.state.trial), made.root, "ringwall", "reference", "1.0.0")
    assert found.name.version == "1.6.0"


@pytest.mark.req("P4", "W2")
def test_the_edge_lets_only_looking_at_firmware_through(system, room, web) -> None:
    (image, *_) = room.run("list")["images"]
    whole = web.get(f"images/{image['image_path']}")
    assert hashlib.sha256(whole.content).hexdigest() == image["sha256"]
    part = web.get(f"images/{image['image_path']}", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert web.get("metadata/timestamp.json").status_code == 200
    assert web.head("metadata/timestamp.json").status_code in {200, 405}
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert web.request(method, "metadata/timestamp.json").status_code == 405
    for path in ("", "metadata/", "images/", "online/snapshot.key", "metadata/%2e%2e/%2e%2e/ledger.key"):
        assert web.get(path).status_code == 404


@pytest.mark.req("F1")
def test_keys_of_people_are_not_kept_in_the_data_directory(system, room) -> None:
    inside = str(system.layout.core / "stick")
    refused = room.run("key", "make", inside, "eva", secrets=["correct horse battery"], good=False)
    assert "do not belong on the server" in refused["error"]["message"]
    assert not list(system.layout.data.rglob("*.pem.key")) + list(system.layout.core.rglob("anna*"))


@pytest.mark.req("T1")
def test_the_update_client_trusts_no_server_that_it_was_not_told_of(system, room, tmp_path) -> None:
    """Called by itself it knows public authorities only, and ours is none."""
    root = room.folder / "stick" / "published" / "1.root.json"
    command = [sys.executable, "-m", "ringwall.phone.boot.client", "--metadata-dir", str(tmp_path / "m")]
    assert subprocess.run([*command, "init", str(root)], check=False).returncode == 0
    url = f"{base(system)}metadata"
    done = subprocess.run([*command, "--metadata-url", url, "refresh"], check=False, capture_output=True)
    assert done.returncode == 1
    assert b"CERTIFICATE_VERIFY_FAILED" in done.stderr
