"""RTP, RTCP and what they say of reception: the RFC's formats there and back, and any bytes without an error."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.media import rtcp, rtp
from ringwall.media.reception import Reception
from ringwall.media.reports import Reports

u8, u16, u32 = st.integers(0, 255), st.integers(0, 65535), st.integers(0, 2**32 - 1)


@given(st.integers(0, 127), st.booleans(), u16, u32, u32, st.binary(max_size=200))
def test_a_packet_is_read_as_it_was_written(kind, marker, sequence, timestamp, ssrc, payload):
    data = rtp.HEAD.pack(rtp.VERSION, kind | rtp.MARKER * marker, sequence, timestamp, ssrc) + payload
    assert rtp.parse(data) == (kind, marker, sequence, timestamp, ssrc, payload)


@given(st.integers(0, 15), st.integers(0, 5), st.integers(0, 20), st.binary(max_size=50))
def test_sources_extension_and_padding_are_no_payload(sources, words, padding, payload):
    first = rtp.VERSION | 0x10 | sources | (0x20 if padding else 0)
    data = rtp.HEAD.pack(first, 0, 1, 2, 3) + bytes(4 * sources)
    data += struct.pack("!HH", 0xBEDE, words) + bytes(4 * words) + payload
    data += bytes(padding - 1) + bytes([padding]) if padding else b""
    packet = rtp.parse(data)
    assert packet is not None
    assert packet[5] == payload


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_none(data):
    packet = rtp.parse(data)
    assert packet is None or packet[5] in data
    rtcp.parse(data)


def test_rtcp_is_told_from_rtp_by_its_second_byte():
    told = [second for second in range(256) if rtp.is_rtcp(bytes([0x80, second]) + bytes(6))]
    assert told == list(range(192, 224))


blocks = st.builds(rtcp.Block, u32, u8, st.integers(-(2**23), 2**23 - 1), u32, u32, u32, u32)


@given(u32, st.none() | st.tuples(u32, u32, u32), st.none() | blocks, st.booleans(), st.floats(1.6e9, 2.0e9))
def test_a_report_is_read_as_it_was_written(ssrc, sent, block, goodbye, now):
    data = rtcp.compound(ssrc, "abcDEF123", now=now, sent=sent, block=block, goodbye=goodbye)
    assert len(data) % 4 == 0
    report = rtcp.parse(data)
    assert report is not None
    assert report.ssrc == ssrc
    assert report.goodbye == goodbye
    assert report.blocks == (() if block is None else (block,))
    assert report.ntp_middle == (None if sent is None else pytest.approx(rtcp.ntp_middle(now), abs=1))


@given(st.binary(max_size=300), u32)
def test_a_report_that_was_cut_or_changed_is_refused_or_harmless(junk, ssrc):
    data = rtcp.compound(ssrc, "x", now=1.7e9, sent=(1, 2, 3), block=None)
    for cut in range(len(data)):
        assert rtcp.parse(data[:cut]) is None or cut % 4 == 0
    rtcp.parse(data + junk)
    Reports(1).take(data + junk, 1.7e9)


@given(st.integers(0, 65535), st.lists(st.booleans(), min_size=1, max_size=300))
def test_losses_are_counted_over_a_wrap_of_the_sequence(first, came):
    reception = Reception(7, first)
    count = 0
    for number, there in enumerate([True, *came, True]):
        if there:
            count += 1
            reception.packet((first + number) & 0xFFFF, number * 160, number * 160)
    assert reception.received == count
    assert reception.lost == len(came) + 2 - count
    assert reception.jitter == 0
    block = reception.block(0, 0)
    assert block.lost == reception.lost
    assert block.fraction == (reception.lost * 256 // (len(came) + 2))
    assert reception.block(0, 0).fraction == 0


def test_jitter_is_that_of_the_rfc_and_a_new_timestamp_base_is_none():
    reception = Reception(7, 0)
    for number in range(400):
        reception.packet(number, number * 160, number * 160 + 40 * (number % 2))
    assert 36 <= reception.jitter <= 40
    reception.packet(400, 1 << 31, 400 * 160)
    assert reception.jitter <= 40


def test_the_round_trip_is_known_from_the_other_sides_report():
    reports = Reports(5)
    said = rtcp.Block(5, 0, 3, 100, 80, rtcp.ntp_middle(1000.0), 65536 // 2)
    data = rtcp.compound(9, "x", now=1000.0, sent=None, block=said)
    reports.take(data, 1000.62)
    assert reports.rtt_ms == pytest.approx(120, abs=1)
    assert (reports.remote_lost, reports.remote_jitter_ms) == (3, 10.0)
    other = rtcp.compound(9, "x", now=1000.0, sent=None, block=rtcp.Block(6, 0, 99, 1, 1, 1, 1))
    reports.take(other, 1001.0)
    assert reports.remote_lost == 3
