"""``ringwall phone``: desk phones that are set up by the system."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ringwall.cli import phone_authorities
from ringwall.cli.client import ask
from ringwall.cli.output import DATA_DEFAULT, DataOption, JsonOption, Output, format_table
from ringwall.infra.errors import RefusedError
from ringwall.infra.layout import Layout
from ringwall.infra.provisioning import FILES, address_for, dhcp_options
from ringwall.infra.settings import Settings

_HELP = (
    "Desk phones: list, show, add, set, approve, address, block, unblock, forget, "
    "assign, unassign, go-home, remove, dhcp, authority."
)
app = typer.Typer(help=_HELP, no_args_is_help=True)
app.add_typer(phone_authorities.app, name="authority")

Mac = Annotated[str, typer.Argument(metavar="MAC", help="Its address, such as 00:15:65:12:ab:cd.")]
User = Annotated[str, typer.Argument(metavar="EXTENSION", help="The user's extension.")]
Label = Annotated[str | None, typer.Option("--label", help="What to call it.")]
Vendor = Annotated[
    str | None, typer.Option("--vendor", help="ringwall, mitel, yealink, poly, grandstream or snom.")
]
Model = Annotated[str | None, typer.Option("--model", help="The vendor's name of the model.")]
Site = Annotated[str | None, typer.Option("--site", help="The site, whose emergency rules count.")]
Group = Annotated[
    str | None,
    typer.Option("--group", help="What it may do while nobody is logged in; `none`, the default: nothing."),
]
Location = Annotated[
    str | None, typer.Option("--location", help="The place within the site, told in emergency calls.")
]
Callback = Annotated[
    str | None, typer.Option("--callback-number", help="Where an emergency centre calls back.")
]
Legacy = Annotated[
    bool | None, typer.Option("--legacy/--no-legacy", help="It knows no SHA-256 and may sign in with MD5.")
]
Home = Annotated[str | None, typer.Option("--home", help="Whose home phone it is; `none`: nobody's.")]


@app.command(name="list")
def list_phones(data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """List the phones, those that only asked for a configuration among them."""
    phones = ask(Layout.of(data), "phone.list")
    Output(as_json=as_json).table(
        ("mac", "state", "user", "home", "proof", "vendor", "model", "label", "site", "asked from"),
        [
            (
                *(one["mac"], one["state"], one["user"], one["home"], one["identity"] or None),
                *(one["vendor"] or None, one["model"] or None, one["label"] or None),
                *(one["site"], one["asked_from"]),
            )
            for one in phones
        ],
        {"phones": phones},
        "There are no phones yet: plug one in, or ./ringwall phone add MAC.",
    )


@app.command()
def show(mac: Mac, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Show all that is known of a phone."""
    _print(ask(Layout.of(data), "phone.show", {"mac": mac}), as_json=as_json)


