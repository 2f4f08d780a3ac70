"""What administrators can ask of outgoing mail."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from ringwall.core.errors import OperationError
from ringwall.core.identity.permissions import Permission
from ringwall.core.mail.message import MailRefused
from ringwall.core.mail.service import MailService
from ringwall.core.operations import (
    SECRET,
    Actor,
    Arguments,
    ListArguments,
    Listing,
    NoArguments,
    Operation,
    Operations,
    Topic,
)

_TEST = "This is a test: the mail server takes what Ringwall has to say.\n"


class MailNamed(Arguments):
    """Which message, by its id."""

    mail: Annotated[str, Field(min_length=1, max_length=64)]


class MailList(ListArguments):
    """Which messages; `about` says what they are about, in a word, `state` how they fare."""

    about: Annotated[str | None, Field(max_length=32)] = None
    state: Annotated[str | None, Field(max_length=32)] = None


class MailTest(Arguments):
    """Where the test goes."""

    to: Annotated[str, Field(min_length=3, max_length=254)]


class MailPassword(Arguments):
    """The password of the login at the mail server."""

    password: Annotated[str, Field(min_length=1, max_length=256, json_schema_extra=SECRET)]


class MailItem(BaseModel):
    """A message in the queue; times in Unix seconds. `why` is what the last try came to."""

    mail: str
    to: str
    subject: str
    about: str
    state: str
    created_at: float
    next_at: float | None
    attempts: int
    size: int
    why: str


class MailState(BaseModel):
    """Whether mail can be sent, and how much waits."""

    server: str
    security: str
    sender: str
    login: bool
    ok: bool
    detail: str
    waiting: int
    undelivered: int


MAIL: Final = Topic("Mail", "What Ringwall sends by mail, and what could not be delivered.")

SHOW: Final = Operation(
    "mail.show",
    "Show whether mail can be sent, and how much waits.",
    topic=MAIL,
    verb="GET",
    path="/api/mail",
    permission=Permission.MAIL_READ,
    result=MailState,
)
LIST: Final = Operation(
    "mail.list",
    "List what waits and what could not be delivered.",
    topic=MAIL,
    verb="GET",
    path="/api/mail/messages",
    permission=Permission.MAIL_READ,
    arguments=MailList,
    result=MailItem,
    listing=Listing(order=("created_at", "mail"), search=("to", "subject", "about", "why")),
    example={"about": "voicemail"},
)
TEST: Final = Operation(
    "mail.test",
    "Send a test.",
    topic=MAIL,
    verb="POST",
    path="/api/mail/test",
    permission=Permission.MAIL_WRITE,
    arguments=MailTest,
    result=MailItem,
    status=HTTPStatus.CREATED,
    changes=True,
    example={"to": "anna@example.com"},
)
RETRY: Final = Operation(
    "mail.retry",
    "Try a message now, also one that was given up.",
    topic=MAIL,
    verb="POST",
    path="/api/mail/messages/{mail}/retry",
    permission=Permission.MAIL_WRITE,
    arguments=MailNamed,
    result=MailItem,
    errors=("not_found",),
    changes=True,
    example={"mail": "0123456789abcdef0123456789abcdef"},
)
REMOVE: Final = Operation(
    "mail.remove",
    "Take a message out of the queue.",
    topic=MAIL,
    verb="DELETE",
    path="/api/mail/messages/{mail}",
    permission=Permission.MAIL_WRITE,
    arguments=MailNamed,
    result=MailItem,
    errors=("not_found",),
    changes=True,
    example={"mail": "0123456789abcdef0123456789abcdef"},
)
PASSWORD: Final = Operation(
    "mail.password",
    "Set the password of the login at the mail server.",
    topic=MAIL,
    verb="PUT",
    path="/api/mail/password",
    permission=Permission.MAIL_WRITE,
    arguments=MailPassword,
    result=MailState,
    changes=True,
    example={"password": "correct horse"},
)
OPERATIONS: Final = (SHOW, LIST, TEST, RETRY, REMOVE, PASSWORD)


def register(operations: Operations, mail: MailService) -> None:
    """Do what is declared above."""

    async def show(_actor: Actor, _args: NoArguments) -> dict[str, Any]:
        return mail.describe()

    async def list_all(_actor: Actor, _args: MailList) -> Iterable[Any]:
        return [item.facts() for item in mail.items()]

    async def test(_actor: Actor, args: MailTest) -> dict[str, Any]:
        try:
            (made,) = await mail.send(args.to, "A test of Ringwall's mail", _TEST, about="test", urgent=True)
        except MailRefused as error:
            raise OperationError("invalid", f"to: {error}", "to") from error
        return mail.item(made).facts()

    async def retry(actor: Actor, args: MailNamed) -> dict[str, Any]:
        return (await mail.retry(actor, args.mail)).facts()

    async def remove(actor: Actor, args: MailNamed) -> dict[str, Any]:
        return (await mail.remove(actor, args.mail)).facts()

    async def password(actor: Actor, args: MailPassword) -> dict[str, Any]:
        await mail.set_password(actor, args.password)
        return mail.describe()

    operations.offer(SHOW, show)
    operations.offer(LIST, list_all)
    operations.offer(TEST, test)
    operations.offer(RETRY, retry)
    operations.offer(REMOVE, remove)
    operations.offer(PASSWORD, password)
