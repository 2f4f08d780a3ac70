"""Digest authentication and nonces."""

import pytest

from ringwall.sip.digest import Challenge, NonceCheck, NonceKeeper, ha1, parse_authorization, response_digest
from ringwall.sip.errors import ParseError

SECRET = bytes(32)


# The examples of RFC 7616 3.9.1 (MD5 and SHA-256 of the same request).
@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, expected: str) -> None:
    secret = ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
    nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    assert response_digest(algorithm, secret, "GET", "/dir/index.html", nonce, 1, cnonce) == expected
    assert response_digest(algorithm, secret, "GET", "/dir/index.html", nonce, "00000001", cnonce) == expected


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_an_answer_to_a_challenge_verifies_and_nothing_else_does(algorithm: str) -> None:
    secret = ha1(algorithm, "d7f3", "example.com", "pw")
    challenge = Challenge.parse(str(Challenge("example.com", "n1", algorithm, opaque='o"p')))
    assert challenge.opaque == 'o"p'
    credentials = parse_authorization(
        str(challenge.answer("d7f3", secret, "REGISTER", "sip:example.com", 1, "c"))
    )
    assert (credentials.username, credentials.realm, credentials.nonce) == ("d7f3", "example.com", "n1")
    assert (credentials.uri, credentials.nc, credentials.algorithm) == ("sip:example.com", 1, algorithm)
    assert credentials.verify(secret, "REGISTER")
    assert not credentials.verify(secret, "INVITE")
    assert not credentials.verify(ha1(algorithm, "d7f3", "example.com", "other"), "REGISTER")


def test_a_stale_challenge_says_so() -> None:
    text = str(Challenge("r", "n", stale=True))
    assert text == 'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth", stale=true'
    assert Challenge.parse(text).stale


GOOD = {
    "username": '"u"',
    "realm": '"r"',
    "nonce": '"n"',
    "uri": '"sip:x"',
    "response": '"' + "a" * 64 + '"',
    "algorithm": "SHA-256",
    "cnonce": '"c"',
    "qop": "auth",
    "nc": "0000000a",
}


def header(**changes: str | None) -> str:
    params = {**GOOD, **changes}
    return "Digest " + ", ".join(f"{name}={value}" for name, value in params.items() if value is not None)


def test_credentials_are_read() -> None:
    credentials = parse_authorization(header())
    assert (credentials.nc, credentials.cnonce, credentials.opaque) == (10, "c", None)
    assert parse_authorization(header(qop='"auth"')).nc == 10
    assert parse_authorization(header(algorithm=None, response='"' + "a" * 32 + '"')).algorithm == "MD5"
    assert parse_authorization(header(algorithm="sha-256")).algorithm == "SHA-256"


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in GOOD if name != "algorithm"),
        {"qop": "auth-int"},
        {"algorithm": "SHA-512-256"},
        {"algorithm": "MD5-sess"},
        {"response": '"aa"'},
        {"response": '"' + "g" * 64 + '"'},
        {"response": '"' + "\u0660" * 64 + '"'},
        {"nc": "1"},
        {"nc": "00000000"},
        {"nc": "0000000g"},
        {"nc": "+0000001"},
        {"userhash": "true"},
        {"username": '"' + "u" * 300 + '"'},
    ],
)
def test_incomplete_or_malformed_credentials_are_refused(changes: dict[str, str | None]) -> None:
    with pytest.raises(ParseError) as caught:
        parse_authorization(header(**changes))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "text", ["", "Basic abc=def", 'Digest realm="r", nonce="n"', 'Digest realm="r", qop="auth"']
)
def test_a_challenge_that_cannot_be_met_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        Challenge.parse(text)


def test_no_repr_shows_the_response() -> None:
    assert "aaaa" not in repr(parse_authorization(header()))


def test_an_algorithm_that_is_not_ours_is_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="SHA-1"):
        ha1("SHA-1", "u", "r", "p")


def test_a_nonce_is_good_once_for_each_count() -> None:
    keeper = NonceKeeper(SECRET, 300)
    nonce = keeper.issue(1000.0)
    assert keeper.check(nonce, 1, 1001.0) is NonceCheck.OK
    assert keeper.check(nonce, 1, 1001.0) is NonceCheck.REPLAYED
    assert keeper.check(nonce, 5, 1002.0) is NonceCheck.OK
    assert keeper.check(nonce, 4, 1002.0) is NonceCheck.REPLAYED
    assert keeper.check(nonce, 6, 1002.0) is NonceCheck.OK


def test_nonces_differ_though_the_clock_stands() -> None:
    keeper = NonceKeeper(SECRET, 300)
    assert keeper.issue(1.0) != keeper.issue(1.0)


def test_an_old_nonce_is_stale_and_its_memory_is_freed() -> None:
    keeper = NonceKeeper(SECRET, 300)
    nonce = keeper.issue(1000.0)
    assert keeper.check(nonce, 1, 1300.0) is NonceCheck.OK
    assert keeper.check(nonce, 2, 1300.1) is NonceCheck.STALE
    assert len(keeper) == 0
    # Even if the clock goes back, what was forgotten is not good again.
    assert keeper.check(nonce, 1, 1000.0) is NonceCheck.STALE


@pytest.mark.parametrize("nonce", ["", "x", "A" * 48, "é" * 48, "=" * 48, "A" * 47 + "\n"])
def test_a_made_up_nonce_is_forged(nonce: str) -> None:
    assert NonceKeeper(SECRET, 300).check(nonce, 1, 0.0) is NonceCheck.FORGED


def test_every_changed_letter_makes_a_nonce_forged() -> None:
    keeper = NonceKeeper(SECRET, 300)
    nonce = keeper.issue(1000.0)
    for index, letter in enumerate(nonce):
        changed = nonce[:index] + ("A" if letter != "A" else "B") + nonce[index + 1 :]
        assert keeper.check(changed, 1, 1000.0) is NonceCheck.FORGED


def test_a_nonce_of_another_process_is_forged() -> None:
    nonce = NonceKeeper(bytes(16), 300).issue(0.0)
    assert NonceKeeper(b"x" * 16, 300).check(nonce, 1, 0.0) is NonceCheck.FORGED


def test_memory_is_bounded_and_what_is_forgotten_cannot_be_replayed() -> None:
    keeper = NonceKeeper(SECRET, 300, capacity=10)
    nonces = [keeper.issue(1000.0 + n) for n in range(20)]
    for nonce in nonces:
        assert keeper.check(nonce, 1, 1020.0) is NonceCheck.OK
    assert len(keeper) == 10
    for nonce in nonces[:10]:
        assert keeper.check(nonce, 1, 1020.0) is NonceCheck.STALE
        assert keeper.check(nonce, 2, 1020.0) is NonceCheck.STALE
    for nonce in nonces[10:]:
        assert keeper.check(nonce, 1, 1020.0) is NonceCheck.REPLAYED


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        NonceKeeper(b"short", 300)
