"""Accounts are added, changed and removed; there is always an administrator; each change is on record."""

import asyncio
import json

import pytest

from ringwall.core.errors import OperationError, StoreError
from ringwall.core.identity import tables
from ringwall.core.identity.errors import NotSignedInError
from ringwall.core.identity.identity import Identity
from ringwall.core.identity.passwords import check_password
from ringwall.core.identity.permissions import Role
from ringwall.core.identity.sessions import Holder
from support.accounts import PASSWORD
from support.core_data import ADMIN

pytestmark = pytest.mark.req("I2", "I3")

SOURCE = "203.0.113.7"
OTHER = "quite another long secret"


async def signed_in(identity, name="admin", password=PASSWORD):
    return (await identity.sign_in.sign_in(name, password, SOURCE))[0]


def is_good(identity, token):
    try:
        identity.sign_in.session(token)
    except NotSignedInError:
        return False
    return True


async def test_a_new_account_signs_in_with_the_password_that_was_told_once(core, identity, records):
    made = await identity.accounts.add(ADMIN, "eva", Role.AUDITOR)
    assert len(made.password) == 24
    actor = identity.sign_in.actor(await signed_in(identity, "eva", made.password), SOURCE)
    assert (actor.kind, actor.name, actor.source, actor.role) == ("api", "eva", SOURCE, Role.AUDITOR)
    assert await records("admin.administrator.added") == [
        {"actor": ADMIN.to_dict(), "before": None, "after": {"name": "eva", "role": "auditor"}}
    ]
    assert made.password not in json.dumps(await core.ledger.tail(0, 1000))
    assert made.password not in repr(made)
    assert made.account.password_hash not in repr(made)


async def test_a_chosen_password_is_not_told_again(identity):
    assert (await identity.accounts.add(ADMIN, "eva", Role.OPERATOR, OTHER)).password is None
    assert is_good(identity, await signed_in(identity, "eva", OTHER))


async def test_accounts_and_sessions_are_there_in_a_new_process(core, identity):
    await identity.accounts.add(ADMIN, "eva", Role.SUPERVISOR, OTHER)
    token = await signed_in(identity, "eva", OTHER)
    again = await Identity.open(core.store, core.ledger)
    assert again.accounts.by_name == identity.accounts.by_name
    assert again.sign_in.session(token) == identity.sign_in.session(token)


@pytest.mark.parametrize("name", ["Eva", "", " eva", "e v a", "-eva", "éva", "e" * 65, "eva\n", "../eva"])
async def test_names_are_in_small_letters_and_short(identity, name):
    with pytest.raises(OperationError) as refused:
        await identity.accounts.add(ADMIN, name, Role.OPERATOR)
    assert (refused.value.code, refused.value.field) == ("invalid", "name")


async def test_a_name_is_there_once_also_when_two_add_it_at_a_time(identity):
    adding = (identity.accounts.add(ADMIN, "eva", Role.OPERATOR) for _ in range(2))
    done = await asyncio.gather(*adding, return_exceptions=True)
    (refused,) = [one for one in done if isinstance(one, OperationError)]
    assert refused.code == "conflict"
    with pytest.raises(OperationError, match="already"):
        await identity.accounts.add(ADMIN, "admin", Role.OPERATOR)


async def test_the_role_of_users_is_none_of_an_account(identity):
    for change in (
        identity.accounts.add(ADMIN, "eva", Role.USER),
        identity.accounts.set_role(ADMIN, "admin", Role.USER),
    ):
        with pytest.raises(OperationError, match="no role of an account"):
            await change


async def test_the_last_administrator_is_neither_removed_nor_demoted(identity):
    await identity.accounts.add(ADMIN, "eva", Role.OPERATOR)
    for change in (
        identity.accounts.remove(ADMIN, "admin"),
        identity.accounts.set_role(ADMIN, "admin", Role.AUDITOR),
    ):
        with pytest.raises(OperationError, match="last administrator") as refused:
            await change
        assert refused.value.code == "conflict"
    await identity.accounts.set_role(ADMIN, "eva", Role.ADMINISTRATOR)
    await identity.accounts.remove(ADMIN, "admin")
    assert [one.name for one in identity.accounts.by_name.values()] == ["eva"]
    with pytest.raises(OperationError, match="last administrator"):
        await identity.accounts.remove(ADMIN, "eva")


