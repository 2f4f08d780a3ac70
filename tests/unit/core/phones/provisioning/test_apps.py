"""Login pages on vendors' phones, typed field by field."""

from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

from support.core_data import ADMIN
from support.phones import LOBBY, PIN

ROOTS = {
    "yealink": ("YealinkIPPhoneInputScreen", "YealinkIPPhoneTextScreen", "Parameter"),
    "mitel": ("AastraIPPhoneInputScreen", "AastraIPPhoneTextScreen", "Parameter"),
    "snom": ("SnomIPPhoneInput", "SnomIPPhoneText", ".//QueryStringParam"),
}


@pytest.fixture(params=sorted(ROOTS))
async def screen(request, house, door):
    """The screen of a phone: `screen()` shows the first page, `screen(typed)` sends what was typed."""
    await house.plug_in(LOBBY, model="")
    await house.run("set", mac=LOBBY, vendor=request.param)
    certificate, _ = door.vendor.phone(LOBBY)
    asked = [f"/phone/app/{request.param}/login", ""]

    async def show(typed=None):
        if typed is not None:
            url = urlsplit(asked[0])
            joined = "&".join(part for part in (url.query, f"{asked[1]}={typed}") if part)
            asked[0] = f"{url.path}?{joined}"
        answer = await door.ask(asked[0], certificate=certificate)
        assert answer.status_code == 200, answer.text
        page = ET.fromstring(answer.text)
        form, text, name = ROOTS[request.param]
        assert page.tag in (form, text)
        if page.tag == form:
            asked[:] = [page.findtext("URL"), page.findtext(name)]
        return page.tag == form, " ".join(part for one in page.iter() if (part := one.text))

    return show


@pytest.mark.req("P3", "P5")
async def test_a_user_logs_in_by_typing_extension_and_pin(house, screen) -> None:
    assert "Extension" in (await screen())[1]
    assert "PIN" in (await screen("201"))[1]
    form, text = await screen(PIN)
    assert (form, "Anna 201" in text) == (False, True)
    assert house.user_at(LOBBY) == "201"


@pytest.mark.req("P3", "V2")
async def test_a_wrong_pin_and_an_unknown_extension_read_the_same(house, screen) -> None:
    await screen()
    await screen("299")
    form, text = await screen("999999")
    assert (form, "wrong" in text) == (False, True)
    assert house.user_at(LOBBY) is None


@pytest.mark.req("V2")
async def test_a_first_pin_is_changed_before_anything_else(house, screen) -> None:
    first = await house.pins.reset(ADMIN, "201")
    await screen()
    await screen("201")
    assert "new PIN" in (await screen(first))[1]
    assert "four" in (await screen("123456"))[1].lower()
    form, text = await screen("918364")
    assert (form, "Anna" in text) == (False, True)


@pytest.mark.req("P4")
async def test_no_page_is_for_another_vendor_or_without_proof(house, door) -> None:
    await house.plug_in(LOBBY)
    certificate, _ = door.vendor.phone(LOBBY)
    assert (await door.ask("/phone/app/snom/login", certificate=certificate)).status_code == 404
    assert (await door.ask("/phone/app/yealink/x", certificate=certificate)).status_code == 404
    assert (await door.ask("/phone/app/yealink/login")).status_code == 401
