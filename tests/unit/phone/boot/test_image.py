"""An image is read only if it is plain, small and says for whom it is; else there is one error."""

import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.infra.firmware import FirmwareError
from ringwall.phone import build
from ringwall.phone.boot import image
from ringwall.phone.boot.image import MANIFEST, Manifest, read_manifest


def packed(
    entries: list[tuple[str, bytes]], how: int = zipfile.ZIP_STORED, attributes: int = 0
) -> io.BytesIO:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as archive:
        for name, content in entries:
            about = zipfile.ZipInfo(name)
            about.external_attr = attributes
            archive.writestr(about, content, compress_type=how)
    return made


GOOD = Manifest("ringwall", "reference", "1.2.3", "ringwall.phone.app")
FIRST = (MANIFEST, GOOD.to_bytes())
MAIN = ("__main__.py", b"")


@pytest.mark.req("F1")
def test_the_same_code_gives_the_same_bytes_and_says_for_whom_it_is(tmp_path) -> None:
    hashes = {build.build(tmp_path / name, "1.2.3") for name in ("one", "two")}
    assert len(hashes) == 1
    with (tmp_path / "one").open("rb") as file:
        assert read_manifest(file) == GOOD
    assert build.build(tmp_path / "three", "1.2.4") not in hashes


def test_the_loader_and_whoever_builds_images_are_no_part_of_an_image() -> None:
    with zipfile.ZipFile(io.BytesIO(build.image_of("1"))) as archive:
        names = archive.namelist()
    assert names[0] == MANIFEST
    assert "ringwall/sip/message.py" in names
    assert not [
        name for name in names if "phone/boot" in name or "core/" in name or name.endswith("build.py")
    ]


@pytest.mark.parametrize(
    "made",
    [
        packed([MAIN, FIRST]),
        packed([FIRST]),
        packed([FIRST, MAIN], zipfile.ZIP_DEFLATED),
        packed([FIRST, MAIN], attributes=0o120777 << 16),
        packed([FIRST, MAIN, ("../x.py", b"")]),
        packed([FIRST, MAIN, ("/x.py", b"")]),
        packed([FIRST, MAIN, ("a/../x.py", b"")]),
        packed([FIRST, MAIN, ("x.so.1", b"")]),
        packed([FIRST, MAIN, ("folder/", b"")]),
        packed([FIRST, MAIN, ("UPPER.py", b"")]),
        packed([(MANIFEST, b" " * 5000), MAIN]),
        packed([FIRST, MAIN, *((f"m{number}.py", b"") for number in range(image.MOST_ENTRIES))]),
        io.BytesIO(b""),
        io.BytesIO(b"PK\x05\x06" + b"\0" * 18),
    ],
)
def test_an_archive_that_is_not_plain_is_refused(made) -> None:
    with pytest.raises(FirmwareError):
        read_manifest(made)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_is_there_twice_is_refused() -> None:
    with pytest.raises(FirmwareError, match="twice"):
        read_manifest(packed([FIRST, MAIN, ("x.py", b"1"), ("x.py", b"2")]))


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"vendor": "Ringwall"},
        {"model": "../x"},
        {"version": "1.x"},
        {"version": 1},
        {"entry": "os; x"},
        {"entry": ""},
        {"more": 1},
    ],
)
def test_a_manifest_of_another_form_is_refused(change) -> None:
    told = {**json.loads(GOOD.to_bytes()), **change}
    with pytest.raises(FirmwareError):
        read_manifest(packed([(MANIFEST, json.dumps(told).encode()), MAIN]))


@given(st.binary(max_size=2000), st.integers(0, 2000), st.integers(0, 400))
def test_any_change_of_an_image_gives_a_manifest_or_one_error(noise, place, length) -> None:
    whole = packed([FIRST, MAIN, ("x.py", b"print()")]).getvalue()
    for data in (noise, whole[:place] + noise + whole[place + length :]):
        try:
            found = read_manifest(io.BytesIO(data))
        except FirmwareError:
            continue
        assert Manifest(found.vendor, found.model, found.version, found.entry) == found
