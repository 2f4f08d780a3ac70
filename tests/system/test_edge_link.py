"""Which connection is whose, with the real engines: the names of flows, and the core's link."""

import re

import pytest

from system.edge_rig import Core, Phone, edge, request

pytestmark = pytest.mark.timeout(90)

FLOW = re.compile(r"(?P<peer>[0-9.:]+);proto=(?P<proto>\w+);id=(?P<id>\d+);run=(?P<run>[0-9a-f]{32})")


def flow_in(text: str) -> dict[str, str]:
    found = FLOW.fullmatch(text)
    assert found, text
    return found.groupdict()


@pytest.mark.req("P4")
async def test_after_a_restart_no_connection_has_the_name_of_an_earlier_one() -> None:
    with edge() as rig:
        core = await Core.attach(rig)
        for _ in range(5):
            phone = await Phone.connect(rig)
        before = flow_in((await phone.register(core)).get("P-Ringwall-Flow"))
        assert before["run"] == core.link.edge_run
        phone.vanish()

        await core.restarted(rig)
        port, after = int(before["peer"].partition(":")[2]), {"id": "0"}
        while int(after["id"]) < int(before["id"]):
            phone = await Phone.connect(rig, port=port)
            phone.send(request("INVITE", "sip:200@example.test"))
            invite = await core.next("INVITE")
            core.send(invite.reply(401, "Unauthorized"))
            assert (await phone.final()).status == 401
            after = flow_in(invite.get("P-Ringwall-Flow"))
            phone.vanish()
        assert {**after, "run": before["run"]} == before
        assert after["run"] == core.link.edge_run != before["run"]
        await core.stop()
