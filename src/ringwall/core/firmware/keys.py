"""Keys of people: in files that a passphrase opens, or in a hardware security module (F1).

Rules that this module keeps:
- A private key never lies in the data directory, never in clear text on a disk, and never in an argument. The
  folder that an administrator names holds `NAME.json` (public) and, for a key in a file, `NAME.pem` (PKCS#8,
  encrypted, 0600).
- A key in a module is made there and never leaves it: the folder holds its public half and where it is.
- Passphrases and PINs come from whoever asks people, at the moment of signing, and are kept nowhere.
"""

import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import CryptoSigner, HSMSigner, Key, Signature, Signer, SSlibKey

from ringwall.infra.errors import LayoutError
from ringwall.infra.files import read_limited, write_atomically
from ringwall.infra.firmware import FirmwareError

SHORTEST_PASSPHRASE = 12
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")
_LARGEST = 64 * 1024
_PROBE = b"Ringwall asks: is this the key?"

AskSecret = Callable[[str], str]
"""Gets a sentence that says which secret is wanted, and returns the secret."""


@dataclass(frozen=True, slots=True)
class HeldKey:
    """The public half of a key, and where the other half is: `uri` is `file:` or `hsm:ID?label=TOKEN`."""

    name: str
    public: SSlibKey
    uri: str
    module: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for the file and for JSON."""
        return {
            "name": self.name,
            "keyid": self.public.keyid,
            "public": self.public.to_dict(),
            "uri": self.uri,
            "module": self.module,
        }


def check_name(name: str) -> str:
    """Return the name of a key; raise FirmwareError."""
    if not _NAME.match(name):
        raise FirmwareError("A key's name is 1 to 32 small letters, digits or hyphens, such as anna.")
    return name


def make_file_key(folder: Path, name: str, passphrase: str) -> HeldKey:
    """Make an Ed25519 key in an encrypted file; raise FirmwareError where the name is taken."""
    _check_free(folder, name)
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise FirmwareError(f"A passphrase has at least {SHORTEST_PASSPHRASE} characters.")
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    held = HeldKey(name, SSlibKey.from_crypto(private.public_key()), "file:")
    write_atomically(folder / f"{name}.pem", pem, mode=0o600)
    _save(folder, held)
    return held


def make_hsm_key(folder: Path, name: str, module: str, token: str, pin: str, key_id: int) -> HeldKey:
    """Make a P-256 key in a PKCS#11 module, or take the one with this id; raise FirmwareError.

    `module` is the path of the module's library, `token` the token's label.
    """
    _check_free(folder, name)
    import pkcs11  # noqa: PLC0415 - loads a library that most commands do not need
    from pkcs11.util.ec import encode_named_curve_parameters  # noqa: PLC0415

    os.environ["PYKCS11LIB"] = module
    try:
        found = pkcs11.lib(module).get_token(token_label=token)
        with found.open(user_pin=pin, rw=True) as session:
            ident = pkcs11.util.biginteger(key_id)
            with suppress(pkcs11.NoSuchKey):
                session.get_key(pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.KeyType.EC, id=ident)
                return _held_in(folder, name, module, token, pin, key_id)
            curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
            parameters = session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
            parameters.generate_keypair(store=True, label=f"ringwall {name}", id=ident)
        return _held_in(folder, name, module, token, pin, key_id)
    except (pkcs11.PKCS11Error, ValueError, RuntimeError) as error:
        raise FirmwareError(f"The module cannot give a key: {_reason(error)}.") from None


def _held_in(folder: Path, name: str, module: str, token: str, pin: str, key_id: int) -> HeldKey:
    _, public = HSMSigner.import_(key_id, token, lambda _what: pin)
    held = HeldKey(name, public, f"hsm:{key_id}?{urlencode({'label': token})}", module)
    _save(folder, held)
    return held


def add_public_key(folder: Path, name: str, given: bytes) -> HeldKey:
    """Take the public half of somebody else's key, as its `NAME.json` or as PEM; raise FirmwareError."""
    _check_free(folder, name)
    try:
        if given.lstrip().startswith(b"-----BEGIN PUBLIC KEY"):
            public = SSlibKey.from_crypto(serialization.load_pem_public_key(given))
        else:
            public = _read_public(json.loads(given))
    except (ValueError, TypeError, KeyError):
        raise FirmwareError("This is no public key: give the NAME.json of its owner, or PEM.") from None
    held = HeldKey(name, public, "elsewhere:")
    _save(folder, held)
    return held


def held_keys(folder: Path) -> dict[str, HeldKey]:
    """Return the keys of a folder by their names; raise FirmwareError where a file is damaged."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            told = json.loads(read_limited(path, _LARGEST))
            public = _read_public(told)
            found[path.stem] = HeldKey(check_name(path.stem), public, str(told["uri"]), told.get("module"))
        except (OSError, ValueError, TypeError, KeyError, LayoutError):
            raise FirmwareError(f"{path} is no key that can be read: restore it.") from None
    return found


def signer_of(folder: Path, held: HeldKey, ask: AskSecret) -> Signer:
    """Return what signs with a key, tried out; raise FirmwareError where it cannot sign."""
    kind = held.uri.partition(":")[0]
    if kind not in {"file", "hsm"}:
        raise FirmwareError(f"The key {held.name} is not here, only its public half.")
    try:
        if kind == "file":
            secret = ask(f"Passphrase of the key {held.name}")
            pem = read_limited(folder / f"{held.name}.pem", _LARGEST)
            private = serialization.load_pem_private_key(pem, secret.encode())
            signer: Signer = CryptoSigner(private, held.public)
        else:
            pin = ask(f"PIN of the token {parse_qs(urlsplit(held.uri).query).get('label', [''])[0]}")
            os.environ["PYKCS11LIB"] = held.module or ""
            signer = Signer.from_priv_key_uri(held.uri, held.public, lambda _what: pin)
        held.public.verify_signature(signer.sign(_PROBE), _PROBE)
    except FileNotFoundError:
        raise FirmwareError(f"{folder / held.name}.pem is missing: restore it.") from None
    except UnverifiedSignatureError:
        raise FirmwareError(f"The key {held.name} is not the one that its public half says.") from None
    except Exception as error:  # noqa: BLE001 - every library has its own errors; none may show a secret
        raise FirmwareError(
            f"The key {held.name} cannot sign: wrong passphrase or PIN, or {_reason(error)}."
        ) from None
    return signer


def signed_by(key: Key, signature: Signature, payload: bytes) -> bool:
    """Whether a signature is this key's over these bytes."""
    try:
        key.verify_signature(signature, payload)
    except UnverifiedSignatureError:
        return False
    return True


def _read_public(told: Any) -> SSlibKey:
    public = SSlibKey.from_dict(str(told["keyid"]), dict(told["public"]))
    # The id is the hash of the key: another one would let one key count as two.
    if SSlibKey.from_crypto(_crypto(public), scheme=public.scheme).keyid != public.keyid:
        raise ValueError("the id is not that of the key")
    return public


def _crypto(public: SSlibKey) -> Any:
    value = public.keyval["public"]
    if public.keytype == "ed25519":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(value))
    return serialization.load_pem_public_key(value.encode())


def _check_free(folder: Path, name: str) -> None:
    check_name(name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / f"{name}.json").exists() or (folder / f"{name}.pem").exists():
        raise FirmwareError(f"There is a key {name} already: keys are never overwritten.")


def _save(folder: Path, held: HeldKey) -> None:
    content = json.dumps(held.to_dict(), indent=1).encode() + b"\n"
    write_atomically(folder / f"{held.name}.json", content, mode=0o644)


def _reason(error: BaseException) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
