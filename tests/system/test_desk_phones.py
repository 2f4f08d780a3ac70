"""Real phones (baresip) call each other: what people hear, and what happens at hold, digits and hang-up (T1)."""

import pytest

from ringwall.cli.demo.phones import Phone, Talk, load
from ringwall.cli.demo.tones import heard
from ringwall.cli.demo.wiretap import TONES
from system.running import until


async def talking(here: Phone, there: Phone) -> tuple[Talk, Talk]:
    """Let one call the other, until each hears the other's tone."""
    ours = await here.call(there.credentials.extension)
    theirs = await there.taken()
    await hear(ours, theirs)
    return ours, theirs


async def hear(ours: Talk, theirs: Talk) -> None:
    """Wait until each hears the other's tone, and nothing from before now counts."""
    ours.forget()
    theirs.forget()
    await until(lambda: heard(bytes(ours.heard)) == TONES[1], "the caller hears the called phone")
    await until(lambda: heard(bytes(theirs.heard)) == TONES[0], "the called phone hears the caller")


@pytest.mark.req("T1")
@pytest.mark.parametrize("by", ["caller", "callee"])
async def test_hold_is_silence_and_back_is_voice(system, desk_phones, by) -> None:
    anna, ben = await desk_phones(hertz=TONES[0]), await desk_phones(hertz=TONES[1])
    ours, theirs = await talking(anna, ben)
    holder, held = (ours, theirs) if by == "caller" else (theirs, ours)
    await holder.call.hold()
    await until(lambda: held.call.remote_on_hold, "the other phone knows that it is held")

    def silent() -> bool:
        """Nothing has come since the last look: what is under way has arrived."""
        arrived = len(held.heard)
        held.forget()
        return not arrived

    await until(silent, "the held phone hears nothing")
    await until(lambda: not holder.call.audio.info().rx_buffered, "the holder hears nothing")
    await holder.call.resume()
    await until(lambda: not held.call.remote_on_hold, "the other phone knows that it is not held")
    await hear(ours, theirs)
    before = system.seq()
    await held.call.hangup()
    await until(lambda: ours.closed and theirs.closed, "both phones are free")
    record = await system.record(before, "call.ended", caller=anna.credentials.extension)
    assert record["by"] == ("callee" if by == "caller" else "caller")


@pytest.mark.req("T1")
async def test_digits_reach_the_other_phone_and_nothing_is_lost_on_the_way(desk_phones) -> None:
    anna, ben = await desk_phones(hertz=TONES[0]), await desk_phones(hertz=TONES[1])
    ours, theirs = await talking(anna, ben)
    digits: list[str] = []
    theirs.call.on_dtmf(lambda event: digits.append(event.digit))
    await ours.call.send_dtmf("159#")
    await until(lambda: "".join(digits) == "159#", "all digits")
    await ours.call.hangup()
    await until(lambda: ours.closed and theirs.closed, "both phones are free")
    sent, received = ours.call.final_stats, theirs.call.final_stats
    assert received.rx_packets >= 0.98 * sent.tx_packets


@pytest.mark.req("T5")
@pytest.mark.parametrize("which", ["caller", "callee"])
async def test_a_real_phone_without_encryption_gets_no_call(system, desk_phones, which) -> None:
    """Set up wrongly, as by somebody who does not know better: refused, and told why in the record."""
    baresip = load()
    before = system.seq()
    anna = await desk_phones(media="" if which == "caller" else "srtp-mand")
    ben = await desk_phones(media="" if which == "callee" else "srtp-mand")
    with pytest.raises((baresip.CallFailed, baresip.CallDeclined)):
        await anna.call(ben.credentials.extension)
    if which == "caller":
        record = await system.record(before, "media.refused", caller=anna.credentials.extension)
        assert "RTP/AVP" in record["why"]
    else:
        record = await system.record(before, "call.ended", caller=anna.credentials.extension)
        assert record["answered"] is None
    assert not [c for c in system.ask("call.list") if c["caller"] == anna.credentials.extension]


@pytest.mark.req("T1")
async def test_a_phone_that_is_called_by_two_hears_each_in_its_own_call(desk_phones) -> None:
    anna, ben, carl = [await desk_phones(hertz=hertz) for hertz in (TONES[0], TONES[1], 700.0)]
    first = await anna.call(ben.credentials.extension)
    at_first = await ben.taken()
    second = await carl.call(ben.credentials.extension)
    at_second = await ben.taken()
    for talk, hertz in ((first, TONES[1]), (second, TONES[1]), (at_first, TONES[0]), (at_second, 700)):
        # A phone with two calls may hold the one that waits; whatever it hears is the right voice.
        talk.forget()
        await until(
            lambda talk=talk: talk.heard or talk.call.remote_on_hold or talk.call.is_on_hold, "voice or hold"
        )
        await until(lambda talk=talk, hertz=hertz: heard(bytes(talk.heard)) in {None, hertz}, f"{hertz} Hz")
    for talk in (first, second):
        await talk.call.hangup()
    await until(lambda: at_first.closed and at_second.closed, "both are free")
