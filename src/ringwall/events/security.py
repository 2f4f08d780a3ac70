"""Security events: who guesses, who forges, who is turned away (N3, N4).

What strangers can cause at will is folded: the first event of a kind from a source is recorded at once, and
one more says at the end of the window how often it came again (`repeated`).
"""

from typing import Annotated, Literal

from ringwall.events.base import UNSAID, Event, Maybe, event, shared
from ringwall.events.values import DeviceName, Source, Why


@shared
class Folded(Event):
    """What one source can cause at will."""

    source: Source
    repeated: Annotated[Maybe[int], "How many more there were since the record before."] = UNSAID


# People who sign in


@event("security.signed_in")
class SignedIn(Event):
    """An administrator signed in."""

    account: Annotated[str, "The administrator."]
    source: Source


@event("security.signed_out")
class SignedOut(Event):
    """An administrator signed out."""

    account: Annotated[str, "The administrator."]
    source: Source


@event("security.sign_in_failed")
class SignInFailed(Folded):
    """Somebody gave a wrong password."""

    account: Annotated[str | None, "The administrator; null where there is none of that name."]


@event("security.sign_in_limited")
class SignInLimited(Event):
    """A source has tried too often and was not looked at; once a minute."""

    source: Source


@event("security.guessing")
class Guessing(Event):
    """Somebody guesses secrets: one record when it is noticed, one when its five minutes are over."""

    guessed: Annotated[str, "What is guessed, such as `device password`."]
    scope: Annotated[
        Literal["account", "source", "everywhere"], "At one account, from one source, or everywhere a little."
    ]
    account: Annotated[str | None, "The account that was tried last; null where there is none."]
    source: Annotated[str, "The address that tried last."]
    tries: Annotated[int, "How many tries there were so far."]
    seconds: Annotated[int, "In how many seconds."]
    accounts: Annotated[Maybe[int], "Of one source: at how many accounts, 64 at most."] = UNSAID
    sources: Annotated[Maybe[int], "Else: from how many sources, 64 at most."] = UNSAID
    others_not_told: Annotated[Maybe[int], "How many more guessings have no record."] = UNSAID


# PINs and authorization codes


@event("security.wrong_pin")
class WrongPin(Folded):
    """Somebody gave a wrong PIN."""

    extension: Annotated[str, "Whose PIN was tried, 16 characters at most; it may not exist."]


@event("security.pin_refused")
class PinRefused(Folded):
    """A PIN was not looked at, because there were too many tries."""

    extension: Annotated[str, "Whose PIN was tried, 16 characters at most; it may not exist."]


@event("security.pins_guessed")
class PinsGuessed(Event):
    """A PIN is locked because it was guessed at, or a source is that guesses at many."""

    source: Source
    tries: Annotated[int, "After how many tries."]
    locked_seconds: Annotated[float, "For how long the PIN is locked, seconds; 0 where only the source is."]
    extension: Annotated[Maybe[str], "Whose PIN is locked, 16 characters at most."] = UNSAID
    known: Annotated[Maybe[bool], "Whether there is such a user."] = UNSAID
    own_phone: Annotated[Maybe[bool], "Whether it was tried at the user's own phone."] = UNSAID


@event("security.wrong_code")
class WrongCode(Folded):
    """Somebody gave a wrong authorization code. The source is the extension, or `phone:` and the device."""

    within_the_hour: Annotated[int, "How many wrong codes there were from there within an hour."]


@event("security.codes_guessed")
class CodesGuessed(Folded):
    """So many wrong codes that somebody guesses. The source is as in `security.wrong_code`."""

    within_the_hour: Annotated[int, "How many wrong codes there were from there within an hour."]


# SIP


@event("security.bad_credentials")
class BadCredentials(Folded):
    """Credentials that cannot be read, or that answer no challenge of ours (RFC 7616)."""

    why: Why


@event("security.wrong_credentials")
class WrongCredentials(Folded):
    """A request with credentials that do not fit; a REGISTER is `registration.refused`."""

    device: Annotated[str, "The name that was claimed, 64 characters at most."]
    why: Why
    method: Annotated[Maybe[str], "The method of the request; not where realm or target did not fit."] = (
        UNSAID
    )


