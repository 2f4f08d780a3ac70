"""What is sent and told about accounts."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, Field

from ringwall.core.identity.accounts import Account
from ringwall.core.identity.permissions import PERMISSIONS, Permission, Role
from ringwall.core.operations import SECRET, Arguments, ListArguments

Name = Annotated[str, Field(min_length=1, max_length=64, description="the name to sign in with")]
Secret = Annotated[str, Field(min_length=1, max_length=256, json_schema_extra=SECRET)]
# Values of an enumeration come as text, whichever door they come by.
RoleName = Annotated[Role, Field(strict=False, description="what the account may")]


class AccountNamed(Arguments):
    """Which account."""

    name: Name


class AccountList(ListArguments):
    """Which accounts: those with this role."""

    role: Annotated[Role | None, Field(strict=False)] = None


class AccountSet(Arguments):
    """Which account gets which role."""

    name: Name
    role: RoleName


class AccountPassword(Arguments):
    """Whose password it is to be; without one a random one is made."""

    name: Name
    password: Secret | None = None


class AccountAdd(AccountPassword):
    """Somebody who is to sign in from now on; without a password a random one is made."""

    role: RoleName


class OwnPassword(Arguments):
    """The password as it was, and as it is to be."""

    old_password: Secret
    password: Secret


class AccountShown(BaseModel):
    """An account; times in RFC 3339, UTC. `sessions` is how many tokens of it are good now."""

    name: str
    role: Role
    created_at: str
    password_set_at: str
    sessions: int

    @classmethod
    def of(cls, account: Account, sessions: int) -> "AccountShown":
        """Return an account as it is told."""
        return cls(
            name=account.name,
            role=account.role,
            created_at=_moment(account.created_at),
            password_set_at=_moment(account.password_set_at),
            sessions=sessions,
        )


class AccountMade(AccountShown):
    """An account with a new password; `password` is told here and never again, null where it was chosen."""

    password: str | None


class OwnAccount(AccountShown):
    """One's own account, and what one may."""

    permissions: list[Permission]

    @classmethod
    def of(cls, account: Account, sessions: int) -> "OwnAccount":
        """Return one's own account as it is told."""
        shown = AccountShown.of(account, sessions).model_dump()
        return cls(**shown, permissions=sorted(PERMISSIONS[account.role]))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
