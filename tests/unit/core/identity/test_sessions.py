"""Sessions of accounts and of users are kept alike, and none outlives what it stands on."""

import pytest

from ringwall.core.identity import tables
from ringwall.core.identity.errors import NotSignedInError
from ringwall.core.identity.permissions import Role
from ringwall.core.identity.sessions import TERMS, Holder, Sessions, Subject
from support.core_data import ADMIN
from support.events import Made

pytestmark = pytest.mark.req("I1")


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def anna(core):
    user = await core.directory.add_user(ADMIN, "201", "Anna")
    return Subject(Holder.USER, user.id, "201", Role.USER, 1.0)


def is_good(sessions, token, holder=Holder.USER):
    try:
        sessions.find(token, holder)
    except NotSignedInError:
        return False
    return True


async def rows(core):
    await core.ledger.record_durably(Made("system.test"))
    return await core.store.read(lambda connection: connection.execute(tables.sessions.select()).all())


async def test_a_token_of_one_kind_of_holder_is_none_of_the_other(core, anna, clock):
    sessions = await Sessions.open(core.store, clock=clock)
    token, _ = await sessions.begin(anna)
    assert is_good(sessions, token, Holder.USER)
    assert not is_good(sessions, token, Holder.ACCOUNT)


async def test_no_token_is_on_the_disk(core, anna, clock):
    sessions = await Sessions.open(core.store, clock=clock)
    token, _ = await sessions.begin(anna)
    everything = b"".join(path.read_bytes() for path in core.folder.iterdir() if path.is_file())
    assert token.encode() not in everything
    assert is_good(await Sessions.open(core.store, clock=clock), token)


async def test_a_session_is_over_at_its_time_and_gone_from_the_store_at_the_next_start(core, anna, clock):
    sessions = await Sessions.open(core.store, clock=clock)
    token, session = await sessions.begin(anna)
    clock.now = session.expires_at
    assert not is_good(sessions, token)
    await Sessions.open(core.store, clock=clock)
    assert await rows(core) == []


async def test_a_session_of_somebody_who_is_gone_is_gone_at_the_next_start(core, anna, clock):
    sessions = await Sessions.open(core.store, clock=clock)
    token, _ = await sessions.begin(anna)
    await core.directory.remove_user(ADMIN, "201")
    again = await Sessions.open(core.store, clock=clock)
    assert not is_good(again, token)
    assert await rows(core) == []


async def test_the_oldest_sessions_of_somebody_make_room_and_nobody_elses(core, anna, clock):
    sessions = await Sessions.open(core.store, clock=clock)
    bert = await core.directory.add_user(ADMIN, "202", "Bert")
    kept, _ = await sessions.begin(Subject(Holder.USER, bert.id, "202", Role.USER, 1.0))
    tokens = []
    for _ in range(TERMS[Holder.USER].most + 3):
        clock.now += 1
        tokens.append((await sessions.begin(anna))[0])
    assert [is_good(sessions, token) for token in tokens] == [False] * 3 + [True] * TERMS[Holder.USER].most
    assert is_good(sessions, kept)
    assert len(await rows(core)) == TERMS[Holder.USER].most + 1


@pytest.mark.parametrize("token", ["", "rwm_", "rwm_x", "\ud800", "x" * 100_000])
async def test_what_is_no_token_finds_nobody(core, anna, clock, token):
    sessions = await Sessions.open(core.store, clock=clock)
    await sessions.begin(anna)
    assert not is_good(sessions, token)
