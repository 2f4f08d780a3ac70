"""What can be asked of accounts: by administrators of everybody's, by everybody of their own."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from ringwall.core.errors import OperationError
from ringwall.core.identity.accounts import Account, WithPassword
from ringwall.core.identity.errors import NotSignedInError, TooManyTriesError
from ringwall.core.identity.identity import Identity
from ringwall.core.identity.permissions import Permission
from ringwall.core.identity.schema import (
    AccountAdd,
    AccountList,
    AccountMade,
    AccountNamed,
    AccountPassword,
    AccountSet,
    AccountShown,
    OwnAccount,
    OwnPassword,
)
from ringwall.core.identity.sessions import Holder
from ringwall.core.operations import Actor, Listing, NoArguments, Operation, Operations, Topic

ADMINISTRATORS: Final = Topic("Administrators", "Who signs in to administer the system, and what they may.")
ACCOUNT: Final = Topic("Account", "One's own account, whatever one's role.")

ADD: Final = Operation(
    "admin.add",
    "Add somebody who signs in to administer the system; without a password one is made and told once.",
    topic=ADMINISTRATORS,
    verb="POST",
    path="/api/administrators",
    permission=Permission.ADMINS_WRITE,
    arguments=AccountAdd,
    result=AccountMade,
    status=HTTPStatus.CREATED,
    errors=("conflict",),
    changes=True,
    example={"name": "eva", "role": "auditor"},
)
LIST: Final = Operation(
    "admin.list",
    "List who may sign in, with which role, and how many sessions they have.",
    topic=ADMINISTRATORS,
    verb="GET",
    path="/api/administrators",
    permission=Permission.ADMINS_READ,
    arguments=AccountList,
    result=AccountShown,
    listing=Listing(order=("name",), search=("name", "role")),
    example={"role": "auditor"},
)
ROLE: Final = Operation(
    "admin.role",
    "Give somebody another role; their sessions end at once.",
    topic=ADMINISTRATORS,
    verb="PATCH",
    path="/api/administrators/{name}",
    permission=Permission.ADMINS_WRITE,
    arguments=AccountSet,
    result=AccountShown,
    errors=("not_found", "conflict"),
    changes=True,
    example={"name": "eva", "role": "operator"},
)
PASSWORD: Final = Operation(
    "admin.password",
    "Give somebody a new password, without one a random one that is told once; their sessions end at once.",
    topic=ADMINISTRATORS,
    verb="PUT",
    path="/api/administrators/{name}/password",
    permission=Permission.ADMINS_WRITE,
    arguments=AccountPassword,
    result=AccountMade,
    errors=("not_found",),
    changes=True,
    example={"name": "eva"},
)
REMOVE: Final = Operation(
    "admin.remove",
    "Remove somebody; their sessions end at once. The last administrator stays.",
    topic=ADMINISTRATORS,
    verb="DELETE",
    path="/api/administrators/{name}",
    permission=Permission.ADMINS_WRITE,
    arguments=AccountNamed,
    result=AccountShown,
    errors=("not_found", "conflict"),
    changes=True,
    example={"name": "eva"},
)
OWN: Final = Operation(
    "account.show",
    "Show one's own account, and what one may.",
    topic=ACCOUNT,
    verb="GET",
    path="/api/account",
    permission=Permission.ACCOUNT_OWN,
    result=OwnAccount,
    errors=("not_found",),
)
OWN_PASSWORD: Final = Operation(
    "account.password",
    "Change one's own password, which takes the old one; all of one's sessions end.",
    topic=ACCOUNT,
    verb="PUT",
    path="/api/account/password",
    permission=Permission.ACCOUNT_OWN,
    arguments=OwnPassword,
    result=AccountShown,
    errors=("not_found", "conflict"),
    changes=True,
    example={"old_password": "correct horse battery staple", "password": "four other words that are long"},
)

OPERATIONS: Final = (ADD, LIST, ROLE, PASSWORD, REMOVE, OWN, OWN_PASSWORD)


def register(operations: Operations, identity: Identity) -> None:
    """Do what is declared above."""
    _register_everybodys(operations, identity)
    _register_own(operations, identity)


def _register_everybodys(operations: Operations, identity: Identity) -> None:
    accounts = identity.accounts

    async def add(actor: Actor, args: AccountAdd) -> AccountMade:
        return _made(identity, await accounts.add(actor, args.name, args.role, args.password))

    async def list_all(_actor: Actor, _args: AccountList) -> Iterable[AccountShown]:
        return [_shown(identity, account) for account in accounts.by_name.values()]

    async def set_role(actor: Actor, args: AccountSet) -> AccountShown:
        return _shown(identity, await accounts.set_role(actor, args.name, args.role))

    async def set_password(actor: Actor, args: AccountPassword) -> AccountMade:
        if actor.kind == "api" and actor.name == args.name:
            raise OperationError(
                "refused", "One's own password is changed with the old one: account.password.", "name"
            )
        return _made(identity, await accounts.set_password(actor, args.name, args.password))

    async def remove(actor: Actor, args: AccountNamed) -> AccountShown:
        return _shown(identity, await accounts.remove(actor, args.name))

    operations.offer(ADD, add)
    operations.offer(LIST, list_all)
    operations.offer(ROLE, set_role)
    operations.offer(PASSWORD, set_password)
    operations.offer(REMOVE, remove)


def _register_own(operations: Operations, identity: Identity) -> None:
    async def show(actor: Actor, _args: NoArguments) -> OwnAccount:
        account = _own(identity, actor)
        return OwnAccount.of(account, identity.sessions.count(Holder.ACCOUNT, account.number))

    async def set_password(actor: Actor, args: OwnPassword) -> AccountShown:
        _own(identity, actor)
        try:
            account = await identity.sign_in.prove(actor.name, args.old_password, actor.source)
        except NotSignedInError:
            raise OperationError("refused", "The old password is wrong.", "old_password") from None
        except TooManyTriesError as error:
            raise OperationError("refused", str(error), "old_password") from None
        if args.password == args.old_password:
            raise OperationError("invalid", "The new password is the old one.", "password")
        done = await identity.accounts.set_password(actor, actor.name, args.password, expected=account)
        return _shown(identity, done.account)

    operations.offer(OWN, show)
    operations.offer(OWN_PASSWORD, set_password)


def _own(identity: Identity, actor: Actor) -> Account:
    """Return the account of who asks; raise OperationError where they have none."""
    if actor.kind != "api":
        raise OperationError(
            "refused", "Whoever is on this host has no account: `admin.password` sets one's."
        )
    return identity.accounts.account(actor.name)


def _shown(identity: Identity, account: Account) -> AccountShown:
    return AccountShown.of(account, identity.sessions.count(Holder.ACCOUNT, account.number))


def _made(identity: Identity, made: WithPassword) -> AccountMade:
    return AccountMade(**_shown(identity, made.account).model_dump(), password=made.password)
