"""What administrators send and get about phones."""

from typing import Annotated

from pydantic import BaseModel, Field

from ringwall.core.operations import Arguments, ListArguments

Text = Annotated[str, Field(max_length=256)]
Mac = Annotated[str, Field(max_length=32, description="the MAC address, such as 00:15:65:12:ab:cd")]
Extension = Annotated[str, Field(min_length=1, max_length=32)]


class PhoneFacts(Arguments):
    """What is said of a phone; what is not given is left as it is."""

    label: Annotated[Text, Field(description="what to call it")] = ""
    vendor: Annotated[Text, Field(description="ringwall, mitel, yealink, poly, grandstream or snom")] = ""
    model: Annotated[Text, Field(description="the vendor's name of the model")] = ""
    site: Annotated[Text | None, Field(description="the site, whose numbering and emergency rules count")] = (
        "main"
    )
    group: Annotated[
        Text | None, Field(description="what it may do while nobody is logged in; none: nothing")
    ] = None
    location: Annotated[Text, Field(description="the place within the site, for emergency calls")] = ""
    callback_number: Annotated[Text, Field(description="where an emergency centre calls back")] = ""
    legacy: Annotated[bool, Field(description="it may sign in with MD5, because it knows nothing better")] = (
        False
    )
    home: Annotated[Text | None, Field(description="the extension whose home phone it is")] = None


class PhoneList(ListArguments):
    """Which phones."""

    state: Annotated[Text | None, Field(description="only phones in this state")] = None
    vendor: Annotated[Text | None, Field(description="only phones of this vendor")] = None
    site: Annotated[Text | None, Field(description="only phones at this site")] = None
    user: Annotated[Text | None, Field(description="only the phone at which this extension is")] = None
    home: Annotated[Text | None, Field(description="only the home phone of this extension")] = None


class PhoneAdd(PhoneFacts):
    """A phone that will come."""

    mac: Mac


class PhoneSet(PhoneFacts):
    """Which phone is to change, and what."""

    mac: Mac


class PhoneNamed(Arguments):
    """Which phone."""

    mac: Mac


class PhoneApprove(Arguments):
    """Which phone may enrol."""

    mac: Mac
    source: Annotated[
        str, Field(max_length=64, description="an address: the next request from there needs no code")
    ] = ""


class PhoneAssign(Arguments):
    """Who is to be at which phone."""

    mac: Mac
    extension: Extension
    home: Annotated[bool, Field(description="it is to be this user's home phone as well")] = False


class Homeward(Arguments):
    """Who is to go home."""

    extension: Extension


class Phone(BaseModel):
    """A phone as administrators see it. `device` is what it signs in with."""

    mac: str
    state: str
    user: str | None
    home: str | None
    owner_waits: bool
    identity: str
    device: str | None
    vendor: str
    model: str
    label: str
    site: str | None
    group: str | None
    location: str
    callback_number: str
    legacy: bool
    expected: bool
    enrolment_open: bool
    asked_from: str | None
    user_agent: str | None
    asked_at: str | None


class Approved(Phone):
    """An open enrolment. The code is shown here and never again."""

    code: str
    minutes: int


class Addressed(Phone):
    """A phone with a secret address of its own, which is shown here and in the phone's configuration."""

    address: str
