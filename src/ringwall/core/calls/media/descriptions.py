"""What media is let through: the check of every offer and every answer (T5).

Rules that this module keeps:
- Audio travels as SRTP with keys from SDES (RFC 4568) or from DTLS (RFC 5764). A description with a stream of
  plain RTP, with a NULL suite or with a session parameter that turns encryption or authentication off is
  refused as a whole, even when it offers something better beside it: a phone that is set up so is set up
  wrongly.
- Suites: AEAD_AES_256_GCM, AEAD_AES_128_GCM, AES_CM_128_HMAC_SHA1_80, in this order of liking; weaker ones
  are left out, and a description that has nothing else is refused.
- The one way past this is a `ClearText`, which a trunk makes whose administrator allowed it: with it, and for
  the legs of that carrier alone, RTP/AVP is taken and given.
- Each leg has keys of its own. rtpengine copies a side's key to the other side where both speak the same
  suite, so exactly one suite of the offerer's is shown to it, and what it copied is taken out of what the
  other side gets. What leaves is checked for that, so a mistake of the relay refuses the call instead of
  sharing a key.
- Only one audio stream is carried; other streams of an offer are declined in their place (RFC 3264 6).
- Where media would be sent to is held against what the party may name (`media_places`) when a description
  comes, and only then: what passed is read again without that, also for a party that is away.
"""

import re
from dataclasses import dataclass, field

from ringwall.core.calls.media import leaving
from ringwall.core.calls.media.media_places import MediaPlaces
from ringwall.core.calls.model.errors import CallError
from ringwall.core.calls.model.relay import Profile
from ringwall.core.trunks.clear_text import PROTOCOL, ClearText
from ringwall.sip.errors import ParseError
from ringwall.sip.media_address import Kind, candidate_place, kind_of
from ringwall.sip.sdp import Crypto, Media, SessionDescription

AES_CM = "AES_CM_128_HMAC_SHA1_80"
GCM_128 = "AEAD_AES_128_GCM"
GCM_256 = "AEAD_AES_256_GCM"
SUITES = (GCM_256, GCM_128, AES_CM)

_SDES_PROTOCOLS = frozenset({"RTP/SAVP", "RTP/SAVPF"})
_DTLS_PROTOCOLS = frozenset({"UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"})
_GOOD_HASHES = frozenset({"sha-256", "sha-384", "sha-512"})
_KEY = re.compile(rb"inline:([A-Za-z0-9+/]+)")
# A line with session parameters does not match, so none is ever passed on.
_CRYPTO_LINE = re.compile(
    rb"^a=crypto:(\d{1,9}) (\w+) inline:([A-Za-z0-9+/]+)=*(?:\|\S*)?(?=\r|$)", re.MULTILINE
)
_MEDIA_LINE = re.compile(rb"^m=audio (\d{1,5}) (\S+)", re.MULTILINE)
_NOT_SDES: tuple[bytes, ...] = (b"a=crypto:", b"a=fingerprint:", b"a=setup:")
_NOT_DTLS: tuple[bytes, ...] = (b"a=crypto:",)
_CANDIDATE = b"a=candidate:"
_SDP = "application/sdp"
_ANY_MEDIA_LINE = re.compile(rb"^m=\S+ (\d{1,5})\S* (\S+)", re.MULTILINE)


