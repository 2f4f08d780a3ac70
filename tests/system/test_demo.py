"""The demonstration on a real system, claim by claim (T1, T4, T5, T6, I2)."""

import json

import pytest

from ringwall.cli.demo import conference, reference, watched
from ringwall.cli.demo.acts import AFTER, LIVE
from ringwall.cli.demo.wiretap import TONES

pytestmark = [
    pytest.mark.alone,  # it listens to sound of several phones at once, act by act, in real time
    pytest.mark.timeout(450),  # the first of these tests plays all of it
]

ACTS = [name for name, _ in (*LIVE, *AFTER)]


@pytest.fixture(scope="module")
def played(system) -> dict:
    """What `./ringwall demo --json` said."""
    done = system.run("demo", "--json", timeout=420)
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["ok"] else 1)
    return told


@pytest.mark.req("T1", "T5", "T6", "I2")
@pytest.mark.parametrize("name", ACTS)
def test_this_act_holds(played, name) -> None:
    (act,) = [act for act in played["acts"] if act["name"] == name]
    assert act["ok"], act["why"]


def test_all_of_it_holds_and_nothing_was_left_out(played) -> None:
    assert played["ok"]
    assert [act["name"] for act in played["acts"]][: len(ACTS)] == ACTS


@pytest.mark.req("F2", "F3", "P2", "P3", "P4")
@pytest.mark.parametrize("name", [name for name, _ in reference.ACTS])
def test_this_act_of_the_reference_phone_holds(played, name) -> None:
    (act,) = [act for act in played["acts"] if act["name"] == name]
    assert act["ok"], act["why"]


@pytest.mark.req("F2")
def test_the_reference_phone_refused_the_tampered_image_and_kept_its_own(played) -> None:
    assert played["reference_phone"]["refused"] == "changed"
    assert played["reference_phone"]["running"] == "1.1.0"
    assert played["reference_phone"]["identity"] == "our certificate"


@pytest.mark.req("C2")
@pytest.mark.parametrize("name", [name for name, _ in watched.ACTS])
def test_this_act_of_the_supervisor_holds(played, name) -> None:
    (act,) = [act for act in played["acts"] if act["name"] == name]
    assert act["ok"], act["why"]


@pytest.mark.req("C2")
@pytest.mark.parametrize("name", [name for name, _ in conference.ACTS])
def test_this_act_of_the_conference_holds(played, name) -> None:
    (act,) = [act for act in played["acts"] if act["name"] == name]
    assert act["ok"], act["why"]


@pytest.mark.req("C2")
def test_the_customer_hears_the_supervisor_only_after_barging_in(played) -> None:
    heard = {row["mode"]: row["customer"] for row in played["watched"]}
    assert list(heard) == ["silent monitor", "silent coach", "barge in"]
    assert [mode for mode, whom in heard.items() if watched.SUPERVISOR in whom] == ["barge in"]


@pytest.mark.req("T1", "T4")
def test_signalling_links_are_tls_and_the_inner_ones_1_3(played) -> None:
    links = {link["name"]: link for link in played["links"]}
    assert any(name.startswith("phone-edge") for name in links)
    assert sum(name.startswith("edge-core") for name in links) >= 3
    for name, link in links.items():
        assert link["protocol"] in ({"TLSv1.3"} if name.startswith("edge-core") else {"TLSv1.2", "TLSv1.3"})
        assert link["cipher"].startswith(("TLS_", "ECDHE-"))
        assert "GCM" in link["cipher"] or "CHACHA20" in link["cipher"]


@pytest.mark.req("T1")
def test_both_legs_are_srtp_and_each_hears_the_other_s_tone(played) -> None:
    caller, called = played["legs"]
    for leg in (caller, called):
        assert leg["suite"] in {"AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"}
        assert leg["packets_sent"] > 50
        assert leg["packets_received"] > 50
    assert caller["tone_hz_heard"] == TONES[1]
    assert called["tone_hz_heard"] == TONES[0]
    assert played["setup_ms"] > 0


@pytest.mark.req("T6")
def test_the_wiretap_was_on_every_link_and_read_nothing(played) -> None:
    wiretap = played["wiretap"]
    for name in ("phone-edge", "edge-core", "media", "edge-media"):
        assert wiretap["links_captured"][name] > 0, name
    assert wiretap["readable_sip"] == 0
    assert wiretap["decodable_rtp"] == 0


@pytest.mark.req("I2")
def test_the_call_is_in_a_ledger_that_verifies(played, system) -> None:
    assert played["ledger_ok"]
    record = played["record"]
    assert record["kind"] == "call.ended"
    assert record["body"]["seconds"] > 0
    (kept,) = [r for r in system.records(record["seq"] - 1) if r["seq"] == record["seq"]]
    assert kept["hash"] == record["hash"]


def test_it_leaves_nobody_behind(played, system) -> None:
    assert not [user for user in system.ask("user.list") if "demonstration" in user["name"].lower()]
    assert system.ask("call.list") == []
