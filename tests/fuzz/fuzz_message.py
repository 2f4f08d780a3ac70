"""Any bytes are a message or one that is malformed, and what is read is written and read again the same.

`python tests/fuzz/fuzz_message.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.sip.message import Request
    from ringwall.sip.parser import MalformedMessage, parse_message


def target(data: bytes) -> None:
    try:
        message = parse_message(data)
    except MalformedMessage as error:
        if error.request is not None:
            error.request.response(error.status, to_tag="x").to_bytes()
        return
    _ = (message.via, message.branch, message.from_, message.to, message.call_id, message.cseq)
    _ = (message.contacts, message.expires, message.max_forwards, message.content_type)
    for name in {name for name, _ in message.headers.items()}:
        message.headers.all(name)
    if isinstance(message, Request):
        message.response(180, to_tag="x").to_bytes()
    assert parse_message(message.to_bytes()) == message


if __name__ == "__main__":
    harness.run(target, harness.torture())
