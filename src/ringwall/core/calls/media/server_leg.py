"""One party's media joined to the media server instead of to another party.

Rules that this module keeps:
- The leg has a relay of its own whose other side is a leg of the media server: SRTP on both sides, and no key
  on both. The server speaks every suite, so it always takes another one than the party uses, and one relay is
  enough (ADR 5). The key that the server sends with is made here.
- What is told to a party is checked as what one party tells another (`descriptions`).
- The server speaks G.711 and telephone events (RFC 4733); an offer with neither PCMU nor PCMA is refused.
- The party is side A of that relay, the media server side B.
"""

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ringwall.core.calls.media import descriptions, leaving, media_places
from ringwall.core.calls.media.descriptions import AES_CM, GCM_256, SUITES, Checked, MediaRefused
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Profile, Relay, Side
from ringwall.core.calls.model.states import LegState
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.media.leg import MediaLeg
from ringwall.core.media.values import Place, Wiring
from ringwall.sip.errors import ParseError
from ringwall.sip.message import Response
from ringwall.sip.sdes import KEY_LENGTHS, Crypto
from ringwall.sip.sdp import Media, SessionDescription

_EVENTS: Final = "101"  # what we call telephone events where we may choose
_PTIMES: Final = (10, 20, 30, 40, 50, 60)
_MIRRORED: Final = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


@dataclass(frozen=True, slots=True)
class Offered:
    """What a party is offered: `body`, from the media server's `ours` through `relay`."""

    relay: Relay
    media: MediaLeg
    ours: bytes = field(repr=False)
    body: bytes = field(repr=False)


def party_of(leg: Leg) -> str:
    """By what name the legs of a party are counted."""
    return f"trunk {leg.trunk}" if leg.trunk else leg.extension or leg.device


async def answer(switch: Switch, call: Call, leg: Leg, offer: Checked, room: Iterable[str] = ()) -> bytes:
    """The media server answers what a party offers; returns what the party is told.

    It is the server on which the legs of `room` are, if there are any. The leg is open from then on, even if
    the answer is never sent: the end of the leg closes it. Raises MediaRefused, EdgeError,
    MediaError.
    """
    _not_ended(leg)
    relay, before = leg.relay, leg.media
    first = relay is None or before is None
    if relay is None or before is None:
        relay = _relay_for(switch, call, leg)
        leg.take_relay(relay)
        server = switch.media.choose(room)
        place = await switch.media.open(leg.tag, party_of(leg), server, outside=bool(leg.trunk))
        before = MediaLeg(server, place, "", "")
        leg.go_to_server(before)
    given, made = await switch.relays.offer(
        relay, Side.A, offer.for_relay, Profile.MEDIA, descriptions.between_relays, first=first
    )
    audio = _audio(made)
    crypto = _fresh(audio, given, before.suite)
    key = before.key if crypto.suite == before.suite else _new_key(crypto.suite)
    payload, events = _codec(audio)
    ours = _description(
        before.place,
        Crypto(crypto.tag, crypto.suite, f"inline:{key}"),
        [payload] + ([events] if events else []),
        events,
        direction=_MIRRORED.get(audio.direction, "sendrecv"),
        ptime=_ptime(audio),
        mux=audio.has("rtcp-mux"),
    )
    told = await switch.relays.answer(relay, Side.A, ours, leg.profile)
    body = descriptions.outgoing_answer(told, leg.profile, offer.rejected_streams, offer.for_relay, ours)
    body = leaving.answer(leg, body)
    _still_there(switch, leg, relay)
    before.suite, before.key = crypto.suite, key
    await switch.media.connect(leg.tag, _wiring(audio, crypto, key))
    return body


async def offer(switch: Switch, call: Call, leg: Leg, server: int) -> Offered:
    """Have a leg at that server for a party that talks; returns what the party is to be offered.

    Raises MediaRefused, EdgeError, MediaError.
    """
    _not_ended(leg)
    relay = _relay_for(switch, call, leg)
    place = await switch.media.open(leg.tag, party_of(leg), server, outside=bool(leg.trunk))
    suite = AES_CM if leg.suite in {GCM_256, descriptions.GCM_128} else GCM_256
    media = MediaLeg(server, place, suite, _new_key(suite))
    crypto = Crypto(1, suite, f"inline:{media.key}")
    ours = _description(place, crypto, ["0", "8", _EVENTS], _EVENTS)
    given, made = await switch.relays.offer(
        relay, Side.B, ours, leg.profile, descriptions.between_relays, first=True
    )
    others = (given, leg.remote_sdp, leg.local_sdp)
    body = descriptions.outgoing_offer(made, leg.profile, *others, used=leg.suite)
    return Offered(relay, media, ours, leaving.offer(leg, body))