@app.command()
def add(
    mac: Mac,
    label: Label = None,
    vendor: Vendor = None,
    model: Model = None,
    site: Site = None,
    group: Group = None,
    location: Location = None,
    callback_number: Callback = None,
    legacy: Legacy = None,
    home: Home = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Say that a phone will come: with a factory certificate it is let in from anywhere."""
    given = _given(label, vendor, model, site, group, location, callback_number, legacy, home)
    _print(ask(Layout.of(data), "phone.add", {**given, "mac": mac}), as_json=as_json)


@app.command(name="set")
def set_phone(
    mac: Mac,
    label: Label = None,
    vendor: Vendor = None,
    model: Model = None,
    site: Site = None,
    group: Group = None,
    location: Location = None,
    callback_number: Callback = None,
    legacy: Legacy = None,
    home: Home = None,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Change what is said of a phone; what is not given stays."""
    given = _given(label, vendor, model, site, group, location, callback_number, legacy, home)
    _print(ask(Layout.of(data), "phone.set", {**given, "mac": mac}), as_json=as_json)


@app.command()
def approve(
    mac: Mac,
    source: Annotated[
        str, typer.Option("--from", metavar="ADDRESS", help="Its next request from there needs no code.")
    ] = "",
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Let a phone without a factory certificate enrol once, within half an hour; prints a code for it."""
    phone = ask(Layout.of(data), "phone.approve", {"mac": mac, "source": source})
    text = (
        f"{phone['mac']} may enrol within {phone['minutes']} minutes. "
        f"When it asks for a name and a password, enter: enrol, and {phone['code']}. "
        "The code is good once and not shown again."
    )
    if source:
        text += f" From {source} it needs no code: let it ask again."
    Output(as_json=as_json).result(phone, text)


@app.command()
def address(mac: Mac, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Give a phone a secret address of its own and print it; an earlier one is worth nothing then."""
    phone = ask(Layout.of(data), "phone.address", {"mac": mac})
    text = f"Enter this address at {phone['mac']} alone; who knows it is this phone: {phone['address']}"
    Output(as_json=as_json).result(phone, text)


@app.command()
def block(mac: Mac, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Let a phone get nothing: it is signed out at once, its calls end but for emergency calls."""
    _do("phone.block", {"mac": mac}, "{mac} is blocked.", data, as_json=as_json)


@app.command()
def unblock(mac: Mac, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Let a blocked phone prove itself again."""
    _do("phone.unblock", {"mac": mac}, "{mac} may prove itself again.", data, as_json=as_json)


@app.command()
def forget(mac: Mac, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Let what a phone has proven count no longer: it has to prove itself anew."""
    _do("phone.forget", {"mac": mac}, "{mac} has to prove itself anew.", data, as_json=as_json)


@app.command()
def assign(
    mac: Mac,
    extension: User,
    home: Annotated[bool, typer.Option("--home", help="Make it the user's home phone.")] = False,
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Log a user in at a phone, whoever is there."""
    asked = {"mac": mac, "extension": extension, "home": home}
    _do("phone.assign", asked, "{user} is logged in at {mac}.", data, as_json=as_json)


@app.command()
def unassign(mac: Mac, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Log out whoever is at a phone."""
    _do("phone.unassign", {"mac": mac}, "{mac} is {state}.", data, as_json=as_json)


@app.command(name="go-home")
def go_home(extension: User, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Bring a user back to the home phone, whoever is there."""
    _do("phone.go-home", {"extension": extension}, "{user} is logged in at {mac}.", data, as_json=as_json)


@app.command()
def remove(mac: Mac, data: DataOption = DATA_DEFAULT, as_json: JsonOption = False) -> None:
    """Forget a phone altogether; its user goes as after a logout."""
    _do("phone.remove", {"mac": mac}, "Removed {mac}.", data, as_json=as_json)


@app.command()
def dhcp(
    vendor: Annotated[str, typer.Argument(metavar="[VENDOR]", help="Only this vendor's.")] = "",
    data: DataOption = DATA_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Print what a DHCP server or a vendor's redirect service is told, so that phones find the system."""
    settings = Settings.load(Layout.of(data))
    if vendor and vendor not in FILES:
        raise RefusedError(f"The vendor has to be one of {', '.join(FILES)}.", code="invalid", field="vendor")
    told: list[dict[str, Any]] = [
        {
            "vendor": one,
            "redirect": address_for(settings, one),
            "options": [
                {"option": each.number, "text": each.text, "hex": each.hexadecimal}
                for each in dhcp_options(settings, one)
            ],
        }
        for one in ([vendor] if vendor else FILES)
    ]
    rows = [
        (one["vendor"], *line)
        for one in told
        for line in (
            *((f"option {each['option']}", each["text"]) for each in one["options"]),
            *(
                (f"option {each['option']} hex", each["hex"])
                for each in one["options"]
                if each["option"] == 43
            ),
            ("redirect", one["redirect"]),
        )
    ]
    Output(as_json=as_json).table(("vendor", "where", "value"), rows, {"vendors": told})


def _do(operation: str, asked: Mapping[str, Any], text: str, data: Any, *, as_json: bool) -> None:
    phone = ask(Layout.of(data), operation, asked)
    Output(as_json=as_json).result(phone, text.format(**phone))


def _given(*values: str | bool | None) -> dict[str, Any]:
    names = ("label", "vendor", "model", "site", "group", "location", "callback_number", "legacy", "home")
    emptied = {"site", "group", "home"}
    return {
        name: (None if name in emptied else "") if value == "none" else value
        for name, value in zip(names, values, strict=True)
        if value is not None
    }


def _print(phone: Mapping[str, Any], *, as_json: bool) -> None:
    rows = [
        (name.replace("_", " "), "-" if value in (None, "") else str(value)) for name, value in phone.items()
    ]
    Output(as_json=as_json).result(phone, format_table(("what", "value"), rows))
