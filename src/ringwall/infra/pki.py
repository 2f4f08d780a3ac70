"""The keys and certificates of one system, on disk (T1, T4, T7).

The rules that this module keeps:

- The root signs the world's authority and nothing else; its key may be taken offline afterwards.
- The inside authority is a root of its own: who trusts it trusts nothing else, and the root's key, which
  people hand around on a stick, opens no link inside. (HAProxy 2.6 can only check against a self-signed
  authority.)
- The world's authority issues server certificates only, and none for a name in ringwall.internal. The inside
  authority issues for ringwall.internal only. So neither can stand in for the other, whoever holds its key.
- A leaf says what it is for (server or client), lives 90 days and is due below a third of its life.
- A key is never readable to others, not for a moment, and no file is ever half written.
- The key of an authority is made once and never replaced. Without its certificate a renewal makes none.

Putting renewed certificates into a running HAProxy is the edge's work (``edge/certificates.py``).
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ringwall.infra import accounts, authority, device_pki
from ringwall.infra.errors import PkiError, RingwallError
from ringwall.infra.files import KEEP, read_limited, write_atomically
from ringwall.infra.layout import Layout
from ringwall.infra.pem_files import (
    read_authority,
    read_certificate,
    read_key,
    write_certificate,
    write_key,
)
from ringwall.infra.settings import Settings

ROOT_LIFE = timedelta(days=3652)
ISSUER_LIFE = timedelta(days=1826)
LEAF_LIFE = timedelta(days=90)
TOKEN_BYTES = 32
WORLD, INNER, LINK, MEDIA = "world", "inner", "link", "media"
LEAF_NAMES = (WORLD, INNER, LINK, MEDIA)


@dataclass(frozen=True, slots=True)
class CertificateState:
    """What doctor and the renewal loop want to know of one certificate."""

    name: str
    path: Path
    names: tuple[str, ...]
    not_after: datetime | None
    due: bool
    problem: str | None
    """Why it cannot do its work now (missing, expired, other names), as the end of a sentence, or None."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One leaf: who signs it, for what, and the file or files that hold it."""

    name: str
    issuer_certificate: Path
    issuer_key: Path
    names: tuple[str, ...]
    usage: x509.ObjectIdentifier
    path: Path
    key_path: Path | None
    """Where the key is, if not behind the certificate in the same file."""
    mode: int
    uid: int
    gid: int

    def problem(self, now: datetime) -> str | None:
        """Return why this leaf must be issued anew, or None."""
        try:
            certificate = read_certificate(self.path)
            key = read_key(self.key_path or self.path)
            issuer = read_certificate(self.issuer_certificate)
        except RingwallError:
            return "is missing or cannot be read"
        if key.public_key() != certificate.public_key():
            return "does not belong to the key beside it"
        return authority.why_unfit(certificate, issuer, self.names, now)

    def issue(self, now: datetime) -> None:
        """Issue it with a new key and put it in place."""
        issuer = read_authority(self.issuer_certificate, self.issuer_key)
        key = authority.new_key()
        leaf = authority.make_leaf(
            issuer, key.public_key(), self.names, usage=self.usage, life=LEAF_LIFE, now=now
        )
        chain, private = authority.certificate_pem(leaf, issuer.certificate), authority.key_pem(key)
        if self.key_path is None:
            self._write(self.path, chain + private)
        else:
            # A reader between the two writes finds a pair that does not match and tries again.
            self._write(self.key_path, private)
            self._write(self.path, chain)

    def _write(self, path: Path, content: bytes) -> None:
        write_atomically(path, content, mode=self.mode, uid=self.uid, gid=self.gid)


def ensure_pki(
    layout: Layout, settings: Settings, *, chown: bool = True, now: datetime | None = None
) -> list[str]:
    """Make what is missing, unfit or for other names, and return what was made; PkiError.

    ``chown=False`` leaves every file to the caller's own user: for tests.
    """
    moment = now or datetime.now(UTC)
    made = _ensure_authorities(layout, settings, moment)
    made += device_pki.ensure_authority(layout, settings.organisation.name, moment, chown=chown)
    for leaf in _leaves(layout, settings, chown=chown):
        if leaf.problem(moment) is not None:
            leaf.issue(moment)
            made.append(leaf.name)
    made += _ensure_copies(layout, chown=chown)
    if _ensure_link_token(layout, chown=chown):
        made.append("link token")
    return made