async def taken(switch: Switch, leg: Leg, offered: Offered, response: Response) -> None:
    """The party has said yes to what it was offered: its media goes to the server from now on.

    Raises MediaRefused, EdgeError, MediaError.
    """
    answered = descriptions.check_answer(
        response.body,
        response.headers.get("content-type"),
        leg.local_sdp,
        leg.clear_text,
        places=media_places.of_leg(switch, leg),
    )
    leg.remote_sdp, leg.suite = response.body, answered.suite
    await _answered(switch, leg, offered.relay, offered.media, answered.for_relay)


async def reanswered(switch: Switch, leg: Leg, body: bytes) -> None:
    """The party answered our own words again, with other ones. Raises as `taken`."""
    relay, media = leg.relay, leg.media
    if relay is None or media is None:
        return
    answered = descriptions.said_before(body, prefer=leg.suite, clear_text=leg.clear_text)
    crypto = Crypto(1, media.suite, f"inline:{media.key}")
    ours = _description(media.place, crypto, ["0", "8", _EVENTS], _EVENTS)
    _, made = await switch.relays.offer(relay, Side.B, ours, leg.profile, descriptions.between_relays)
    again = descriptions.retagged(answered.for_relay, made)
    await _answered(switch, leg, relay, media, again)


async def _answered(switch: Switch, leg: Leg, relay: Relay, media: MediaLeg, answered: bytes) -> None:
    made = await switch.relays.answer(relay, Side.B, answered, Profile.MEDIA)
    audio = _audio(made)
    crypto = next((each for each in audio.cryptos if each.suite == media.suite), None)
    known = descriptions.keys_of(answered) | {media.key.rstrip("=").encode()}
    if crypto is None or descriptions.keys_of(made) & known:
        raise MediaRefused("the relay made no key of its own for the media server")
    _still_there(switch, leg, relay)
    await switch.media.connect(leg.tag, _wiring(audio, crypto, media.key))


def invitation(place: Place) -> bytes:
    """What the media server would offer from there, for somebody who is called before anybody talks."""
    crypto = Crypto(1, GCM_256, f"inline:{_new_key(GCM_256)}")
    return _description(place, crypto, ["0", "8", _EVENTS], _EVENTS)


def leave(switch: Switch, leg: Leg) -> None:
    """The party's media does not go to the server any more."""
    switch.media.close(leg.tag)
    if leg.media is None:
        return
    leave_room(switch, leg)
    relay = leg.leave_server()
    if relay is not None:
        switch.relays.delete(relay)


def join_room(switch: Switch, leg: Leg, room: str) -> None:
    """The leg is in that room from now on; it hears nobody yet."""
    assert leg.media is not None
    if leg.media.room != room:
        stop_hold_music(switch, leg)
        leave_room(switch, leg)
        leg.media.room = room
    switch.rooms.setdefault(room, {})[leg.tag] = leg


def stop_hold_music(switch: Switch, leg: Leg) -> None:
    """The party hears no music on hold any more."""
    if leg.media is not None and leg.media.music:
        switch.media.stop(leg.media.player)
        leg.media.music, leg.media.player = False, ""


def leave_room(switch: Switch, leg: Leg) -> None:
    """The leg is in no room any more, and heard by nobody."""
    media = leg.media
    if media is None or not media.room:
        return
    there = switch.rooms.get(media.room, {})
    there.pop(leg.tag, None)
    for other in there.values():
        if other.media is not None:
            other.media.hears.pop(leg.tag, None)
    if not there:
        switch.rooms.pop(media.room, None)
        switch.media.close_room(media.room, media.server)
    media.room, media.hears = "", {}


