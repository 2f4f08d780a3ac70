"""Guessing at passwords with the real engines: it ends soon, is told, and locks nobody out who is known."""

import asyncio
from statistics import median

import httpx
import pytest

from ringwall.sip.digest import Challenge
from system.raw_phone import RawPhone
from system.running import Account, System
from system.test_http_api import client


async def guess(
    system: System, account: Account, source: str, tries: int, name: str | None = None
) -> list[int]:
    """Try wrong passwords over one connection, as fast as they are answered; return the answers."""
    phone = await RawPhone.connect(system, account, source=source, registered=False)
    try:
        request = phone.request("REGISTER", headers=(("Expires", "600"),))
        challenged = await phone.ask(request).final()
        statuses = []
        for number in range(tries):
            again = phone.authorize(
                request, challenged, password=f"wrong {number}", username=name or account.username
            )
            challenged = await phone.ask(again).final()
            statuses.append(challenged.status)
        return statuses
    finally:
        await phone.close()


@pytest.mark.req("N3", "R3")
async def test_guessing_is_told_and_the_known_phone_behind_the_same_address_gets_in_at_once(
    system, connect, source
) -> None:
    phone = await connect(source=source)
    account, before = phone.account, system.seq()
    others = [f"127.0.{source.split('.')[2]}.{number}" for number in range(200, 206)]
    async with asyncio.TaskGroup() as group:
        for each in (source, source, *others):
            group.create_task(guess(system, account, each, 60))
    record = await system.record(before, "security.guessing", scope="account", account=account.username)
    assert record["tries"] <= 20
    assert len(system.records(before, "security.guessing")) <= 12
    # On its connection, on a new one, and after a restart of the core.
    assert (await phone.register()).status == 200
    await phone.close()
    again = await connect(account, source=source)
    await again.close()
    system.kill("core")
    await system.ready()
    for each in others:
        await guess(system, account, each, 12)
    await connect(account, source=source)
    # Somebody whom nobody knows does not get in, with the right password neither.
    stranger = await connect(account, source=f"127.0.{source.split('.')[2]}.210", registered=False)
    assert (await stranger.register()).status == 401


@pytest.mark.req("N3")
async def test_a_device_that_is_there_and_one_that_is_not_cannot_be_told_apart_while_guesses_are_stopped(
    system, person, source
) -> None:
    """Also by the time: before and after the budget is used up, who guesses right is right in half of the cases."""
    account = person()
    taken: dict[str, list[float]] = {"there": [], "not there": []}
    names = {"there": account.username, "not there": "d" + "".join(reversed(account.username[1:]))}
    phone = await RawPhone.connect(system, account, source=source, registered=False)
    loop = asyncio.get_running_loop()
    try:
        request = phone.request("REGISTER", headers=(("Expires", "600"),))
        challenged = await phone.ask(request).final()
        answers = set()
        for number in range(300):
            for kind in sorted(names, reverse=bool(number % 2)):
                again = phone.authorize(request, challenged, password=f"wrong {number}", username=names[kind])
                began = loop.time()
                challenged = await phone.ask(again).final()
                taken[kind].append(loop.time() - began)
                await asyncio.sleep(0.01)  # more in a moment is a flood, which the edge cuts whoever it names
                answers.add(
                    (challenged.status, Challenge.parse(challenged.headers.all("www-authenticate")[0]).stale)
                )
    finally:
        await phone.close()
    assert answers == {(401, False)}
    ranked = sum(a < b for a in taken["there"] for b in taken["not there"]) / 300**2
    assert 0.35 < ranked < 0.65, (median(taken["there"]), median(taken["not there"]))


@pytest.mark.req("I1")
async def test_the_administrator_gets_in_from_the_usual_address_whatever_others_guess_also_after_a_restart(
    system, source
) -> None:
    good = {"name": "admin", "password": system.told["password"]}
    third = source.split(".")[2]

    def sign_in(address: str, asked: dict[str, str]) -> httpx.Response:
        with client(system, address) as made:
            return made.post("/api/tokens", json=asked)

    assert (await asyncio.to_thread(sign_in, source, good)).status_code == 201
    system.kill("core")
    await system.ready()
    before = system.seq()
    for number in range(24):
        await asyncio.to_thread(
            sign_in, f"127.0.{third}.{220 + number % 4}", {**good, "password": f"wrong {number}"}
        )
    refused = await asyncio.to_thread(sign_in, f"127.0.{third}.230", good)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert (await asyncio.to_thread(sign_in, source, good)).status_code == 201
    # Nor does it help to guess behind the same address.
    for number in range(14):
        await asyncio.to_thread(sign_in, source, {**good, "password": f"wrong {number}"})
    assert (await asyncio.to_thread(sign_in, source, good)).status_code == 201
    await system.record(before, "security.guessing", scope="account", account="admin")
