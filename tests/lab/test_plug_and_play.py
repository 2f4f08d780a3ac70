"""A phone on a network finds the system by multicast, and nobody else gets an answer (P1, P4)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

pytestmark = pytest.mark.req("P1")
SOURCE = Path(__file__).resolve().parents[2] / "src"
SERVER, PHONE, FOREIGN = "10.77.5.1", "10.77.5.20", "198.51.100.20"
ENVIRONMENT = {"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]}

FIND = """
import asyncio, json, sys
from ringwall.phone.discovery import find
print(json.dumps(asyncio.run(find(sys.argv[1], "001565120010", sys.argv[2], "M1", "1", wait_s=1.0))))
"""
# Sends datagrams to where it is told and prints how many answers came within two seconds.
SEND = """
import json, socket, sys, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((sys.argv[1], 0))
sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[1]))
sock.settimeout(0.1)
for text in json.loads(sys.argv[3]):
    for _ in range(int(sys.argv[4])):
        sock.sendto(text.encode(), (sys.argv[2], 5060))
count, size, end = 0, 0, time.monotonic() + 2
while time.monotonic() < end:
    try:
        size += len(sock.recv(65536))
        count += 1
    except OSError:
        pass
print(json.dumps([count, size]))
"""


def question(number: int = 0, **changes: str) -> str:
    told = {"method": "SUBSCRIBE", "event": 'ua-profile;profile-type="device"', **changes}
    return (
        f"{told['method']} sip:MAC001565120010@224.0.1.75 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {PHONE}:5070;branch=z9hG4bK{number};rport\r\n"
        "From: <sip:MAC001565120010@224.0.1.75>;tag=a1\r\nTo: <sip:MAC001565120010@224.0.1.75>\r\n"
        f"Call-ID: c{number}\r\nCSeq: 1 {told['method']}\r\nMax-Forwards: 1\r\n"
        f"Event: {told['event']}\r\nExpires: 0\r\nContent-Length: 0\r\n\r\n"
    )


def python(namespace: str, program: str, *arguments: str) -> object:
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def house(network, tmp_path) -> Iterator[object]:
    """The program that answers, on a network with a phone and a stranger."""
    server = network.host(f"{SERVER}/24")
    network.phone = network.host(f"{PHONE}/24")
    network.stranger = network.host(f"{FOREIGN}/24")
    network.run(server, "ip", "route", "add", "198.51.100.0/24", "dev", "eth0")
    layout = Layout(tmp_path)
    Settings.for_address(SERVER).save(layout)
    log = (tmp_path / "pnp.log").open("w")
    command = [
        "ip",
        "netns",
        "exec",
        server,
        sys.executable,
        "-m",
        "ringwall.edge.pnp",
        "--data",
        str(tmp_path),
    ]
    process = subprocess.Popen(command, env=ENVIRONMENT, stderr=log, cwd="/")
    try:
        for _ in range(100):
            joined = subprocess.run(
                ["ip", "-n", server, "maddress", "show", "dev", "eth0"],
                capture_output=True,
                text=True,
                check=True,
            )
            if "224.0.1.75" in joined.stdout:
                break
            time.sleep(0.1)
        else:
            pytest.fail(f"nobody listens: {(tmp_path / 'pnp.log').read_text()}")
        yield network
    finally:
        process.terminate()
        process.wait(10)
        log.close()


@pytest.mark.parametrize("vendor", ["ringwall", "yealink", "snom"])
def test_a_phone_finds_the_system_by_itself(house, vendor) -> None:
    address = python(house.phone, FIND, PHONE, vendor)
    ends = "snom-{mac}.xml" if vendor == "snom" else ""
    assert address == f"https://{SERVER}:8443/phone/{ends}"


@pytest.mark.req("P4")
def test_who_is_not_of_the_house_gets_no_answer(house) -> None:
    assert python(house.stranger, SEND, FOREIGN, "224.0.1.75", json.dumps([question()]), "1") == [0, 0]


@pytest.mark.req("P4")
def test_what_is_no_question_or_not_by_multicast_gets_no_answer(house) -> None:
    wrong = [
        question(1, method="OPTIONS"),
        question(2, event="presence"),
        "junk",
        "\r\n\r\n",
        question(3)[:-3],
    ]
    assert python(house.phone, SEND, PHONE, "224.0.1.75", json.dumps(wrong), "1") == [0, 0]
    assert python(house.phone, SEND, PHONE, SERVER, json.dumps([question(4)]), "1") == [0, 0]


@pytest.mark.req("P4")
def test_a_flood_gets_few_answers(house) -> None:
    count, size = python(house.phone, SEND, PHONE, "224.0.1.75", json.dumps([question()]), "500")
    assert 2 <= count <= 12
    assert size < 12 * 1000
