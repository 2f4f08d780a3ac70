"""What voice mail knows is in the database, and outlives the process."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from ringwall.core.errors import CoreError, StoreError
from ringwall.core.voicemail import delivery, rows
from ringwall.core.voicemail.bounds import Bounds
from ringwall.core.voicemail.delivery import Letter
from ringwall.core.voicemail.drafts import Drafts
from ringwall.core.voicemail.lists import Lists
from ringwall.core.voicemail.mailboxes import Mailboxes
from ringwall.core.voicemail.model import Counts, Folder, MailFor, Mode
from ringwall.core.voicemail.preferences import Preferences
from ringwall.core.voicemail.records import Alarm, Profile
from ringwall.core.voicemail.rights import MailboxRights
from ringwall.core.voicemail.room import Room
from ringwall.core.voicemail.stored import StoredRecords
from ringwall.core.voicemail.vault import Vault
from support.core_data import ADMIN, open_rights
from support.voicemail.rig import Clock, Files, inside, outside

pytestmark = pytest.mark.req("V2")


class House:
    """Mailboxes on a real store."""

    @classmethod
    async def open(cls, core, files, rights=None):
        self = cls()
        self.core, self.files, self.clock = core, files, Clock()
        self.rights = rights or await open_rights(core)
        self.records = StoredRecords(core.store, core.ledger)
        self.vault = Vault(b"k" * 32, files)
        mail_rights = MailboxRights(self.rights, self.clock)
        self.mailboxes = await Mailboxes.open(
            self.records, self.vault, core.directory, mail_rights, Bounds(), self.clock
        )
        self.room = Room(self.mailboxes)
        self.drafts = Drafts(self.mailboxes, self.room)
        self.preferences = Preferences(self.mailboxes, core.directory)
        self.lists = Lists(self.mailboxes, core.directory)
        return self

    async def again(self):
        """What the next process finds."""
        return await House.open(self.core, self.files, self.rights)

    def user(self, extension):
        return self.core.directory.user(extension)

    async def message(self, to, seconds=5.0, **marks):
        draft = await self.drafts.begin(to, inside("202"))
        self.files.write(draft.recording.name, draft.key, seconds)
        self.clock.at += 60
        return await self.drafts.finish(draft, **marks)

    async def messages(self, extension):
        async with self.mailboxes.opened(self.user(extension)) as box:
            return list(box.messages.values())


@pytest.fixture
async def house(core):
    rights = await open_rights(core)
    for extension, name in (("201", "Anna"), ("202", "Bert"), ("203", "Carla")):
        await core.directory.add_user(ADMIN, extension, name)
    return await House.open(core, Files(), rights)


async def test_messages_and_counts_outlive_the_process(house):
    first = await house.message("201")
    second = await house.message("201", urgent=True)
    third = await house.message("201", private=True)
    async with house.mailboxes.opened(house.user("201")) as box:
        await house.mailboxes.hear(box, first)
        first = await house.mailboxes.move(box, first, Folder.SAVED)
        third = await house.mailboxes.move(box, third, Folder.DELETED)
    again = await house.again()
    assert await again.messages("201") == [first, second, third]
    assert again.mailboxes.counts(house.user("201").id) == Counts(new=1, new_urgent=1, saved=1, deleted=1)
    assert again.mailboxes.budget.used == 3 * 5 * 8000
    records = await house.core.ledger.tail(0, 1000, "voicemail.message_left")
    assert [one["body"]["mailbox"] for one in records] == ["201"] * 3


@pytest.mark.req("R2")
async def test_a_draft_of_a_process_that_died_is_recovered_by_the_next(house):
    draft = await house.drafts.begin("201", outside())
    house.files.write(draft.recording.name, draft.key, 9.0)
    again = await house.again()
    assert again.mailboxes.counts(house.user("201").id).drafts == 1
    assert await again.drafts.recover() == 1
    (message,) = await again.messages("201")
    assert (message.folder, message.seconds, message.number) == (Folder.NEW, 9.0, "+14085550123")


async def test_what_nothing_names_is_swept_and_nothing_else(house):
    kept = await house.message("201")
    gone = await house.message("201")
    async with house.room.taking(10) as (recording, key):
        house.files.write(recording.name, key, 3.0)
        assert await house.room.sweep() == 0, "it is being recorded"
        made = await house.vault.measured(recording)
        await house.preferences.set_greeting(house.user("201"), "name", made)
    async with house.room.taking(10) as (refuse, key):
        house.files.write(refuse.name, key, 3.0)
    await house.mailboxes.purge([gone])
    assert await house.room.sweep() == 2
    assert set(house.files.there) == {kept.parts[0], made.name}
    again = await house.again()
    assert again.preferences.name(house.user("201")) == made.name
    assert again.mailboxes.budget.used == 8 * 8000


async def test_with_a_user_go_their_messages_greetings_lists_and_recordings(house):
    user = house.user("201")
    await house.message("201")
    other = await house.message("203")
    await house.lists.put(user, 1, "Team", ["202"], {})
    await house.lists.put(None, 1, "All", ["201", "202"], {})
    await house.preferences.change(user, {"mode": Mode.MEETING}, {})
    await house.records.change(put=[Profile(user.id, 1, {"steps": []}), Alarm(user.id, {"step": 1})])
    await house.core.directory.remove_user(ADMIN, "201")
    assert house.mailboxes.counts(user.id) == Counts()
    assert house.lists.extensions(house.lists.find(None, 1)) == ["202"]
    assert await house.room.sweep() == 1
    assert set(house.files.there) == set(other.parts)

    def left(connection):
        tables = (rows.messages, rows.settings, rows.profiles, rows.alarms)
        return [
            connection.execute(
                select(func.count()).select_from(table).where(table.c.user_id == user.id)
            ).scalar_one()
            for table in tables
        ]

    assert await house.core.store.read(left) == [0, 0, 0, 0]
    # Whoever gets the extension next finds nothing.
    await house.core.directory.add_user(ADMIN, "201", "Dora")
    assert await house.messages("201") == []


async def test_settings_lists_profiles_and_alarms_outlive_the_process(house):
    anna = house.user("201")
    given = {
        "mail_to": "anna@example.com",
        "mail_for": MailFor.URGENT,
        "mode": Mode.CUSTOM,
        "profiles": {"custom": 2},
    }
    settings = await house.preferences.change(anna, given, {})
    mine = await house.lists.put(anna, 3, "Team", ["202", "203"], {})
    await house.records.change(put=[Profile(anna.id, 2, {"repeat": 1}), Alarm(anna.id, {"step": 4})])
    again = await house.again()
    assert again.preferences.of(anna) == settings
    assert again.lists.find(anna, 3) == mine
    assert again.mailboxes.owned.profiles == {(anna.id, 2): {"repeat": 1}}
    assert again.mailboxes.owned.alarms == {anna.id: {"step": 4}}
    await again.lists.remove(anna, 3, {})
    await again.records.change(drop=[Profile(anna.id, 2, {}), Alarm(anna.id, {})])
    last = await house.again()
    assert last.lists.of(anna) == []
    assert not last.mailboxes.owned.profiles
    assert not last.mailboxes.owned.alarms


async def test_a_message_to_many_is_one_recording_and_one_transaction(house):
    others = [f"{number}" for number in range(300, 340)]
    for extension in others:
        await house.core.directory.add_user(ADMIN, extension, f"User {extension}")
    async with house.room.taking(10) as (recording, key):
        house.files.write(recording.name, key, 3.0)
        made = await house.vault.measured(recording)
        to = [house.user(extension) for extension in others]
        sent = await delivery.send(house.mailboxes, house.user("202"), to, Letter((made,)))
    assert sent == delivery.Sent(40)
    assert len(house.files.there) == 1
    again = await house.again()
    assert sum(again.mailboxes.counts(user.id).new for user in to) == 40
    assert again.mailboxes.budget.used == 3 * 8000


@pytest.mark.req("R2")
async def test_where_the_database_refuses_nobody_has_the_message(house, monkeypatch):
    async with house.room.taking(10) as (recording, key):
        house.files.write(recording.name, key, 3.0)
        made = await house.vault.measured(recording)
        stranger = replace(house.user("203"), id=999)
        monkeypatch.setattr(house.mailboxes, "user", lambda _extension: stranger)
        with pytest.raises(StoreError):
            await delivery.send(
                house.mailboxes, house.user("202"), [house.user("201"), stranger], Letter((made,))
            )
    monkeypatch.undo()
    assert house.mailboxes.counts(house.user("201").id) == Counts()
    assert await house.messages("201") == []


async def test_the_key_of_a_recording_opens_no_other(house):
    messages = [await house.message("201") for _ in range(2)]
    first, second = [(await house.mailboxes.recordings(one))[0] for one in messages]
    assert house.vault.key(first) != house.vault.key(second)
    with pytest.raises(CoreError, match=r"secrets\.key"):
        house.vault.key(replace(first, wrapped=second.wrapped))
    with pytest.raises(CoreError):
        Vault(b"x" * 32, house.files).key(first)
    assert house.vault.key(first) not in first.wrapped
