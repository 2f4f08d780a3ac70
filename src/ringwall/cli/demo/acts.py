"""The acts of the demonstration, each a claim that holds or does not. Further acts are added to `ACTS`."""

import asyncio
import http.client
import ssl
import time
from collections.abc import Awaitable, Callable

from ringwall.cli.demo import voice_mail
from ringwall.cli.demo.phones import Credentials, PhoneError, Phones, Talk
from ringwall.cli.demo.stage import NotHeldError, Report, Stage, claim, perform
from ringwall.cli.demo.tones import heard
from ringwall.cli.demo.wiretap import TONES, Wiretap, self_check
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

_TALK_SECONDS = 1.5
_NEAR_HZ = 20
_MOST_LOSS = 0.02


async def people(stage: Stage) -> None:
    """Two users with one device each."""
    taken = {user["extension"] for user in stage.ask("user.list")}
    free = [str(n) for n in range(9100, 9999) if str(n) not in taken][:2]
    phones = []
    for extension, name in zip(free, ("Anna (demonstration)", "Ben (demonstration)"), strict=True):
        stage.ask("user.add", extension=extension, name=name)
        stage.added.append(extension)
        device = stage.ask("device.add", extension=extension, label="demonstration")
        phones.append(await stage.phones.phone(Credentials.of(stage.settings, device)))
    stage.anna, stage.ben = phones
    stage.anna.tone_hz, stage.ben.tone_hz = TONES


async def sign_in(stage: Stage) -> None:
    """Both phones register over TLS; they check the server's certificate."""
    assert stage.anna is not None
    assert stage.ben is not None
    for phone in (stage.anna, stage.ben):
        try:
            await phone.register()
        except Exception as error:
            raise PhoneError(f"{phone.credentials.extension} cannot sign in: {error}") from error
    known = {row["extension"] for row in stage.ask("registration.list")}
    claim(set(stage.added) <= known, "the registrar does not know both phones")


async def talk(stage: Stage) -> None:
    """One calls the other; each hears the other's tone and nothing else."""
    assert stage.anna is not None
    assert stage.ben is not None
    began = time.perf_counter()
    stage.here = await stage.anna.call(stage.ben.credentials.extension)
    stage.report.setup_ms = round((time.perf_counter() - began) * 1000, 1)
    stage.there = await stage.ben.taken()
    await _hears(stage.here, TONES[1], "the caller")
    await _hears(stage.there, TONES[0], "the called phone")
    calls = [c for c in stage.ask("call.list") if c["caller"] == stage.anna.credentials.extension]
    claim(len(calls) == 1, f"the core knows {len(calls)} calls instead of one")
    stage.call = calls[0]


async def _hears(talk: Talk, hertz: float, who: str, seconds: float = 4.0) -> None:
    """Wait until the call carries the tone."""
    found: int | None = None
    for _ in range(int(seconds / 0.25)):
        await asyncio.sleep(0.25)
        found = heard(bytes(talk.heard))
        if found is not None and abs(found - hertz) <= _NEAR_HZ:
            return
    raise NotHeldError(f"{who} hears {found or 'no'} Hz instead of {hertz:.0f} Hz")


async def hold(stage: Stage) -> None:
    """The caller puts the call on hold and is not heard, and takes it back."""
    here, there = stage.here, stage.there
    assert here is not None
    assert there is not None
    await here.call.hold()
    await asyncio.sleep(1.0)
    here.forget()
    there.forget()
    await asyncio.sleep(1.0)
    found = heard(bytes(there.heard))  # music, perhaps
    silent = found is None or abs(found - TONES[0]) > _NEAR_HZ
    claim(silent, "the called phone hears the caller although it is on hold")
    await here.call.resume()
    await asyncio.sleep(0.5)
    await _hears(here, TONES[1], "the caller, after the hold,")
    await _hears(there, TONES[0], "the called phone, after the hold,")
    claim(not here.closed and not there.closed, "the call did not survive the hold")


async def through_media_server(stage: Stage) -> None:
    """The call moves to a room of the media server and back, and both go on hearing each other."""
    here, there = stage.here, stage.there
    assert here is not None
    assert there is not None
    for to, joined in (("room", "in the room"), ("relay", "after the room")):
        await asyncio.to_thread(stage.ask, "call.move", call=stage.call["call"], to=to)
        here.forget()
        there.forget()
        await _hears(here, TONES[1], f"the caller, {joined},")
        await _hears(there, TONES[0], f"the called phone, {joined},")
        await asyncio.sleep(_TALK_SECONDS)
    claim(not here.closed and not there.closed, "the call did not survive the move")


async def https(stage: Stage) -> None:
    """The API answers over HTTPS: through HAProxy and agent, on a connection that the core opened."""
    settings = stage.settings

    def get() -> tuple[int, bytes]:
        trust = ssl.create_default_context(cafile=str(stage.layout.ca_certificate))
        connection = http.client.HTTPSConnection(
            settings.address, settings.ports.https, timeout=5, context=trust
        )
        try:
            connection.request("GET", "/api/health")
            answer = connection.getresponse()
            return answer.status, answer.read(4096)
        finally:
            connection.close()

    status, body = await asyncio.to_thread(get)
    claim(status == 200 and b'"ok"' in body, f"/api/health answered {status}")


