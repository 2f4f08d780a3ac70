"""A phone with a screen of its own: enrolment with a certificate, login, logout."""

import pytest
from cryptography import x509

from ringwall.core.phones.model import Identity
from ringwall.core.phones.states import State
from support.core_data import ADMIN
from support.phones import LOBBY, PIN
from support.vendors import new_key, request_for

AGENT = "Ringwall desk phone 1.0"


async def _enrolled(house, door, key, **more):
    code = (await house.run("approve", mac=LOBBY))["code"]
    body = {"mac": LOBBY, "csr": request_for(key), "code": code, **more}
    return await door.ask("/phone/v1/enrol", body=body, agent=AGENT)


@pytest.fixture
async def phone(house, door):
    """A phone that has enrolled: its certificate."""
    await house.run("add", mac=LOBBY)
    answer = await _enrolled(house, door, new_key())
    assert answer.status_code == 201
    return x509.load_pem_x509_certificate(answer.json()["certificate"].encode())


@pytest.mark.req("P1", "P4")
async def test_a_phone_gets_a_certificate_by_its_code_and_is_known_by_it(house, door, phone) -> None:
    assert house.phones.of_mac(LOBBY).state is State.ENROLLED
    answer = await door.ask("/phone/v1/config", certificate=phone)
    told = answer.json()
    assert (answer.headers["content-type"], told["state"], told["user"]) == (
        *("application/json", "available", None),
    )
    assert told["sip"]["srtp"] == "mandatory"
    assert told["sip"]["user"] == told["sip"]["auth_user"] == house.device(LOBBY).username
    assert house.phones.of_mac(LOBBY).identity is Identity.CERTIFICATE
    assert (await door.ask(f"/phone/{LOBBY}.json", certificate=phone)).json() == told


@pytest.mark.req("P4")
async def test_a_code_gives_one_certificate(house, door) -> None:
    await house.run("add", mac=LOBBY)
    code = (await house.run("approve", mac=LOBBY))["code"]
    body = {"mac": LOBBY, "csr": request_for(new_key()), "code": code}
    assert (await door.ask("/phone/v1/enrol", body=body)).status_code == 201
    assert (await door.ask("/phone/v1/enrol", body=body)).status_code == 401


@pytest.mark.req("P4")
@pytest.mark.parametrize(
    "csr", ["", "x", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"]
)
async def test_a_bad_request_for_a_certificate_costs_no_code(house, door, csr) -> None:
    await house.run("add", mac=LOBBY)
    code = (await house.run("approve", mac=LOBBY))["code"]
    asked = {"mac": LOBBY, "code": code}
    answer = await door.ask("/phone/v1/enrol", body={**asked, "csr": csr})
    assert (answer.status_code, answer.json()["reason"]) == (400, "bad_request")
    assert (
        await door.ask("/phone/v1/enrol", body={**asked, "csr": request_for(new_key())})
    ).status_code == 201


@pytest.mark.req("P4")
async def test_a_renewed_certificate_ends_the_one_before_and_nothing_else(house, door, phone) -> None:
    await door.ask("/phone/v1/config", certificate=phone)
    await door.ask("/phone/v1/login", body={"extension": "201", "pin": PIN}, certificate=phone)
    device = house.device(LOBBY)
    answer = await door.ask("/phone/v1/renew", body={"csr": request_for(new_key())}, certificate=phone)
    new = x509.load_pem_x509_certificate(answer.json()["certificate"].encode())
    assert (await door.ask("/phone/v1/config", certificate=phone)).status_code == 401
    assert (await door.ask("/phone/v1/config", certificate=new)).status_code == 200
    assert house.device(LOBBY) == device


@pytest.mark.req("P3")
async def test_login_and_logout_at_the_phone(house, door, phone) -> None:
    async def ask(what, **body):
        return await door.ask(f"/phone/v1/{what}", body=body, certificate=phone)

    before = (await door.ask("/phone/v1/config", certificate=phone)).json()
    told = await ask("login", extension="201", pin=PIN)
    assert (told.status_code, told.json()) == (200, {"extension": "201", "name": "Anna", "days_left": None})
    during = (await door.ask("/phone/v1/config", certificate=phone)).json()
    assert (during["state"], during["user"]) == ("assigned", {"extension": "201", "name": "Anna"})
    assert during["sip"]["user"] == "201"
    assert during["sip"]["password"] != before["sip"]["password"]
    assert (await ask("logout")).json() == {"state": "available"}
    after = (await door.ask("/phone/v1/config", certificate=phone)).json()
    assert after["sip"]["password"] not in (before["sip"]["password"], during["sip"]["password"])


@pytest.mark.req("P3", "V2")
async def test_a_wrong_login_says_no_more_than_it_must(house, door, phone) -> None:
    async def login(**body):
        answer = await door.ask("/phone/v1/login", body=body, certificate=phone)
        return answer.status_code, answer.json().get("reason")

    assert await login(extension="201", pin="999999") == (403, "wrong")
    assert await login(extension="299", pin=PIN) == (403, "wrong")
    assert await login(extension="201") == (400, "bad_request")
    first = await house.pins.reset(ADMIN, "201")
    assert await login(extension="201", pin=first) == (403, "must_change")
    assert await login(extension="201", pin=first, new_pin="111111") == (403, "bad_pin")
    assert (await login(extension="201", pin=first, new_pin="918364"))[0] == 200
    await door.ask("/phone/v1/logout", body={}, certificate=phone)
    await house.run("assign", mac=LOBBY, extension="203", home=True)
    await house.run("unassign", mac=LOBBY)
    assert await login(extension="202", pin=PIN) == (403, "not_allowed")
    for _ in range(10):
        last = await login(extension="203", pin="999999")
    assert last == (403, "locked")


@pytest.mark.req("P3")
async def test_a_user_enrols_a_new_phone_with_extension_and_pin(house, door) -> None:
    body = {"mac": LOBBY, "csr": request_for(new_key()), "extension": "202", "pin": PIN}
    assert (await door.ask("/phone/v1/enrol", body={**body, "pin": "999999"})).status_code == 401
    assert (await door.ask("/phone/v1/enrol", body=body)).status_code == 201
    assert house.user_at(LOBBY) == "202"


@pytest.mark.req("P4")
async def test_what_is_no_json_or_too_much_is_refused(door, phone) -> None:
    for body in ("x", [1], {"extension": "2" * 100, "pin": PIN}, {"extension": 201, "pin": PIN}):
        answer = await door.ask("/phone/v1/login", body=body, certificate=phone)
        assert answer.status_code == 400
    assert (await door.ask("/phone/v1/login", body={"x": "a" * 20000}, certificate=phone)).status_code == 400