def renew(
    layout: Layout, settings: Settings, *, chown: bool = True, now: datetime | None = None
) -> list[str]:
    """Issue every leaf anew, due or not, and return their names; PkiError when an authority cannot sign.

    An authority that is due itself is signed again, with its key kept, if root.key is in place.
    """
    moment = now or datetime.now(UTC)
    for path in (layout.root_certificate, layout.world_certificate, layout.inside_certificate):
        if not path.exists():
            raise PkiError(f"{path} is missing: restore it from a backup.")
    done = _ensure_authorities(layout, settings, moment)
    for leaf in _leaves(layout, settings, chown=chown):
        leaf.issue(moment)
        done.append(leaf.name)
    _ensure_copies(layout, chown=chown)
    return done


def needs_renewal(layout: Layout, settings: Settings, *, now: datetime | None = None) -> bool:
    """Say whether a leaf is missing, unfit or below a third of its life."""
    return any(
        state.due or state.problem is not None
        for state in inspect(layout, settings, now=now)
        if state.name in LEAF_NAMES
    )


def inspect(layout: Layout, settings: Settings, *, now: datetime | None = None) -> list[CertificateState]:
    """Return the state of the three authorities and the leaves, authorities first."""
    moment = now or datetime.now(UTC)
    states = [
        _state(name, path, moment, None)
        for name, path in (
            ("root authority", layout.root_certificate),
            ("world authority", layout.world_certificate),
            ("inside authority", layout.inside_certificate),
        )
    ]
    leaves = _leaves(layout, settings, chown=False)
    return states + [_state(leaf.name, leaf.path, moment, leaf.problem(moment)) for leaf in leaves]


def _state(name: str, path: Path, now: datetime, problem: str | None) -> CertificateState:
    try:
        certificate = read_certificate(path)
    except RingwallError:
        return CertificateState(name, path, (), None, due=True, problem="is missing or cannot be read")
    if problem is None and certificate.not_valid_after_utc <= now:
        problem = "has expired"
    return CertificateState(
        name,
        path,
        authority.names_of(certificate),
        certificate.not_valid_after_utc,
        due=authority.is_due(certificate, now),
        problem=problem,
    )


def world_names(settings: Settings) -> tuple[str, ...]:
    """Return the names in the certificate that phones and browsers see: domain, further names, address."""
    organisation = settings.organisation
    return tuple(dict.fromkeys((organisation.domain, *organisation.certificate_names, settings.address)))


def _leaves(layout: Layout, settings: Settings, *, chown: bool) -> list[_Leaf]:
    haproxy = (0, accounts.group_id(accounts.HAPROXY)) if chown else (KEEP, KEEP)
    core = (accounts.user_id(accounts.CORE), accounts.group_id(accounts.CORE)) if chown else (KEEP, KEEP)
    media = (accounts.user_id(accounts.MEDIA), accounts.group_id(accounts.MEDIA)) if chown else (KEEP, KEEP)
    inside = (layout.inside_certificate, layout.inside_key)
    return [
        _Leaf(
            *(WORLD, layout.world_certificate, layout.world_key, world_names(settings), authority.SERVER),
            *(layout.world_pem, None, 0o640, *haproxy),
        ),
        _Leaf(
            *(INNER, *inside, (settings.edge_host,), authority.SERVER),
            *(layout.inner_pem, None, 0o640, *haproxy),
        ),
        _Leaf(
            *(LINK, *inside, (settings.core_host,), authority.CLIENT),
            *(layout.link_certificate, layout.link_key, 0o600, *core),
        ),
        _Leaf(
            *(MEDIA, *inside, (settings.media_host,), authority.SERVER),
            *(layout.media_certificate, layout.media_key, 0o600, *media),
        ),
    ]