def _not_ended(leg: Leg) -> None:
    """The end of a leg closes it at the server: nothing is opened for it behind that."""
    if leg.state is LegState.ENDED:
        raise MediaRefused("the party has left")


def _still_there(switch: Switch, leg: Leg, relay: Relay) -> None:
    if leg.state is LegState.ENDED:
        switch.relays.delete(relay)  # it may have been made anew behind its removal
        raise MediaRefused("the party has left")


def _relay_for(switch: Switch, call: Call, leg: Leg) -> Relay:
    return Relay(f"{call.id}-m{switch.new_tag()[:6]}{leg.side.value}")


def _new_key(suite: str) -> str:
    return base64.b64encode(secrets.token_bytes(KEY_LENGTHS[suite])).decode()


def _audio(made: bytes) -> Media:
    """What the relay tells the media server. Raises MediaRefused."""
    try:
        audio = SessionDescription.parse(made).audio
    except ParseError as error:
        raise MediaRefused(f"the relay's description cannot be read: {error.reason}") from error
    if audio is None or audio.address is None or audio.protocol != "RTP/SAVP":
        raise MediaRefused("the relay did not make an encrypted description")
    return audio


def _fresh(audio: Media, given: bytes, before: str) -> Crypto:
    """The key line for the server: of the suite that it has already, else of the best; never a copied one."""
    old = descriptions.keys_of(given)
    suites = {crypto.suite for crypto in SessionDescription.parse(given).media[0].cryptos}
    good = [
        crypto
        for crypto in audio.cryptos
        if crypto.suite in SUITES
        and crypto.suite not in suites
        and not crypto.session_params
        and not descriptions.keys_of(b"inline:" + _key(crypto).encode()) & old
    ]
    if not good:
        raise MediaRefused("the relay made no key of its own for the media server")
    return min(good, key=lambda crypto: (crypto.suite != before, SUITES.index(crypto.suite)))


def _key(crypto: Crypto) -> str:
    """The key and salt of a key line, in base64."""
    return base64.b64encode(crypto.keys[0].material).decode()


def _codec(audio: Media) -> tuple[str, str]:
    """The payload type of G.711 that is liked best, and that of telephone events ("" for none)."""
    payload = next((each for each in audio.formats if each in {"0", "8"}), None)
    if payload is None:
        raise MediaRefused("neither PCMU nor PCMA is offered")
    maps = (value.partition(" ") for value in audio.attribute_values("rtpmap"))
    named = {number: name.lower() for number, _, name in maps}
    events = next((n for n in audio.formats if named.get(n, "").startswith("telephone-event/8000")), "")
    return payload, events


def _ptime(audio: Media) -> int:
    said = audio.attribute("ptime") or ""
    wanted = int(said) if said.isascii() and said.isdigit() and len(said) < 4 else 20
    return wanted if wanted in _PTIMES else 20


def _wiring(audio: Media, crypto: Crypto, key: str) -> Wiring:
    assert audio.address is not None
    payload, events = _codec(audio)
    return Wiring(
        host=audio.address.address,
        port=audio.port,
        suite=crypto.suite,
        send_key=key,
        receive_key=_key(crypto),
        payload=int(payload),
        dtmf=int(events) if events else None,
        ptime=_ptime(audio),
    )


def _description(
    place: Place,
    crypto: Crypto,
    formats: list[str],
    events: str,
    *,
    direction: str = "sendrecv",
    ptime: int = 20,
    mux: bool = True,
) -> bytes:
    lines = [
        "v=0",
        f"o=ringwall {place.port} 1 IN IP4 {place.address}",
        "s=-",
        f"c=IN IP4 {place.address}",
        "t=0 0",
        f"m=audio {place.port} RTP/SAVP {' '.join(formats)}",
        *(f"a=rtpmap:{n} {name}/8000" for n, name in (("0", "PCMU"), ("8", "PCMA")) if n in formats),
    ]
    if events:
        lines += [f"a=rtpmap:{events} telephone-event/8000", f"a=fmtp:{events} 0-16"]
    lines += [f"a=ptime:{ptime}", f"a={direction}"]
    if mux:
        lines.append("a=rtcp-mux")
    lines += [f"a=crypto:{crypto.to_text()}", ""]
    return "\r\n".join(lines).encode()
