"""An image takes its name only when it is what its name says; what comes is bounded."""

import hashlib
import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringwall.core.firmware import images
from ringwall.core.firmware.images import ImageStore
from ringwall.infra.firmware import LARGEST_IMAGE, FirmwareError


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def store(tmp_path) -> ImageStore:
    return ImageStore(tmp_path / "firmware", spare_bytes=0)


@pytest.mark.req("F1")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(content=st.binary(min_size=1, max_size=300), cuts=st.lists(st.integers(1, 40), max_size=30))
async def test_pieces_in_order_make_the_image_and_others_are_not_taken(
    tmp_path_factory, content, cuts
) -> None:
    store = ImageStore(tmp_path_factory.mktemp("images"), spare_bytes=0)
    sha256, have = hash_of(content), 0
    for cut in [*cuts, len(content)]:
        if have < len(content):
            assert await store.take(sha256, len(content), have + 1000, b"x") == have
            have = await store.take(sha256, len(content), have, content[have : have + cut])
    assert have == len(content)
    assert store.path(sha256).read_bytes() == content
    assert await store.damaged(sha256) is None
    assert await store.take(sha256, len(content), 0, b"again") == len(content)


@pytest.mark.req("F1")
async def test_another_content_does_not_get_the_name(store) -> None:
    with pytest.raises(FirmwareError, match="another image than its hash says"):
        await store.take(hash_of(b"image"), 5, 0, b"imagf")
    assert store.length(hash_of(b"image")) is None
    with pytest.raises(FirmwareError, match="More came"):
        await store.take(hash_of(b"image"), 5, 0, b"image and more")
    assert await store.take(hash_of(b"image"), 5, 0, b"image") == 5


@pytest.mark.parametrize("name", ["", "x", "../" * 20 + "a" * 4, "A" * 64, "a" * 63, "a" * 65])
async def test_a_name_that_is_no_hash_never_reaches_the_disk(store, name) -> None:
    with pytest.raises(FirmwareError):
        await store.take(name, 5, 0, b"image")


async def test_length_pieces_files_and_disk_are_bounded(store, tmp_path, monkeypatch) -> None:
    for length in (0, -1, LARGEST_IMAGE + 1):
        with pytest.raises(FirmwareError):
            await store.take("a" * 64, length, 0, b"")
    with pytest.raises(FirmwareError, match="A piece has"):
        await store.take("a" * 64, LARGEST_IMAGE, 0, b"x" * (images.LARGEST_PIECE + 1))
    for number in range(images.MOST_ON_THEIR_WAY):
        await store.take(f"{number:064x}", 10, 0, b"x")
    with pytest.raises(FirmwareError, match="on their way in already"):
        await store.take("f" * 64, 10, 0, b"x")
    full = ImageStore(tmp_path / "other", spare_bytes=1 << 60)
    with pytest.raises(FirmwareError, match="no room"):
        await full.take("f" * 64, 10, 0, b"x")


async def test_what_is_not_signed_is_removed_after_a_week_and_what_is_signed_never(store) -> None:
    for content in (b"signed", b"loose"):
        await store.take(hash_of(content), len(content), 0, content)
    await store.take("f" * 64, 10, 0, b"x")
    await store.tidy([hash_of(b"signed")])
    assert store.length(hash_of(b"loose")) == 5
    old = time.time() - images.KEPT_S - 1
    for folder in ("images", "incoming"):
        for path in (store.path("a" * 64).parent.parent / folder).iterdir():
            os.utime(path, (old, old))
    await store.tidy([hash_of(b"signed")])
    assert store.length(hash_of(b"signed")) == 6
    assert store.length(hash_of(b"loose")) is None
    assert await store.take("f" * 64, 10, 0, b"x") == 1
