"""Who hears whom at the media server, by extension; and what makes a phone answer by itself."""

WISHES = ("Alert-Info", "Call-Info", "Answer-Mode")


def hears(world, phone) -> set[str]:
    """Whom a phone hears, by extension."""
    legs = {leg.tag: leg for call in world.switch.calls.values() for leg in call.legs()}
    [own] = [tag for tag, leg in legs.items() if leg.device == phone.username and leg.media is not None]
    return {legs[tag].extension for tag in world.media_server.hears(own)}


def tones(world) -> dict[str, list[str]]:
    """The tones that were played to each leg, by extension."""
    legs = {leg.tag: leg.extension for call in world.switch.calls.values() for leg in call.legs()}
    found: dict[str, list[str]] = {}
    for op, request in world.media_server.log:
        if op == "play" and "leg" in request:
            heard = [item["tone"] for item in request["items"] if "tone" in item]
            found.setdefault(legs.get(request["leg"], request["leg"]), []).extend(heard)
    return found


def wishes(invite) -> list[str]:
    """The headers of an INVITE that ask a phone to answer by itself."""
    return [name for name in WISHES if invite.headers.get(name)]
