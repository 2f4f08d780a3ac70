"""Session descriptions: reading, writing, editing, hold."""

import dataclasses

import pytest

from ringwall.sip.errors import ParseError
from ringwall.sip.sdp import Connection, Media, Origin, SessionDescription
from support.key_lines import crypto_of

KEY = "inline:" + "A" * 40


def body(*lines: str, media: bool = True) -> bytes:
    head = ["v=0", "o=- 1 2 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"]
    rest = ["m=audio 4000 RTP/SAVP 8 0"] if media else []
    return "\r\n".join([*head, *rest, *lines, ""]).encode()


def refused(data: bytes) -> ParseError:
    with pytest.raises(ParseError) as caught:
        SessionDescription.parse(data)
    return caught.value


def test_a_description_is_read() -> None:
    sdp = SessionDescription.parse(
        body(
            f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}",
            "a=rtpmap:8 PCMA/8000",
            "a=sendonly",
            "m=video 0/2 RTP/SAVP 31",
        )
    )
    assert sdp.origin == Origin("-", "1", "2", "IN", "IP4", "192.0.2.1")
    assert sdp.connection == Connection("IP4", "192.0.2.1")
    audio, video = sdp.media
    assert (audio.kind, audio.port, audio.protocol, audio.formats) == ("audio", 4000, "RTP/SAVP", ("8", "0"))
    assert audio.attribute("rtpmap") == "8 PCMA/8000"
    assert audio.attribute("sendonly") == ""
    assert audio.attribute("ptime") is None
    assert [crypto.suite for crypto in audio.cryptos] == ["AES_CM_128_HMAC_SHA1_80"]
    assert (video.port, video.count, video.rejected) == (0, 2, True)
    assert sdp.audio is audio


@pytest.mark.parametrize(
    "data",
    [
        body(),
        body(
            "a=sendonly", "x=unknown", "a=x", "b=AS:64", "c=IN IP4 192.0.2.9", "a=y:", "i=title", "k=prompt"
        ),
        body("z=0 0", "a=tool:x", "b=CT:1", "r=1", media=False),
        b"v=0\r\no=a 1 1 IN IP6 ::1\r\ns= \r\nt=0 0\r\na=group:BUNDLE 0\r\nb=AS:1\r\nc=IN IP6 ::1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
        "v=0\r\no=é 1 1 IN IP4 h.example\r\ns=Grüße\r\n".encode(),
        b"v=0\r\no=\xff 1 1 IN IP4 h.example\r\ns=\xfe\r\n",
    ],
)
def test_reading_and_writing_is_the_identity_whatever_the_order_of_lines(data: bytes) -> None:
    sdp = SessionDescription.parse(data)
    assert sdp.to_bytes() == data
    assert SessionDescription.parse(data.replace(b"\r\n", b"\n")) == sdp
    assert SessionDescription.parse(data.removesuffix(b"\r\n")) == sdp


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"v=0",
        b"v=1\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\n",
        b"o=- 1 2 IN IP4 192.0.2.1\r\nv=0\r\ns=-\r\n",
        b"v=0\r\no=- x 2 IN IP4 192.0.2.1\r\ns=-\r\n",
        b"v=0\r\no=- 1 2 IN IP4\r\ns=-\r\n",
        b"v=0\r\no=- 1 2 IN IP4 192.0.2.256\r\ns=-\r\n",
        b"v=0\r\no=- 1 2 IN IP6 2001:db8:::1\r\ns=-\r\n",
        b"v=0\r\no=- 1 2 XX IP4 192.0.2.1\r\ns=-\r\n",
        body("a="),
        body("a=b c:d"),
        body("nonsense"),
        body("A=b"),
        body(""),
        body("c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.2"),
        body("c=IN IP4 224.2.1.1/127"),
        body("c=IN IP4"),
        body("m=audio"),
        body("m=audio 1 RTP/AVP"),
        body("m=audio x RTP/AVP 0"),
        body("m=audio 65536 RTP/AVP 0"),
        body("m=audio 1/0 RTP/AVP 0"),
        body("m=audio 1/x RTP/AVP 0"),
        body("m=audio  1 RTP/AVP 0"),
        body("m=audio 1 RTP/AVP 0 "),
        body("m=audio 1 RTP/AVP/ 0"),
        body("m=audio 1 RTP/A:P 0"),
        body("m=audio 1 RTP/AVP 0;1"),
        body("m=a/b 1 RTP/AVP 0"),
        body("a=x\0"),
        body("a=x\ry"),
    ],
)
def test_a_malformed_description_is_refused_with_400(data: bytes) -> None:
    assert refused(data).status == 400


@pytest.mark.req("T5")
@pytest.mark.parametrize(
    "line",
    [
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA",
        "a=crypto",
        "a=fingerprint:sha-256 AB",
        "a=fingerprint:",
        "a=setup:maybe",
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}",
    ],
)
def test_malformed_keys_are_refused_with_488(line: str) -> None:
    assert refused(body(line)).status == 488


