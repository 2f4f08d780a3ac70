"""Mail leaves over checked TLS, is lost by nothing, and is on record (T4, P2)."""

import socket

import pytest

from ringwall.core.errors import OperationError
from ringwall.core.mail import Attachment, MailRefused, queue, service
from support.mail_server import MailServer, make_certificate

ANNA, BERT = "anna@example.com", "bert@example.com"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(service, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(service, "_LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(queue, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(queue, "_FIRST_PAUSE_URGENT", 0.05)


async def test_a_message_arrives_whole_over_tls_with_a_login(post, server) -> None:
    here = await post().start()
    sound = Attachment("message from 202.wav", "audio/wav", bytes(range(256)) * 40)
    ids = await here.mail.send(
        [ANNA, BERT, ANNA], "New message", "From 202, ünicode.\n", [sound], about="voicemail"
    )
    assert len(ids) == 2
    await here.until(lambda: len(server.received) == 2)
    (message,) = server.of(ANNA)
    assert message["From"] == "Ringwall <ringwall@example.com>"
    assert (message["To"], message["Subject"]) == (ANNA, "New message")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_body().get_content().rstrip("\r\n") == "From 202, ünicode."
    (part,) = message.iter_attachments()
    assert (part.get_content_type(), part.get_filename(), part.get_content()) == (
        "audio/wav",
        "message from 202.wav",
        sound.content,
    )
    assert all(secure for _, _, secure in server.received)
    assert server.logins[0][1]
    await here.until(lambda: not here.mail.items())
    sent = await here.records("mail.sent")
    assert {(one["to"], one["about"], one["attempts"]) for one in sent} == {
        (ANNA, "voicemail", 1),
        (BERT, "voicemail", 1),
    }
    assert "New message" not in str(sent)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd means STARTTLS
async def test_implicit_tls_does_as_well(post, certificate) -> None:
    server = MailServer(certificate[1], tls=True)
    server.start()
    try:
        here = await post(port=server.port, security="tls").start()
        await here.mail.send(ANNA, "Hello", "Text")
        await here.until(lambda: server.received)
        assert server.received[0][2]
    finally:
        server.stop(no_assert=True)


@pytest.mark.req("T4")
async def test_without_tls_nothing_is_said_not_even_the_password(post) -> None:
    server = MailServer(None, login=False)
    server.start()
    try:
        here = await post(port=server.port).start()
        await here.mail.send(ANNA, "Hello", "Text")
        await here.until(lambda: here.mail.failing)
        assert "no STARTTLS" in here.mail.failing
        assert (server.received, server.logins) == ([], [])
        assert (await here.records("mail.server_failed"))[0]["why"] == here.mail.failing
    finally:
        server.stop(no_assert=True)


@pytest.mark.req("T4")
@pytest.mark.parametrize("wrong", ["name", "authority"])
async def test_a_certificate_that_is_not_the_servers_is_refused(post, certificate, tmp_path, wrong) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    authority, leaf = make_certificate(folder, "mail.example.net" if wrong == "name" else "127.0.0.1")
    server = MailServer(leaf)
    server.start()
    try:
        trusted = authority if wrong == "name" else certificate[0]
        here = await post(port=server.port, authority=str(trusted)).start()
        await here.mail.send(ANNA, "Hello", "Text")
        await here.until(lambda: here.mail.failing)
        assert "certificate" in here.mail.failing
        assert (server.received, server.logins) == ([], [])
    finally:
        server.stop(no_assert=True)


@pytest.mark.req("R1")
async def test_what_waits_at_a_stop_is_sent_by_the_next_process(post, server) -> None:
    before = await post().start(running=False)
    await before.mail.send(ANNA, "Kept", "Text", about="voicemail")
    before.mail.post(BERT, "Posted", "Text", urgent=True)
    await before.records("mail.")
    after = await post().start()
    await after.until(lambda: len(server.received) == 2)
    assert [people for people, _, _ in server.received] == [[BERT], [ANNA]]  # the urgent one first
    await after.until(lambda: not after.mail.items())
    await after.records("mail.")
    assert (await post().start(running=False)).mail.items() == []


async def test_a_server_that_was_away_gets_everything_when_it_is_back(post, certificate) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        here = await post(port=taken.getsockname()[1]).start()
        await here.mail.send([ANNA, BERT], "Hello", "Text")
        await here.until(lambda: here.mail.failing)
        assert "cannot be reached" in here.mail.failing
        port = taken.getsockname()[1]
    server = MailServer(certificate[1])
    server.port = port
    server.start()
    try:
        await here.until(lambda: len(server.received) == 2)
        await here.until(lambda: here.mail.failing is None)
        assert [one["attempts"] for one in await here.records("mail.sent")] == [1, 1]
    finally:
        server.stop(no_assert=True)


async def test_a_refused_recipient_holds_up_nobody_and_is_kept(post, server) -> None:
    server.refuse[ANNA] = "550 no such person"
    here = await post().start()
    (lost,) = await here.mail.send(ANNA, "Hello", "Text")
    await here.mail.send(BERT, "Hello", "Text")
    await here.until(lambda: server.of(BERT))
    await here.until(lambda: here.mail.describe()["undelivered"] == 1)
    (record,) = await here.records("mail.undelivered")
    assert (record["mail"], record["to"]) == (lost, ANNA)
    assert "550 no such person" in record["why"]
    again = await post().start(running=False)  # it is kept over a restart, too
    assert [item.id for item in again.mail.items()] == [lost]
    server.refuse.clear()
    await here.run("mail.retry", mail=lost)
    await here.until(lambda: server.of(ANNA))


async def test_not_now_is_tried_again(post, server) -> None:
    server.refuse[ANNA] = "451 greylisted"
    here = await post().start()
    (waiting,) = await here.mail.send(ANNA, "Hello", "Text")
    await here.until(lambda: here.mail.item(waiting).attempts >= 2)
    assert "451 greylisted" in here.mail.item(waiting).why
    server.refuse.clear()
    await here.until(lambda: server.of(ANNA))
    assert (await here.records("mail.sent"))[0]["attempts"] >= 3


async def test_what_is_too_old_is_set_aside_with_its_last_reason(post, server) -> None:
    server.refuse[ANNA] = "451 later"
    here = await post(give_up_hours=1).start()
    (old,) = await here.mail.send(ANNA, "Hello", "Text")
    await here.until(lambda: here.mail.item(old).attempts)
    here.mail.item(old).created_at -= 3601
    await here.until(lambda: here.mail.describe()["undelivered"] == 1)
    assert "451 later" in (await here.records("mail.undelivered"))[0]["why"]


async def test_a_wrong_password_is_told_and_mended_without_a_restart(post, server) -> None:
    server.password = "another"
    here = await post().start()
    await here.mail.send(ANNA, "Hello", "Text")
    await here.until(lambda: here.mail.failing)
    assert "refuses our login" in here.mail.failing
    await here.run("mail.password", password="another")
    await here.until(lambda: server.received)
    assert here.layout.mail_password.stat().st_mode & 0o777 == 0o600
    records = str(await here.records("admin.mail."))
    assert "another" not in records
    with pytest.raises(OperationError):
        await here.run("mail.password", password="two\nlines")
    assert "two" not in str(await here.records("admin.refused"))


@pytest.mark.parametrize(
    "to",
    [
        "",
        "anna",
        "anna@",
        "a b@example.com",
        "anna@example.com\r\nBcc: x@y",
        "ä@example.com",
        [],
        "x" * 70 + "@example.com",
    ],
)
async def test_a_wrong_address_is_refused_at_once(post, to) -> None:
    here = await post().start(running=False)
    with pytest.raises(MailRefused):
        await here.mail.send(to, "Hello", "Text")
    assert here.mail.items() == []


async def test_a_callers_name_cannot_forge_a_header(post, server) -> None:
    here = await post().start()
    await here.mail.send(ANNA, "From Eve\r\nBcc: everybody@example.com", "\r\n.\r\nMAIL FROM:<x@y>\r\n")
    await here.until(lambda: server.received)
    people, message, _ = server.received[0]
    assert (people, message["Bcc"]) == ([ANNA], None)
    assert message["Subject"] == "From Eve  Bcc: everybody@example.com"
    assert "MAIL FROM" in message.get_body().get_content()


async def test_the_queue_and_each_message_have_a_size(post, monkeypatch) -> None:
    here = await post().start(running=False)
    with pytest.raises(MailRefused, match="bytes"):
        await here.mail.send(
            ANNA, "Large", "Text", [Attachment("a.bin", "application/octet-stream", bytes(26_000_000))]
        )
    monkeypatch.setattr(queue, "MOST_WAITING", 2)
    monkeypatch.setattr(queue, "MOST_UNDELIVERED", 0)
    await here.mail.send([ANNA, BERT], "Hello", "Text")
    with pytest.raises(MailRefused, match="full"):
        await here.mail.send(ANNA, "Hello", "Text")
    (first, _) = here.mail.items()
    await here.run("mail.remove", mail=first.id)
    await here.mail.send(ANNA, "Hello", "Text")


async def test_without_a_server_that_is_said(post) -> None:
    here = await post(host="", sender="").start()
    with pytest.raises(MailRefused, match="no mail server"):
        await here.mail.send(ANNA, "Hello", "Text")
    assert (await here.run("mail.show"))["server"] == ""
    with pytest.raises(OperationError, match="no mail server"):
        await here.run("mail.test", to=ANNA)


async def test_a_message_that_makes_us_stumble_does_not_stop_the_others(post, server, monkeypatch) -> None:
    deliver = service.Session.deliver

    def stumble(self, recipient, data):
        if recipient == ANNA:
            raise KeyError(recipient)
        return deliver(self, recipient, data)

    monkeypatch.setattr(service.Session, "deliver", stumble)
    here = await post().start()
    await here.mail.send([ANNA, BERT], "Hello", "Text")
    await here.until(lambda: server.of(BERT))
    await here.until(lambda: here.mail.describe()["undelivered"] == 1)
