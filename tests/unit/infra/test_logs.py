"""Logs are lines of JSON, and no secret gets into them."""

import io
import json
import logging

import pytest

from ringwall.infra.logs import REMOVED, JsonFormatter, configure, redact, redact_value

SECRET = "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdo"
PROOF = "6629fae49393a05397450978507c4ef1"


@pytest.fixture
def stream():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    target = io.StringIO()
    configure("core", stream=target)
    yield target
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_line_with_its_fields(stream):
    logging.getLogger("ringwall.x").warning("link\n%s", "down", extra={"edge": "edge1", "tries": 3})
    (line,) = lines(stream)
    assert line["message"] == "link\ndown"
    assert (line["level"], line["program"], line["logger"]) == ("warning", "core", "ringwall.x")
    assert (line["edge"], line["tries"]) == ("edge1", 3)
    assert line["at"].endswith("+00:00")


@pytest.mark.req("T5")
@pytest.mark.parametrize(
    "text",
    [
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{SECRET}|2^31|1:4",
        f"b'a=crypto:1 AEAD_AES_256_GCM inline:{SECRET}\\r\\n'",
        f'Authorization: Digest username="d7", response="{SECRET}"',
        f"PROXY-AUTHORIZATION : Digest username=d7,\r\n response={SECRET}\r\nTo: <sip:1@a>",
        f'b\'Authorization: Digest nonce="x", response="{SECRET}"\\r\\nCSeq: 1\'',
        f"{{'Authorization': 'Bearer {SECRET}'}}",
        f"Authorization: Bearer {SECRET}",
        f"bearer {SECRET} was refused",
        f"password={SECRET}",
        f"password: '{SECRET}'",
        f'{{"password": "{SECRET}"}}',
        f'{{\\"new_password\\": \\"{SECRET}\\"}}',
        f"the api_token = {SECRET}, was",
        f"P-Ringwall-Link: {SECRET}",
        f"Cookie: session={SECRET}",
        f"ha1_sha256={SECRET}",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
        f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n",
    ],
)
def test_a_secret_in_a_text_is_cut_out(text):
    cleaned = redact(text)
    assert SECRET not in cleaned
    assert REMOVED in cleaned


def test_the_proof_of_a_digest_login_is_cut_out_wherever_it_stands():
    assert PROOF not in redact(f'Digest username="d7", response="{PROOF}", uri="sip:a"')
    assert PROOF not in redact(f"response={PROOF}{PROOF}")


def test_what_follows_a_secret_header_stays():
    cleaned = redact(f"Authorization: Digest response={SECRET}\r\nTo: <sip:1@a>\r\n")
    assert cleaned.endswith("\r\nTo: <sip:1@a>\r\n")
    assert redact(f"b'Authorization: Digest {SECRET}\\r\\nTo: <sip:1@a>'").endswith("\\r\\nTo: <sip:1@a>'")


@pytest.mark.parametrize(
    "text",
    [
        "registered sip:100@example.com for 600 s",
        "response 200 after 12 ms",
        "the token bucket of 192.0.2.1 is empty",
        "nonce expired, realm=example.com",
        "a=crypto refused: no key",
    ],
)
def test_ordinary_texts_stay_as_they_are(text):
    assert redact(text) == text


def test_fields_with_the_name_of_a_secret_are_emptied_at_any_depth(stream):
    logging.getLogger("x").info(
        "made", extra={"device": {"name": "d7", "password": SECRET, "crypto": [SECRET]}, "token": SECRET}
    )
    (line,) = lines(stream)
    assert line["device"] == {"name": "d7", "password": REMOVED, "crypto": REMOVED}
    assert line["token"] == REMOVED


def test_that_there_is_no_secret_may_be_said():
    assert redact_value("password", None) is None
    assert redact_value("has_password", True) is True


def test_a_secret_in_an_exception_is_cut_out(stream):
    try:
        int(f"a=crypto:1 X inline:{SECRET}")
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert SECRET not in stream.getvalue()
    assert "ValueError" in lines(stream)[0]["exception"]


def test_a_wrong_log_call_costs_neither_line_nor_program():
    record = logging.makeLogRecord({"msg": "%d calls", "args": ("many",)})
    assert json.loads(JsonFormatter("core").format(record))["message"] == "%d calls (with wrong arguments)"


def test_bytes_and_odd_values_become_text():
    line = JsonFormatter("edge").format(
        logging.makeLogRecord({"msg": "m", "data": b"\xff\x00a", "things": {1}, "deep": [[[[[[[[1]]]]]]]]})
    )
    assert json.loads(line)["data"] == "\\xff\x00a"
    assert json.loads(line)["things"] == [1]


def test_a_long_text_is_cut_and_takes_no_long_time():
    nasty = "authorization: " + "a" * 10_000_000
    assert len(redact(nasty)) < 20_000
    assert len(redact("\r\n " * 4_000_000)) < 20_000


def test_loggers_of_libraries_go_through_the_same_filter(stream):
    logging.getLogger("uvicorn.access").addHandler(logging.StreamHandler(io.StringIO()))
    configure("core", stream=stream)
    assert logging.getLogger("uvicorn.access").handlers == []
    logging.getLogger("uvicorn.access").warning("GET /?token=%s", SECRET)
    assert SECRET not in stream.getvalue()


def test_how_long_a_password_lasts_is_no_secret():
    told = redact_value(
        "after", {"password_lifespan": 90, "password_warning": 7, "password": "x", "password_lifespan2": 1}
    )
    assert told == {
        "password_lifespan": 90,
        "password_warning": 7,
        "password": REMOVED,
        "password_lifespan2": REMOVED,
    }
