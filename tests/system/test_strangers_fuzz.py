"""Spoilt messages by the thousand, through the edge's real engines and the core: the link stands, nothing goes astray.

`RINGWALL_FUZZ_MESSAGES=100000 python -m pytest -s tests/system/test_strangers_fuzz.py` is the long form, with its figures;
`RINGWALL_FUZZ_SEED` repeats a run or makes another.
"""

import json
import os

import pytest

from system.descriptions import answer_to, good
from system.raw_phone import joined
from system.running import PROGRAMS
from system.strangers import SIDE_BY_SIDE, Strangers

MESSAGES = int(os.environ.get("RINGWALL_FUZZ_MESSAGES", "1500"))
SEED = int(os.environ.get("RINGWALL_FUZZ_SEED", "1"))

pytestmark = pytest.mark.timeout(120 + MESSAGES / 10)


@pytest.mark.req("W2", "R3")
async def test_spoilt_messages_cut_no_link_and_reach_nobody_else(system, connect, person) -> None:
    anna, ben, caller = await connect(), await connect(), await connect()
    guests = [person() for _ in range(SIDE_BY_SIDE)]
    links = links_of(system)
    pids = {program: system.pid(program) for program in PROGRAMS}
    found = await Strangers(system, (anna, ben), caller, guests, seed=SEED, messages=MESSAGES).run()
    print(json.dumps({**vars(found), "seed": SEED}, indent=1))  # noqa: T201 - the figures of the long form
    assert found.sent.total() >= MESSAGES
    assert not found.astray
    assert links_of(system) == links
    assert {program: system.pid(program) for program in PROGRAMS} == pids
    assert found.calls
    broken = [
        line for program in PROGRAMS for line in system.log(program).splitlines() if "Traceback" in line
    ]
    print("\n".join(broken))  # noqa: T201 - whole, which an assertion does not show
    assert not broken
    # Some got through to the core, and some were turned away: else this tries nothing.
    assert found.closed
    assert {"SIP/2.0 401", "SIP/2.0 400"} <= set(found.answers)
    here, there = await joined(anna, ben, good(), answer_to)
    assert (await here.hang_up()).status == 200
    await there.ended()


def links_of(system) -> list[str]:
    """What the core's log says of its links, in its words."""
    said = (json.loads(line)["message"] for line in system.log("core").splitlines() if line.startswith("{"))
    return [words for words in said if "link to the edge" in words]
