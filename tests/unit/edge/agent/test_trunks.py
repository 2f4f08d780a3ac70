"""The list of trunks: what is refused and in which words, what stays connected, what outlives a restart."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.edge.agent.trunks import State, Trunk, TrunkError, Trunks, parse
from ringwall.infra.errors import RingwallError

GOOD = {
    "slot": 1,
    "name": "carrier-a",
    "host": "192.0.2.50",
    "port": 5061,
    "transport": "tls",
    "tls_name": "sip.carrier.example",
}
NEVER = "192.0.2.99"


class Keeper:
    """Notes which trunks are kept; a line is up until it is cancelled."""

    def __init__(self) -> None:
        self.begun: list[Trunk] = []
        self.ended: list[Trunk] = []

    async def keep(self, trunk: Trunk, state: State) -> None:
        self.begun.append(trunk)
        state.state, state.address = "up", f"{trunk.host}:{trunk.port}"
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.append(trunk)

    def check(self, trunk: Trunk) -> None:
        if trunk.host == NEVER:
            raise RingwallError("Never there.")


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
async def trunks(tmp_path: Path, keeper: Keeper):
    made = Trunks(tmp_path / "trunks.json", keeper.keep, keeper.check)
    yield made
    await made.stop()


def trunk(**other: object) -> dict[str, object]:
    return GOOD | other


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        (5, "is an object"),
        (trunk(slot=0), "a number from 1 to 16"),
        (trunk(slot=17), "a number from 1 to 16"),
        (trunk(slot=True), "a number from 1 to 16"),
        (trunk(slot="1"), "a number from 1 to 16"),
        (trunk(name=""), "slot 1 needs a name"),
        (trunk(name="a\nb"), "slot 1 needs a name"),
        (trunk(name="x" * 65), "slot 1 needs a name"),
        (trunk(port=0), "a port from 1 to 65535"),
        (trunk(port=65536), "a port from 1 to 65535"),
        (trunk(port="5061"), "a port from 1 to 65535"),
        (trunk(transport="udp"), "tls and tcp are possible"),
        (trunk(transport=["tls"]), "tls and tcp are possible"),
        (trunk(host=""), "needs a host"),
        (trunk(host=None), "needs a host"),
        (trunk(host="1.2.3.400"), "needs a host"),
        (trunk(host="a b"), "needs a host"),
        (trunk(host="a..b"), "needs a host"),
        (trunk(host="x" * 64 + ".example"), "needs a host"),
        (trunk(host="2001:db8::1"), "IPv4 is possible only"),
        (trunk(host="sip.example:5061"), "IPv4 is possible only"),
        (trunk(tls_name="192.0.2.50"), "needs a tls_name"),
        (trunk(tls_name=""), "needs a tls_name"),
        (trunk(tls_name="a\r\nb"), "needs a tls_name"),
        (trunk(tls_name="*.example"), "needs a tls_name"),
        (trunk(tls_name="ü.example"), "needs a tls_name"),
        (trunk(transport="tcp"), "clear text proves no name"),
        (trunk(authority="x"), "authority that is not certificates"),
        (trunk(authority=5), "authority that is not certificates"),
        (trunk(authority="x" * 9000), "of 8192 bytes at most"),
        (trunk(transport="tcp", tls_name="", authority="x"), "clear text proves nothing"),
        (trunk(password="x"), "unknown field: password"),
        (trunk(host=NEVER), "slot 1 cannot be set: Never there"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_changes(trunks, keeper, tmp_path, item, sentence) -> None:
    await trunks.set([trunk(slot=2)])
    before = (tmp_path / "trunks.json").read_bytes()
    with pytest.raises(TrunkError, match=sentence):
        await trunks.set([item])
    assert [each["slot"] for each in trunks.states()] == [2]
    assert (tmp_path / "trunks.json").read_bytes() == before
    assert not keeper.ended


@pytest.mark.parametrize("asked", [None, {}, "x", 1])
async def test_trunks_are_a_list(trunks, asked) -> None:
    with pytest.raises(TrunkError, match="are a list"):
        await trunks.set(asked)


async def test_a_slot_holds_one_trunk(trunks) -> None:
    with pytest.raises(TrunkError, match="Slot 1 is given twice"):
        await trunks.set([GOOD, trunk(name="b")])


def test_tls_is_the_default_and_a_host_that_is_a_name_is_the_name_of_its_certificate() -> None:
    asked = {"slot": 3, "name": "x", "host": "SIP.Carrier.example", "port": 5061}
    assert parse([asked]) == [Trunk(3, "x", "sip.carrier.example", 5061, "tls", "sip.carrier.example")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), JSON))
def test_any_value_is_taken_in_its_form_or_refused_in_a_sentence(changes) -> None:
    with suppress(TrunkError):
        (found,) = parse([GOOD | changes])
        assert 1 <= found.slot <= 16
        assert (found.host + found.tls_name).isascii()
        assert (found.host + found.tls_name).isprintable()
        assert found.tls_name or found.transport == "tcp"


async def test_only_what_leads_elsewhere_is_connected_anew(trunks, keeper) -> None:
    await trunks.set([trunk(slot=1), trunk(slot=2), trunk(slot=3)])
    await asyncio.sleep(0)
    states = await trunks.set([trunk(slot=1, name="renamed"), trunk(slot=2, port=5062)])
    assert [(each["slot"], each["name"]) for each in states] == [(1, "renamed"), (2, "carrier-a")]
    assert {each.slot for each in keeper.ended} == {2, 3}
    await asyncio.sleep(0)
    assert [(each.slot, each.port) for each in keeper.begun[3:]] == [(2, 5062)]
    assert trunks.states()[1]["address"] == "192.0.2.50:5062"


@pytest.mark.req("R2")
async def test_what_was_set_is_there_after_a_restart_and_closed_to_others(trunks, keeper, tmp_path) -> None:
    await trunks.set([GOOD, trunk(slot=9, transport="tcp", tls_name="")])
    assert (tmp_path / "trunks.json").stat().st_mode & 0o777 == 0o600
    again = Trunks(tmp_path / "trunks.json", keeper.keep, keeper.check)
    await again.load()
    await asyncio.sleep(0)
    assert [each["slot"] for each in again.states()] == [1, 9]
    await again.stop()
    assert json.loads((tmp_path / "trunks.json").read_bytes())[0]["slot"] == 1


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'[{"slot": 99}]', b"\xff", b"[" * 70000])
async def test_a_damaged_memory_is_put_aside_and_said(trunks, tmp_path, caplog, content) -> None:
    (tmp_path / "trunks.json").write_bytes(content)
    await trunks.load()
    assert trunks.states() == []
    assert "the core must set them" in caplog.text
    assert (tmp_path / "trunks.damaged").read_bytes() == content


async def test_nothing_is_set_when_it_cannot_be_kept(keeper, tmp_path) -> None:
    made = Trunks(tmp_path / "none" / "trunks.json", keeper.keep, keeper.check)
    with pytest.raises(TrunkError, match="cannot be kept"):
        await made.set([GOOD])
    assert made.states() == []


async def test_a_bug_of_one_trunk_is_seen_in_its_state(tmp_path, caplog) -> None:
    async def crash(_trunk: Trunk, _state: State) -> None:
        raise ZeroDivisionError

    made = Trunks(tmp_path / "trunks.json", crash, lambda _: None)
    await made.set([GOOD])
    await asyncio.sleep(0)
    assert made.states()[0]["state"] == "down"
    assert "its log says why" in made.states()[0]["error"]
    assert "ZeroDivision" in caplog.text
