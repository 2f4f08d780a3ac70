"""Any bytes are the image of a reference phone with its manifest, or one FirmwareError.

`python tests/fuzz/fuzz_image.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import io
import zipfile

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.infra.firmware import FirmwareError
    from ringwall.phone.boot.image import MAIN, MANIFEST, Manifest, read_manifest

MANIFESTS = (
    Manifest("ringwall", "reference", "1.2.3", "ringwall.phone.app").to_bytes(),
    b'{"format":2}',
    b"[]",
    b"{",
)


def target(data: bytes) -> None:
    try:
        found = read_manifest(io.BytesIO(data))
    except FirmwareError:
        return
    assert Manifest(found.vendor, found.model, found.version, found.entry) == found
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert not [name for name in archive.namelist() if name.startswith("/") or ".." in name]


def seed(manifest: bytes, how: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as archive:
        for name, content in ((MANIFEST, manifest), (MAIN, b"pass\n"), ("a/b.py", b"")):
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=how)
    return made.getvalue()


if __name__ == "__main__":
    packings = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    harness.run(target, [seed(manifest, how) for manifest in MANIFESTS for how in packings])
