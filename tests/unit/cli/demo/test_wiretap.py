"""The wiretap finds what is there: its silence means something."""

import array
import os
import struct

import dpkt
import pytest

from ringwall.cli.demo.tones import RATE, tone
from ringwall.cli.demo.wiretap import (
    TONES,
    Packet,
    decode_g711,
    encode_u_law,
    examine,
    read_packets,
    self_check,
    server_hello,
)

TCP = {"phone-edge": 5061}
UDP = {"media": (30000, 30100)}
NEAR, EDGE = ("192.0.2.1", 40000), ("192.0.2.2", 5061)
RELAY = ("192.0.2.2", 30002)


def rtp(payload: bytes, sequence: int = 1, kind: int = 0, ssrc: int = 7) -> Packet:
    return Packet("udp", NEAR, RELAY, struct.pack("!BBHII", 0x80, kind, sequence, 160, ssrc) + payload)


def voice(hertz: float) -> bytes:
    samples = array.array("h")
    samples.frombytes(tone(hertz, 160 / RATE))
    return encode_u_law(samples)


@pytest.mark.req("T6")
def test_the_detectors_find_a_clear_call_and_nothing_in_noise() -> None:
    assert self_check()


@pytest.mark.req("T6")
@pytest.mark.parametrize(
    "text",
    [
        b"INVITE sip:201@example.com SIP/2.0\r\n",
        b"SIP/2.0 200 OK\r\n",
        b"GET /api/health HTTP/1.1\r\n",
        b"xx a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc",
    ],
)
def test_clear_text_on_a_link_is_found(text: bytes) -> None:
    for packet in (Packet("tcp", NEAR, EDGE, text), Packet("tcp", EDGE, NEAR, text)):
        found = examine([packet], TCP, UDP)
        assert found.readable_sip == 1
        assert found.links["phone-edge"] == 1


@pytest.mark.req("T6")
@pytest.mark.parametrize("hertz", TONES)
def test_a_played_tone_in_g711_is_found_and_encrypted_bytes_are_not(hertz: float) -> None:
    clear = examine([rtp(voice(hertz))], TCP, UDP)
    assert (clear.rtp_packets, clear.decodable_rtp) == (1, 1)
    secret = examine([rtp(os.urandom(170), sequence=n) for n in range(500)], TCP, UDP)
    assert (secret.rtp_packets, secret.decodable_rtp) == (500, 0)


def test_other_ports_are_no_link() -> None:
    found = examine([Packet("tcp", NEAR, ("192.0.2.2", 80), b"SIP/2.0")], TCP, UDP)
    assert found.links == {"phone-edge": 0, "media": 0}
    assert found.readable_sip == 0


def test_missing_packets_are_counted_by_stream_also_where_numbers_come_round() -> None:
    whole = [rtp(b"x" * 170, sequence=n & 0xFFFF) for n in range(65530, 65550)]
    holed = [rtp(b"x" * 170, sequence=n, ssrc=8) for n in (1, 2, 5, 6)]
    assert examine(whole, TCP, UDP).lost == 0
    assert examine(holed, TCP, UDP).lost == 2
    assert examine(whole + holed, TCP, UDP).lost == 2


def test_both_laws_decode_what_itu_says() -> None:
    # G.711 tables 1a and 2a: the ends of the scale and the value next to zero.
    assert list(decode_g711(b"\x00\x80\xff\x7f", "u")) == [-32124, 32124, 0, 0]
    assert list(decode_g711(b"\x2a\xaa\xd5\x55", "a")) == [-32256, 32256, 8, -8]


def test_the_cipher_of_a_server_hello_is_read() -> None:
    extensions = struct.pack("!HHH", 43, 2, 0x0304)
    body = struct.pack("!H", 0x0303) + bytes(32) + b"\x00" + struct.pack("!HB", 0x1301, 0)
    body += struct.pack("!H", len(extensions)) + extensions
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    record = b"\x16\x03\x03" + struct.pack("!H", len(message)) + message
    assert server_hello(record) == ("TLSv1.3", "TLS_AES_128_GCM_SHA256")
    older = record.replace(extensions, struct.pack("!HHH", 0, 2, 0x0304))
    assert server_hello(older) == ("TLSv1.2", "TLS_AES_128_GCM_SHA256")
    for cut in range(len(record)):
        server_hello(record[:cut])  # no length of it makes the parser fall over
    assert server_hello(b"\x17" + record[1:]) is None


def test_a_capture_file_is_read(tmp_path) -> None:
    file = tmp_path / "capture.pcap"
    segment = dpkt.tcp.TCP(sport=40000, dport=5061, data=b"SIP/2.0 200 OK")
    datagram = dpkt.udp.UDP(sport=30002, dport=40002, data=b"\x80" + bytes(20))
    datagram.ulen = len(datagram)
    with file.open("wb") as opened:
        writer = dpkt.pcap.Writer(opened)
        for protocol, body in ((6, segment), (17, datagram)):
            ip = dpkt.ip.IP(src=b"\xc0\x00\x02\x01", dst=b"\xc0\x00\x02\x02", p=protocol, data=body)
            ip.len = len(ip)
            writer.writepkt(bytes(dpkt.ethernet.Ethernet(data=ip, type=0x0800)), ts=1.0)
    packets = list(read_packets(file))
    assert [p.protocol for p in packets] == ["tcp", "udp"]
    assert packets[0] == Packet("tcp", ("192.0.2.1", 40000), ("192.0.2.2", 5061), b"SIP/2.0 200 OK")
    assert packets[1].payload == b"\x80" + bytes(20)
