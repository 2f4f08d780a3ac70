"""Which connections have signed in, as Kamailio counts and names them, with the real engines."""

import re
from collections.abc import Callable

import pytest

from system.edge_rig import ADDRESS, OTHER_ADDRESS, Core, Phone, Rig, edge, request

pytestmark = pytest.mark.timeout(90)


def telling(text: str) -> str:
    """Let the edge's answer to a phone's keep-alive say how many flows of its source have signed in."""
    answer = 'route(FRESH); sl_send_reply("200", "OK"); exit;'
    assert answer in text
    return text.replace(answer, 'append_to_reply("X-Signed: $sht(signed=>$si)\\r\\n"); ' + answer)


def deaf(text: str) -> str:
    """As `telling`, but the end of a connection is not told, and what is left over is looked for each second."""
    told = "event_route[tcp:{0}] {{ route(CLOSED); }}"
    for event in ("closed", "timeout", "reset"):
        assert told.format(event) in text
        text = text.replace(told.format(event), "")
    assert "name=sweep;interval=20;" in text
    return telling(text.replace("name=sweep;interval=20;", "name=sweep;interval=1;"))


async def signed(rig: Rig, source: str) -> int:
    phone = await Phone.connect(rig, source)
    phone.send(request("OPTIONS", "sip:example.test"))
    count = int((await phone.final()).get("X-Signed"))
    await phone.close()
    return count


@pytest.mark.req("N4")
@pytest.mark.parametrize("change", [telling, deaf])
async def test_the_signed_in_flows_of_a_source_are_counted_on_and_off(change: Callable[[str], str]) -> None:
    with edge(kamailio=change) as rig:
        core = await Core.attach(rig)
        phones = [await Phone.connect(rig) for _ in range(3)]
        other = await Phone.connect(rig, OTHER_ADDRESS)
        assert await signed(rig, ADDRESS) == 0
        for phone in (*phones, other):
            await phone.register(core)
        for phone in phones:  # again: a flow counts once
            await phone.register(core)
        refused = await Phone.connect(rig)
        refused.send(request("REGISTER", "sip:example.test"))
        core.send((await core.next("REGISTER")).reply(401, "Unauthorized"))
        assert (await refused.final()).status == 401
        assert await signed(rig, ADDRESS) == 3
        assert await signed(rig, OTHER_ADDRESS) == 1

        for left, phone in ((2, phones[0]), (1, phones[1])):
            flow = phone.local
            await phone.close()
            assert await core.reports_until(flow) == [flow]
            assert await signed(rig, ADDRESS) == left
        await phones[2].register(core)
        assert await signed(rig, ADDRESS) == 1
        assert await signed(rig, OTHER_ADDRESS) == 1
        await core.stop()


async def test_an_answer_that_comes_after_the_end_of_its_flow_counts_nothing() -> None:
    with edge(kamailio=telling) as rig:
        core = await Core.attach(rig)
        phone = await Phone.connect(rig)
        phone.send(request("REGISTER", "sip:example.test"))
        asked = await core.next("REGISTER")
        # A second flow ends after the first one: when that is reported, the first is gone as well.
        second = await Phone.connect(rig)
        await second.register(core)
        flow = second.local
        await phone.close()
        await second.close()
        await core.reports_until(flow)
        core.send(asked.reply(200, "OK"))
        assert await signed(rig, ADDRESS) == 0
        await core.stop()


async def test_a_flow_that_registers_no_more_is_closed_reported_and_counted_off() -> None:
    def short(text: str) -> str:
        changed, count = re.subn(r"flow=>size=12;autoexpire=\d+;", "flow=>size=12;autoexpire=2;", text)
        assert count == 1
        return telling(changed).replace('"timer_interval", 5', '"timer_interval", 1')

    with edge(kamailio=short) as rig:
        core = await Core.attach(rig)
        phone = await Phone.connect(rig)
        await phone.register(core)
        flow = phone.local
        assert await core.reports_until(flow) == [flow]
        await phone.closed()
        assert await signed(rig, ADDRESS) == 0
        await core.stop()


@pytest.mark.req("R1", "P4")
async def test_the_end_of_a_flow_waits_for_a_core_that_is_away() -> None:
    with edge() as rig:
        core = await Core.attach(rig)
        phones = [await Phone.connect(rig) for _ in range(3)]
        for phone in phones:
            await phone.register(core)
        await core.stop()
        # A 503 says that the edge knows.
        while (answer := await asked(phones[0])) != 503:
            assert answer == 200
        gone = {phone.local for phone in phones[1:]}
        for phone in phones[1:]:
            await phone.close()
        core = await Core.attach(rig)
        told: set[str] = set()
        while told != gone:
            told |= set(await core.reports_until(min(gone - told)))
        await core.stop()


async def asked(phone: Phone) -> int:
    phone.send(request("OPTIONS", "sip:example.test"))
    return (await phone.final()).status
