"""Who listens where, who runs as whom, and what is left lying around (W2, W3, W5)."""

import asyncio
import re
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.infra import accounts
from system.descriptions import answer_to, crypto_lines, good
from system.raw_phone import joined
from system.running import PROGRAMS, System, children, status_field, system_in_a_folder

NET_BIND_SERVICE = 1 << 10
USERS = {
    "rtpengine": accounts.RTPENGINE,
    "kamailio": accounts.KAMAILIO,
    "agent": accounts.EDGE,
    "haproxy": accounts.HAPROXY,
    "media-1": accounts.MEDIA,
    "pnp": accounts.PNP,
    "core": accounts.CORE,
}


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """A system of its own: what is open on it is of this file's calls alone."""
    with system_in_a_folder() as running:
        yield running


def sockets_of(pids: list[int]) -> set[str]:
    """Return the inodes of the sockets that processes have open."""
    found = set()
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                match = re.fullmatch(r"socket:\[(\d+)\]", str(entry.readlink()))
            except FileNotFoundError:
                continue
            if match:
                found.add(match[1])
    return found


def open_ports(pids: list[int]) -> set[tuple[str, str, int]]:
    """Return (protocol, address, port) of TCP sockets that listen and UDP sockets that are bound."""
    inodes = sockets_of(pids)
    found = set()
    for name in ("tcp", "tcp6", "udp", "udp6", "udplite", "raw", "raw6", "sctp"):
        table = Path(f"/proc/net/{name}")
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            fields = line.split()
            if len(fields) < 10 or fields[9] not in inodes:
                continue
            if name.startswith("tcp") and fields[3] != "0A":  # TCP_LISTEN
                continue
            host, _, port = fields[1].partition(":")
            if len(host) == 8:
                address = socket.inet_ntop(socket.AF_INET, bytes.fromhex(host)[::-1])
            else:
                words = [bytes.fromhex(host[at : at + 8])[::-1] for at in range(0, 32, 8)]
                address = socket.inet_ntop(socket.AF_INET6, b"".join(words))
            found.add((name, address, int(port, 16)))
    return found


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def processes(system: System, program: str) -> list[int]:
    return children(system.pid(program))


@pytest.mark.req("W5")
async def test_the_core_listens_on_nothing_also_while_it_works(system, connect) -> None:
    anna, ben = await connect(), await connect()
    here, there = await joined(anna, ben, good(), answer_to)
    verifying = asyncio.create_task(asyncio.to_thread(system.ask, "ledger.verify"))
    for _ in range(20):
        assert open_ports(processes(system, "core")) == set()
        await asyncio.sleep(0.02)
    await verifying
    assert len(sockets_of(processes(system, "core"))) > 3  # it has sockets, and they were looked at
    assert (await here.hang_up()).status == 200
    await there.ended()


@pytest.mark.req("W2", "W3")
async def test_the_edge_listens_where_it_should_and_nowhere_else(system) -> None:
    ports, address = system.settings.ports, system.settings.address
    expected = {
        "haproxy": {
            ("tcp", address, ports.sips),
            ("tcp", address, ports.https),
            ("tcp", address, ports.phones),
            ("tcp", "127.0.0.1", ports.inner),
        },
        "kamailio": {
            ("tcp", "127.0.0.1", ports.kamailio_phones),
            ("tcp", "127.0.0.1", ports.kamailio_core),
            ("tcp", "127.0.0.1", ports.kamailio_ws),
            ("tcp", "127.0.0.1", ports.kamailio_trunks),
        },
        "rtpengine": {("udp", "127.0.0.1", ports.ng)},
        "pnp": {("udp", "224.0.1.75", 5060)},
        "certificates": set(),
    }
    assert not system.ask("call.list")
    for program, listeners in expected.items():
        assert open_ports(processes(system, program)) == listeners, program
    # The agent has a socket for the commands that it sends to rtpengine, connected to it alone.
    for protocol, host, _ in open_ports(processes(system, "agent")):
        assert (protocol, host) == ("udp", "127.0.0.1")


@pytest.mark.req("W2")
async def test_during_a_call_media_ports_are_open_on_the_one_address_and_afterwards_closed(
    system, connect
) -> None:
    ports, address = system.settings.ports, system.settings.address
    anna, ben = await connect(), await connect()
    here, there = await joined(anna, ben, good(), answer_to)
    media = open_ports(processes(system, "rtpengine")) - {("udp", "127.0.0.1", ports.ng)}
    assert media
    for protocol, host, port in media:
        assert (protocol, host) == ("udp", address)
        assert ports.rtp_first <= port <= ports.rtp_last
    assert (await here.hang_up()).status == 200
    await there.ended()
    for _ in range(100):
        if open_ports(processes(system, "rtpengine")) == {("udp", "127.0.0.1", ports.ng)}:
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("media ports stay open after the call")


@pytest.mark.req("W3")
def test_no_crash_of_any_process_leaves_its_memory_on_the_disk(system) -> None:
    for program in PROGRAMS:
        for pid in processes(system, program):
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), (program, pid, limits)


