"""Any bytes are what the edge says of a flow or in its answer to a hello, or one error, and never a proof.

`python tests/fuzz/fuzz_edge_words.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.core.registrar.flows import Flow
    from ringwall.infra.link_proof import NONE, LinkProof, LinkProofError
    from ringwall.sip.errors import ParseError

PROOF = LinkProof("ab" * 32)
RUN, NONCE = "5" * 32, "0123456789abcdef" * 2
MADE = PROOF.over("edge", NONCE, f"{RUN}.17", NONE)
ANSWER = f"nonce={NONCE};link={RUN}.17;before={NONE};proof={MADE}"


def target(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        answer = PROOF.answer(text)
        assert text == ANSWER, "an answer that was not made with the token"
        assert answer.run == RUN
    except LinkProofError:
        pass
    try:
        flow = Flow.parse(text)
    except ParseError:
        return
    assert flow.run
    assert flow.number
    assert Flow.parse(str(flow)) == flow


if __name__ == "__main__":
    flow = f"192.0.2.1:5061;proto=tls;id=17;run={RUN}".encode()
    harness.run(target, [ANSWER.encode(), flow, flow.replace(b"tls", b"wss"), b"[2001:db8::1]:5;id=1;run=1"])
