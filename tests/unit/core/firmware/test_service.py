"""What is published is on the disk and on record as a whole, stays fresh, and is handed out to phones only."""

from datetime import UTC, datetime, timedelta

import pytest

from ringwall.core.errors import OperationError
from ringwall.core.firmware import metadata
from ringwall.core.firmware.operations import register
from ringwall.core.firmware.repository import Repository
from ringwall.core.firmware.rollout import Phone
from ringwall.core.firmware.service import FirmwareService
from ringwall.core.operations import Operations
from ringwall.infra.firmware import FirmwareError
from support.core_data import ADMIN
from support.events import Made
from support.firmware import signed

PATH = "ringwall/reference/1.0.0/reference.rwi"
NEXT = "ringwall/reference/1.1.0/reference.rwi"


async def records(core, kind: str = "") -> list[dict]:
    """What is on record, all of it or of one kind."""
    await core.ledger.record_durably(Made("system.test"))  # what was queued before is on the disk then
    found = await core.ledger.tail(0, 1000)
    return [record for record in found if kind in ("", record["kind"]) and record["kind"] != "system.test"]


async def kinds(core) -> list[str]:
    return [record["kind"] for record in await records(core)]


@pytest.mark.req("F1", "I2")
async def test_a_publication_outlives_a_restart_and_is_on_record_with_who_signed(
    core, served, tmp_path
) -> None:
    await served.begin()
    await served.add(PATH, b"image")
    again = await FirmwareService.open(core.store, core.ledger, tmp_path / "firmware")
    assert again.repository.files == served.service.repository.files
    assert await again.verify() == []
    body = (await records(core, "admin.firmware.published"))[-1]["body"]
    assert body["added"] == [PATH]
    key = served.room.roles["ringwall.reference"][0].public_key.keyid
    assert body["signed_by"] == {"ringwall.reference": [key]}
    assert body["actor"]["name"] == "root"


@pytest.mark.req("F1")
async def test_an_administrator_without_the_signing_keys_can_publish_nothing(core, served) -> None:
    await served.begin()
    before = served.service.repository
    operations = Operations(core.ledger)
    register(operations, served.service)
    draft = served.room.draft("targets")
    asked = {"files": {"targets": draft.to_bytes().decode()}}
    with pytest.raises(OperationError, match="signed by 0 of the 1 keys"):
        await operations.run("firmware.publish", asked, ADMIN)
    assert served.service.repository is before
    assert (await kinds(core))[-1] == "admin.refused"


@pytest.mark.req("F1")
async def test_an_image_that_is_not_here_is_not_published(served) -> None:
    await served.begin()
    with pytest.raises(FirmwareError, match="is not here: bring it first"):
        await served.publish({"ringwall.reference": served.room.image(PATH, b"x", by="ringwall.reference")})


@pytest.mark.req("F3")
async def test_snapshot_and_timestamp_are_renewed_long_before_they_expire(served) -> None:
    await served.begin()
    service, now = served.service, datetime.now(UTC)
    versions = service.repository.versions
    assert not await service.look_after(now)
    assert await service.look_after(now + timedelta(hours=9))
    assert service.repository.versions["timestamp"] == versions["timestamp"] + 1
    assert service.repository.versions["snapshot"] == versions["snapshot"]
    assert await service.look_after(now + timedelta(days=3))
    assert service.repository.versions["snapshot"] == versions["snapshot"] + 1
    for day in range(4, 30):
        await service.look_after(now + timedelta(days=day))
    assert len([file for file in service.repository.files if file[0] == "timestamp"]) == 1
    assert len([file for file in service.repository.files if file[0] == "snapshot"]) <= 8


@pytest.mark.req("F3")
async def test_what_people_signed_and_that_expires_soon_is_on_record(core, served) -> None:
    await served.begin()
    now = datetime.now(UTC)
    assert served.service.expiring(now) == {}
    await served.service.look_after(now + timedelta(days=340))
    assert "firmware.expiring" in await kinds(core)
    assert set(served.service.expiring(now + timedelta(days=340))) == {
        "root",
        "targets",
        "ringwall",
        "ringwall.reference",
    }


@pytest.mark.req("F3")
async def test_the_core_s_own_keys_are_rotated_by_the_next_root_and_not_before(
    core, served, tmp_path
) -> None:
    await served.begin()
    service, room = served.service, served.room
    before = service.offered()
    await service.rotate(ADMIN)
    assert service.offered() != before
    assert await service.look_after(datetime.now(UTC) + timedelta(hours=9))  # still with the old ones
    draft = served.sync().draft("root")
    for role, signer in service._online.offered().items():
        metadata.set_holders(draft, role, [signer.public_key], 1)
    await served.publish({"root": signed(draft, room.root)})
    again = await FirmwareService.open(core.store, core.ledger, tmp_path / "firmware")
    assert again.offered() == service.offered() != before
    assert await again.look_after(datetime.now(UTC) + timedelta(days=4))
    assert await again.verify() == []


@pytest.mark.req("F1")
async def test_a_core_that_lost_its_keys_says_so_and_serves_what_there_is(core, served, tmp_path) -> None:
    await served.begin()
    for path in (tmp_path / "firmware" / "online").iterdir():
        path.unlink()
    again = await FirmwareService.open(core.store, core.ledger, tmp_path / "firmware")
    with pytest.raises(FirmwareError, match="names other keys"):
        await again.look_after(datetime.now(UTC) + timedelta(days=1))
    assert again.repository.served("timestamp.json")


