"""Accounts for tests: put into the store as they are, and the part of the core that knows them."""

from ringwall.core.identity.accounts import Account, Accounts, account_write
from ringwall.core.identity.identity import Identity
from ringwall.core.identity.passwords import hash_password
from ringwall.core.identity.permissions import Role
from ringwall.core.identity.sessions import Sessions
from ringwall.core.identity.sign_in import SignIn
from ringwall.core.identity.worker import PasswordWorker
from ringwall.core.lockout.alarm import GuessingAlarm
from ringwall.core.lockout.gate import ADMINISTRATOR_LIMITS, Lockout
from ringwall.core.lockout.known import ADMINISTRATORS, KnownPlaces

PASSWORD = "correct horse battery staple"


async def put_account(core, name="admin", role=Role.ADMINISTRATOR, password=PASSWORD, number=1):
    """Put an account into the store; return what knows it."""
    account = Account(number, name, role, hash_password(password), 1.0, 1.0)
    await core.store.commit([account_write(account)])
    return await Identity.open(core.store, core.ledger)


def nobody(core):
    """Return what knows no account at all."""
    worker = PasswordWorker()
    sessions = Sessions(core.store, {})
    accounts = Accounts(core.store, core.ledger, sessions, worker, {})
    lockout = Lockout(
        KnownPlaces(ADMINISTRATORS), ADMINISTRATOR_LIMITS, GuessingAlarm(core.ledger.record, "password")
    )
    sign_in = SignIn(core.ledger, accounts, sessions, worker, lockout)
    return Identity(accounts, sessions, sign_in, worker)