async def hang_up(stage: Stage) -> None:
    """The called phone hangs up; both sides are free and the core has forgotten the call."""
    here, there = stage.here, stage.there
    assert here is not None
    assert there is not None
    tones = heard(bytes(here.heard)), heard(bytes(there.heard))
    await there.call.hangup()
    for _ in range(40):
        if here.closed and there.closed:
            break
        await asyncio.sleep(0.1)
    claim(here.closed and there.closed, "a phone did not notice the hang-up")
    statistics = [talk.call.final_stats for talk in (here, there)]
    claim(all(statistics), "a phone has no statistics")
    for suite, own, tone in zip(stage.call["suites"], statistics, tones, strict=True):
        stage.report.legs.append(
            {
                "suite": suite,
                "packets_sent": own.tx_packets,
                "packets_received": own.rx_packets,
                "tone_hz_heard": tone,
            }
        )
        claim(bool(suite), "a leg has no SRTP suite")
    claim(
        not [c for c in stage.ask("call.list") if c["call"] == stage.call["call"]],
        "the core still has the call",
    )


async def links(stage: Stage) -> None:
    """Every signalling link is TLS with forward secrecy, as the wire itself and the core say."""
    seen = stage.report.wiretap.ciphers.get("phone-edge", set())
    claim(bool(seen), "no TLS handshake of a phone was captured")
    found = [{"name": "phone-edge", "protocol": p, "cipher": c} for p, c in sorted(seen)]
    status = stage.ask("status")
    for name, link in status["links"].items():
        if name.startswith("media-") and not stage.settings.media.elsewhere:
            continue  # a unix socket on this host: no link that anybody could listen at
        tls = link["tls"] or {}
        found.append(
            {
                "name": f"edge-core {name}",
                "protocol": tls.get("protocol", ""),
                "cipher": tls.get("cipher", ""),
            }
        )
    stage.report.links = found
    for link in found:
        good = link["protocol"] == "TLSv1.3" or (link["protocol"] == "TLSv1.2" and "ECDHE" in link["cipher"])
        claim(good, f"the link {link['name']} speaks {link['protocol']} {link['cipher']}")
        if link["name"].startswith("edge-core"):
            claim(link["protocol"] == "TLSv1.3", f"the link {link['name']} is not TLS 1.3")


async def wiretap(stage: Stage) -> None:
    """A capture of every link holds no readable SIP and no voice; the detectors are checked first."""
    found = stage.report.wiretap
    claim(found.missed == 0, f"the capture is not whole: it missed {found.missed} packets")
    claim(self_check(), "the wiretap's detectors do not find a clear call: their silence would prove nothing")
    for name in ("phone-edge", "edge-core", "https", "media", "edge-media"):
        claim(found.links.get(name, 0) > 0, f"nothing was captured on the link {name}")
    claim(found.rtp_packets > 50, f"only {found.rtp_packets} media packets were captured")
    claim(
        found.lost <= _MOST_LOSS * found.rtp_packets, f"{found.lost} of {found.rtp_packets} packets were lost"
    )
    claim(not found.readable_sip, f"readable on the wire: {', '.join(found.readable[:3])}")
    claim(not found.decodable_rtp, f"{found.decodable_rtp} media packets can be heard as G.711")


async def ledger(stage: Stage) -> None:
    """The record of the call is there, and the chain is whole."""
    record = None
    for _ in range(30):
        records = stage.ask("ledger.tail", after=stage.cursor, limit=200)["records"]
        record = next(
            (r for r in records if r["kind"] == "call.ended" and r["body"]["call"] == stage.call.get("call")),
            None,
        )
        if record is not None:
            break
        await asyncio.sleep(0.1)
    claim(record is not None, "the ledger has no record of the call")
    assert record is not None
    stage.report.record = record
    claim(record["body"]["cause"] == "hung up", f"the record says {record['body']['cause']}")
    claim(record["body"]["by"] == "callee", "the record says that somebody else hung up")
    verdict = stage.ask("ledger.verify")
    stage.report.ledger_ok = bool(verdict["ok"])
    claim(stage.report.ledger_ok, f"the ledger does not verify: {verdict}")


Work = Callable[[Stage], Awaitable[None]]

LIVE: tuple[tuple[str, Work], ...] = (
    ("two users with a device each", people),
    ("two phones sign in over TLS and check the certificate", sign_in),
    ("one calls the other over SRTP, each hears the other", talk),
    ("hold and back", hold),
    ("the call goes through the media server and back", through_media_server),
    ("the API answers over HTTPS", https),
    ("hang-up, both sides are free", hang_up),
    ("a missed call goes to voice mail, and the lamp lights", voice_mail.missed),
    ("the owner listens with the PIN, by the keys of the phone, and the lamp goes out", voice_mail.listened),
)
"""What happens while the wiretap listens."""

AFTER: tuple[tuple[str, Work], ...] = (
    ("every signalling link is TLS with forward secrecy", links),
    ("the wiretap hears nothing, and fewer than 2 % of packets are missing", wiretap),
    ("the ledger has the call and is whole", ledger),
)


async def play(layout: Layout, settings: Settings, say: Callable[[str], None]) -> Report:
    """Play all acts on a running system; what was added for them is removed again."""
    report = Report()
    ports = settings.ports
    tap = Wiretap(
        {"phone-edge": ports.sips, "edge-core": ports.inner, "https": ports.https},
        {
            "edge-media": (settings.media.first_port, settings.media.last_port),
            "media": (ports.rtp_first, ports.rtp_last),
        },
    )
    async with Phones(layout.ca_certificate, settings.address) as phones:
        stage = Stage(layout, settings, phones, report, say)
        stage.cursor = stage.ask("status")["ledger_seq"]
        await tap.start()
        try:
            held = await perform(stage, LIVE, report.acts, say)
        finally:
            report.wiretap = await tap.stop()
        if held:
            await perform(stage, AFTER, report.acts, say)
        if stage.lamp is not None:
            await stage.lamp.close()
        for extension in stage.added:
            stage.ask("user.remove", extension=extension)
    return report
