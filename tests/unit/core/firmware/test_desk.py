"""The signing room's folder: proposals, signatures of several people, and nothing signed that was not seen."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from ringwall.core.firmware import keys, metadata, online
from ringwall.core.firmware.acceptance import accept, check_as_client
from ringwall.core.firmware.desk import Desk
from ringwall.core.firmware.online import OnlineKeys
from ringwall.core.firmware.repository import Repository
from ringwall.infra.firmware import FirmwareError, ImageName

PHRASE = "correct horse battery"
NOW = datetime.now(UTC)
NAME = ImageName.parse("yealink/t54w/96.86.0.100/T54W.rom")
PEOPLE = ("anna", "ben", "carla", "dora")


class Server:
    """What a core does with proposals, without the core."""

    def __init__(self, folder) -> None:
        self.online = OnlineKeys(folder)
        self.repository = Repository()

    def fetch(self, desk: Desk) -> None:
        files = {
            f"{version}.{role}.json": body.decode()
            for (role, version), body in self.repository.files.items()
            if role not in {"snapshot", "timestamp"}
            and (role == "root" or version == self.repository.versions[role])
        }
        offered = self.online.offered()
        told = {r: {"keyid": s.public_key.keyid, **s.public_key.to_dict()} for r, s in offered.items()}
        desk.take(files, told)

    def publish(self, desk: Desk) -> None:
        signers = self.online.offered()
        ids = {role: one.public_key.keyid for role, one in signers.items()}
        proposed = {role: one.to_bytes() for role, one in desk.proposals().items()}
        after = accept(self.repository, proposed, ids, NOW)
        after, _ = online.freshened(after, signers, NOW, snapshot=True)
        check_as_client(self.repository, after)
        self.repository = after
        desk.drop_proposals()
        self.fetch(desk)


@pytest.fixture
def server(tmp_path) -> Server:
    return Server(tmp_path / "online")


@pytest.fixture
def desk(tmp_path, server) -> Desk:
    made = Desk(tmp_path / "stick")
    for name in PEOPLE:
        keys.make_file_key(made.keys, name, f"{PHRASE} {name}")
    server.fetch(made)
    made.begin(["anna", "ben", "carla"], ["dora"], threshold=2, targets_threshold=1, now=NOW)
    return made


def phrase(what: str) -> str:
    return f"{PHRASE} {what.rpartition(' ')[2]}"


@pytest.fixture
def begun(desk, server) -> Desk:
    desk.sign([], phrase)
    server.publish(desk)
    return desk


@pytest.mark.req("F3")
def test_two_of_three_people_on_machines_of_their_own_make_a_root(desk, server, tmp_path) -> None:
    copies = {}
    for name in ("anna", "ben"):
        copies[name] = Desk(tmp_path / name)
        shutil.copytree(desk.folder, tmp_path / name)
        for other in PEOPLE:
            if other != name:
                (copies[name].keys / f"{other}.pem").unlink()
        assert copies[name].sign([name], phrase) == [("root", name)]
    assert [(one.role, one.have, one.threshold) for one in copies["ben"].needed()] == [
        ("root", 1, 2),
        ("targets", 0, 1),
    ]
    with pytest.raises(FirmwareError, match="root is signed by 1 of the 2"):
        server.publish(copies["ben"])
    desk.merge(copies["anna"].folder)
    assert desk.merge(copies["ben"].folder) == [("root", 1), ("targets", 0)]
    desk.sign(["dora"], phrase)
    assert [one.signed_by for one in desk.needed()] == [("anna", "ben"), ("dora",)]
    server.publish(desk)
    assert server.repository.versions["root"] == 1
    assert desk.proposals() == {}


@pytest.mark.req("F3")
def test_a_copy_that_proposes_something_else_gives_no_signature(desk, tmp_path) -> None:
    shutil.copytree(desk.folder, tmp_path / "other")
    other = Desk(tmp_path / "other")
    shutil.rmtree(other.folder / "proposed")
    other.begin(["anna", "ben"], ["dora"], threshold=2, targets_threshold=1, now=NOW)
    other.sign([], phrase)
    with pytest.raises(FirmwareError, match="proposes another root"):
        desk.merge(other.folder)
    assert desk.needed()[0].have == 0


@pytest.mark.req("F1")
def test_a_vendor_and_a_model_get_keys_of_their_own_and_sign_images(begun, server, tmp_path) -> None:
    keys.make_file_key(begun.keys, "yara", f"{PHRASE} yara")
    begun.set_holders("yealink", ["dora"], 1, NOW)
    begun.set_holders("yealink/t54w", ["yara"], 1, NOW)
    file = tmp_path / "T54W.rom"
    file.write_bytes(b"firmware of a vendor")
    role, sha256 = begun.add_image(file, NAME, "", NOW)
    assert role == "yealink.t54w"
    assert {one.role: one.may_sign for one in begun.needed()} == {
        "targets": ("dora",),
        "yealink": ("dora",),
        "yealink.t54w": ("yara",),
    }
    begun.sign([], phrase)
    assert begun.image_files()[sha256].read_bytes() == file.read_bytes()
    server.publish(begun)
    (image,) = server.repository.images.values()
    assert image.image_path == f"{sha256}/T54W.rom"


@pytest.mark.req("F3")
def test_a_change_takes_the_signatures_off_what_it_changes(begun, tmp_path) -> None:
    begun.set_holders("yealink", ["dora"], 1, NOW)
    begun.sign([], phrase)
    assert all(one.have == 1 for one in begun.needed())
    file = tmp_path / "x.rom"
    file.write_bytes(b"x")
    begun.add_image(file, NAME, "", NOW)
    assert {one.role: one.have for one in begun.needed()} == {"targets": 1, "yealink": 0}


@pytest.mark.req("F3")
def test_a_lost_root_key_is_replaced_by_the_other_two(begun, server) -> None:
    keys.make_file_key(begun.keys, "emil", f"{PHRASE} emil")
    (begun.keys / "anna.pem").unlink()
    begun.set_holders("root", ["ben", "carla", "emil"], 2, NOW)
    begun.sign(["ben", "carla"], phrase)
    server.publish(begun)
    held, threshold = metadata.holders_of(server.repository.newest["root"], "root")
    names = {one.public.keyid: name for name, one in keys.held_keys(begun.keys).items()}
    assert ({names[keyid] for keyid in held}, threshold) == ({"ben", "carla", "emil"}, 2)


@pytest.mark.req("F3")
def test_a_stolen_targets_key_is_revoked_and_what_it_signs_afterwards_is_refused(begun, server) -> None:
    keys.make_file_key(begun.keys, "emil", f"{PHRASE} emil")
    begun.set_holders("targets", ["emil"], 1, NOW)
    assert sorted(begun.proposals()) == ["root", "targets"]  # targets is signed anew by the new key
    begun.sign(["anna", "ben", "emil"], phrase)
    server.publish(begun)
    begun.set_holders("yealink", ["emil"], 1, NOW)
    assert begun.sign(["dora"], phrase) == []
    with pytest.raises(FirmwareError, match="targets is signed by 0 of the 1"):
        server.publish(begun)


def test_what_expires_soon_is_proposed_again(begun, server) -> None:
    assert begun.renew(timedelta(days=60), NOW) == []
    assert begun.renew(timedelta(days=60), NOW + timedelta(days=320)) == ["root", "targets"]
    begun.sign([], phrase)
    server.publish(begun)
    assert server.repository.versions["root"] == 2


def test_a_vendor_is_dropped_and_its_images_with_it(begun, server, tmp_path) -> None:
    file = tmp_path / "x.rom"
    file.write_bytes(b"x")
    begun.set_holders("yealink", ["dora"], 1, NOW)
    begun.add_image(file, NAME, "", NOW)
    begun.sign([], phrase)
    server.publish(begun)
    assert server.repository.images
    begun.remove_role("yealink", NOW)
    begun.sign([], phrase)
    server.publish(begun)
    assert not server.repository.images


def test_an_image_is_revoked(begun, server, tmp_path) -> None:
    file = tmp_path / "x.rom"
    file.write_bytes(b"x")
    with pytest.raises(FirmwareError, match="Nobody signs for yealink/t54w yet"):
        begun.add_image(file, NAME, "", NOW)
    begun.set_holders("yealink", ["dora"], 1, NOW)
    begun.add_image(file, NAME, "for the lobby", NOW)
    file.write_bytes(b"y")
    with pytest.raises(FirmwareError, match="another image already"):
        begun.add_image(file, NAME, "", NOW)
    begun.sign([], phrase)
    server.publish(begun)
    assert server.repository.images[str(NAME)].description == "for the lobby"
    assert begun.remove_image(NAME, NOW) == "yealink"
    begun.sign([], phrase)
    server.publish(begun)
    assert not server.repository.images


@pytest.mark.parametrize(
    ("root", "threshold"), [(["anna"], 1), (["anna", "ben"], 1), (["anna", "ben"], 3), (["anna", "anna"], 2)]
)
def test_a_root_that_one_person_could_make_is_not_even_proposed(tmp_path, server, root, threshold) -> None:
    made = Desk(tmp_path / "stick")
    for name in PEOPLE:
        keys.make_file_key(made.keys, name, f"{PHRASE} {name}")
    server.fetch(made)
    with pytest.raises(FirmwareError):
        made.begin(root, ["dora"], threshold=threshold, targets_threshold=1, now=NOW)


def test_without_the_core_s_keys_or_people_s_nothing_begins(tmp_path, server) -> None:
    made = Desk(tmp_path / "stick")
    how = {"threshold": 2, "targets_threshold": 1, "now": NOW}
    with pytest.raises(FirmwareError, match="firmware fetch"):
        made.begin(["anna", "ben"], ["dora"], **how)
    server.fetch(made)
    with pytest.raises(FirmwareError, match="no key anna"):
        made.begin(["anna", "ben"], ["dora"], **how)


@pytest.mark.parametrize("name", ["x", "1.root", "0x1.root.json", "1..json", "1.Root!.json", "-1.root.json"])
def test_files_with_odd_names_are_not_taken(tmp_path, name) -> None:
    with pytest.raises(FirmwareError):
        Desk(tmp_path / "stick").take({name: "{}"}, {})
