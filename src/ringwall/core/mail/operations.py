"""What administrators can ask of outgoing mail."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from ringwall.core.errors import OperationError
from ringwall.core.mail.message import MailRefused
from ringwall.core.mail.service import MailService
from ringwall.core.operations import SECRET, Actor, Arguments, NoArguments, Operations

_TEST = "This is a test: the mail server takes what Ringwall has to say.\n"


class MailNamed(Arguments):
    """Which message, by its id."""

    mail: Annotated[str, Field(min_length=1, max_length=64)]


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


def register(operations: Operations, mail: MailService) -> None:
    """Add mail.show, list, test, retry, remove and password."""

    async def show(_actor: Actor, _args: NoArguments) -> dict[str, Any]:
        return mail.describe()

    async def list_all(_actor: Actor, _args: NoArguments) -> list[Any]:
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

    operations.add("mail.show", NoArguments, show)
    operations.add("mail.list", NoArguments, list_all)
    operations.add("mail.test", MailTest, test, changes=True)
    operations.add("mail.retry", MailNamed, retry, changes=True)
    operations.add("mail.remove", MailNamed, remove, changes=True)
    operations.add("mail.password", MailPassword, password, changes=True)