class MediaRefused(CallError):  # noqa: N818 - a verdict, not an error
    """The description is not acceptable: answer 488. `why` is a sentence for the Warning and the record."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Checked:
    """A description that passed.

    `for_relay` is what rtpengine may see of it; `suite` the one suite in that ("" for DTLS); `suites` all
    acceptable ones; `rejected_streams` the m= lines of streams that are not carried, by place, "" where the
    one that is stands.
    """

    for_relay: bytes = field(repr=False)
    profile: Profile | ClearText
    suite: str
    suites: tuple[str, ...]
    rejected_streams: tuple[str, ...]


def check_offer(
    body: bytes,
    content_type: str | None,
    *,
    places: MediaPlaces,
    prefer: str = "",
    avoid: str = "",
    clear_text: ClearText | None = None,
) -> Checked:
    """Check an offer and choose the suite that the relay sees.

    `places` is where the party may have media sent to, `prefer` the suite that the leg uses already, `avoid`
    the one of the other leg. With `clear_text` plain RTP is taken where the offer has nothing better. Raises
    MediaRefused.
    """
    description = _description(body, content_type)
    place, audio = _audio(description)
    checked = _offer(body, description, place, audio, prefer, avoid, clear_text)
    _check_places(description, place, places)
    return checked


def said_before(
    body: bytes, *, prefer: str = "", avoid: str = "", clear_text: ClearText | None = None
) -> Checked:
    """Read again, as an offer, what a party said and what passed then. Raises MediaRefused."""
    description = _description(body, _SDP)
    place, audio = _audio(description)
    return _offer(body, description, place, audio, prefer, avoid, clear_text)


def _offer(
    body: bytes,
    description: SessionDescription,
    place: int,
    audio: Media,
    prefer: str,
    avoid: str,
    clear_text: ClearText | None,
) -> Checked:
    plain = clear_text is not None and audio.protocol == PROTOCOL
    if not plain:
        _no_plain_rtp(description)
    declined = tuple(
        "" if n == place else f"m={m.kind} 0 {m.protocol} {' '.join(m.formats)}"
        for n, m in enumerate(description.media)
    )
    if plain and clear_text is not None:
        return Checked(_only(body, place, None), clear_text, "", (), declined)
    if audio.protocol in _DTLS_PROTOCOLS:
        _check_fingerprint(audio)
        return Checked(_only(body, place, None), Profile.DTLS, "", (), declined)
    good = _good_cryptos(audio)
    suites = tuple(c.suite for c in good)
    chosen = min(good, key=lambda c: (c.suite == avoid, c.suite != prefer, SUITES.index(c.suite)))
    return Checked(_only(body, place, chosen), Profile.SDES, chosen.suite, suites, declined)


def check_answer(
    body: bytes,
    content_type: str | None,
    offered: bytes,
    clear_text: ClearText | None = None,
    *,
    places: MediaPlaces,
) -> Checked:
    """Check the answer to the offer that we sent as `offered`, in clear text if so.

    `places` is where the party may have media sent to. Raises MediaRefused.
    """
    description = _description(body, content_type)
    place, audio = _audio(description)
    _check_places(description, place, places)
    if clear_text is None:
        _no_plain_rtp(description)
    lines = _ANY_MEDIA_LINE.findall(offered)
    if len(description.media) != len(lines) or lines[place][0] == b"0":
        raise MediaRefused("the answer does not fit the offer: other streams")
    if any(not m.rejected for n, m in enumerate(description.media) if n != place):
        raise MediaRefused("the answer takes a stream that was not offered")
    protocol = lines[place][1].decode()
    if audio.protocol != protocol:
        raise MediaRefused(f"the answer speaks {audio.protocol}, the offer was {protocol}")
    if clear_text is not None:
        return Checked(_only(body, place, None), clear_text, "", (), ("",))
    if protocol in _DTLS_PROTOCOLS:
        _check_fingerprint(audio)
        return Checked(_only(body, place, None), Profile.DTLS, "", (), ("",))
    good = _good_cryptos(audio)
    if len(audio.cryptos) != 1:
        raise MediaRefused("the answer must choose one crypto line of the offer")
    chosen = good[0]
    if (chosen.tag, chosen.suite) not in {(int(t), s.decode()) for t, s, _ in _CRYPTO_LINE.findall(offered)}:
        raise MediaRefused(f"the answer chose crypto {chosen.tag} {chosen.suite}, which was not offered")
    if keys_of(body) & keys_of(offered):
        raise MediaRefused("the answer gives back the key of the offer")
    return Checked(_only(body, place, chosen), Profile.SDES, chosen.suite, (chosen.suite,), ("",))


def needs_chain(caller_suite: str, callee: Profile | ClearText, known: tuple[str, ...]) -> bool:
    """Whether two relays are needed for keys of their own on both legs.

    One relay is enough where the callee speaks another suite than the one that the caller uses. `known` are
    the suites that its phone was heard to speak; one that was never heard speaks AES_CM, as every SRTP phone
    does.
    """
    if callee is not Profile.SDES or not caller_suite:
        return False
    return not (set(known or (AES_CM,)) - {caller_suite})


def between_relays(sent: bytes, made: bytes, avoid: str = "") -> bytes:
    """What leaves the first relay of a chain for the second: one suite only, with a key that is new.

    `avoid` is the suite of the party behind the second relay: it could not get a key of its own in that one.
    """
    _check_made(made, Profile.SDES)
    fresh = _fresh_cryptos(made, keys_of(sent))
    if not fresh:
        raise MediaRefused("the relay made no key of its own")
    return _with_cryptos(
        made, {min(fresh, key=lambda line: (fresh[line] == avoid, SUITES.index(fresh[line])))}
    )


def outgoing_offer(made: bytes, profile: Profile | ClearText, *others: bytes, used: str = "") -> bytes:
    """The offer that a party gets: what the relay made, without the keys that it copied.

    `others` are the descriptions whose keys must not be in it: what the other side said, now and before, and
    what it was told. `used` is the suite that the party uses already: it is offered no other one, since the
    relay may still have keys of the other side in them. Raises MediaRefused.
    """
    _check_made(made, profile)
    made = leaving.known_only(made)
    if profile is not Profile.SDES:
        return _with_cryptos(made, set())
    fresh = _fresh_cryptos(made, set().union(*map(keys_of, others)))
    if not fresh:
        raise MediaRefused("no suite is left in which the other side could have a key of its own")
    same = {line for line, suite in fresh.items() if suite == used}
    return _with_cryptos(made, same or set(fresh))


def outgoing_answer(
    made: bytes, profile: Profile | ClearText, declined: tuple[str, ...], *others: bytes
) -> bytes:
    """The answer that a party gets; no key of the `others` may be in it. Raises MediaRefused."""
    _check_made(made, profile)
    made = leaving.known_only(made)
    if profile is not Profile.SDES:
        made = _with_cryptos(made, set())
    else:
        lines = _CRYPTO_LINE.findall(made)
        if len(lines) != 1 or made.count(b"a=crypto:") != 1 or lines[0][1].decode() not in SUITES:
            raise MediaRefused("the relay's answer does not have one crypto line of an accepted suite")
        for other in others:
            if lines[0][2] in keys_of(other):
                raise MediaRefused("the relay gave one leg the key of the other")
    return _with_declined(made, declined) if len(declined) > 1 else made


def retagged(answer: bytes, made: bytes) -> bytes:
    """An answer that was given before, as the answer to what the relay makes now: its key has the tag there.

    rtpengine counts the keys of an offer anew, and takes an answer by its tag (RFC 4568 5.1.2).
    """
    tags = {suite: tag for tag, suite, _ in _CRYPTO_LINE.findall(made)}
    lines = _CRYPTO_LINE.findall(answer)
    if len(lines) != 1 or lines[0][1] not in tags:
        return answer
    tag, suite, _ = lines[0]
    return answer.replace(b"a=crypto:%b %b " % (tag, suite), b"a=crypto:%b %b " % (tags[suite], suite))


def keys_of(sdp: bytes) -> set[bytes]:
    """All SDES keys in a description, without base64 padding."""
    return set(_KEY.findall(sdp))


def _description(body: bytes, content_type: str | None) -> SessionDescription:
    if not body:
        raise MediaRefused("a session description with SRTP is needed")
    if content_type is None or content_type.partition(";")[0].strip().lower() != _SDP:
        raise MediaRefused("the body must be application/sdp")
    try:
        return SessionDescription.parse(body)
    except ParseError as error:
        raise MediaRefused(error.reason) from error


def _check_places(description: SessionDescription, place: int, places: MediaPlaces) -> None:
    try:
        fault = places.fault(description, place)
    except ParseError as error:
        raise MediaRefused(error.reason) from error
    if fault:
        raise MediaRefused(fault)


def _audio(description: SessionDescription) -> tuple[int, Media]:
    for place, media in enumerate(description.media):
        if media.kind == "audio" and not media.rejected:
            if media.count != 1:  # the relay refuses it as well, with words that name no reason
                raise MediaRefused("the audio stream asks for more than one pair of ports")
            return place, media
    raise MediaRefused("there is no audio stream")


def _no_plain_rtp(description: SessionDescription) -> None:
    for media in description.media:
        if media.rejected:
            continue
        if (
            media.protocol.upper() not in _SDES_PROTOCOLS | _DTLS_PROTOCOLS
            and "RTP" in media.protocol.upper()
        ):
            raise MediaRefused(f"{media.protocol} is not encrypted; RTP/SAVP or UDP/TLS/RTP/SAVPF is needed")
        if media.kind == "audio" and media.protocol not in _SDES_PROTOCOLS | _DTLS_PROTOCOLS:
            raise MediaRefused(f"{media.protocol} is not known as encrypted audio")


def _good_cryptos(audio: Media) -> list[Crypto]:
    if not audio.cryptos:
        raise MediaRefused(f"{audio.protocol} without a key: a crypto line is needed")
    for crypto in audio.cryptos:
        if "NULL" in crypto.suite.upper():
            raise MediaRefused(f"the suite {crypto.suite} does not encrypt")
        for parameter in crypto.session_params:
            if parameter.upper().startswith(("UNENCRYPTED_", "UNAUTHENTICATED_")):
                raise MediaRefused(f"the session parameter {parameter} turns protection off")
    good = [c for c in audio.cryptos if c.suite in SUITES and not c.session_params]
    if not good:
        names = ", ".join(c.suite for c in audio.cryptos)[:200]
        raise MediaRefused(f"no accepted suite among {names}; accepted are {', '.join(SUITES)}")
    return good


def _check_fingerprint(audio: Media) -> None:
    fingerprints = audio.fingerprints
    if not fingerprints:
        raise MediaRefused("DTLS-SRTP without a certificate fingerprint")
    if not any(value.split(" ", 1)[0].lower() in _GOOD_HASHES for value in fingerprints):
        raise MediaRefused("the certificate fingerprint must be SHA-256 or better")


def _only(body: bytes, place: int, keep: Crypto | None) -> bytes:
    """The description with the stream at `place` alone: with this key and no word of DTLS, or without a key.

    Line by line, since the parser has checked every line and writing a description anew takes longer.
    """
    unwanted = _NOT_SDES if keep is not None else _NOT_DTLS
    if body.count(b"\nm=") > 1:
        # A group names streams that are not there any more.
        unwanted += (b"a=group:",)
    key = b"" if keep is None else b"a=crypto:" + keep.to_text().encode()
    stream, lines = -1, []
    for line in body.replace(b"\r\n", b"\n").split(b"\n"):
        if line.startswith(b"m="):
            stream += 1
        if line.startswith(_CANDIDATE) and _is_link_local(line):
            continue
        if stream in {-1, place} and (line == key or not line.startswith(unwanted)):
            lines.append(line)
    if lines[-1]:
        lines.append(b"")
    return b"\r\n".join(lines)


def _is_link_local(line: bytes) -> bool:
    """Whether an ICE candidate is of a link that the relay is not on."""
    try:
        place = candidate_place(line.removeprefix(_CANDIDATE).decode("utf-8", "surrogateescape"))
    except ParseError:
        return True
    return kind_of(place.address) is Kind.LINK_LOCAL


def _check_made(made: bytes, profile: Profile | ClearText) -> None:
    line = _MEDIA_LINE.search(made)
    if isinstance(profile, ClearText):
        if line is None or line[2].decode() != PROTOCOL:
            raise MediaRefused("the relay did not make the description that the carrier needs")
        return
    allowed = _DTLS_PROTOCOLS if profile is Profile.DTLS else _SDES_PROTOCOLS
    if line is None or line[2].decode() not in allowed:
        raise MediaRefused("the relay did not make an encrypted description")
    if profile is Profile.DTLS and b"a=fingerprint:" not in made:
        raise MediaRefused("the relay gave no certificate fingerprint")


def _fresh_cryptos(made: bytes, old: set[bytes]) -> dict[bytes, str]:
    """The crypto lines of accepted suites whose key is in no other description, with their suites."""
    return {
        m[0]: suite
        for m in _CRYPTO_LINE.finditer(made)
        if m[3] not in old and (suite := m[2].decode()) in SUITES
    }


def _with_cryptos(sdp: bytes, keep: set[bytes]) -> bytes:
    """The description with these crypto lines only."""
    if b"a=crypto:" not in sdp:
        return sdp
    return b"\r\n".join(
        line for line in sdp.split(b"\r\n") if not line.startswith(b"a=crypto:") or line in keep
    )


def _with_declined(answer: bytes, declined: tuple[str, ...]) -> bytes:
    """The answer with the streams that are not carried, in their places."""
    start = answer.index(b"m=audio")
    parts = [
        answer[start:] if not line else line.encode("utf-8", "surrogateescape") + b"\r\n" for line in declined
    ]
    return answer[:start] + b"".join(parts)
