"""Dialling the edge: who it is, and what it speaks."""

import asyncio
import random
import ssl

import pytest

from ringwall.core.errors import EdgeUnavailable
from ringwall.core.links.tls import Backoff, Complaints, Dialler
from ringwall.infra import authority
from unit.core.links.conftest import EDGE_HOST, Certificates, listening, until

pytestmark = pytest.mark.timeout(20)
SIP = "ringwall-sip"


@pytest.mark.req("T4", "W5")
async def test_both_sides_know_each_other_over_tls_1_3(edge) -> None:
    transport, _ = await edge.dialler.dial(asyncio.Protocol, SIP)
    assert transport.get_extra_info("ssl_object").version() == "TLSv1.3"
    await until(lambda: edge.peers)
    subject = edge.peers[0].transport.get_extra_info("ssl_object").getpeercert()["subject"]
    assert (("commonName", "core1.ringwall.internal"),) in subject
    transport.abort()


@pytest.mark.req("T4")
@pytest.mark.parametrize("name", ["edge2.ringwall.internal", "core1.ringwall.internal", "example.com"])
async def test_another_name_in_the_edge_s_certificate_is_refused(edge, certificates, name) -> None:
    wrong = Dialler(edge.dialler.host, edge.dialler.port, name, certificates.credentials())
    with pytest.raises(EdgeUnavailable, match="refused"):
        await wrong.dial(asyncio.Protocol, SIP)


@pytest.mark.req("T4")
async def test_another_authority_is_refused(edge, tmp_path) -> None:
    (tmp_path / "other").mkdir()
    strange = Certificates(tmp_path / "other")
    wrong = Dialler(edge.dialler.host, edge.dialler.port, EDGE_HOST, strange.credentials())
    with pytest.raises(EdgeUnavailable, match="refused"):
        await wrong.dial(asyncio.Protocol, SIP)


@pytest.mark.req("T4")
async def test_a_client_s_certificate_does_not_make_an_edge(certificates) -> None:
    certificates.write("edge", EDGE_HOST, authority.CLIENT)
    async with listening(certificates, certificates.server_context(SIP)) as edge:
        with pytest.raises(EdgeUnavailable, match="refused"):
            await edge.dialler.dial(asyncio.Protocol, SIP)


@pytest.mark.req("T4")
async def test_tls_1_2_is_refused(certificates) -> None:
    context = certificates.server_context(SIP)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with listening(certificates, context) as edge:
        with pytest.raises(EdgeUnavailable, match="cannot be reached"):
            await edge.dialler.dial(asyncio.Protocol, SIP)


@pytest.mark.parametrize("alpn", [(), ("http/1.1",)])
async def test_an_edge_that_speaks_something_else_is_refused(certificates, alpn) -> None:
    async with listening(certificates, certificates.server_context(*alpn)) as edge:
        with pytest.raises(EdgeUnavailable):
            await edge.dialler.dial(asyncio.Protocol, SIP)


async def test_nobody_there_is_one_clear_error(edge) -> None:
    edge.server.close()
    await edge.server.wait_closed()
    with pytest.raises(EdgeUnavailable, match=r"edge1\.ringwall\.internal cannot be reached"):
        await edge.dialler.dial(asyncio.Protocol, SIP)


async def test_missing_certificates_are_no_crash(edge, certificates) -> None:
    (certificates.folder / "core.key").unlink()
    with pytest.raises(EdgeUnavailable, match="own certificate cannot be used"):
        await edge.dialler.dial(asyncio.Protocol, SIP)
    (certificates.folder / "core.key").write_text("nonsense")
    with pytest.raises(EdgeUnavailable, match="own certificate cannot be used"):
        await edge.dialler.dial(asyncio.Protocol, SIP)


@pytest.mark.req("T7")
async def test_a_renewed_certificate_is_used_at_the_next_dial(edge, certificates) -> None:
    async def serial() -> str:
        before = len(edge.peers)
        transport, _ = await edge.dialler.dial(asyncio.Protocol, SIP)
        await until(lambda: len(edge.peers) > before)
        found = edge.peers[-1].transport.get_extra_info("ssl_object").getpeercert()["serialNumber"]
        transport.abort()
        return found

    first = await serial()
    assert await serial() == first
    certificates.write("core", "core1.ringwall.internal", authority.CLIENT)
    assert await serial() != first


def test_the_wait_grows_to_a_limit_with_jitter_and_starts_again(monkeypatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda _low, high: high)
    backoff = Backoff(0.5)
    waits = [backoff.take() for _ in range(8)]
    assert waits[0] == 0.5
    assert waits == sorted(waits)
    assert waits[-1] == 5.0
    backoff.reset()
    assert backoff.take() == 0.5
    monkeypatch.setattr(random, "uniform", lambda low, _high: low)
    assert Backoff(1.0).take() == 0.5


def test_one_reason_is_told_once(caplog) -> None:
    complaints = Complaints("SIP")
    for _ in range(5):
        complaints.down("nobody there")
    assert caplog.text.count("nobody there") == 1
    complaints.up()
    complaints.down("nobody there")
    assert caplog.text.count("nobody there") == 2
