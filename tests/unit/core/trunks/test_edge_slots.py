"""What the edge is told of trunks, and what it tells."""

import asyncio

from ringwall.core.errors import EdgeRefused, EdgeUnavailable
from ringwall.core.trunks.edge_slots import EdgeSlots
from ringwall.core.trunks.trunks import Trunks
from support.calls.carrier import line
from support.calls.rights import RigRights


class Agent:
    """The edge agent behind a control link."""

    def __init__(self) -> None:
        self.trunks = []
        self.states = {}
        self.calls = []
        self.down = False
        self.refuses = {}

    async def call(self, op):
        self.calls.append(op["op"])
        if self.down:
            raise EdgeUnavailable("the control link to the edge is down")
        if op["op"] == "trunks":
            for one in op["trunks"]:
                if one["slot"] in self.refuses:
                    raise EdgeRefused(
                        f"The trunk in slot {one['slot']} cannot be set: {self.refuses[one['slot']]}"
                    )
            self.trunks = op["trunks"]
            return {"trunks": []}
        return {
            "trunks": [
                {"slot": one["slot"], "name": one["name"], "transport": one["transport"],
                 "state": self.states.get(one["slot"], ("up", ""))[0], "error": self.states.get(one["slot"], ("up", ""))[1]}
                for one in self.trunks
            ]
        }  # fmt: skip


def house(*lines):
    rights = RigRights()
    for one in lines:
        rights.trunks[one.id] = one
    records = []
    trunks, agent = Trunks(rights), Agent()
    return (
        rights,
        trunks,
        agent,
        EdgeSlots(trunks, agent, lambda event: records.append((event.kind, event.to_body()))),
        records,
    )


async def until(come) -> None:
    """Wait for something that has to come; how long it takes decides nothing."""
    async with asyncio.timeout(20):
        while not come():  # noqa: ASYNC110 - what comes is a value, not an event
            await asyncio.sleep(0.005)


def running(slots: EdgeSlots):
    return asyncio.get_running_loop().create_task(slots.run())


async def test_the_edge_is_told_all_slots_at_the_start_and_after_a_change() -> None:
    rights, trunks, agent, slots, _ = house(
        line("t1"), line("t2", transport="tcp", allow_clear_text=True, port=5060)
    )
    task = running(slots)
    await until(lambda: agent.trunks)
    assert agent.trunks == [
        {"slot": 1, "name": "Carrier t1", "host": "sip.carrier.example", "port": 5061, "transport": "tls",
         "tls_name": "sip.carrier.example"},
        {"slot": 2, "name": "Carrier t2", "host": "sip.carrier.example", "port": 5060, "transport": "tcp",
         "tls_name": ""},
    ]  # fmt: skip
    rights.trunks.pop("t1")
    trunks.refresh()
    slots.changed()
    await until(lambda: [one["slot"] for one in agent.trunks] == [2])
    task.cancel()


async def test_what_could_not_be_told_is_told_when_the_link_is_back(monkeypatch) -> None:
    monkeypatch.setattr("ringwall.core.trunks.edge_slots._RETRY_SECONDS", 0.01)
    _, _, agent, slots, _ = house(line("t1"))
    agent.down = True
    task = running(slots)
    await until(lambda: agent.calls.count("trunks") > 1)
    agent.down = False
    await until(lambda: len(agent.trunks) == 1)
    task.cancel()


async def test_a_trunk_that_the_edge_refuses_keeps_no_other_out() -> None:
    _, trunks, agent, slots, records = house(line("t1"), line("t2"))
    agent.refuses[1] = "127.0.0.1 is this host"
    task = running(slots)
    await until(lambda: [one["slot"] for one in agent.trunks] == [2])
    assert trunks.states["t1"].up is False
    assert "127.0.0.1 is this host" in trunks.states["t1"].why
    assert records == [("trunk.down", {"trunk": "t1", "why": trunks.states["t1"].why})]
    task.cancel()


async def test_when_a_carrier_does_not_answer_the_edge_is_asked_why_at_once() -> None:
    _, trunks, agent, slots, records = house(line("t1"))
    task = running(slots)
    await until(lambda: agent.trunks)
    agent.states = {1: ("down", "The carrier's certificate is for another name.")}
    trunks.note("t1", 1.0, up=False, why="503 Trunk Not Connected to OPTIONS")
    wanted = "no connection: The carrier's certificate is for another name."
    await until(lambda: trunks.states["t1"].why == wanted)
    assert ("trunk.down", {"trunk": "t1", "why": wanted}) in records
    task.cancel()


def test_why_there_is_no_connection_stands_until_the_trunk_is_up() -> None:
    _, trunks, _, _, _ = house(line("t1"))
    state = trunks.states["t1"]
    assert trunks.note("t1", 1.0, up=False, connection="no connection: a wrong certificate")
    assert not trunks.note("t1", 2.0, up=False, why="503 Trunk Not Connected to OPTIONS")
    assert (state.why, state.since) == ("no connection: a wrong certificate", 1.0)
    assert trunks.note("t1", 3.0, up=False, connection="no connection: it does not answer")
    assert state.why == "no connection: it does not answer"
    assert trunks.note("t1", 4.0, up=True)
    assert (state.why, state.connection) == ("", "")
    assert trunks.note("t1", 5.0, up=False, why="503 Busy to OPTIONS")
    assert state.why == "503 Busy to OPTIONS"


async def test_an_edge_that_has_something_else_is_told_again_and_its_troubles_are_taken_over(
    monkeypatch,
) -> None:
    monkeypatch.setattr("ringwall.core.trunks.edge_slots._LOOK_SECONDS", 0.01)
    _, trunks, agent, slots, records = house(line("t1"), line("t2", options_seconds=30))
    agent.states = {1: ("down", "the certificate is for another name"), 2: ("up", "")}
    task = running(slots)
    await until(lambda: trunks.states["t1"].up is False)
    assert trunks.states["t1"].why == "no connection: the certificate is for another name"
    assert trunks.states["t2"].up is None  # OPTIONS will tell
    agent.trunks = []  # a new agent that has forgotten
    await until(lambda: len(agent.trunks) == 2)
    agent.states = {}
    await until(lambda: trunks.states["t1"].up)
    assert [kind for kind, _ in records] == ["trunk.down", "trunk.up"]
    task.cancel()
