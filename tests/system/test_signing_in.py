"""Who may sign in, as what, and what a stranger learns from the answers."""

import asyncio
import re
import ssl
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ringwall.sip.digest import Challenge, ha1
from ringwall.sip.message import Response
from system.descriptions import answer_to, good
from system.raw_phone import RawPhone, joined
from system.running import REPOSITORY, until


def content(answer: Response) -> list[str]:
    """What an answer says, without what is new in each and what the asker said themselves."""
    text = answer.to_bytes().decode()
    text = re.sub(r'nonce="[^"]*"', "nonce", text)
    text = re.sub(r"tag=[^;\s]+", "tag", text)
    return [
        line
        for line in text.split("\r\n")
        if not re.match(r"(Via|Call-ID|CSeq|From|To):", line, re.IGNORECASE)
    ]


@pytest.mark.req("T1", "I2")
async def test_a_device_signs_in_over_tls_and_its_true_address_is_known(system, connect) -> None:
    before = system.seq()
    phone = await connect(source="127.0.0.9")
    assert phone.local.startswith("127.0.0.9:")
    (row,) = [r for r in system.ask("registration.list") if r["device"] == phone.account.username]
    assert row["source"] == phone.local
    assert row["transport"] == "tls"
    record = await system.record(before, "registration.added", device=phone.account.username)
    assert record["source"] == phone.local


async def test_a_wrong_password_and_a_device_that_does_not_exist_get_the_same_answer(
    system, connect, source
) -> None:
    before = system.seq()
    phone = await connect(registered=False, source=source)
    name = phone.account.username
    stranger = "d" + "".join(reversed(name[1:]))
    answers = [
        await phone.register(password="wrong"),
        await phone.register(username=stranger),
        await phone.register(username=stranger, password="wrong"),
        await phone.register(username="100' OR 1=1 --", password="wrong"),
    ]
    assert [answer.status for answer in answers] == [401] * 4
    assert len({tuple(content(answer)) for answer in answers}) == 1
    assert not [r for r in system.ask("registration.list") if r["device"] == name]
    record = await system.record(before, "registration.refused", source=source)
    assert phone.account.password not in str(record)


async def test_what_a_caller_hears_does_not_tell_whether_a_user_exists(connect, person) -> None:
    phone = await connect(registered=False)
    existing = person().extension
    answers = [
        await phone.invite(extension, good(), from_=f"sip:{extension}@{phone.account.domain}").final()
        for extension in (existing, "98765")
    ]
    assert [answer.status for answer in answers] == [401] * 2
    assert content(answers[0]) == content(answers[1])


async def test_credentials_that_were_used_once_are_worth_nothing(system, connect, source) -> None:
    """The very bytes that signed a phone in, sent again by a listener, sign nobody in (RFC 7616 3.4)."""
    phone = await connect(registered=False)
    before = system.seq()
    request = phone.request("REGISTER", headers=(("Expires", "600"),))
    challenged = await phone.ask(request).final()
    good_one = phone.authorize(request, challenged)
    value = good_one.headers.get("authorization")
    assert (await phone.ask(good_one).final()).status == 200
    thief = await connect(phone.account, registered=False, source=source)
    again = thief.copy(request)
    again.headers.set("Authorization", value or "")
    answer = await thief.ask(again).final()
    assert answer.status == 401
    assert Challenge.parse(answer.headers.all("www-authenticate")[0]).stale
    record = await system.record(before, "security.replayed_nonce", device=phone.account.username)
    assert record["source"] == source


async def test_a_nonce_that_this_system_did_not_make_is_refused(connect) -> None:
    phone = await connect(registered=False)
    request = phone.request("REGISTER", headers=(("Expires", "600"),))
    answer = await phone.ask(request).final()
    made_up = Challenge(phone.account.domain, "0123456789abcdef0123456789abcdef")
    account = phone.account
    secret = ha1("SHA-256", account.username, account.domain, account.password)
    again = phone.copy(request)
    credentials = made_up.answer(account.username, secret, "REGISTER", request.uri, 1, "abcdef")
    again.headers.set("Authorization", str(credentials))
    assert (await phone.ask(again).final()).status == 401
    # The connection is not punished for it: the right answer still signs in.
    assert (await phone.ask(phone.authorize(request, answer)).final()).status == 200


