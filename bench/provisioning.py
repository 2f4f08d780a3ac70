"""What it takes to set phones up that boot all at once: `./ringwall bench provisioning [--json]`.

After a power cut every phone of a house asks for its configuration in the same second. Each phone of this
benchmark has a factory certificate of its own and an address of its own; it fetches its configuration over
TLS, signs in by SIP over TLS with what that says, and tries again after two seconds when it is turned away.
"first" are phones that the system has never seen: each is enrolled and gets credentials. "again" are the same
phones after a power cut. Lost is who is not up after three minutes.
"""

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from bench import _figures, _system
from bench._driver import Driver, driving
from bench._system import System
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ringwall.edge import certificates

_PEM = serialization.Encoding.PEM


class _Vendor:
    """An authority that signs for phones."""

    def __init__(self) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Benchmark Phones")])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(self.name, self.key, ca=True)

    def phone(self, mac: str) -> bytes:
        """Return a phone's key and certificate as one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, mac)])
        private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return private + self._sign(name, key, ca=False).public_bytes(_PEM)

    def _sign(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )


def job_of(system: System, count: int) -> dict[str, Any]:
    """Make the phones and let the system know their vendor; return the job of the load."""
    vendor = _Vendor()
    folder = system.layout.data / "bench-phones"
    folder.mkdir()
    phones = []
    for number in range(count):
        mac = f"001565{number:06x}"
        path = folder / f"{mac}.pem"
        path.write_bytes(vendor.phone(mac))
        source = f"127.1.{number // 250}.{number % 250 + 1}"
        phones.append({"mac": mac, "source": source, "certificate": str(path)})
    system.layout.authorities.mkdir(exist_ok=True)
    (system.layout.authorities / "yealink.pem").write_bytes(vendor.certificate.public_bytes(_PEM))
    certificates.deploy(system.layout)
    return {
        "host": system.settings.address,
        "port": system.settings.ports.sips,
        "fetch_port": system.settings.ports.phones,
        "domain": system.settings.organisation.domain,
        "ca_file": str(system.layout.ca_certificate),
        "phones": phones,
    }


def boot(system: System, driver: Driver, which: str, count: int) -> dict[str, Any]:
    """Let all phones boot once and return the row."""
    before: dict[str, float] = {}
    driver.go_on()
    for event in driver.events():
        if event["event"] == "window":
            before = system.cpu()
        elif event["event"] == "booted":
            return {
                "boot": which,
                "phones": count,
                "lost": count - len(event["up"]),
                "seconds": round(event["seconds"], 2),
                "configured_ms": _figures.in_ms(event["fetched"]),
                "up_ms": _figures.in_ms(event["up"]),
                "tried_again": event["retried"],
                "reasons": event["reasons"],
                "cpu_ms_per_phone": _figures.cpu_ms(before, system.cpu(), count),
            }
    raise SystemExit("The load process ended before its time.")


def main() -> int:
    parser = _figures.arguments(__doc__)
    parser.add_argument("--phones", type=int, default=1000, help="phones that boot at once (1000)")
    given = parser.parse_args()
    rows = []
    with _system.running(quiet=given.json) as system:
        job = job_of(system, given.phones)
        with driving(job, "bench._booting") as driver:
            for event in driver.events():
                if event["event"] == "ready":
                    break
            for which in ("first", "again"):
                if not given.json:
                    _system.say(f"{given.phones} phones boot: {which}")
                rows.append(boot(system, driver, which, given.phones))
        known = system.ask("phone.list")
    enrolled = sum(one["state"] == "available" for one in known)
    result = {"what": f"{given.phones} phones that boot at once", "available": enrolled, "boots": rows}
    if given.json:
        _figures.dump(result)
    else:
        table = [
            [
                row["boot"], row["lost"], row["seconds"], row["configured_ms"]["p50"],
                row["configured_ms"]["p99"], row["up_ms"]["p50"], row["up_ms"]["p99"], row["tried_again"],
                *row["cpu_ms_per_phone"].values(),
            ]
            for row in rows
        ]  # fmt: skip
        columns = (
            "boot", "lost", "all up in s", "configured p50", "p99", "up p50", "p99", "tried again",
            *_system.PROGRAMS, "total",
        )  # fmt: skip
        note = f"Times in ms, CPU in ms a phone. {enrolled} phones are known. Why again: " + "; ".join(
            f"{row['boot']}: {row['reasons'] or 'none'}" for row in rows
        )
        _figures.show(result, columns, table, note)
    return 0 if all(row["lost"] == 0 for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
