"""Keys of people: in encrypted files, or in a module that they never leave."""

import json
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ringwall.core.firmware import keys
from ringwall.infra.firmware import FirmwareError

PHRASE = "correct horse battery"
MODULE = "/usr/lib/softhsm/libsofthsm2.so"


@pytest.mark.req("F1")
def test_a_key_in_a_file_is_encrypted_for_its_owner_and_signs_with_its_passphrase_only(tmp_path) -> None:
    held = keys.make_file_key(tmp_path, "anna", PHRASE)
    path = tmp_path / "anna.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in path.read_bytes()
    assert keys.held_keys(tmp_path) == {"anna": held}
    signature = keys.signer_of(tmp_path, held, lambda _what: PHRASE).sign(b"x")
    assert keys.signed_by(held.public, signature, b"x")
    assert not keys.signed_by(held.public, signature, b"y")
    for wrong in ("", "wrong wrong wrong", PHRASE + "x"):
        with pytest.raises(FirmwareError, match="cannot sign") as refused:
            keys.signer_of(tmp_path, held, lambda _what, wrong=wrong: wrong)
        assert not wrong or wrong not in str(refused.value)


def test_a_short_passphrase_a_bad_name_and_a_name_that_is_taken_are_refused(tmp_path) -> None:
    with pytest.raises(FirmwareError, match="at least 12"):
        keys.make_file_key(tmp_path, "anna", "short")
    for name in ("Anna", "../anna", "", "a" * 33):
        with pytest.raises(FirmwareError, match="A key's name"):
            keys.make_file_key(tmp_path, name, PHRASE)
    keys.make_file_key(tmp_path, "anna", PHRASE)
    with pytest.raises(FirmwareError, match="never overwritten"):
        keys.make_file_key(tmp_path, "anna", PHRASE)


def test_the_public_half_of_somebody_else_is_taken_and_cannot_sign(tmp_path) -> None:
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    held = keys.make_file_key(theirs, "ben", PHRASE)
    taken = keys.add_public_key(mine, "ben", (theirs / "ben.json").read_bytes())
    assert taken.public == held.public
    with pytest.raises(FirmwareError, match="is not here"):
        keys.signer_of(mine, taken, lambda _what: PHRASE)
    pem = Ed25519PrivateKey.generate().public_key()
    encoded = pem.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert keys.add_public_key(mine, "carla", encoded).public.scheme == "ed25519"
    for given in (b"", b"{}", b"[]", b"-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n"):
        with pytest.raises(FirmwareError, match="no public key"):
            keys.add_public_key(mine, "dora", given)


@pytest.mark.req("F3")
def test_one_key_cannot_count_as_two_under_another_id(tmp_path) -> None:
    keys.make_file_key(tmp_path, "anna", PHRASE)
    told = json.loads((tmp_path / "anna.json").read_bytes())
    told["keyid"] = "0" * 64
    with pytest.raises(FirmwareError, match="no public key"):
        keys.add_public_key(tmp_path, "ben", json.dumps(told).encode())


def test_a_public_half_that_is_not_that_of_the_private_one_is_found_out(tmp_path) -> None:
    keys.make_file_key(tmp_path, "anna", PHRASE)
    other = keys.make_file_key(tmp_path, "ben", PHRASE)
    mixed = keys.HeldKey("anna", other.public, "file:")
    with pytest.raises(FirmwareError):
        keys.signer_of(tmp_path, mixed, lambda _what: PHRASE)


@pytest.fixture
def token(tmp_path, monkeypatch) -> str:
    """A token of SoftHSM, in a folder of its own."""
    (tmp_path / "tokens").mkdir()
    config = tmp_path / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(config))
    command = ["softhsm2-util", "--init-token", "--free", "--label", "signing"]
    try:
        subprocess.run([*command, "--pin", "271828", "--so-pin", "314159"], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("softhsm2 is not installed: ./ringwall test installs it")
    return "signing"


SCRIPT = """
import sys
from pathlib import Path
from ringwall.core.firmware import keys
from ringwall.infra.firmware import FirmwareError
folder = Path(sys.argv[1])
made = keys.make_hsm_key(folder, "hsm", sys.argv[2], "signing", "271828", 7)
again = keys.make_hsm_key(folder, "again", sys.argv[2], "signing", "271828", 7)
assert made.public.keyid == again.public.keyid, "the key that is there is taken"
other = keys.make_hsm_key(folder, "other", sys.argv[2], "signing", "271828", 8)
assert other.public.keyid != made.public.keyid
held = keys.held_keys(folder)["hsm"]
asked = []
signer = keys.signer_of(folder, held, lambda what: asked.append(what) or "271828")
assert keys.signed_by(held.public, signer.sign(b"x"), b"x")
assert asked == ["PIN of the token signing"], asked
assert list(folder.glob("*.pem")) == [], "no private half in a file"
for pin, token in (("000000", "signing"),):
    try:
        keys.signer_of(folder, held, lambda what: pin)
    except FirmwareError as error:
        assert pin not in str(error)
    else:
        raise AssertionError("a wrong PIN signs")
try:
    keys.make_hsm_key(folder, "more", sys.argv[2], "nothing", "271828", 9)
except FirmwareError as error:
    print(error)
"""


PUBLISH = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ringwall.core.firmware import keys, online
from ringwall.core.firmware.acceptance import accept, check_as_client
from ringwall.core.firmware.desk import Desk
from ringwall.core.firmware.repository import Repository
from ringwall.infra.firmware import ImageName
folder, module, now = Path(sys.argv[1]), sys.argv[2], datetime.now(UTC)
desk, core = Desk(folder / "stick"), online.OnlineKeys(folder / "online")
for name in ("anna", "ben"):
    keys.make_file_key(desk.keys, name, "correct horse battery")
for name, number in (("carla", 1), ("yara", 2)):
    keys.make_hsm_key(desk.keys, name, module, "signing", "271828", number)
signers = core.offered()
desk.take({}, {r: {"keyid": s.public_key.keyid, **s.public_key.to_dict()} for r, s in signers.items()})
desk.begin(["anna", "ben", "carla"], ["carla"], threshold=2, targets_threshold=1, now=now)
desk.set_holders("yealink", ["yara"], 1, now)
image = folder / "T54W.rom"
image.write_bytes(b"firmware")
desk.add_image(image, ImageName.parse("yealink/t54w/1.2/T54W.rom"), "", now)
secret = lambda what: "271828" if what.startswith("PIN") else "correct horse battery"
done = desk.sign(["ben", "carla", "yara"], secret)
assert ("root", "carla") in done and ("yealink", "yara") in done, done
ids = {role: one.public_key.keyid for role, one in signers.items()}
after = accept(Repository(), {r: m.to_bytes() for r, m in desk.proposals().items()}, ids, now)
after, _ = online.freshened(after, signers, now, snapshot=True)
check_as_client(Repository(), after)
print(*after.images)
"""


@pytest.mark.req("F1", "F3")
def test_root_and_images_signed_in_a_pkcs11_module_are_what_a_phone_takes(tmp_path, token) -> None:
    """With a person's file beside the module's key: two of three for root, the module alone for the vendor."""
    import sys

    done = subprocess.run(
        [sys.executable, "-c", PUBLISH, str(tmp_path), MODULE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "yealink/t54w/1.2/T54W.rom"


@pytest.mark.req("F1")
def test_a_key_in_a_pkcs11_module_signs_and_never_leaves_it(tmp_path, token) -> None:
    """In a process of its own, because a PKCS#11 library reads its configuration once."""
    import sys

    folder = tmp_path / "keys"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), MODULE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "The module cannot give a key" in done.stdout
