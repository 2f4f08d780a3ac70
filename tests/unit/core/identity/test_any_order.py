"""Whatever is done to accounts in whatever order: there is an administrator, and no session outlives its reason."""

import asyncio
from unittest.mock import MagicMock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ringwall.core.errors import OperationError, StoreError
from ringwall.core.identity.accounts import Account, Accounts
from ringwall.core.identity.errors import NotSignedInError
from ringwall.core.identity.permissions import ADMINISTRATIVE, Role
from ringwall.core.identity.sessions import Holder, Sessions
from support.core_data import ADMIN

NAMES = st.sampled_from(["admin", "eva", "max"])
ROLES = st.sampled_from(sorted(ADMINISTRATIVE))


class Store:
    """A store whose next commit can be made to fail."""

    fails = False

    async def commit(self, _writes):
        if self.fails:
            raise StoreError("The disk is full.")


class Worker:
    """Hashes that cost nothing."""

    async def hash(self, password):
        return password


class AccountsInAnyOrder(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.store, self.loop = Store(), asyncio.new_event_loop()
        self.sessions = Sessions(self.store, {})
        first = Account(1, "admin", Role.ADMINISTRATOR, "x", 1.0, 1.0)
        self.accounts = Accounts(self.store, MagicMock(), self.sessions, Worker(), {"admin": first})
        self.tokens = {}

    def teardown(self):
        self.loop.close()

    def do(self, change, name=None):
        """Make a change; return whether it was made, and then what `name` had had is over."""
        try:
            self.loop.run_until_complete(change)
        except (OperationError, StoreError):
            return False
        self.tokens.pop(name, None)
        return True

    @rule(name=NAMES, role=ROLES)
    def add(self, name, role):
        self.do(self.accounts.add(ADMIN, name, role))

    @rule(name=NAMES, role=ROLES)
    def set_role(self, name, role):
        same = name in self.accounts.by_name and self.accounts.by_name[name].role is role
        self.do(self.accounts.set_role(ADMIN, name, role), None if same else name)

    @rule(name=NAMES)
    def set_password(self, name):
        self.do(self.accounts.set_password(ADMIN, name), name)

    @rule(name=NAMES)
    def remove(self, name):
        self.do(self.accounts.remove(ADMIN, name), name)

    @rule(name=NAMES)
    def sign_in(self, name):
        if name in self.accounts.by_name and not self.store.fails:
            begun = self.sessions.begin(self.accounts.by_name[name].subject)
            self.tokens.setdefault(name, []).append(self.loop.run_until_complete(begun)[0])

    @rule(fails=st.booleans())
    def fill_or_empty_the_disk(self, fails):
        self.store.fails = fails

    @invariant()
    def there_is_an_administrator(self):
        assert any(one.role is Role.ADMINISTRATOR for one in self.accounts.by_name.values())

    @invariant()
    def sessions_are_those_of_accounts_as_they_are(self):
        good = [token for tokens in self.tokens.values() for token in tokens]
        for name, tokens in self.tokens.items():
            for token in tokens:
                try:
                    subject = self.sessions.find(token, Holder.ACCOUNT).subject
                except NotSignedInError:
                    pytest.fail(f"{name} was signed out without a reason")
                assert subject == self.accounts.by_name[name].subject
        assert len(self.sessions._sessions) == len(good)

    @invariant()
    def numbers_are_given_once(self):
        numbers = [one.number for one in self.accounts.by_name.values()]
        assert len(set(numbers)) == len(numbers)


AccountsInAnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAccounts = pytest.mark.req("I3")(AccountsInAnyOrder.TestCase)