async def test_credentials_for_one_request_do_not_serve_for_another(connect, person) -> None:
    phone = await connect(registered=False)
    request = phone.request("REGISTER", headers=(("Expires", "600"),))
    challenged = await phone.ask(request).final()
    stolen = phone.authorize(request, challenged).headers.get("authorization") or ""
    asked = phone.invite(person().extension, good(), headers=(("Authorization", stolen),))
    assert (await asked.final()).status == 401


@pytest.mark.parametrize("field", ["From", "To"])
async def test_nobody_signs_in_as_somebody_else(system, connect, person, field) -> None:
    phone, victim = await connect(registered=False), person()
    address = f"sip:{victim.extension}@{victim.domain}"
    headers = ((field, f"<{address}>" + (";tag=x" if field == "From" else "")), ("Expires", "600"))
    request = phone.request("REGISTER", headers=headers)
    answer = await phone.ask(request).final()
    assert answer.status == 401
    answer = await phone.ask(phone.authorize(request, answer)).final()
    assert answer.status == 403
    assert not [r for r in system.ask("registration.list") if r["extension"] == victim.extension]


@pytest.mark.parametrize("registered", [True, False])
async def test_nobody_calls_in_somebody_else_s_name(system, connect, person, source, registered) -> None:
    phone, victim = await connect(registered=registered, source=source), person()
    callee = await connect()
    before = system.seq()
    asked = phone.invite(callee.account.extension, good(), from_=f"sip:{victim.extension}@{victim.domain}")
    answer = await asked.final()
    if not registered:
        assert answer.status == 401
        answer = await phone.ask(phone.authorize(asked.request, answer)).final()
    assert answer.status == 403
    record = await system.record(before, "security.foreign_from", device=phone.account.username)
    assert record["claimed"].startswith(victim.extension)
    assert not callee.came_already("INVITE")


async def test_a_foreign_domain_in_from_is_somebody_else(connect) -> None:
    phone, callee = await connect(), await connect()
    own = phone.account.extension
    assert (
        await phone.invite(callee.account.extension, good(), from_=f"sip:{own}@evil.test").final()
    ).status == 403


async def test_a_connection_speaks_for_the_device_that_signed_in_on_it_and_for_no_other(
    system, connect
) -> None:
    phone, callee = await connect(), await connect()
    # Another connection of the same device proves nothing by being there,
    other = await connect(phone.account, registered=False)
    assert (await other.invite(callee.account.extension, good()).final()).status == 401
    # and one of the user's other device neither.
    second = await connect(system.device(phone.account.extension), registered=False)
    assert (await second.invite(callee.account.extension, good()).final()).status == 401
    asked = phone.invite(callee.account.extension, good())
    await callee.ringing()
    phone.cancel(asked)
    assert (await asked.final()).status == 487


async def test_a_device_that_is_not_signed_in_calls_with_its_password(connect) -> None:
    phone, callee = await connect(registered=False), await connect()
    asked = phone.invite(callee.account.extension, good())
    answer = await asked.final()
    assert answer.status == 401
    again = phone.ask(phone.authorize(asked.request, answer))
    ringing = await callee.ringing()
    there, answer = await asyncio.gather(ringing.answer(answer_to(ringing.request.body)), again.status(200))
    phone.confirm(again, answer)
    assert (await there.hang_up()).status == 200


async def test_who_signed_out_has_to_prove_it_again(connect) -> None:
    phone, callee = await connect(), await connect()
    assert (await phone.register(expires=0)).status == 200
    assert (await phone.invite(callee.account.extension, good()).final()).status == 401
    assert (await callee.invite(phone.account.extension, good()).final()).status == 480


async def test_a_device_that_was_removed_is_out_at_once(system, connect) -> None:
    phone, callee = await connect(), await connect()
    system.ask("device.remove", device=phone.account.username)
    assert not [r for r in system.ask("registration.list") if r["device"] == phone.account.username]
    assert (await phone.invite(callee.account.extension, good()).final()).status == 401
    assert (await phone.register()).status == 401


