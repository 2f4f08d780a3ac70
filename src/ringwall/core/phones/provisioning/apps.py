"""Login pages for vendors' phones: extension and PIN on the phone's own screen (P3).

Yealink and Mitel show XML forms that they ask for field by field, Snom its own; Poly and Grandstream log in
by the feature number. Rules that this module keeps:
- A page is given to a phone that has proven itself and to nobody else; what it asks is sent to the same
  address.
- A PIN is in the query of the phone's request, since that is how these phones send what was typed: the edge
  logs no paths at this door, the core logs none at all.
- What a person has to read is one short line.
"""

from xml.sax.saxutils import escape, quoteattr

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ringwall.core.phones.logins import LoggedIn, Logins
from ringwall.core.phones.model import PhoneEntry
from ringwall.core.phones.provisioning.facts import Facts

LONGEST_INPUT = 32
_XML = "text/xml"


class LoginPages:
    """The pages of one system."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    async def page(self, request: Request, phone: PhoneEntry, facts: Facts) -> Response:
        """Return a page, or the answer to what was typed in the one before."""
        vendor, page = request.path_params["vendor"], request.path_params["page"]
        if (
            vendor != phone.vendor
            or vendor not in {"yealink", "mitel", "snom"}
            or page not in {"login", "pin"}
        ):
            return PlainTextResponse("There is no such page.\n", 404)
        query = request.query_params
        extension, pin, new_pin = (query.get(name, "")[:LONGEST_INPUT] for name in ("ext", "pin", "new"))
        address = f"{facts.folder}app/{vendor}/"
        if page == "login" and not extension:
            return _form(vendor, "Log in", "Extension", "ext", f"{address}login")
        if not pin:
            return _form(
                vendor, "Log in", "PIN", "pin", f"{address}pin?ext={_digits(extension)}", hidden=True
            )
        told = await self._logins.login(phone, extension, pin, request.state.source, new_pin=new_pin)
        if isinstance(told, LoggedIn):
            days = f" Your PIN lasts {told.days_left} days." if told.days_left is not None else ""
            return _text(vendor, "Logged in", f"{told.name} {told.extension}.{days}")
        if told.reason in {"must_change", "bad_pin"}:
            asked = f"{address}pin?ext={_digits(extension)}&pin={_digits(pin)}"
            return _form(vendor, told.text, "New PIN", "new", asked, hidden=True)
        return _text(vendor, "Not logged in", told.text)


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign in "0123456789")


def _form(vendor: str, title: str, prompt: str, name: str, address: str, *, hidden: bool = False) -> Response:
    if vendor == "snom":
        kind = "p" if hidden else "n"
        body = (
            f"<SnomIPPhoneInput><Title>{escape(title)}</Title><Prompt>{escape(prompt)}</Prompt>"
            f"<URL>{escape(address)}</URL><InputItem><DisplayName>{escape(prompt)}</DisplayName>"
            f"<QueryStringParam>{name}</QueryStringParam><DefaultValue/><InputFlags>{kind}</InputFlags>"
            "</InputItem></SnomIPPhoneInput>"
        )
    else:
        root = "YealinkIPPhoneInputScreen" if vendor == "yealink" else "AastraIPPhoneInputScreen"
        password = "yes" if hidden else "no"
        body = (
            f'<{root} type="number" password="{password}" destroyOnExit="yes">'
            f"<Title>{escape(title)}</Title><Prompt>{escape(prompt)}</Prompt><URL>{escape(address)}</URL>"
            f"<Parameter>{name}</Parameter><Default></Default></{root}>"
        )
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n', media_type=_XML)


def _text(vendor: str, title: str, text: str) -> Response:
    root = {
        "yealink": "YealinkIPPhoneTextScreen",
        "mitel": "AastraIPPhoneTextScreen",
        "snom": "SnomIPPhoneText",
    }[vendor]
    extra = "" if vendor == "snom" else f" destroyOnExit={quoteattr('yes')}"
    body = f"<{root}{extra}><Title>{escape(title)}</Title><Text>{escape(text)}</Text></{root}>"
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n', media_type=_XML)