def _ensure_authorities(layout: Layout, settings: Settings, now: datetime) -> list[str]:
    """Make the root once, and each issuing authority when it is missing or due; keys are kept."""
    made = []
    name = settings.organisation.name
    if not layout.root_certificate.exists():
        if layout.world_certificate.exists():
            raise PkiError(f"{layout.root_certificate} is missing: restore it from {layout.ca_certificate}.")
        # The suffix keeps two systems of one organisation apart in a browser's list of authorities.
        key = _key_once(layout.root_key)
        root = authority.make_root(f"{name} root {secrets.token_hex(3)}", name, ROOT_LIFE, now, key)
        write_certificate(layout.root_certificate, root.certificate)
        made.append("root authority")
    if _must_sign(layout.world_certificate, now) and _root_at_hand(layout):
        key, subject = _issuer_identity(layout.world_key, layout.world_certificate, f"{name} world", name)
        certificate = authority.make_issuer(
            read_authority(layout.root_certificate, layout.root_key),
            key,
            subject,
            usages=(authority.SERVER,),
            constraints=authority.world_constraints(),
            life=ISSUER_LIFE,
            now=now,
        )
        write_certificate(layout.world_certificate, certificate)
        made.append("world authority")
    if _must_sign(layout.inside_certificate, now):
        key, subject = _issuer_identity(layout.inside_key, layout.inside_certificate, f"{name} inside", name)
        certificate = authority.make_issuer(
            None,
            key,
            subject,
            usages=(authority.SERVER, authority.CLIENT),
            constraints=authority.inside_constraints(),
            life=ISSUER_LIFE,
            now=now,
        )
        write_certificate(layout.inside_certificate, certificate)
        made.append("inside authority")
    return made


def _must_sign(certificate: Path, now: datetime) -> bool:
    return not certificate.exists() or authority.is_due(read_certificate(certificate), now)


def _root_at_hand(layout: Layout) -> bool:
    """Say whether the root can sign; PkiError when it must and cannot."""
    if layout.root_key.exists():
        return True
    if layout.world_certificate.exists():
        return False  # it is only due: doctor says so, and to put the root's key back for the renewal
    raise PkiError(f"{layout.root_key} is missing: put it back for the time of this command.")


def _issuer_identity(
    key_path: Path, path: Path, label: str, organisation: str
) -> tuple[ec.EllipticCurvePrivateKey, x509.Name]:
    """Return key and subject of an authority: what it has, for its leaves to stay good, or new."""
    if path.exists():
        return read_key(key_path), read_certificate(path).subject
    subject = authority.issuer_subject(f"{label} {secrets.token_hex(3)}", organisation)
    return _key_once(key_path), subject


def _key_once(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key of a new authority: the one of a start that was interrupted, else a new one."""
    if path.exists():
        return read_key(path)
    key = authority.new_key()
    write_key(path, key)
    return key


def _ensure_copies(layout: Layout, *, chown: bool) -> list[str]:
    """Give each reader its own copy of the authority that it checks against."""
    root = read_limited(layout.root_certificate)
    inside = read_limited(layout.inside_certificate)
    haproxy = (0, accounts.group_id(accounts.HAPROXY)) if chown else (KEEP, KEEP)
    core = (accounts.user_id(accounts.CORE), accounts.group_id(accounts.CORE)) if chown else (KEEP, KEEP)
    media = (accounts.user_id(accounts.MEDIA), accounts.group_id(accounts.MEDIA)) if chown else (KEEP, KEEP)
    made = []
    for path, content, mode, (uid, gid) in (
        (layout.ca_certificate, root, 0o644, (KEEP, KEEP)),
        (layout.haproxy_inside_ca, inside, 0o640, haproxy),
        (layout.link_ca, inside, 0o600, core),
        (layout.media_ca, inside, 0o600, media),
    ):
        try:
            if read_limited(path) == content:
                continue
        except (OSError, RingwallError):
            pass  # missing, or a link: it is replaced
        write_atomically(path, content, mode=mode, uid=uid, gid=gid)
        made.append(path.name)
    return made


def _ensure_link_token(layout: Layout, *, chown: bool) -> bool:
    """Make the word of the core's hello, letters and digits that fit any configuration file, and keep it.

    Both sides get it from this file at each start: one that is damaged is replaced.
    """
    try:
        read_link_token(layout)
    except PkiError:
        pass
    else:
        return False
    uid, gid = (accounts.user_id(accounts.CORE), accounts.group_id(accounts.CORE)) if chown else (KEEP, KEEP)
    token = secrets.token_hex(TOKEN_BYTES).encode()
    write_atomically(layout.link_token, token, mode=0o600, uid=uid, gid=gid)
    return True


def read_link_token(layout: Layout) -> str:
    """Return the word of the core's hello; PkiError when it is missing or no such word."""
    try:
        token = read_limited(layout.link_token).decode("ascii").strip()
    except (OSError, UnicodeDecodeError, RingwallError):
        token = ""
    if len(token) != 2 * TOKEN_BYTES or not token.isalnum():
        raise PkiError(f"{layout.link_token} is missing or damaged: remove it and run `./ringwall up` again.")
    return token
