"""G.711: the tables are those of the standard, there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.cli.demo.wiretap import decode_g711
from ringwall.media.g711 import A_LAW, DECODE, ENCODE, MISSING, PCMA, PCMU, decode, encode_rows, to_codes


@pytest.mark.parametrize(("payload_type", "law"), [(PCMU, "u"), (PCMA, "a")])
def test_decoding_is_what_an_independent_decoder_makes_of_it(payload_type, law):
    assert decode(bytes(range(256)), payload_type).tolist() == list(decode_g711(bytes(range(256)), law))


@pytest.mark.parametrize("law", [0, 1])
def test_each_code_comes_back_and_each_sample_goes_to_the_nearest(law):
    table = DECODE[law * A_LAW : law * A_LAW + 256].astype(int)
    for code in range(256):
        back = ENCODE[law, np.array([table[code]], np.int16).view(np.uint16)[0]]
        assert table[back] == table[code]
    samples = np.arange(-32768, 32768)
    made = table[ENCODE[law, samples.astype(np.int16).view(np.uint16)]]
    nearest = np.abs(samples[:, None] - table[None, :]).min(axis=1)
    assert np.array_equal(np.abs(samples - made), nearest)


def test_silence_is_the_code_that_phones_send_and_what_is_missing_is_silent():
    assert ENCODE[0, 0] == 0xFF
    assert DECODE[MISSING] == 0
    assert len(DECODE) == MISSING + 1


@given(st.lists(st.integers(-32768, 32767), min_size=2, max_size=2))
def test_rows_are_coded_each_with_its_own_law(pair):
    rows = np.array([[pair[0]], [pair[1]]], np.int16)
    made = encode_rows(rows, np.array([[0], [65536]], np.uint32))
    assert made == bytes([ENCODE[0, pair[0] & 0xFFFF], ENCODE[1, pair[1] & 0xFFFF]])


@given(st.binary(max_size=200))
def test_both_laws_share_one_table_without_mixing_up(payload):
    assert (to_codes(payload, PCMU) < A_LAW).all()
    assert (to_codes(payload, PCMA) >= A_LAW).all()
    assert (to_codes(payload, PCMA) < MISSING).all()
