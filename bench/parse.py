"""How long it takes to read and write SIP messages: `python bench/parse.py [--json]`.

Prints microseconds a message, the median of several rounds of many runs each. Every run reads a message with
a Call-ID, tags and branch of its own, as a busy system does, so that caches of whole values help no more than
in life.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from itertools import cycle

from ringwall.sip.message import Request, Response
from ringwall.sip.parser import StreamParser, parse_message
from ringwall.sip.sdp import SessionDescription

VARIANTS = 8192  # more than the caches of addresses hold
ROUNDS = 7

SDP = """v=0
o=- 1700000000 1700000001 IN IP4 192.0.2.41
s=-
c=IN IP4 192.0.2.41
t=0 0
m=audio 30000 RTP/SAVP 9 8 0 101
a=crypto:1 AEAD_AES_256_GCM inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ=
a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw
a=rtpmap:9 G722/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=sendrecv
"""

INVITE = """INVITE sip:1002@pbx.example.com SIP/2.0
Via: SIP/2.0/TCP 127.0.0.1:15071;branch=z9hG4bK8a1.{n}.0;i=1
Via: SIP/2.0/TLS 192.0.2.41:52344;received=192.0.2.41;branch=z9hG4bK{n};rport=52344
Record-Route: <sip:qX7mB9@192.0.2.1:5061;transport=tls;r2=on;lr;ob>
Max-Forwards: 69
From: "Alice Example" <sip:1001@pbx.example.com>;tag=a{n}
To: <sip:1002@pbx.example.com>
Contact: <sip:1001@192.0.2.41:52344;transport=tls>
Call-ID: {n}-0b5e3f@192.0.2.41
CSeq: 2 INVITE
User-Agent: ExamplePhone/3.1
Allow: INVITE,ACK,BYE,CANCEL,OPTIONS,REFER,NOTIFY,INFO,UPDATE,PRACK
Supported: timer,100rel,replaces
Session-Expires: 1800
Content-Type: application/sdp
P-Ringwall-Flow: 192.0.2.41:52344;proto=tls;id=17;run=2f
"""

UUID = "00000000-0000-1000-8000-0004f2"
DIGEST = (
    f'uri="sip:pbx.example.com", response="{"0123456789abcdef" * 4}", algorithm=SHA-256, '
    'cnonce="0a4f113b", qop=auth, nc=00000001'
)

REGISTER = """REGISTER sip:pbx.example.com SIP/2.0
Via: SIP/2.0/TCP 127.0.0.1:15071;branch=z9hG4bK8a1.{n}.0;i=1
Via: SIP/2.0/TLS 192.0.2.41:52344;received=192.0.2.41;branch=z9hG4bK{n};rport=52344
Path: <sip:qX7mB9@192.0.2.1:5061;transport=tls;lr;ob>
Max-Forwards: 69
From: <sip:1001@pbx.example.com>;tag=r{n}
To: <sip:1001@pbx.example.com>
Call-ID: {n}-reg
CSeq: 4 REGISTER
Contact: <sip:1001@192.0.2.41:52344;transport=tls>;reg-id=1;+sip.instance="<urn:uuid:{uuid}{n:06d}>"
Expires: 600
Authorization: Digest username="d7f3k2m9", realm="pbx.example.com", nonce="AAYnc0{n:06d}", {digest}
Supported: path,outbound
P-Ringwall-Flow: 192.0.2.41:52344;proto=tls;id=17;run=2f
"""

OK = """SIP/2.0 200 OK
Via: SIP/2.0/TLS core1.ringwall.internal;branch=z9hG4bK{n}
Record-Route: <sip:qX7mB9@192.0.2.1:5061;transport=tls;r2=on;lr;ob>
From: <sip:1001@pbx.example.com>;tag=a{n}
To: <sip:1002@pbx.example.com>;tag=b{n}
Call-ID: {n}-0b5e3f@core1
CSeq: 2 INVITE
Contact: <sip:1002@192.0.2.42:40124;transport=tls>
Content-Type: application/sdp
"""


def messages(head: str, body: str) -> list[bytes]:
    text = body.replace("\n", "\r\n").encode()
    return [
        head.format(n=n, uuid=UUID, digest=DIGEST).replace("\n", "\r\n").encode()
        + b"Content-Length: %d\r\n\r\n" % len(text)
        + text
        for n in range(100000, 100000 + VARIANTS)
    ]


def measure(work: Callable[[], object], runs: int) -> float:
    """Microseconds a run: the median of several rounds, after one that does not count."""
    for _ in range(runs):
        work()
    rounds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(runs):
            work()
        rounds.append((time.perf_counter() - begin) / runs * 1e6)
    return statistics.median(rounds)


def read_with_sdp(data: bytes) -> SessionDescription:
    return SessionDescription.parse(parse_message(data).body)


def typed(message: Request | Response) -> tuple[object, ...]:
    return (message.via, message.from_, message.to, message.cseq, message.call_id, message.contact)


def measurements(runs: int) -> dict[str, float]:
    invites, registers, answers = messages(INVITE, SDP), messages(REGISTER, ""), messages(OK, SDP)
    stream = StreamParser()
    next_invite, next_register, next_ok = (cycle(m).__next__ for m in (invites, registers, answers))
    invite, ok = parse_message(invites[0]), parse_message(answers[0])
    description = SessionDescription.parse(invite.body)
    work: dict[str, Callable[[], object]] = {
        "INVITE and SDP, parse": lambda: read_with_sdp(next_invite()),
        "INVITE, parse": lambda: parse_message(next_invite()),
        "INVITE, parse from a stream": lambda: stream.feed(next_invite()),
        "INVITE, parse and typed headers": lambda: typed(parse_message(next_invite())),
        "SDP, parse": lambda: SessionDescription.parse(invite.body),
        "REGISTER, parse": lambda: parse_message(next_register()),
        "200, parse": lambda: parse_message(next_ok()),
        "INVITE, write": invite.to_bytes,
        "200, write": ok.to_bytes,
        "SDP, write": description.to_bytes,
    }
    return {name: measure(run, runs) for name, run in work.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--runs", type=int, default=4000, help="runs a round (4000)")
    arguments = parser.parse_args()
    results = measurements(arguments.runs)
    invite = messages(INVITE, SDP)[0]
    if arguments.json:
        print(
            json.dumps(
                {"invite_bytes": len(invite), "microseconds": {k: round(v, 1) for k, v in results.items()}}
            )
        )
        return
    print(f"microseconds a message, median of {ROUNDS} rounds of {arguments.runs} runs")
    print(f"the INVITE with its SDP has {len(invite)} bytes")
    for name, value in results.items():
        print(f"  {name:<34}{value:8.1f}")


if __name__ == "__main__":
    main()
