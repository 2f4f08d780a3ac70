"""The proofs of core and edge: with the token, for one hello and one connection, and nothing else."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.infra.link_proof import NONE, UNNAMED, LinkProof, LinkProofError, keys

TOKEN = "ab" * 32
RUN = "5" * 32
LINK = f"{RUN}.17"
NONCE = "0123456789abcdef" * 2


def answered(proof: LinkProof, nonce: str = NONCE, link: str = LINK, before: str = NONE) -> str:
    made = proof.over("edge", nonce, link, before)
    return f"nonce={nonce};link={link};before={before};proof={made}"


@pytest.mark.req("T4")
def test_an_answer_says_which_connection_it_is_and_whose_the_link_was() -> None:
    proof = LinkProof(TOKEN)
    answer = proof.answer(answered(proof, before=f"{RUN}.16"))
    assert (answer.nonce, answer.link, answer.run, answer.before) == (NONCE, LINK, RUN, f"{RUN}.16")


@pytest.mark.req("T4")
@pytest.mark.parametrize(
    "change",
    [
        (NONCE, NONCE[::-1]),
        (LINK, f"{RUN}.18"),
        (LINK, f"{'6' * 32}.17"),
        (NONE, LINK),
    ],
)
def test_a_proof_is_for_its_nonce_its_connection_and_what_it_says(change: tuple[str, str]) -> None:
    proof = LinkProof(TOKEN)
    with pytest.raises(LinkProofError, match="not made with the link's token"):
        proof.answer(answered(proof).replace(*change))


@pytest.mark.req("T4")
def test_another_token_proves_nothing_and_a_hello_is_no_answer() -> None:
    proof = LinkProof(TOKEN)
    with pytest.raises(LinkProofError):
        proof.answer(answered(LinkProof("cd" * 32)))
    said, nonce = proof.hello(LINK)
    own = said.rpartition("proof=")[2]
    with pytest.raises(LinkProofError):
        proof.answer(f"nonce={nonce};link={LINK};before={NONE};proof={own}")


@pytest.mark.req("T4")
def test_a_hello_has_a_nonce_of_its_own_and_never_the_token() -> None:
    proof = LinkProof(TOKEN)
    (one, first), (other, second) = proof.hello(UNNAMED), proof.hello(UNNAMED)
    assert first != second
    assert one != other
    assert TOKEN not in one
    assert not any(key in one for key in keys(TOKEN))


def test_the_proof_is_the_nested_hash_with_keys_of_one_block_each() -> None:
    inner, outer = keys(TOKEN)
    assert len({inner, outer, TOKEN}) == 3
    assert len(inner) == len(outer) == hashlib.sha256().block_size
    assert inner == hmac.new(TOKEN.encode(), b"ringwall link, inner", "sha256").hexdigest()
    within = hashlib.sha256(f"{inner}core:{NONCE}:0".encode()).hexdigest()
    made = hashlib.sha256(f"{outer}{within}".encode()).hexdigest()
    assert LinkProof(TOKEN).hello(UNNAMED, NONCE) == (f"nonce={NONCE};link=0;proof={made}", NONCE)


@given(st.none() | st.text(max_size=300) | st.text("0123456789abcdef.;=nocelikbfrpv", max_size=300))
def test_what_is_no_answer_is_refused(text: str | None) -> None:
    with pytest.raises(LinkProofError):
        LinkProof(TOKEN).answer(text)


@given(st.data())
def test_an_answer_with_anything_changed_is_refused(data: st.DataObject) -> None:
    proof = LinkProof(TOKEN)
    text = answered(proof)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda c: c != text[place]))
    with pytest.raises(LinkProofError):
        proof.answer(text[:place] + other + text[place + 1 :])