@pytest.mark.req("T5")
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["TCP", "UDP"])
def test_plain_sip_gets_no_answer(system, kind) -> None:
    address, ports = system.settings.address, system.settings.ports
    message = (
        f"OPTIONS sip:{address} SIP/2.0\r\nVia: SIP/2.0/X {address};branch=z9hG4bKx;rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:a@{address}>;tag=1\r\nTo: <sip:{address}>\r\nCall-ID: 1\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    for port in {ports.sips, ports.https, 5060}:
        with socket.socket(socket.AF_INET, kind) as plain:
            plain.settimeout(3)
            got = b""
            try:
                plain.connect((address, port))
                plain.send(message)
                got = plain.recv(4096)
            except (ConnectionError, TimeoutError):
                pass
            # A TLS alert may say that this was no TLS; not a word of SIP or HTTP comes back.
            assert b"SIP" not in got
            assert b"HTTP" not in got
            assert len(got) <= 7


@pytest.mark.req("W3")
def test_each_program_runs_as_a_user_of_its_own_without_rights(system) -> None:
    seen = {}
    for program, user in USERS.items():
        wanted = accounts.user_id(user)
        for pid in processes(system, program):
            uids = set(status_field(pid, "Uid").split())
            assert len(uids) == 1
            assert uids != {"0"}
            assert uids == {str(wanted)}
            seen.setdefault(program, uids)
            assert seen[program] == uids
            rights = {
                name: int(status_field(pid, name), 16) for name in ("CapBnd", "CapEff", "CapPrm", "CapAmb")
            }
            allowed = NET_BIND_SERVICE if program == "haproxy" else 0
            assert all(value & ~allowed == 0 for value in rights.values()), (program, rights)
            assert status_field(pid, "NoNewPrivs") == "1"
    assert len({frozenset(uids) for uids in seen.values()}) == len(USERS)
    (certificates,) = {status_field(pid, "CapBnd") for pid in processes(system, "certificates")}
    assert int(certificates, 16).bit_count() == 3
    assert set(PROGRAMS) == {*USERS, "certificates"}


SECRETS = (
    "*.key",
    "*.pem",
    "*.token",
    "kamailio.cfg",
    "*.db",
    "*.db-wal",
    "*.db-shm",
    "*.sock",
    "supervisord.conf",
)


@pytest.mark.req("W3")
def test_secrets_can_be_read_by_those_alone_who_need_them(system) -> None:
    found = 0
    for pattern in SECRETS:
        for path in system.layout.data.rglob(pattern):
            info = path.lstat()
            found += 1
            closed = all(
                not (parent.stat().st_mode & 0o007)
                for parent in path.parents
                if system.layout.data in parent.parents
            )
            assert closed or not info.st_mode & 0o007, path
            if not stat.S_ISSOCK(info.st_mode):
                assert not info.st_mode & 0o007, path
                assert not info.st_mode & 0o020, path
    assert found > 10
    assert stat.S_IMODE(system.layout.core_socket.lstat().st_mode) == 0o600
    assert stat.S_IMODE(system.layout.core.stat().st_mode) == 0o700
    assert stat.S_IMODE(system.layout.pki.stat().st_mode) == 0o700
    for key in system.layout.pki.glob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert key.stat().st_uid == 0


@pytest.mark.req("W3")
def test_the_edge_has_no_user_and_no_password(system, person) -> None:
    """Whoever takes the edge over finds nothing there to sign in with."""
    account = person("Somebody with a rare name")
    for path in system.layout.edge.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for secret in (account.username, account.password, "rare name"):
                assert secret.encode() not in content, path


@pytest.mark.req("R2", "W3")
async def test_logs_hold_no_secrets(system, connect) -> None:
    anna, ben = await connect(), await connect()
    assert (await anna.register(password="a wrong one 9f8e7d")).status == 401
    here, there = await joined(anna, ben, good(), answer_to)
    assert (await here.reinvite(good(version=2).replace(b"RTP/SAVP", b"RTP/AVP"))).status == 488
    inline = [key for sdp in (here.remote, there.remote) for _, _, key in crypto_lines(sdp)]
    assert inline
    assert (await here.hang_up()).status == 200
    await there.ended()
    secrets = {
        anna.account.password,
        ben.account.password,
        "a wrong one 9f8e7d",
        system.told["password"],
        system.layout.link_token.read_text().strip(),
        *inline,
    }
    logs = [path for path in system.layout.log.iterdir() if path.is_file()]
    assert {f"{program}.log" for program in PROGRAMS} <= {path.name for path in logs}
    for path in logs:
        text = path.read_bytes()
        for secret in secrets:
            assert secret.encode() not in text, path
        assert b"inline:" not in text, path
        assert b"PRIVATE KEY" not in text, path
    for pid in [pid for program in PROGRAMS for pid in processes(system, program)]:
        for secret in secrets:
            assert secret.encode() not in command_line(pid)
    ledger = str(system.records(0))
    for secret in secrets:
        assert secret not in ledger