async def test_verify_names_the_image_that_was_changed_or_lost_on_the_disk(served) -> None:
    await served.begin()
    sha256 = await served.add(PATH, b"image")
    path = served.service.images.path(sha256)
    path.write_bytes(b"imagf")
    assert await served.service.verify() == [f"The image {PATH} is changed: bring it again."]
    path.unlink()
    assert await served.service.verify() == [f"The image {PATH} is missing: bring it again."]


def test_only_files_that_are_published_have_a_name(served) -> None:
    repository = Repository({("root", 1): b"r", ("timestamp", 5): b"t", ("targets", 2): b"x"})
    assert repository.served("timestamp.json") == b"t"
    assert repository.served("1.root.json") == b"r"
    for name in (
        "root.json",
        "5.timestamp.json",
        "01.root.json",
        "1.root",
        "9.targets.json",
        "../1.root.json",
        "¹.root.json",
        "1" * 30 + ".root.json",
        "",
        ".json",
    ):
        assert repository.served(name) is None


# Roll-out


async def released(served, **given):
    await served.begin()
    for path in (PATH, NEXT):
        await served.add(path, path.encode())
    await served.service.set_rollout(ADMIN, "ringwall", "reference", {"stable": PATH})
    return await served.service.set_rollout(ADMIN, "ringwall", "reference", {"stable": NEXT, **given})


def told(served, **phone) -> str | None:
    image, _why = served.service.offer("ringwall", "reference", Phone(**{"device": "d1", **phone}))
    return image.name.version if image else None


@pytest.mark.req("F1")
async def test_a_staged_rollout_reaches_a_share_of_the_phones_and_the_same_ones_when_it_grows(served) -> None:
    await released(served, percent=20)
    devices = [f"d{number}" for number in range(1000)]

    def first() -> set[str]:
        return {device for device in devices if told(served, device=device) == "1.1.0"}

    few = first()
    assert 120 < len(few) < 280
    assert told(served, device=min(set(devices) - few)) == "1.0.0"
    await served.service.set_rollout(ADMIN, "ringwall", "reference", {"percent": 60})
    assert few < first()
    await served.service.set_rollout(ADMIN, "ringwall", "reference", {"percent": 100})
    assert first() == set(devices)


@pytest.mark.req("F1")
async def test_groups_come_first_testers_are_on_their_own_channel_and_hold_stops_all(served) -> None:
    await released(served, percent=0, first_groups=["it"])
    assert told(served) == "1.0.0"
    assert told(served, group="it") == "1.1.0"
    await served.service.set_rollout(
        ADMIN, "ringwall", "reference", {"stable": PATH, "percent": 100, "test": NEXT, "testers": ["lab"]}
    )
    assert (told(served), told(served, group="lab")) == ("1.0.0", "1.1.0")
    await served.service.set_rollout(ADMIN, "ringwall", "reference", {"hold": True})
    assert told(served, group="lab") is None
    await served.service.set_rollout(ADMIN, "ringwall", "reference", {"minimum": "1.0.0"})
    assert told(served, version="0.9") == "1.0.0"
    assert told(served, version="odd") == "1.0.0"
    assert told(served, version="1.0.0") is None


@pytest.mark.req("F1")
async def test_an_image_that_is_revoked_is_told_to_nobody(served) -> None:
    await released(served)
    draft = served.room.draft("ringwall.reference")
    metadata.remove_image(draft, metadata.ImageName.parse(NEXT))
    await served.publish({"ringwall.reference": signed(draft, served.room.signers("ringwall.reference"))})
    assert served.service.offer("ringwall", "reference", Phone("d1")) == (None, "its image was revoked")


@pytest.mark.parametrize(
    "given",
    [
        {"stable": "ringwall/reference/9/x"},
        {"minimum": "2"},
        {"percent": 101},
        {"test": "ringwall/other/1/x"},
        {"minimum": "x"},
    ],
)
async def test_a_rollout_of_what_is_not_signed_is_refused(core, served, given) -> None:
    before = await released(served)
    with pytest.raises(FirmwareError):
        await served.service.set_rollout(ADMIN, "ringwall", "reference", given)
    assert served.service.rollouts["ringwall", "reference"] == before


async def test_a_rollout_outlives_a_restart_and_is_on_record(core, served, tmp_path) -> None:
    after = await released(served, percent=5, first_groups=["it"], hold=True)
    again = await FirmwareService.open(core.store, core.ledger, tmp_path / "firmware")
    assert again.rollouts == {("ringwall", "reference"): after}
    assert "admin.firmware.rollout_changed" in await kinds(core)


@pytest.mark.req("F2")
async def test_what_a_phone_refused_is_on_record(core, served) -> None:
    served.service.refused("d1", "signature", PATH, "1.0.0")
    (record,) = await records(core, "firmware.refused")
    assert record["body"] == {"device": "d1", "reason": "signature", "image": PATH, "running": "1.0.0"}


@pytest.mark.req("R3")
async def test_a_phone_cannot_fill_the_ledger_with_refusals(core, served) -> None:
    for _ in range(100):
        served.service.refused("d1", "changed", PATH, "1.0.0")
    served.service.refused("d2", "changed", PATH, "1.0.0")
    found = [record["body"]["device"] for record in await records(core, "firmware.refused")]
    assert (found.count("d1"), found.count("d2")) == (20, 1)
