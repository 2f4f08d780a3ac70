"""What TLS the edge speaks to the world and to the core, and to whom it does not."""

import asyncio
import secrets
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ringwall.core.errors import EdgeUnavailable
from ringwall.core.links import control, http_pool, sip_link
from ringwall.core.links.tls import Credentials, Dialler
from ringwall.edge import certificates
from ringwall.edge.haproxy_admin import HaproxyAdmin, HaproxyError
from ringwall.infra import authority, pem_files, pki
from ringwall.infra.layout import Layout
from ringwall.infra.link_proof import UNNAMED, LinkProof
from system.edge_rig import ADDRESS, Core, Phone, Rig, edge, request

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with edge() as running:
        yield running


def handshake(rig: Rig, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    connection = socket.create_connection((ADDRESS, port), timeout=5)
    return context.wrap_socket(connection, server_hostname="example.test")


@pytest.mark.req("T1", "T5")
@pytest.mark.parametrize("door", ["sips", "https"])
def test_the_doors_to_the_world_speak_tls_1_2_and_1_3_with_forward_secrecy(rig, door) -> None:
    port = getattr(rig.settings.ports, door)
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        context = rig.world_context(minimum_version=version, maximum_version=version)
        with handshake(rig, port, context) as connection:
            cipher, _, _ = connection.cipher()
            assert connection.version() == name
            assert cipher.startswith(("ECDHE-", "TLS_"))
            assert "GCM" in cipher or "CHACHA20" in cipher


@pytest.mark.req("T5")
@pytest.mark.parametrize("door", ["sips", "https"])
def test_the_doors_to_the_world_refuse_old_versions_and_suites_without_forward_secrecy(rig, door) -> None:
    port = getattr(rig.settings.ports, door)
    for maximum, suites in (
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384"),
    ):
        context = rig.world_context()
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = maximum
        context.set_ciphers(suites)
        # The client could: it is the server that says no.
        with pytest.raises(ssl.SSLError, match="alert"):
            handshake(rig, port, context)


@pytest.mark.req("T5")
def test_no_session_ticket_is_given(rig) -> None:
    context = rig.world_context(maximum_version=ssl.TLSVersion.TLSv1_2)
    with handshake(rig, rig.settings.ports.sips, context) as connection:
        assert not connection.session.has_ticket


@pytest.mark.req("T5")
@pytest.mark.parametrize(
    "data", [request("OPTIONS", "sip:example.test"), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]
)
def test_plain_sip_and_http_get_not_a_byte_of_an_answer(rig, data) -> None:
    for port in (rig.settings.ports.sips, rig.settings.ports.https, rig.settings.ports.inner):
        with socket.create_connection((ADDRESS, port), timeout=20) as plain:
            plain.sendall(data)
            received = b""
            try:
                while part := plain.recv(4096):
                    received += part
            except ConnectionError:
                pass
            # At most a TLS alert, which is a record of type 21.
            assert not received or received[0] == 21


@pytest.mark.req("T5")
def test_no_engine_listens_on_udp_but_rtpengine_for_the_agent(rig) -> None:
    """Read from /proc: every listening socket of every engine, and its address."""
    found: dict[str, set[str]] = {}
    for name in ("haproxy", "kamailio", "rtpengine", "agent"):
        inodes = {
            target.removeprefix("socket:[").rstrip("]")
            for pid in rig.children(name)
            for entry in Path(f"/proc/{pid}/fd").iterdir()
            if (target := str(entry.readlink())).startswith("socket:[")
        }
        found[name] = {
            f"{table}:{_address(fields[1])}"
            for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07"))
            for line in Path("/proc/net", table).read_text().splitlines()[1:]
            if (fields := line.split())[9] in inodes and fields[3] == state
        }
    ports = rig.settings.ports
    assert found["haproxy"] == {
        f"tcp:{ADDRESS}:{port}" for port in (ports.sips, ports.https, ports.phones, ports.inner)
    }
    loopback = {ports.kamailio_phones, ports.kamailio_core, ports.kamailio_ws, ports.kamailio_trunks}
    assert found["kamailio"] == {f"tcp:127.0.0.1:{port}" for port in loopback}
    assert found["rtpengine"] == {f"udp:127.0.0.1:{ports.ng}"}
    assert found["agent"] == set()


def _address(text: str) -> str:
    host, _, port = text.partition(":")
    numbers = [str(byte) for byte in reversed(bytes.fromhex(host))]
    return f"{'.'.join(numbers)}:{int(port, 16)}"


async def dial(rig: Rig, credentials: Credentials, alpn: str, name: str = "edge1.ringwall.internal") -> bytes:
    """Open an inner connection, say hello, and return what comes back until the other side closes."""
    received = bytearray()
    closed = asyncio.Event()

    class Listener(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            received.extend(data)
            closed.set()

        def connection_lost(self, exc: Exception | None) -> None:
            closed.set()

    dialler = Dialler(ADDRESS, rig.settings.ports.inner, name, credentials)
    transport, _ = await dialler.dial(Listener, alpn)
    said, _ = LinkProof(pki.read_link_token(rig.layout)).hello(UNNAMED)
    transport.write(sip_link.hello("core1.ringwall.internal", "c", 1, said))
    async with asyncio.timeout(5):
        await closed.wait()
    transport.abort()
    return bytes(received)


def own(layout: Layout) -> Credentials:
    return Credentials(layout.link_certificate, layout.link_key, layout.link_ca)


def issue(rig: Rig, folder: Path, name: str, usage, certificate: Path, key: Path) -> Credentials:
    """Return credentials for ``name`` of the authority in the given files."""
    issuer = pem_files.read_authority(certificate, key)
    private = authority.new_key()
    leaf = authority.make_leaf(
        issuer, private.public_key(), (name,), usage=usage, life=timedelta(days=1), now=datetime.now(UTC)
    )
    stem = secrets.token_hex(4)
    (folder / f"{stem}.crt").write_bytes(authority.certificate_pem(leaf, issuer.certificate))
    (folder / f"{stem}.key").write_bytes(authority.key_pem(private))
    return Credentials(folder / f"{stem}.crt", folder / f"{stem}.key", rig.layout.link_ca)


async def refused(rig: Rig, credentials: Credentials, alpn: str = sip_link.ALPN) -> bool:
    """Say whether the edge turned the connection away without a word."""
    try:
        return await dial(rig, credentials, alpn) == b""
    except EdgeUnavailable:
        return True


@pytest.mark.req("T4", "W5")
async def test_the_inner_door_serves_the_core_and_nobody_else(rig, tmp_path) -> None:
    layout = rig.layout
    inside = (layout.inside_certificate, layout.inside_key)
    assert b"SIP/2.0 200" in await dial(rig, own(layout), sip_link.ALPN)
    right = issue(rig, tmp_path, "core1.ringwall.internal", authority.CLIENT, *inside)
    assert b"SIP/2.0 200" in await dial(rig, right, sip_link.ALPN)
    for name, usage in (
        ("core2.ringwall.internal", authority.CLIENT),
        ("phone.ringwall.internal", authority.CLIENT),
        ("core1.ringwall.internal", authority.SERVER),
    ):
        assert await refused(rig, issue(rig, tmp_path, name, usage, *inside)), name
    # The same name, certified by another system of the same kind.
    (tmp_path / "other").mkdir()
    elsewhere = Layout(tmp_path / "other")
    for folder in (elsewhere.pki, elsewhere.haproxy, elsewhere.core, elsewhere.media):
        folder.mkdir(parents=True)
    pki.ensure_pki(elsewhere, rig.settings, chown=False)
    foreign = Credentials(elsewhere.link_certificate, elsewhere.link_key, layout.link_ca)
    assert await refused(rig, foreign)


@pytest.mark.req("T4")
async def test_the_inner_door_refuses_a_client_without_certificate_or_with_tls_1_2(rig) -> None:
    context = ssl.create_default_context(cafile=str(rig.layout.link_ca))
    context.set_alpn_protocols([sip_link.ALPN])

    async def first_byte() -> None:
        # In TLS 1.3 the refusal comes after the client's last word.
        reader, writer = await asyncio.open_connection(
            ADDRESS, rig.settings.ports.inner, ssl=context, server_hostname="edge1.ringwall.internal"
        )
        writer.write(b"x")
        if not await reader.read(1):
            raise EOFError

    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        await first_byte()
    context.load_cert_chain(rig.layout.link_certificate, rig.layout.link_key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(
            ADDRESS, rig.settings.ports.inner, ssl=context, server_hostname="edge1.ringwall.internal"
        )


async def test_the_inner_door_asks_for_a_protocol_that_it_knows(rig) -> None:
    assert await refused(rig, own(rig.layout), "h2")
    for alpn in (sip_link.ALPN, control.ALPN, http_pool.ALPN):
        dialler = Dialler(ADDRESS, rig.settings.ports.inner, "edge1.ringwall.internal", own(rig.layout))
        transport, _ = await dialler.dial(asyncio.Protocol, alpn)
        transport.abort()


@pytest.mark.req("T4")
async def test_the_core_refuses_an_edge_with_another_name(rig) -> None:
    with pytest.raises(EdgeUnavailable, match="refused"):
        await dial(rig, own(rig.layout), sip_link.ALPN, name="edge2.ringwall.internal")


@pytest.mark.req("T7")
async def test_renewed_certificates_serve_new_connections_and_the_old_connections_stay(rig) -> None:
    core = await Core.attach(rig)
    phone = await Phone.connect(rig)
    await phone.register(core)
    before = {door: serial(rig, door) for door in ("sips", "https")}
    names = certificates.renew(rig.layout, rig.settings, chown=False)
    assert set(names) >= {"world", "inner", "link"}
    for door, old in before.items():
        assert serial(rig, door) != old
    assert certificates.deploy(rig.layout) == []
    # Both old connections are the same ones and alive.
    assert core.downs == 0
    await phone.register(core)
    assert core.downs == 0
    # And a new core attaches with its new certificate.
    await core.stop()
    again = await Core.attach(rig)
    await phone.register(again)
    await phone.close()
    await again.stop()


def serial(rig: Rig, door: str) -> str:
    with handshake(rig, getattr(rig.settings.ports, door), rig.world_context()) as connection:
        return connection.getpeercert()["serialNumber"]


def test_a_broken_certificate_is_refused_and_the_old_one_stays(rig) -> None:
    admin = HaproxyAdmin(rig.layout.haproxy_socket)
    path = str(rig.layout.world_pem)
    old = admin.certificate_serial(path)
    with pytest.raises(HaproxyError, match="refused"):
        admin.deploy_certificate(path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(HaproxyError, match="empty line"):
        admin.deploy_certificate(path, rig.layout.world_pem.read_text() + "\nshutdown frontend sips\n")
    assert admin.certificate_serial(path) == old
    assert serial(rig, "sips")
