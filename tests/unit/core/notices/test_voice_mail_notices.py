"""Owners get mail about their messages, with the sound only where they want it."""

import io
import wave

import pytest

from ringwall.core.errors import StoreError
from ringwall.core.mail import MailRefused
from ringwall.core.notices.voice_mail import MailNotices
from ringwall.core.voicemail.notices import Order
from support.voicemail.rig import ANNA, Rig, outside

pytestmark = pytest.mark.req("V2", "C4")


class Mail:
    def __init__(self):
        self.sent = []
        self.trouble = None

    async def send(self, to, subject, text, attachments=(), *, about="", urgent=False):
        if self.trouble:
            raise self.trouble
        self.sent.append((to, subject, text, list(attachments)))
        return ["m1"]


@pytest.fixture
def rig():
    rig = Rig()
    rig.out = Mail()
    rig.noted = []
    rig.notices = MailNotices(
        rig.out, rig.house, lambda event: rig.noted.append((event.kind, event.to_body()))
    )
    return rig


async def told(rig, message, about="message"):
    rig.notices.mail(Order(ANNA, "anna@example.com", about, rig.counts(ANNA), message))
    await rig.notices.settled()
    return rig.out.sent[-1] if rig.out.sent else None


async def test_mail_says_who_when_and_how_long(rig):
    to, subject, text, files = await told(rig, await rig.message(ANNA, 75.0, urgent=True, visitor=outside()))
    assert to == "anna@example.com"
    assert subject == "URGENT: Voice message from Stranger (+14085550123) (1:15)"
    assert "2026-11-27" in text
    assert "1 new, 0 saved" in text
    assert files == []
    assert rig.noted[-1][0] == "voicemail.told"


async def test_the_sound_goes_along_where_its_owner_wants_it(rig):
    await rig.preferences.change(rig.user(ANNA), {"mail_audio": True}, {})
    *_, files = await told(rig, await rig.message(ANNA, 3.0))
    (file,) = files
    assert (file.media_type, file.name[-4:]) == ("audio/wav", ".wav")
    with wave.open(io.BytesIO(file.content)) as found:
        assert found.getnframes() == 3 * 8000


async def test_a_private_message_never_leaves_by_mail(rig):
    await rig.preferences.change(rig.user(ANNA), {"mail_audio": True}, {})
    *_, text, files = await told(rig, await rig.message(ANNA, 3.0, private=True))
    assert files == []
    assert "Private" in text


async def test_a_full_mailbox_and_unheard_messages_are_told(rig):
    assert (await told(rig, None, "full"))[1] == "Mailbox 201 is full"
    assert (await told(rig, None, "escalation"))[1] == "Unheard messages in mailbox 201"


@pytest.mark.parametrize(
    "trouble", [MailRefused("There is no mail server."), StoreError("full"), ValueError("?")]
)
async def test_what_cannot_be_sent_is_on_record(rig, trouble):
    rig.out.trouble = trouble
    assert await told(rig, await rig.message(ANNA)) is None
    assert rig.noted[-1][0] == "voicemail.not_told"
    assert rig.counts(ANNA).new == 1
