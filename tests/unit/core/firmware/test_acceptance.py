"""What people have signed is published only if everything about it holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.firmware import metadata
from ringwall.core.firmware.acceptance import accept, check_as_client
from ringwall.core.firmware.repository import Repository
from ringwall.infra.firmware import (
    FirmwareError,
    ImageName,
    SigningRole,
    check_model,
    model_word,
    version_of,
)
from support.firmware import Room, keys, signed

PATH = "ringwall/reference/1.0.0/reference.rwi"


@pytest.fixture
def room() -> Room:
    return Room().begin().delegate("ringwall").delegate("ringwall/reference")


@pytest.mark.req("F1")
def test_an_image_that_the_model_s_key_signed_is_published_and_found_by_its_hash(room) -> None:
    room.publish({"ringwall.reference": room.image(PATH, b"image", by="ringwall.reference")})
    (image,) = room.repository.images.values()
    assert (str(image.name), image.length, image.role) == (PATH, 5, "ringwall.reference")
    assert room.repository.by_hash[image.sha256] == [image]
    check_as_client(Repository(), room.repository)


@pytest.mark.req("F3")
def test_one_person_alone_cannot_make_a_root(room) -> None:
    with pytest.raises(FirmwareError, match="at least 2 signatures"):
        Room().first_root(threshold=1)
    lonely = Room()
    root = lonely.first_root()
    del root.signatures[lonely.root[0].public_key.keyid]
    with pytest.raises(FirmwareError, match="root is signed by 1 of the 2 keys"):
        lonely.publish({"root": root, "targets": signed(metadata.new_targets(lonely.now), lonely.targets)})


@pytest.mark.req("F3")
def test_a_new_root_needs_the_old_keys_and_the_new_ones(room) -> None:
    new = keys(2)
    draft = room.draft("root")
    metadata.set_holders(draft, "root", [one.public_key for one in new], 2)
    with pytest.raises(FirmwareError, match="by the keys that were trusted so far"):
        room.publish({"root": signed(draft, new)})
    draft.signatures.clear()
    with pytest.raises(FirmwareError, match="by its own keys"):
        room.publish({"root": signed(draft, room.root[:2])})
    room.publish({"root": signed(draft, new)})
    assert room.repository.versions["root"] == 2


@pytest.mark.req("F3")
def test_a_withdrawn_key_leaves_nothing_behind_that_still_counts(room) -> None:
    room.publish({"ringwall.reference": room.image(PATH, b"image", by="ringwall.reference")})
    parent = room.draft("ringwall")
    fresh = keys(1)
    metadata.set_holders(parent, "ringwall.reference", [fresh[0].public_key], 1)
    signed(parent, room.roles["ringwall"])
    with pytest.raises(FirmwareError, match=r"ringwall\.reference is signed by 0 of the 1 keys"):
        room.publish({"ringwall": parent})
    room.roles["ringwall.reference"] = fresh
    again = signed(room.draft("ringwall.reference"), fresh)
    room.publish({"ringwall": parent, "ringwall.reference": again})
    assert list(room.repository.images) == [PATH]


@pytest.mark.req("F2")
def test_a_vendor_s_key_signs_nothing_for_another_vendor_s_phones(room) -> None:
    room.delegate("yealink")
    with pytest.raises(FirmwareError, match="yealink may not sign ringwall"):
        room.publish({"yealink": room.image(PATH, b"image", by="yealink")})
    other = room.image("ringwall/other/1/x", b"image", by="ringwall.reference")
    with pytest.raises(FirmwareError, match=r"ringwall\.reference may not sign ringwall/other"):
        room.publish({"ringwall.reference": other})


def test_a_role_cannot_give_itself_more_names_than_are_its_own(room) -> None:
    draft = room.draft("targets")
    metadata.set_holders(draft, "yealink", [keys(1)[0].public_key], 1)
    draft.signed.delegations.roles["yealink"].paths = ["*/*/*/*"]
    with pytest.raises(FirmwareError, match="may not delegate to yealink"):
        room.publish({"targets": signed(draft, room.targets)})


def test_the_core_s_own_keys_sign_nothing_but_freshness(room) -> None:
    with pytest.raises(FirmwareError, match="that the core holds may not sign yealink"):
        room.delegate("yealink", [room.online["timestamp"]])
    draft = room.draft("root")
    metadata.set_holders(draft, "timestamp", [keys(1)[0].public_key], 1)
    with pytest.raises(FirmwareError, match="must name this core's key for timestamp"):
        room.publish({"root": signed(draft, room.root)})


def test_a_name_means_one_content_for_ever(room) -> None:
    room.publish({"ringwall.reference": room.image(PATH, b"image", by="ringwall.reference")})
    with pytest.raises(FirmwareError, match="another image already"):
        room.image(PATH, b"other", by="ringwall.reference")
    draft = room.draft("ringwall.reference")
    draft.signed.targets[PATH].hashes["sha256"] = "0" * 64
    with pytest.raises(FirmwareError, match="another image already"):
        room.publish({"ringwall.reference": signed(draft, room.roles["ringwall.reference"])})


@pytest.mark.parametrize("skip", [0, 2])
def test_a_file_is_the_very_next_version(room, skip) -> None:
    draft = room.draft("targets")
    draft.signed.version += skip - 1
    with pytest.raises(FirmwareError, match="fetch what is published"):
        room.publish({"targets": signed(draft, room.targets)})


def test_what_has_expired_is_not_published(room) -> None:
    old = signed(room.draft("targets"), room.targets)
    with pytest.raises(FirmwareError, match="has expired"):
        room.later(days=400).publish({"targets": old})


@pytest.mark.req("F2")
@pytest.mark.parametrize("change", ["version", "model", "vendor"])
def test_what_is_signed_about_an_image_is_what_its_name_says(room, change) -> None:
    draft = room.image(PATH, b"image", by="ringwall.reference")
    draft.signed.targets[PATH].custom[change] = "other"
    draft.signatures.clear()
    with pytest.raises(FirmwareError, match="not what its name says"):
        room.publish({"ringwall.reference": signed(draft, room.roles["ringwall.reference"])})


def test_what_nobody_delegated_to_and_what_is_no_metadata_is_refused(room) -> None:
    stranger = signed(metadata.new_targets(room.now), keys(1)).to_bytes()
    for role, body, told in (
        ("snom", stranger, "Nobody has given snom the right"),
        ("../x", stranger, "A vendor is"),
        ("targets", b"{}", "cannot be read"),
        ("targets", b"[" * 5000, "cannot be read"),
        ("targets", b" " * 2_000_000, "more than"),
        ("root", stranger, "of another kind"),
        ("snapshot", stranger, "A vendor is"),
    ):
        with pytest.raises(FirmwareError, match=told):
            accept(room.repository, {role: body}, room.online_ids, room.now)


def test_a_snapshot_never_forgets_a_role_so_that_phones_with_an_older_one_can_follow(room) -> None:
    before = room.repository
    draft = room.draft("targets")
    metadata.remove_role(draft, "ringwall")
    room.publish({"targets": signed(draft, room.targets)})
    assert list(room.repository.images) == []
    assert "ringwall.json" in room.repository.newest["snapshot"].signed.meta
    check_as_client(before, room.repository)


@pytest.mark.req("F3")
def test_a_repository_that_went_back_is_refused_as_a_phone_would(room) -> None:
    before = room.repository
    room.publish({"ringwall.reference": room.image(PATH, b"image", by="ringwall.reference")})
    with pytest.raises(FirmwareError, match="A phone would refuse this"):
        check_as_client(room.repository, before)


@given(st.text(max_size=40))
def test_any_text_is_a_name_and_comes_back_the_same_or_is_refused(text) -> None:
    for parse in (ImageName.parse, SigningRole.parse):
        try:
            found = parse(text)
        except FirmwareError:
            continue
        assert str(found) == text if parse is ImageName.parse else found.name == text.replace("/", ".")
        assert ".." not in text.split("/")


@given(st.text(max_size=80))
def test_whatever_a_phone_calls_its_model_it_is_a_model_of_firmware_or_none(text) -> None:
    assert model_word("SIP-T46U") == "sip-t46u"
    assert model_word("VVX_411") == "vvx-411"
    word = model_word(text)
    assert word == "" or check_model(word.strip("-")) == word.strip("-")


@given(st.lists(st.integers(0, 999_999_999), min_size=1, max_size=5))
def test_versions_are_compared_as_numbers_and_zeros_at_the_end_count_for_nothing(numbers) -> None:
    text = ".".join(map(str, numbers))
    assert version_of(text) == version_of(text + ".0")
    assert version_of(text + ".1") > version_of(text)
    with pytest.raises(FirmwareError):
        version_of(text + ".")