@pytest.mark.req("T5")
def test_keys_outside_of_a_media_description_are_refused() -> None:
    assert refused(body(f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}", media=False)).status == 488


def test_too_large_a_description_is_refused() -> None:
    assert refused(body(*["a=x"] * 1100)).status == 513
    assert refused(body("a=" + "x" * 70000)).status == 513
    assert refused(body(*["m=audio 1 RTP/AVP 0"] * 33)).status == 513


def test_what_a_stream_does_not_say_is_taken_from_the_session() -> None:
    fingerprint = "sha-256 " + ":".join(["AB"] * 32)
    head = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=recvonly\r\na=setup:actpass\r\n"
    text = head + f"a=fingerprint:{fingerprint}\r\nm=audio 1 UDP/TLS/RTP/SAVPF 0\r\n"
    text += "m=video 1 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 192.0.2.2\r\na=setup:active\r\na=inactive\r\n"
    sdp = SessionDescription.parse(text.encode())
    audio, video = sdp.media
    assert (audio.direction, video.direction) == ("recvonly", "inactive")
    assert (audio.setup, video.setup) == ("actpass", "active")
    assert audio.fingerprint == video.fingerprint == fingerprint
    assert (audio.address, video.address) == (Connection("IP4", "192.0.2.1"), Connection("IP4", "192.0.2.2"))
    assert (audio.connection, video.connection) == (None, Connection("IP4", "192.0.2.2"))
    moved = sdp.replace(connection=Connection("IP4", "192.0.2.7"), attributes=())
    assert moved.media[0].address == Connection("IP4", "192.0.2.7")
    assert moved.media[0].direction == "sendrecv"
    assert SessionDescription.parse(moved.to_bytes()) == moved


@pytest.mark.parametrize(
    ("lines", "held"),
    [
        ([], False),
        (["a=sendrecv"], False),
        (["a=recvonly"], False),
        (["a=sendonly"], True),
        (["a=inactive"], True),
        (["c=IN IP4 0.0.0.0"], True),
        (["c=IN IP6 ::"], True),
        (["a=sendonly", "m=video 5 RTP/SAVP 31"], False),
        (["a=sendonly", "m=video 0 RTP/SAVP 31"], True),
    ],
)
def test_hold_is_recognised_in_all_its_forms(lines: list[str], held: bool) -> None:
    assert SessionDescription.parse(body(*lines)).on_hold is held


def test_a_description_of_refused_streams_only_is_not_on_hold() -> None:
    assert not SessionDescription.parse(body("m=audio 0 RTP/AVP 0", media=False)).on_hold
    assert SessionDescription.parse(body("m=audio 0 RTP/AVP 0", media=False)).audio is None


def test_edits_are_written_where_the_old_lines_stood() -> None:
    sdp = SessionDescription.parse(
        body(
            "a=x",
            f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}",
            "a=sendonly",
            f"a=crypto:2 AES_CM_128_HMAC_SHA1_80 {KEY}",
            "a=y",
        )
    )
    crypto = crypto_of(7, "AEAD_AES_128_GCM", bytes(28))
    media = sdp.media[0].replace(cryptos=[crypto], direction="inactive", port=0)
    text = sdp.replace(media=(media,)).to_bytes().decode()
    assert text.endswith(
        f"m=audio 0 RTP/SAVP 8 0\r\na=x\r\na=crypto:{crypto.to_text()}\r\na=inactive\r\na=y\r\n"
    )
    assert media.cryptos == (crypto,)
    assert media.direction == "inactive"


def test_edits_add_what_was_not_there() -> None:
    media = Media("audio", 4000, "RTP/SAVP", ("0",)).replace(
        direction="sendonly", setup="active", fingerprint="sha-256 AB"
    )
    assert media.lines() == [
        "m=audio 4000 RTP/SAVP 0",
        "a=sendonly",
        "a=fingerprint:sha-256 AB",
        "a=setup:active",
    ]
    assert dataclasses.replace(media, port=2).port == 2
    with pytest.raises(ValueError, match="direction"):
        media.replace(direction="upwards")


def test_a_description_can_be_made_from_nothing() -> None:
    sdp = SessionDescription(
        Origin("-", "1", "1", "IN", "IP4", "192.0.2.1"),
        connection=Connection("IP4", "192.0.2.1"),
        media=(
            Media(
                "audio",
                4000,
                "RTP/AVP",
                ("0",),
                others=(("b", "AS:64"),),
                connection=Connection("IP4", "192.0.2.2"),
            ),
        ),
    )
    text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\nb=AS:64\r\n"
    assert sdp.to_bytes().decode() == text
    assert SessionDescription.parse(text.encode()) == sdp


def test_no_repr_shows_a_key() -> None:
    sdp = SessionDescription.parse(body(f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}"))
    for value in (sdp, sdp.media[0], sdp.media[0].cryptos[0], sdp.media[0].cryptos[0].keys[0]):
        assert "AAAA" not in repr(value)
        assert "x00" not in repr(value)
        assert "AAAA" not in f"{value}"
