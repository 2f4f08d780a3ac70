"""What a phone, or whoever claims to be one, sends before anything is proven: nothing of it raises anything.

The first byte of the input chooses what it is: a name of a file with a User-Agent, a MAC address, an Authorization
header, a certificate as the edge tells it, a datagram of plug and play.
`python tests/fuzz/fuzz_provisioning.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import base64
import sys
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import atheris
import harness

sys.path.insert(0, str(harness.ROOT / "tests"))

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.core.phones.certificates import Vouchers
    from ringwall.core.phones.mac import parse_mac, shown
    from ringwall.core.phones.provisioning.proof import basic_credentials
    from ringwall.core.phones.vendors import VENDORS, asked_by
    from ringwall.edge.pnp.answers import answers
    from ringwall.infra import device_pki
    from ringwall.infra.errors import PkiError
    from ringwall.infra.layout import Layout

from support.vendors import Vendor, header, new_key, request_for

MAC = "001565120010"
FOLDER = tempfile.TemporaryDirectory(prefix="ringwall-fuzz-pki-")
LAYOUT = Layout(Path(FOLDER.name))
for folder in (LAYOUT.core, LAYOUT.authorities):
    folder.mkdir()
ACME = Vendor()
(LAYOUT.authorities / "yealink.pem").write_bytes(ACME.pem)
device_pki.ensure_authority(LAYOUT, "Fuzz", datetime.now(UTC), chown=False)
VOUCHERS = Vouchers(LAYOUT, clock=lambda: datetime.now(UTC))


def asked(data: bytes) -> None:
    name, _, agent = harness.text_of(data).partition("\n")
    found = asked_by(name, agent)
    assert found.mac == "" or parse_mac(found.mac) == found.mac
    assert found.vendor == "" or found.vendor in VENDORS


def mac(data: bytes) -> None:
    found = parse_mac(harness.text_of(data))
    assert found is None or parse_mac(shown(found)) == found


def authorization(data: bytes) -> None:
    found = basic_credentials(harness.text_of(data))
    assert found is None or found[0]


def certificate(data: bytes) -> None:
    found = VOUCHERS.look(base64.b64encode(data))
    assert found is None or found.mac in {MAC, ""}
    VOUCHERS.look(data)


def request(data: bytes) -> None:
    with suppress(PkiError):
        VOUCHERS.sign(harness.text_of(data), MAC)


def datagram(data: bytes) -> None:
    made = answers(data, ("10.0.0.7", 5060), ("192.0.2.10", 5060), lambda _vendor: "https://192.0.2.10/")
    assert len(made) in {0, 2}


TARGETS = (asked, mac, authorization, certificate, request, datagram)
SEEDS = (
    *(f"{MAC}.cfg\nYealink SIP-T46U", f"cfg{MAC}.xml\nGrandstream GXP2170", f"snom-{MAC}.xml\n"),
    *("00:15:65:12:00:10", "0015.6512.0010"),
    *("Basic MjAxOjQwNzI1OQ==", "Basic ZW5yb2w6QUJDREUyMzQ1Ng=="),
)


def target(data: bytes) -> None:
    if data:
        TARGETS[data[0] % len(TARGETS)](data[1:])


if __name__ == "__main__":
    der = base64.b64decode(header(ACME.phone(MAC)[0]))
    seeds = [bytes([number]) + seed.encode() for number in range(3) for seed in SEEDS]
    seeds += [b"\x03" + der, b"\x04" + request_for(new_key()).encode()]
    seeds += [b"\x05" + seed for seed in harness.torture()]
    harness.run(target, seeds)
