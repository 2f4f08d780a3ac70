"""What the reference phone reads from the network: an address, a configuration, a lamp, or one error each.

The first byte of the input chooses the reader.
`python tests/fuzz/fuzz_phone.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import json

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.phone.config import ConfigError, read_config
    from ringwall.phone.discovery import answered
    from ringwall.phone.signalling import waiting_messages

CONFIG = {
    "state": "assigned",
    "user": {"extension": "201", "name": "Anna"},
    "sip": {
        "server": "192.0.2.1",
        "port": 5061,
        "domain": "example.com",
        "user": "201",
        "auth_user": "d1",
        "transport": "tls",
        "srtp": "mandatory",
        "password": "x",
    },
    "firmware": {"url": "https://192.0.2.1/firmware/", "path": "ringwall/reference/1.2/reference.rwi"},
    "features": {"login": "*88"},
    "buttons": [{"label": "Mailbox", "dial": "*97"}],
}
NOTIFY = (
    b"NOTIFY sip:m@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKn\r\nMax-Forwards: 70\r\n"
    b"From: <sip:p@x>;tag=a\r\nTo: <sip:m@x>;tag=b\r\nCall-ID: mine\r\nCSeq: 1 NOTIFY\r\n"
    b"Contact: <sip:x>\r\nEvent: ua-profile\r\nContent-Length: 24\r\n\r\nhttps://192.0.2.1:8443/p"
)


def target(data: bytes) -> None:
    if not data:
        return
    kind, data = data[0] % 3, data[1:]
    if kind == 0:
        url, _answer = answered(data, "mine")
        assert url is None or url.startswith("https://")
    elif kind == 1:
        try:
            config = read_config(data)
        except ConfigError:
            return
        assert not config.firmware_url or config.firmware_url.startswith("https://")
    else:
        _waits, new = waiting_messages(data)
        assert new >= 0


if __name__ == "__main__":
    summary = b"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/0)\r\n"
    harness.run(target, [b"\0" + NOTIFY, b"\1" + json.dumps(CONFIG).encode(), b"\2" + summary])
