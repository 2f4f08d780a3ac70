"""A phone behind the real rtpengine on the host's address, and a leg of the media server on loopback: both hear."""

import asyncio
import contextlib
import socket
import subprocess
import time
from base64 import b64decode

import numpy as np
import pytest
from pylibsrtp import Policy, Session

from ringwall.core.calls.model.relay import Profile, Relay, Side
from ringwall.core.calls.switch.relay_control import RelayControl
from ringwall.infra.ports import primary_address
from ringwall.infra.run import find_tool
from ringwall.media.g711 import DECODE, ENCODE
from ringwall.sip.sdp import SessionDescription
from support.media.phone import PROFILES, Phone, level
from support.media.server import Server, key
from system.srtp_peer import Ng, sdp

THEIRS, OURS = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"


@pytest.fixture
def relay(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        ng = probe.getsockname()[1]
    host = primary_address()
    command = [
        str(find_tool("rtpengine")), "--config-file=none", "--table=-1", f"--interface=world/{host}",
        f"--listen-ng=127.0.0.1:{ng}", "--port-min=41000", "--port-max=41400", "--foreground", "--log-stderr",
        "--log-level=5", "--endpoint-learning=heuristic",
    ]  # fmt: skip
    with (tmp_path / "rtpengine.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    yield host, Ng(ng)
    process.terminate()
    process.wait(10)


@pytest.mark.req("T1", "T4")
async def test_a_phone_behind_the_relay_and_a_leg_on_loopback_hear_each_other_each_with_keys_of_its_own(
    relay, tmp_path
):
    host, ng = relay
    server = Server(tmp_path / "m", relays=[host, "127.0.0.1"])
    server.start()
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        client = server.client()
        other = Phone(client, "other", 1000)
        stack.callback(other.close)
        leg = client.ask("leg.open", leg="phone")
        assert leg["address"] == "127.0.0.1"
        control, one = RelayControl(ng), Relay("call-1")
        mine, ours = key(PROFILES[THEIRS][1]), key(PROFILES[OURS][1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind((host, 0))
            phone.settimeout(0.5)
            offer = sdp(host, phone.getsockname()[1], THEIRS, mine)
            _, towards = await control.offer(one, Side.A, offer, Profile.SDES, between=None, first=True)
            # The suite of the phone is taken out, as the core does it: rtpengine makes a key of its own then.
            seen = SessionDescription.parse(towards).audio
            tag = next(line.tag for line in seen.cryptos if line.suite == OURS)
            answer = sdp(leg["address"], leg["port"], OURS, ours, tag)
            back = await control.answer(one, Side.A, answer, Profile.SDES)
            heard = SessionDescription.parse(back).audio
            theirs = next(line.key_params for line in seen.cryptos if line.suite == OURS).removeprefix(
                "inline:"
            )
            client.ask(
                "leg.connect", leg="phone", host=seen.address.address, port=seen.port, suite=OURS, send_key=ours,
                receive_key=theirs.partition("|")[0], payload=0, dtmf=101, ptime=20,
            )  # fmt: skip
            client.ask("room.set", room="r", legs=["phone", "other"], hears={"*": {"*": 1}})
            crypto = next(line for line in heard.cryptos if line.suite == THEIRS)
            material = crypto.key_params.removeprefix("inline:").partition("|")[0]
            assert material not in {ours, theirs}
            profile = PROFILES[THEIRS][0]
            protect = Session(
                Policy(key=b64decode(mine), ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
            )
            unlock = Session(
                Policy(key=b64decode(material), ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile)
            )
            got = await asyncio.to_thread(talk, phone, (heard.address.address, heard.port), protect, unlock)
            assert level(got, 1000) > 5000
            said = np.concatenate(other.heard[-90:-30])
            assert level(said, 440) > 5000
            assert level(said, 1000) < 500
            stats = client.ask("leg.close", leg="phone")
            assert stats["received"] > 100
            assert stats["refused"] == 0
        control.delete(one)


def talk(phone, target, protect, unlock):
    """Say 440 Hz for three seconds, and return what is heard in the last second but one."""
    heard, at = [], time.monotonic()
    wave = (8000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)).astype(np.int16)
    codes = ENCODE[0][wave.view(np.uint16)].tobytes()
    phone.setblocking(False)
    for number in range(150):
        head = bytes([0x80, 0]) + (number + 1).to_bytes(2) + (number * 160).to_bytes(4) + b"ssrc"
        start = number * 160 % 8000
        phone.sendto(protect.protect(head + codes[start : start + 160]), target)
        at += 0.02
        time.sleep(max(0.0, at - time.monotonic()))
        with contextlib.suppress(BlockingIOError):
            while True:
                data = phone.recv(2048)
                if not 192 <= data[1] <= 223:
                    heard.append(DECODE[np.frombuffer(unlock.unprotect(data)[12:], np.uint8)])
    return np.concatenate(heard[-80:-20])
