"""An emergency call through a real system: who is named for the site hears of it by phone and by mail (P2)."""

import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from support.mail_server import PASSWORD, USER, MailServer, make_certificate
from system.descriptions import good
from system.exchange import SITE, House, house_in
from system.raw_phone import RawPhone
from system.running import System, settings_for_tests, system_in_a_folder, until

GUARD = "security@example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[MailServer]:
    folder = tmp_path_factory.mktemp("mail")
    authority, certificate = make_certificate(folder)
    server = MailServer(certificate)
    server.authority = authority
    server.start()
    yield server
    server.stop(no_assert=True)


@pytest.fixture(scope="module")
def mailing(server) -> Iterator[System]:
    """A system with a mail server."""

    def prepare(layout: Layout) -> None:
        authority = layout.data / "mail-ca.pem"
        shutil.copy(server.authority, authority)
        authority.chmod(0o644)
        values = settings_for_tests().model_dump()
        values["mail"] |= {
            "host": "127.0.0.1",
            "port": server.port,
            "username": USER,
            "sender": "ringwall@example.com",
            "authority": str(authority),
        }
        Settings.checked(values, "tests").save(layout)

    with system_in_a_folder(prepare) as running:
        running.ask("mail.password", password=PASSWORD)
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def house(mailing) -> AsyncIterator[House]:
    with house_in(mailing) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def phones(mailing, house) -> AsyncIterator[tuple[RawPhone, RawPhone]]:
    """Somebody who may call inside only, and the guard, whom the site names."""
    anna, guard = [await RawPhone.connect(mailing, mailing.person()) for _ in range(2)]
    house.employ(anna.account, "internal")
    mailing.ask("site.set", site=SITE, notify=[guard.account.extension, GUARD])
    yield anna, guard
    mailing.ask("site.set", site=SITE, notify=[])
    for phone in (anna, guard):
        await phone.close()
        mailing.ask("user.remove", extension=phone.account.extension)


@pytest.mark.req("P2", "T4")
async def test_an_emergency_call_is_told_to_phones_and_by_mail_over_tls(
    mailing, server, house, phones
) -> None:
    anna, guard = phones
    before = mailing.seq()
    async with house.trunk("pstn-1", "pstn", caller_number="+41445550100") as exchange:
        asked = anna.invite("112", good())
        here = anna.confirm(asked, await asked.status(200))
        there = await exchange.talk()
        key, message = await guard.came("MESSAGE")
        guard.respond(key, message.response(200, to_tag="text"))
        text = message.body.decode()
        assert text.startswith("EMERGENCY CALL to 112\n")
        assert "Where: Bahnhofstrasse 1, 3rd floor\n" in text
        by_phone = await mailing.record(before, "emergency.told", to=guard.account.extension)
        assert (by_phone["how"], by_phone["phones"]) == ("message", 1)
        await until(lambda: server.of(GUARD), "the mail")
        (mail,) = server.of(GUARD)
        assert mail["Subject"].startswith("EMERGENCY CALL to 112 from ")
        assert mail.get_body().get_content().split() == text.split()
        assert all(secure for _, _, secure in server.received)
        sent = await mailing.record(before, "mail.sent", to=GUARD, about="emergency")
        assert sent["mail"] == (await mailing.record(before, "emergency.told", to=GUARD))["mail"]
        assert (await here.hang_up()).status == 200
        await there.ended()


@pytest.fixture(scope="module")
def office(system: System) -> Iterator[House]:
    with house_in(system) as made:
        yield made


@pytest.mark.req("P2")
async def test_what_a_real_desk_phone_does_with_the_text_is_on_record(
    office, system, desk_phones, connect
) -> None:
    """baresip takes no text: the record says so, which is why a site should name a mail address, too."""
    anna, guard = await connect(), await desk_phones()
    office.employ(anna.account, "internal")
    async with office.trunk("pstn-1", "pstn", caller_number="+41445550100") as exchange:
        system.ask("site.set", site=SITE, notify=[guard.credentials.extension])
        before = system.seq()
        asked = anna.invite("112", good())
        here = anna.confirm(asked, await asked.status(200))
        there = await exchange.talk()
        told = await system.record(before, "emergency.not_told", to=guard.credentials.extension)
        assert told["why"] == "501 Not Implemented"
        assert (await here.hang_up()).status == 200
        await there.ended()
        system.ask("site.set", site=SITE, notify=[])