@event("security.replayed_nonce")
class ReplayedNonce(Folded):
    """Credentials that were used before."""

    device: DeviceName
    method: Annotated[str, "The method of the request."]


@event("security.foreign_from")
class ForeignFrom(Folded):
    """A device claims to be another one."""

    device: DeviceName
    claimed: Annotated[str, "Whom it claimed to be, 128 characters at most."]
    method: Annotated[str, "The method of the request."]


@event("security.foreign_call")
class ForeignCall(Folded):
    """A call of somebody who is no phone of this house."""

    claimed: Annotated[str, "Whom they claimed to be, 128 characters at most."]
    dialled: Annotated[str, "What they dialled, 64 characters at most."]


@event("security.foreign_dialog")
class ForeignDialog(Folded):
    """A request within a call from another party than the one of that dialog."""

    method: Annotated[str, "The method of the request."]
    call: Annotated[str, "The id of the call; empty where there is none."]


@event("security.unknown_trunk")
class UnknownTrunk(Folded):
    """The edge brings a call of a slot that no trunk has. The source names the slot."""


@event("security.stray_response")
class StrayResponse(Folded):
    """A response to nothing that was asked."""


@event("security.request_flood")
class RequestFlood(Folded):
    """More requests than the edge takes. It closes the connection, or the source if nobody has signed in."""


@event("security.malformed_message")
class MalformedMessage(Folded):
    """A SIP message that cannot be read."""

    why: Why


@event("security.clear_text")
class SpokenInClear(Folded):
    """Clear text came where TLS is spoken: it could be read on the wire. The connection was closed."""

    door: Annotated[Literal["sips", "https", "phones"], "At which port."]
    device: Annotated[Maybe[DeviceName], "Where only one device has signed in from there: which."] = UNSAID


@event("security.ban_spared")
class BanSpared(Folded):
    """A source that offends is not turned away, because others depend on it."""

    why: Why


@event("security.source_banned")
class SourceBanned(Event):
    """The edge turns a source away for a while."""

    source: Source
    seconds: Annotated[float, "For how long, seconds."]
    reason: Annotated[str, "What it has done."]


@event("security.sources_not_followed")
class SourcesNotFollowed(Event):
    """More sources offended at one time than are followed."""

    count: Annotated[int, "How many events have no record of their own."]


# Phones that ask for their configuration


@event("security.phone_guessed")
class PhoneGuessed(Folded):
    """Somebody guessed at a secret address, a code or a PIN of a phone, or asked as another phone."""

    why: Why
    mac: Annotated[str, "The MAC address that was claimed; may be empty."]


@event("security.phone_unknown")
class PhoneUnknown(Folded):
    """A phone asked that is not known or has not proven itself."""

    why: Why
    mac: Annotated[str, "The MAC address that was claimed; may be empty."]


@event("security.phones_banned")
class PhonesBanned(Event):
    """The edge turns a source away that guessed at phones or asked for too many."""

    source: Source
    reason: Annotated[str, "What it has done."]
    seconds: Annotated[float, "For how long, seconds."]


# The ledger itself


@event("security.ledger_mismatch")
class LedgerMismatch(Event):
    """The ledger is not as it was written, or not as long as a mark says. It is remembered for ever."""

    found: Annotated[str, "What was found."]
    place: Annotated[Maybe[str], "Where the proof of it is kept: the database, or which mark."] = UNSAID
    mismatch: Annotated[
        Maybe[str | None], "By what it is remembered: 64 hexadecimal digits; null where no more can be."
    ] = UNSAID
    first_found: Annotated[Maybe[str], "When, where it had been forgotten here."] = UNSAID
    told_by: Annotated[Maybe[str], "Then, who remembered it."] = UNSAID


@event("security.ledger_witness")
class LedgerWitness(Event):
    """Who keeps a mark of the ledger has forgotten it, refuses one, or says what nobody signed."""

    place: Annotated[str, "Who it is."]
    found: Annotated[str, "What was found."]


@event("security.link_taken")
class LinkTaken(Event):
    """The edge serves another connection than this core's: another core, or somebody with its certificate."""

    link: Annotated[Literal["sip"], "Which one."]
    by: Annotated[str, "The name of the connection that the edge serves instead."]
