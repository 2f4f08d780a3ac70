"""The rules that decide: a stable id, a sentence, and what is heard and answered where one denies (C7).

A sentence may name the `{source}` (class of service and group) and the `{entry}` (expression, number or
count).
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Heard(StrEnum):
    """What whoever asked meets on a denial."""

    INTERCEPT = "intercept tone"  # fast busy
    REORDER = "reorder tone"
    ANNOUNCEMENT = "announcement that the number is not valid"
    ERROR_TONE = "error tone"
    BUSY = "busy destination, or busy tone"
    ORDINARY_CALL = "an ordinary ringing call"
    VOICE_MAIL = "voice mail"
    CALL_RETURNS = "the call returns"
    STAYS = "the call stays as it is"
    WARNED_END = "a warning, then the end of the conference"
    AUDIO_ONLY = "the call goes on without video"
    BLANK = "name and number stay blank"
    HIDDEN = "the feature is hidden or read-only"
    MESSAGE = "a message"
    SPOKEN = "a spoken explanation"
    MAILBOX_FULL = "greeting, then 'mailbox full'"
    NEW_PASSWORD = "only 'choose a new PIN'"  # noqa: S105 - what is heard
    NOTHING = "nothing"


class Rule(NamedTuple):
    """The rule that decided. `entry` is the expression, number or count that it turned on."""

    id: str
    source: str = ""
    entry: str = ""

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return RULES[self.id].sentence.format(source=self.source or "the system", entry=self.entry)


class Step(NamedTuple):
    """One step on the way to a decision: what was looked at, and what came of it."""

    check: str
    result: str


# A step before it is put into words: what was looked at, and texts or a rule to say what came of it.
Note = tuple[str, str, object]


def in_words(note: Note) -> Step:
    """Put a note into words."""
    check, text, about = note
    if isinstance(about, Rule):
        return Step(check, about.sentence)
    if isinstance(about, tuple):
        return Step(check, text.format(*about))
    return Step(check, text)


@dataclass(frozen=True, slots=True)
class RuleText:
    """What is fixed about a rule. `status` and `reason` answer a SIP request that it denies."""

    sentence: str
    heard: Heard = Heard.NOTHING
    status: int = 0
    reason: str = ""


def _allows(sentence: str) -> RuleText:
    return RuleText(sentence)


def _denies(heard: Heard, sentence: str, status: int = 403, reason: str = "Not permitted") -> RuleText:
    return RuleText(sentence, heard, status, reason)


_H = Heard
_LIMIT_REASON: Final = "Limit reached"

RULES: Final = MappingProxyType(
    {
        # Numbers
        "emergency": _allows("Emergency calls pass every gate."),
        "emergency.unassigned": _denies(
            _H.INTERCEPT, "{source} does not let telephones without a user call emergency numbers."
        ),
        "emergency.automatic": _denies(
            _H.VOICE_MAIL,
            "No machine calls an emergency number: {source} would, with nobody at the telephone.",
        ),
        "inside": _allows("Calls inside need no permission."),
        "number.invalid": _denies(
            _H.ANNOUNCEMENT, "The number is not valid: {entry}.", 404, "Not a valid number"
        ),
        "number.missing": _denies(_H.ANNOUNCEMENT, "No number was given.", 404, "No number"),
        # Calls
        "call.permitted": _allows("{source} permits {entry}."),
        "call.scope": _allows("{source} reaches as far as {entry}."),
        "call.restricted": _denies(_H.INTERCEPT, "{source} restricts {entry}."),
        "call.beyond-scope": _denies(_H.INTERCEPT, "{source} reaches less far than {entry}."),
        "call.closed": _denies(
            _H.INTERCEPT,
            "{source} does not open {entry} numbers by name, and they are closed unless it does.",
        ),
        "call.unallocated": _denies(
            _H.INTERCEPT, "The number is given to nobody, and {source} does not permit it."
        ),
        "call.no-class": _denies(
            _H.INTERCEPT, "{source} has no class of service for calls: inside calls only."
        ),
        "call.overridden": _allows("{source} lets external destinations override its call permissions."),
        # Who
        "subject.unknown": _denies(_H.INTERCEPT, "{source} is not known here.", 403, "Unknown"),
        "subject.locked": _denies(
            _H.INTERCEPT, "{source} is locked: inside and emergency calls only.", 403, "Locked"
        ),
        "subject.no-group": _denies(_H.INTERCEPT, "{source} is in no group that exists: inside calls only."),
        "subject.no-site": _denies(_H.INTERCEPT, "{source} has no site that exists: inside calls only."),
        "phone.unassigned": _denies(
            _H.INTERCEPT, "Nobody has logged in at {source}.", 403, "No user logged in"
        ),
        "trunk.no-tandem": _denies(
            _H.ANNOUNCEMENT, "Outside callers on {source} may not dial out again.", 404, "Not found"
        ),
        "outside.no-feature": _denies(_H.ERROR_TONE, "Outside callers have no features."),
        "action.not-for-subject": _denies(_H.ERROR_TONE, "{source} cannot do this at all."),
        "target.unknown": _denies(_H.ERROR_TONE, "There is no {entry} inside.", 404, "Not found"),
        # Trunks
        "trunk.none": _denies(
            _H.REORDER, "No trunk group of {source} carries this call: {entry}.", 503, "No trunk"
        ),
        "trunk.full": _denies(
            _H.REORDER, "All trunk groups of {source} are full: {entry}.", 503, "All trunks busy"
        ),
        # Transfers and conferences
        "transfer.trunk-to-trunk": _denies(_H.CALL_RETURNS, "{source} has no trunk-to-trunk transfer."),
        "conference.left": _denies(
            _H.WARNED_END, "{source} has no trunk-to-trunk transfer: the conference ends."
        ),
        "conference.leave": _allows("Those who are left may go on."),
        "conference.full": _denies(_H.STAYS, "{source} has at most {entry} parties in a conference."),
        # External destinations
        "forward.off": _denies(_H.VOICE_MAIL, "{source} has no external call forwarding and Find Me."),
        "forward.loop": _denies(_H.VOICE_MAIL, "The destination is the caller's own number {entry}."),
        "assignment.off": _denies(_H.HIDDEN, "{source} has no external extension reassignment."),
        "failover.off": _denies(_H.VOICE_MAIL, "{source} has no PSTN failover."),
        "callback.off": _denies(_H.SPOKEN, "{source} has no callback from the mailbox."),
        "callback.inside-only": _denies(_H.SPOKEN, "{source} lets mailboxes call inside senders only."),
        "callback.from-outside": _denies(_H.SPOKEN, "A session from outside never calls out of a mailbox."),
        "notify.off": _denies(_H.HIDDEN, "{source} has no message notification."),
        "notify.external-off": _denies(
            _H.HIDDEN, "{source} has no message notification to external numbers."
        ),
        # Features
        "feature.allowed": _allows("{source} has {entry}."),
        "feature.denied": _denies(_H.ERROR_TONE, "{source} does not have {entry}."),
        "feature.no-class": _denies(
            _H.ERROR_TONE, "{source} has no class of service that could have {entry}."
        ),
        "pair.allowed": _allows("{source} has {entry}, and the other side accepts it."),
        "pair.not-accepted": _denies(_H.ERROR_TONE, "{source} does not accept {entry}."),
        "pair.emergency": _denies(_H.ERROR_TONE, "{source} may not watch emergency calls."),
        "pair.conference": _denies(_H.ERROR_TONE, "This cannot be done to a conference."),
        "record.coached": _denies(_H.ERROR_TONE, "A call that is being coached cannot be recorded."),
        "pickup.refused": _denies(_H.ERROR_TONE, "Calls to {entry} may not be picked up by {source}."),
        "video.same-site": _allows("Video within a site needs no permission."),
        "max.within": _allows("{source} has room: {entry}."),
        "max.calls": _denies(_H.BUSY, "{source} has at most {entry} calls at once.", 486, "Busy Here"),
        "max.buddies": _denies(_H.MESSAGE, "{source} has at most {entry} buddies."),
        "max.messages": _denies(_H.MAILBOX_FULL, "{source} has at most {entry} messages."),
        "password.valid": _allows("{source} gives a password {entry} days."),
        "password.expired": _denies(_H.NEW_PASSWORD, "{source} gives a password {entry} days."),
        # Authorization codes
        "code.accepted": _allows("An authorization code was accepted: {source} {entry}."),
        "code.service-away": _denies(_H.INTERCEPT, "There is no authorization code service."),
        "code.not-asked": _denies(_H.INTERCEPT, "{source} has authorization codes disabled."),
        "code.unknown": _denies(_H.SPOKEN, "The authorization code is not valid.", 403, "Code not valid"),
        "code.wildcard": _denies(_H.INTERCEPT, "A wildcard code gives no more than the caller has."),
        "code.locked": _denies(_H.SPOKEN, "Too many wrong authorization codes: wait.", 403, "Codes locked"),
        # Limits
        "limit.user-calls": _denies(_H.REORDER, "{source} has {entry} outside calls up.", 403, _LIMIT_REASON),
        "limit.group-calls": _denies(
            _H.REORDER, "The group has {entry} outside calls up.", 403, _LIMIT_REASON
        ),
        "limit.calls-per-minute": _denies(
            _H.REORDER, "{source} made {entry} such calls within a minute.", 403, _LIMIT_REASON
        ),
        "limit.calls-per-hour": _denies(
            _H.REORDER, "{source} made {entry} such calls within an hour.", 403, _LIMIT_REASON
        ),
        "limit.user-spend": _denies(
            _H.REORDER, "{source} has spent what may be spent in 24 hours, {entry}.", 403, _LIMIT_REASON
        ),
        "limit.group-spend": _denies(
            _H.REORDER, "The group has spent what may be spent in 24 hours, {entry}.", 403, _LIMIT_REASON
        ),
    }
)
