"""Renewed certificates into a running HAProxy, without ending a connection.

The files are the truth: HAProxy is told through its admin socket to use what they hold, and a HAProxy that is
not there now reads them when it starts. The core looks at its own files before each dial.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509

from ringwall.edge.haproxy_admin import HaproxyAdmin, HaproxyAwayError, HaproxyError
from ringwall.infra import device_pki, pki
from ringwall.infra.errors import PkiError, RingwallError
from ringwall.infra.files import read_limited, write_atomically
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

log = logging.getLogger(__name__)

LARGEST_TOLD = 15_000
"""Bytes that a running HAProxy takes in one command: its buffer, less the words around them."""


def renew(layout: Layout, settings: Settings, *, chown: bool = True) -> list[str]:
    """Issue every leaf anew, deploy them, and return their names.

    Raises PkiError when an authority cannot sign, HaproxyError when the running HAProxy does not take the new
    ones; the files are new then all the same, and are used from its next start or the next `deploy`.
    """
    with _one_at_a_time(layout):
        names = pki.renew(layout, settings, chown=chown)
    deploy(layout)
    return names


def renew_if_due(layout: Layout, settings: Settings, *, chown: bool = True) -> list[str]:
    """Renew when a leaf is below a third of its life, and see to it that HAProxy uses what the files hold.

    Returns the names of what was issued or deployed. Raises as `renew`.
    """
    done: list[str] = []
    with _one_at_a_time(layout):
        if pki.needs_renewal(layout, settings):
            done = pki.renew(layout, settings, chown=chown)
    return done + [name for name in deploy(layout) if name not in done]


def deploy(layout: Layout) -> list[str]:
    """Make the running HAProxy use the certificates in the files; return the names of the exchanged.

    A HAProxy that does not run is none that could use an old one: nothing is done then. Raises HaproxyError
    when it runs and refuses, PkiError when a file cannot be read.
    """
    admin = HaproxyAdmin(layout.haproxy_socket)
    try:
        admin.info()
    except HaproxyAwayError:
        return []
    exchanged = []
    # The authority first: a core with a certificate of a renewed one must not be turned away in between.
    authority = layout.haproxy_inside_ca
    if not admin.trusts(str(authority), _certificate(_read(authority)).serial_number):
        admin.deploy_authority(str(authority), _read(authority))
        exchanged.append("inside authority")
    for name, path in ((pki.WORLD, layout.world_pem), (pki.INNER, layout.inner_pem)):
        pem = _read(path)
        if admin.certificate_serial(str(path)) != _certificate(pem).serial_number:
            admin.deploy_certificate(str(path), pem)
            exchanged.append(name)
    return exchanged + _deploy_phones(admin, layout)


def _deploy_phones(admin: HaproxyAdmin, layout: Layout) -> list[str]:
    """Let HAProxy know phones by our authority and the vendors' as they are now."""
    bundle = device_pki.bundle(layout)
    path = layout.phones_ca
    if not path.exists() or read_limited(path, device_pki.LARGEST_BUNDLE) != bundle:
        write_atomically(path, bundle, mode=0o640, gid=path.parent.stat().st_gid)
    serials = {one.serial_number for one in x509.load_pem_x509_certificates(bundle)}
    if admin.serials(str(path)) == serials:
        return []
    if len(bundle) > LARGEST_TOLD:
        raise HaproxyError(
            "The authorities of phones are too many for the running HAProxy: ./ringwall down, then up."
        )
    admin.deploy_authority(str(path), bundle.decode())
    return ["phones authorities"]


def _read(path: Path) -> str:
    try:
        return read_limited(path).decode("ascii")
    except (OSError, UnicodeDecodeError, RingwallError):
        raise PkiError(f"{path} cannot be read: run `./ringwall doctor`.") from None


def _certificate(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise PkiError("A certificate file holds no certificate: run `./ringwall doctor`.") from None


@contextmanager
def _one_at_a_time(layout: Layout) -> Iterator[None]:
    """Keep the renewal loop and a person who renews by hand from issuing into the same files."""
    descriptor = os.open(
        layout.pki / "renewal.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
