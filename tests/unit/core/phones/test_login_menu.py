"""Login and logout by keys, as they are heard at a phone."""

import pytest

from ringwall.core.calls.model.star_codes import CODES
from ringwall.core.media.interaction import HungUp
from ringwall.core.media.menu import Visitor
from ringwall.core.phones.login_menu import LOG_IN, LOG_OUT, LoginMenu
from support.core_data import ADMIN
from support.phones import DESK_B, LOBBY, PIN
from support.voicemail.party import LEAVES, SILENT, Party

pytestmark = pytest.mark.req("P3", "C2")


@pytest.fixture
async def menu(house):
    await house.plug_in(LOBBY)
    return LoginMenu(house.phones, house.logins, house.core.directory)


async def _at(house, talk, *script, mac=LOBBY):
    """Let somebody at a phone type a script; what was heard, and why it ended."""
    keys = [key for part in script for key in (part if part not in (SILENT, LEAVES) else [part])]
    party = Party(keys, None)
    device = house.device(mac)
    visitor = Visitor(extension=device.extension if device.user_id else "", device=device.username)
    following = await talk(party, visitor)
    return party.prompts, following.why


def test_both_are_feature_numbers_and_login_is_there_without_a_user() -> None:
    found = {one.feature: one.without_user for one in CODES}
    assert (found[LOG_IN], found[LOG_OUT]) == (True, False)


async def test_extension_and_pin_log_a_user_in_and_a_logout_out(house, menu) -> None:
    prompts, why = await _at(house, menu.log_in, "201#", f"{PIN}#")
    assert why == "logged in"
    assert prompts[-4:] == ["agent-loginok", "digits/2", "digits/0", "digits/1"]
    assert house.user_at(LOBBY) == "201"
    prompts, why = await _at(house, menu.log_out)
    assert (prompts, why) == (["agent-loggedoff"], "logged out")
    assert house.user_at(LOBBY) is None
    assert (await _at(house, menu.log_out))[1] == "nobody is logged in"


@pytest.mark.req("V2")
async def test_three_wrong_tries_end_the_call_whoever_there_is(house, menu) -> None:
    heard = []
    for extension in ("201", "299"):
        prompts, why = await _at(
            house, menu.log_in, *(f"{extension}#", "999999#") * 3, f"{extension}#", f"{PIN}#"
        )
        assert why == "wrong PINs"
        assert prompts[-1] == "vm-goodbye"
        heard.append(prompts)
    assert heard[0] == heard[1]
    assert house.user_at(LOBBY) is None


@pytest.mark.req("V2")
async def test_a_first_pin_is_changed_before_the_login(house, menu) -> None:
    first = await house.pins.reset(ADMIN, "201")
    prompts, why = await _at(
        house,
        menu.log_in,
        "201#",
        f"{first}#",
        "111111#",
        "111111#",
        "918364#",
        "918365#",
        "918364#",
        "918364#",
    )
    assert why == "logged in"
    assert [one for one in prompts if one.startswith("vm-") and "pass" in one][:4] == [
        *("vm-password", "vm-newpassword", "vm-reenterpassword", "vm-invalid-password"),
    ]
    assert "vm-mismatch" in prompts
    await _at(house, menu.log_out)
    assert (await _at(house, menu.log_in, "201#", "918364#"))[1] == "logged in"


async def test_who_may_not_log_in_here_or_is_locked_hears_so(house, menu) -> None:
    await house.plug_in(DESK_B)
    await house.login(DESK_B, "202")
    assert (await _at(house, menu.log_in, "202#", f"{PIN}#"))[1] == "not logged in: not_allowed"
    for number in range(10):
        await house.pins.check("203", "999999", f"caller:{number}")
    assert (await _at(house, menu.log_in, "203#", f"{PIN}#"))[1] == "not logged in: locked"


async def test_silence_ends_it_and_who_hangs_up_is_gone(house, menu) -> None:
    assert (await _at(house, menu.log_in, SILENT, SILENT))[1] == "nothing was typed"
    with pytest.raises(HungUp):
        await _at(house, menu.log_in, "201#", LEAVES)


async def test_a_device_that_is_no_desk_phone_of_ours_is_refused(house, menu) -> None:
    device = (await house.core.directory.add_device(ADMIN, "201")).device
    for visitor in (Visitor("201", device.username), Visitor(device="nobody"), Visitor(trunk="pstn")):
        for talk in (menu.log_in, menu.log_out):
            following = await talk(Party([], None), visitor)
            assert following.why in {"no desk phone of ours", "nobody is logged in"}
