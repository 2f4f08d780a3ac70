"""A phone takes an image only if everything about it holds; else it keeps what it has and says why."""

import json
from datetime import timedelta

import pytest

from ringwall.core.firmware import metadata, online
from ringwall.infra.firmware import FirmwareError
from ringwall.phone.boot import factory
from ringwall.phone.boot.errors import RefusedError
from ringwall.phone.boot.made import Wish
from ringwall.phone.boot.memory import Memory
from support.depot import endless, says, trickle
from support.firmware import NOW, Room, keys, signed
from support.handset import path_of, probe

ROLE = "ringwall.reference"


@pytest.mark.req("F1", "F2")
def test_a_signed_newer_image_is_taken_and_started_next(phone, depot) -> None:
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    assert phone.install() == "2.0.0"
    assert phone.running() == "1.0.0"  # until the next start
    assert phone.come_up() == "2.0.0"
    assert phone.install() is None  # nothing to do


@pytest.mark.req("F2")
def test_an_image_with_one_changed_byte_is_refused(phone, depot) -> None:
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    image = depot.room.repository.images[path_of("2.0.0")].target_path
    changed = bytearray(depot.images[image])
    changed[len(changed) // 2] ^= 1
    depot.images[image] = bytes(changed)
    assert phone.refuses() == "changed"


@pytest.mark.req("F2")
def test_an_image_that_nobody_signed_is_refused(phone, depot) -> None:
    assert phone.refuses() == "unsigned"


@pytest.mark.req("F2")
def test_an_image_for_another_model_is_refused_before_anything_is_fetched(phone, depot) -> None:
    depot.room.delegate("ringwall/other")
    depot.add(path_of("2.0.0", "other"), probe("2.0.0", model="other"), by="ringwall.other")
    depot.asked.clear()
    assert phone.refuses(model="other") == "model"
    assert depot.asked == []


@pytest.mark.req("F2")
def test_an_image_that_is_signed_under_a_name_that_is_not_its_own_is_refused(phone, depot) -> None:
    depot.add(path_of("2.0.0"), probe("2.0.0", model="other"))
    assert phone.refuses() == "model"
    depot.add(path_of("3.0.0"), probe("2.5.0"))
    assert phone.refuses("3.0.0") == "manifest"
    depot.add(path_of("4.0.0"), b"no image at all")
    assert phone.refuses("4.0.0") == "manifest"


@pytest.mark.req("F2")
def test_an_image_that_a_strange_key_signed_is_refused(phone, depot) -> None:
    stranger = keys(1)
    before = depot.room.repository
    image = probe("2.0.0")
    draft = depot.room.image(path_of("2.0.0"), image, by=ROLE)
    draft.signatures.clear()
    forged = {(ROLE, draft.signed.version): signed(draft, stranger).to_bytes()}
    # Whoever holds the core's keys can make it fresh; they cannot make it signed.
    depot.room.repository, _ = online.freshened(
        before.with_files(forged), depot.room.online, depot.room.now, snapshot=True
    )
    assert phone.refuses() == "signature"


@pytest.mark.req("F3")
def test_an_older_image_is_refused_also_where_it_is_signed(phone, depot) -> None:
    depot.add(path_of("0.9.0"), probe("0.9.0"))
    assert phone.refuses("0.9.0") == "older"
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    phone.install()
    phone.come_up()
    with pytest.raises(RefusedError) as refused:
        phone.install("1.0.0")
    assert refused.value.reason == "older"


@pytest.mark.req("F3")
def test_a_server_that_holds_news_back_is_found_out_when_its_word_expires(phone, depot) -> None:
    old = Room(
        root=depot.room.root,
        targets=depot.room.targets,
        online=depot.room.online,
        roles=depot.room.roles,
        repository=depot.room.repository,
        now=NOW - timedelta(days=2),
    )
    old.repository, _ = online.freshened(old.repository, old.online, old.now, snapshot=False)
    depot.room.repository = old.repository
    assert phone.refuses() == "expired"


@pytest.mark.req("F3")
def test_files_of_different_times_cannot_be_put_together(phone, depot) -> None:
    """A snapshot of before with the timestamp of now, and metadata of before under the snapshot of now."""
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    after = depot.room.repository
    snapshot, role = after.versions["snapshot"], after.versions[ROLE]
    depot.lies = {f"{snapshot}.snapshot": says(after.files["snapshot", snapshot - 1])}
    assert phone.refuses() == "mixed"
    depot.lies = {f"{role}.{ROLE}": says(after.files[ROLE, role - 1])}
    assert phone.refuses() == "mixed"


@pytest.mark.req("F3")
def test_a_repository_that_goes_back_is_refused(phone, depot) -> None:
    before = depot.room.repository
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    depot.lies = {path_of("2.0.0").rpartition("/")[0]: says(b"")}
    assert phone.refuses() == "changed"  # by now the phone has seen what is new
    depot.lies = {}
    depot.room.repository = before
    assert phone.refuses() == "mixed"


@pytest.mark.req("F3")
@pytest.mark.parametrize("what", ["timestamp.json", ".snapshot.json", f".{ROLE}.json", "reference.rwi"])
def test_data_without_end_is_cut_off(phone, depot, what) -> None:
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    depot.lies = {what: endless}
    assert phone.refuses() == "endless"


@pytest.mark.req("F3")
@pytest.mark.parametrize("what", ["timestamp.json", "reference.rwi"])
def test_data_that_comes_byte_by_byte_is_cut_off(phone, depot, what) -> None:
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    depot.lies = {what: trickle}
    assert phone.refuses() == "slow"


@pytest.mark.req("F3")
@pytest.mark.parametrize("body", [b"{}", b"", b"[" * 10_000, b"\xff\xfe", b"null"])
def test_metadata_that_cannot_be_read_is_refused(phone, depot, body) -> None:
    depot.lies = {"timestamp.json": says(body)}
    assert phone.refuses() == "metadata"


@pytest.mark.req("F3")
def test_the_phone_follows_a_root_whose_keys_were_changed_and_no_other(phone, depot) -> None:
    room = depot.room
    fresh = keys(3)
    draft = room.draft("root")
    metadata.set_holders(draft, "root", [one.public_key for one in fresh], 2)
    # Not signed by those who were trusted so far: a thief's own root.
    stolen = Room(root=fresh, targets=room.targets, online=room.online).first_root()
    stolen.signed.version = 2
    stolen.signatures.clear()
    depot.lies = {"2.root.json": says(signed(stolen, fresh).to_bytes())}
    assert phone.refuses() == "signature"
    depot.lies = {}
    room.publish({"root": signed(draft, [*room.root[:2], *fresh])})
    room.root = fresh
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    assert phone.install() == "2.0.0"
    assert phone.come_up() == "2.0.0"  # the chain in the slot goes from the built-in root to the new one


@pytest.mark.req("F3")
def test_an_image_that_was_revoked_is_not_taken_any_more(phone, depot) -> None:
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    draft = depot.room.draft(ROLE)
    metadata.remove_image(draft, metadata.ImageName.parse(path_of("2.0.0")))
    depot.room.publish({ROLE: signed(draft, depot.room.signers(ROLE))})
    assert phone.refuses() == "unsigned"


@pytest.mark.req("F3")
def test_a_clock_that_went_back_does_not_make_old_news_fresh(phone, depot) -> None:
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    assert phone.refuses(now=phone.memory.state.latest - 86_400) == "clock"


@pytest.mark.req("T1")
def test_firmware_is_fetched_over_https_from_a_server_that_is_known_only(phone, depot, tmp_path) -> None:
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    real = depot.url
    depot.url = real.replace("https:", "http:")
    assert phone.refuses() == "unreachable"
    depot.url = real.replace("127.0.0.1", "localhost")  # a name that its certificate does not have
    assert phone.refuses() == "unreachable"


def test_a_slot_that_was_half_written_is_never_started(phone, depot, monkeypatch) -> None:
    """The power goes in the middle of a download: the phone is as it was, and can try again."""
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    from ringwall.phone.boot import update

    def cut(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(update, "sync_directory", cut)
    with pytest.raises(KeyboardInterrupt):
        phone.install()
    phone.memory = Memory(phone.memory.folder)
    assert phone.memory.state.next_start()[0] == phone.memory.state.active
    assert phone.running() == "1.0.0"
    monkeypatch.undo()
    assert phone.install() == "2.0.0"


def test_a_phone_is_made_of_a_signed_root_only_and_once(depot, tmp_path) -> None:
    root = json.loads(depot.room.repository.files["root", 1])
    root["signatures"] = root["signatures"][:1]
    how = {"vendor": "ringwall", "model": "reference", "authority": depot.ca_file.read_bytes()}
    for body in (json.dumps(root).encode(), b"{}", depot.room.repository.bytes_of("targets")):
        with pytest.raises(FirmwareError, match="no signed root"):
            factory.make(tmp_path / "new", root=body, **how)
    good = depot.room.repository.files["root", 1]
    memory = factory.make(tmp_path / "new", root=good, **how)
    with pytest.raises(RefusedError):
        factory.load_first_image(memory, Wish(depot.url, path_of("7.0.0")))
    with pytest.raises(FirmwareError, match="a phone already"):
        factory.make(tmp_path / "new", root=good, **how)
