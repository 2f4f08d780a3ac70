"""Who watches calls of others: what tests ask and do. I watches, T is whose call it is, C the other party."""

from ringwall.core.calls.model.watching import WatchMode

MONITOR, COACH, BARGE = WatchMode.MONITOR, WatchMode.COACH, WatchMode.BARGE
CODES = {MONITOR: "*17", COACH: "*12", BARGE: "*16"}
KEYS = {MONITOR: "4", COACH: "5", BARGE: "6"}
# By the watcher I, the one whose call it is T, and the other party C: whom each of them hears.
HEARS = {
    MONITOR: {"I": "TC", "T": "C", "C": "T"},
    COACH: {"I": "TC", "T": "CI", "C": "T"},
    BARGE: {"I": "TC", "T": "CI", "C": "TI"},
}
NAMES = {"201": "T", "202": "C", "301": "I"}


def watched(world):
    [call] = [call for call in world.switch.calls.values() if call.callee is not None]
    return call


def hears(world) -> dict[str, set[str]]:
    """Whom each of the three hears, by their letters."""
    legs = {leg.tag: leg for call in world.switch.calls.values() for leg in call.legs() if leg.media}
    return {
        NAMES[leg.extension]: {NAMES[legs[each].extension] for each in world.media_server.hears(tag)}
        for tag, leg in legs.items()
    }


def wanted(mode) -> dict[str, set[str]]:
    return {who: set(heard) for who, heard in HEARS[mode].items()}


def tones(media, tag: str) -> list[str]:
    """The tones that were played to a leg."""
    return [
        item["tone"]
        for op, request in media.log
        if op == "play" and request.get("leg") == tag
        for item in request["items"]
        if "tone" in item
    ]


def watch(world, boss, mode, extension="201"):
    call = boss.call(CODES[mode] + extension)
    world.run(4)
    return call