async def test_md5_is_for_devices_that_an_administrator_marked_and_for_nobody_else(
    system, connect, person
) -> None:
    account = person()
    modern = await connect(account, registered=False)
    request = modern.request("REGISTER", headers=(("Expires", "600"),))
    answer = await modern.ask(request).final()
    assert [Challenge.parse(v).algorithm for v in answer.headers.all("www-authenticate")] == ["SHA-256"]
    legacy = await connect(system.device(account.extension, legacy=True), registered=False)
    for phone, status in ((legacy, 200), (modern, 401)):
        request = phone.request("REGISTER", headers=(("Expires", "600"),))
        answer = await phone.ask(request).final()
        offered = [Challenge.parse(value) for value in answer.headers.all("www-authenticate")]
        assert [challenge.algorithm for challenge in offered] == ["SHA-256", "MD5"]
        name = phone.account.username
        secret = ha1("MD5", name, phone.account.domain, phone.account.password)
        again = phone.copy(request)
        again.headers.set(
            "Authorization", str(offered[1].answer(name, secret, "REGISTER", request.uri, 1, "abcdef"))
        )
        assert (await phone.ask(again).final()).status == status
    assert (await modern.register()).status == 200


async def test_a_registration_ends_with_its_connection(system, connect) -> None:
    phone, caller = await connect(), await connect()
    before = system.seq()
    await phone.close()
    record = await system.record(before, "registration.ended", device=phone.account.username)
    assert record["why"] == "connection closed"
    assert (await caller.invite(phone.account.extension, good()).final()).status == 480


async def test_the_time_of_a_registration_is_the_system_s_to_say(system, connect) -> None:
    phone = await connect(registered=False)
    sip = system.settings.sip
    answer = await phone.register(expires=sip.register_min - 1)
    assert (answer.status, answer.headers.get("min-expires")) == (423, str(sip.register_min))
    answer = await phone.register(expires=sip.register_max * 10)
    assert answer.status == 200
    granted = int(answer.contacts[0].params["expires"] or 0)
    assert sip.register_max - 5 <= granted <= sip.register_max


async def test_a_phone_sees_its_own_registration_and_not_the_user_s_other_ones(system, connect) -> None:
    phone = await connect()
    other = await connect(system.device(phone.account.extension))
    answer = await other.register()
    assert [contact.uri.port for contact in answer.contacts] == [int(other.local.split(":")[1])]


@pytest.mark.req("T1")
async def test_a_phone_that_trusts_others_or_expects_another_name_does_not_connect(system, person) -> None:
    account = person()
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(account.server, account.port, ssl=ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        await RawPhone.connect(system, replace(account, domain="phones.example.org"))


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory) -> Path:
    """The certificate of an authority that has nothing to do with the system."""
    folder = tmp_path_factory.mktemp("authority")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Other", "-days", "2"]
    subprocess.run(
        [*command, "-keyout", folder / "key", "-out", folder / "crt"], check=True, capture_output=True
    )
    return folder / "crt"


_REGISTER = """
import asyncio, sys
from pathlib import Path
from ringwall.cli.demo.phones import Credentials, Phones

async def main():
    server, port, domain, extension, username, ca_file = sys.argv[1:]
    account = Credentials(server, int(port), domain, extension, username, sys.stdin.read())
    async with Phones(Path(ca_file), server) as phones:
        phone = await phones.phone(account)
        try:
            await phone.register(timeout=6)
        except Exception as error:
            print("refused", type(error).__name__)
        else:
            print("registered")

asyncio.run(main())
"""


@pytest.mark.req("T1")
@pytest.mark.parametrize("trusted", [True, False])
async def test_a_real_phone_checks_the_certificate(system, person, other_authority, trusted) -> None:
    """The same phone with another authority in its list does not sign in: that it does otherwise means something."""
    account = person()
    ca_file = system.layout.ca_certificate if trusted else other_authority
    arguments = [account.server, str(account.port), account.domain, account.extension, account.username]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _REGISTER, *arguments, str(ca_file),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={"PYTHONPATH": str(REPOSITORY / "src"), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    told, _ = await asyncio.wait_for(process.communicate(account.password.encode()), 40)
    assert ("registered" in told.decode()) is trusted, told.decode()
    assert trusted or "refused" in told.decode()


async def test_a_call_goes_on_while_its_phones_sign_in_anew(connect) -> None:
    anna, ben = await connect(), await connect()
    here, there = await joined(anna, ben, good(), answer_to)
    assert (await anna.register()).status == 200
    assert (await ben.register()).status == 200
    assert (await here.hang_up()).status == 200
    await until(lambda: there.phone.came_already("BYE"), "the other side hears it")
