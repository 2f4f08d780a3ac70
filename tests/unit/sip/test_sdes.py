"""Key lines: the grammar of RFC 4568, to the letter."""

from base64 import b64encode

import pytest

from ringwall.sip.errors import ParseError
from ringwall.sip.sdes import KEY_LENGTHS, Crypto, Key

SUITE = "AES_CM_128_HMAC_SHA1_80"
MATERIAL = bytes(range(30))
INLINE = "inline:" + b64encode(MATERIAL).decode()


@pytest.mark.parametrize(("suite", "length"), KEY_LENGTHS.items())
def test_a_key_of_the_right_length_is_read_with_and_without_padding(suite: str, length: int) -> None:
    text = b64encode(bytes(range(length))).decode()
    for encoded in (text, text.rstrip("=")):
        crypto = Crypto.parse(f"1 {suite} inline:{encoded}")
        assert crypto.keys == (Key(bytes(range(length))),)
        assert crypto.to_text() == f"1 {suite} inline:{encoded}"
    for wrong in (length - 1, length + 1):
        with pytest.raises(ParseError):
            Crypto.parse(f"1 {suite} inline:{b64encode(bytes(wrong)).decode()}")


def test_the_lengths_are_those_of_the_standards() -> None:
    assert KEY_LENGTHS == {
        "AES_CM_128_HMAC_SHA1_80": 16 + 14,
        "AES_CM_128_HMAC_SHA1_32": 16 + 14,
        "AEAD_AES_128_GCM": 16 + 12,
        "AEAD_AES_256_GCM": 32 + 12,
    }


@pytest.mark.parametrize(
    ("rest", "lifetime", "mki"),
    [
        ("", None, None),
        ("|2^31", 2**31, None),
        ("|2^48", 2**48, None),
        ("|1048576", 1048576, None),
        ("|1:4", None, (1, 4)),
        ("|2^20|1:4", 2**20, (1, 4)),
        ("|2^20|255:1", 2**20, (255, 1)),
    ],
)
def test_lifetime_and_mki_are_read(rest: str, lifetime: int | None, mki: tuple[int, int] | None) -> None:
    (key,) = Crypto.parse(f"1 {SUITE} {INLINE}{rest}").keys
    assert (key.material, key.lifetime, key.mki) == (MATERIAL, lifetime, mki)


@pytest.mark.req("T5")
def test_session_parameters_are_there_for_policy_to_see() -> None:
    crypto = Crypto.parse(f"2 {SUITE} {INLINE} UNENCRYPTED_SRTP KDR=5")
    assert crypto.session_params == ("UNENCRYPTED_SRTP", "KDR=5")


@pytest.mark.req("T5")
def test_an_unknown_suite_is_kept_for_policy_to_refuse() -> None:
    crypto = Crypto.parse("3 NULL_HMAC_SHA1_80 inline:AAAA")
    assert (crypto.suite, crypto.keys) == ("NULL_HMAC_SHA1_80", ())
    assert crypto.to_text() == "3 NULL_HMAC_SHA1_80 inline:AAAA"


def test_several_keys_need_an_mki_each() -> None:
    crypto = Crypto.parse(f"1 {SUITE} {INLINE}|1:4;{INLINE}|2:4")
    assert [key.mki for key in crypto.keys] == [(1, 4), (2, 4)]
    for text in (f"{INLINE};{INLINE}", f"{INLINE}|1:4;{INLINE}|1:4", f"{INLINE}|1:4;{INLINE}|2:8"):
        with pytest.raises(ParseError):
            Crypto.parse(f"1 {SUITE} {text}")


@pytest.mark.req("T5")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        f"1 {SUITE}",
        f"1 {SUITE} ",
        f"01 {SUITE} {INLINE}",
        f"-1 {SUITE} {INLINE}",
        f"1234567890 {SUITE} {INLINE}",
        f"x {SUITE} {INLINE}",
        f"1  {SUITE} {INLINE}",
        f"1 {SUITE} {INLINE} ",
        f" 1 {SUITE} {INLINE}",
        f"1 AES(CM) {INLINE}",
        f"1 {SUITE} outline:AAAA",
        f"1 {SUITE} inline",
        f"1 {SUITE} inline:",
        f"1 {SUITE} inline:{'A' * 39}!",
        f"1 {SUITE} inline:{'A' * 40}=",
        f"1 {SUITE} inline:{'A' * 20}={'A' * 20}",
        f"1 {SUITE} inline:{'-' * 40}",
        f"1 {SUITE} {INLINE}|",
        f"1 {SUITE} {INLINE}|0",
        f"1 {SUITE} {INLINE}|2^0",
        f"1 {SUITE} {INLINE}|2^49",
        f"1 {SUITE} {INLINE}|{2**48 + 1}",
        f"1 {SUITE} {INLINE}|1:0",
        f"1 {SUITE} {INLINE}|1:129",
        f"1 {SUITE} {INLINE}|256:1",
        f"1 {SUITE} {INLINE}|1:4|2^20",
        f"1 {SUITE} {INLINE}|2^20|1:4|x",
        f"1 {SUITE} {INLINE};",
        f"1 {SUITE} {INLINE} KDR=\x01",
        "1 UNKNOWN nothing",
        f"1 {SUITE} {INLINE} " + "x" * 3000,
    ],
)
def test_anything_else_is_refused_with_488(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        Crypto.parse(text)
    assert caught.value.status == 488
    assert "AAAA" not in str(caught.value)


def test_two_texts_of_one_key_are_not_both_taken() -> None:
    # 28 bytes leave bits in the last letter that a sloppy decoder would drop.
    good = b64encode(bytes(28)).decode().rstrip("=")
    Crypto.parse(f"1 AEAD_AES_128_GCM inline:{good}")
    with pytest.raises(ParseError):
        Crypto.parse(f"1 AEAD_AES_128_GCM inline:{good[:-1]}B")


def test_neither_repr_nor_str_shows_the_key() -> None:
    crypto = Crypto.parse(f"1 {SUITE} {INLINE}")
    secret = INLINE.removeprefix("inline:")
    assert secret not in repr(crypto)
    assert secret not in str(crypto)
    assert secret in crypto.to_text()