async def test_of_two_administrators_who_remove_each_other_at_a_time_one_stays(identity):
    await identity.accounts.add(ADMIN, "eva", Role.ADMINISTRATOR)
    removing = (identity.accounts.remove(ADMIN, name) for name in ("admin", "eva"))
    await asyncio.gather(*removing, return_exceptions=True)
    assert len(identity.accounts.by_name) == 1


@pytest.mark.parametrize("change", ["removed", "role", "password"])
async def test_sessions_end_at_once_with_the_account_its_role_and_its_password(core, identity, change):
    await identity.accounts.add(ADMIN, "eva", Role.OPERATOR, OTHER)
    tokens = [await signed_in(identity, "eva", OTHER) for _ in range(2)]
    kept = await signed_in(identity)
    if change == "removed":
        await identity.accounts.remove(ADMIN, "eva")
    elif change == "role":
        await identity.accounts.set_role(ADMIN, "eva", Role.AUDITOR)
    else:
        await identity.accounts.set_password(ADMIN, "eva")
    for one in (identity, await Identity.open(core.store, core.ledger)):
        assert [is_good(one, token) for token in (*tokens, kept)] == [False, False, True]


async def test_who_gets_the_name_of_a_removed_account_gets_neither_sessions_nor_places(core, identity):
    await identity.accounts.add(ADMIN, "eva", Role.OPERATOR, OTHER)
    token = await signed_in(identity, "eva", OTHER)
    await identity.accounts.remove(ADMIN, "eva")
    await identity.accounts.add(ADMIN, "eva", Role.OPERATOR, OTHER)
    again = await Identity.open(core.store, core.ledger)
    assert not is_good(identity, token)
    assert not is_good(again, token)
    for one in (identity, again):
        assert not one.sign_in._lockout.is_known(one.sign_in._attempt("eva", SOURCE))


async def test_the_old_password_lets_nobody_in_after_a_reset(core, identity, records):
    made = await identity.accounts.set_password(ADMIN, "admin")
    with pytest.raises(NotSignedInError):
        await signed_in(identity)
    assert is_good(identity, await signed_in(identity, password=made.password))
    assert await records("admin.administrator.password_set") == [
        {"actor": ADMIN.to_dict(), "administrator": "admin"}
    ]
    stored = await core.store.read(lambda connection: connection.execute(tables.accounts.select()).one())
    assert check_password(stored.password_hash, made.password)


@pytest.mark.parametrize("change", ["removed", "password"])
async def test_a_sign_in_that_was_under_way_gives_no_session_of_what_is_gone(identity, monkeypatch, change):
    await identity.accounts.add(ADMIN, "eva", Role.OPERATOR, OTHER)
    check = identity.worker.check

    async def overtaken(stored, password):
        right = await check(stored, password)
        if change == "removed":
            await identity.accounts.remove(ADMIN, "eva")
        else:
            await identity.accounts.set_password(ADMIN, "eva")
        return right

    monkeypatch.setattr(type(identity.worker), "check", lambda _self, *args: overtaken(*args))
    with pytest.raises(NotSignedInError):
        await signed_in(identity, "eva", OTHER)
    assert identity.sessions.count(Holder.ACCOUNT, 2) == 0


async def test_nothing_has_changed_where_nothing_could_be_stored(core, identity, monkeypatch):
    await identity.accounts.add(ADMIN, "eva", Role.ADMINISTRATOR, OTHER)
    token, before = await signed_in(identity, "eva", OTHER), dict(identity.accounts.by_name)

    async def fail(*_):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(type(core.store), "commit", fail)
    for change in (
        identity.accounts.add(ADMIN, "new", Role.OPERATOR),
        identity.accounts.set_role(ADMIN, "eva", Role.AUDITOR),
        identity.accounts.set_password(ADMIN, "eva"),
        identity.accounts.remove(ADMIN, "eva"),
    ):
        with pytest.raises(StoreError):
            await change
    assert identity.accounts.by_name == before
    assert is_good(identity, token)


async def test_a_role_that_is_not_known_lets_nobody_in(core, identity):
    await core.store.commit([(tables.accounts.update().values(role="emperor"), {})])
    again = await Identity.open(core.store, core.ledger)
    with pytest.raises(NotSignedInError):
        await signed_in(again)
