"""What owners have chosen: settings, greetings, their name, who is told of messages (V2, C4).

Rules that this module keeps:
- Where a caller can be sent from a greeting is inside, and checked when it is set.
- A greeting that is replaced or removed is refuse, and swept.
- An owner changes the mode, or what becomes of calls and who is told of messages, only with the right to it
  (C2, Allow Call Handling Changes); an administrator needs none.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ringwall.core.directory import DirectoryService, UserEntry
from ringwall.core.errors import OperationError
from ringwall.core.voicemail.escalation import Profile, Step
from ringwall.core.voicemail.mailboxes import Mailboxes
from ringwall.core.voicemail.model import (
    MOST_PROFILES,
    NAME,
    TEMPORARY,
    Case,
    MailboxSettings,
    MailFor,
    Reason,
    Recording,
    greeting_key,
    is_mail_address,
)
from ringwall.core.voicemail.records import Greeting, Kept
from ringwall.core.voicemail.records import Profile as PutProfile
from ringwall.events.voicemail import (
    VoicemailChangeDenied,
    VoicemailGreetingRecorded,
    VoicemailGreetingRemoved,
    VoicemailProfileChanged,
    VoicemailSettingsChanged,
)
from ringwall.policy import Action

# What an owner may change without a right: it concerns nobody's call.
_PERSONAL: Final = frozenset({"say_envelope", "accept_broadcast"})


class Preferences:
    """The one place that changes settings, greetings and profiles. `operator` may be empty."""

    def __init__(self, mailboxes: Mailboxes, directory: DirectoryService, operator: str = "") -> None:
        self._mailboxes = mailboxes
        self._owned = mailboxes.owned
        self._records = mailboxes.records
        self._directory = directory
        self.operator = operator

    def _require(self, user: UserEntry, action: Action, setting: str, actor: Mapping[str, str]) -> None:
        """Ask the policy for an owner who changes something; raise OperationError (refused), on record."""
        if actor.get("kind") not in {"user", "phone"}:
            return
        why = self._mailboxes.rights.why_not_change(user.extension, action)
        if why is None:
            return
        self._records.note(
            VoicemailChangeDenied(
                mailbox=user.extension, setting=setting, action=action.value, why=why, actor=dict(actor)
            )
        )
        raise OperationError("refused", f"{setting} cannot be changed by its owner: {why}.", setting)

    # Settings

    def of(self, user: UserEntry) -> MailboxSettings:
        """What the owner has chosen."""
        return self._owned.settings.get(user.id, MailboxSettings())

    def assistant(self, user: UserEntry) -> str:
        """Where 0 leads: the owner's assistant, else the operator; empty where there is neither."""
        for extension in (self.of(user).assistant, self.operator):
            if extension and extension != user.extension and self._is_inside(extension):
                return extension
        return ""

    async def change(
        self, user: UserEntry, given: Mapping[str, Any], actor: Mapping[str, str]
    ) -> MailboxSettings:
        """Change settings; raise OperationError (invalid, refused) or StoreError."""
        before = self.of(user)
        after = replace(before, **given)
        changed = {name for name in given if getattr(before, name) != getattr(after, name)}
        if "mode" in changed:
            self._require(user, Action.CHANGE_MODE, "mode", actor)
        for name in sorted(changed - _PERSONAL - {"mode"}):
            self._require(user, Action.CHANGE_CALL_HANDLING, name, actor)
        self._check(user, after)
        if after == before:
            return after
        changed = {name for name in given if getattr(before, name) != getattr(after, name)}
        record = self._records.entry(
            VoicemailSettingsChanged(
                mailbox=user.extension,
                actor=dict(actor),
                before={name: getattr(before, name) for name in sorted(changed)},
                after={name: getattr(after, name) for name in sorted(changed)},
            )
        )
        await self._records.change(put=[Kept(user.id, after)], records=[record])
        self._owned.settings[user.id] = after
        return after

    def _check(self, user: UserEntry, settings: MailboxSettings) -> None:
        if settings.assistant and (
            settings.assistant == user.extension or not self._is_inside(settings.assistant)
        ):
            raise OperationError(
                "invalid", "assistant: has to be another extension of this house.", "assistant"
            )
        if settings.recordings and self._mailboxes.user(settings.recordings) is None:
            raise OperationError("invalid", "recordings: has to be the extension of a mailbox.", "recordings")
        if settings.mail_to and not is_mail_address(settings.mail_to):
            raise OperationError(
                "invalid", "mail_to: has to be one address, such as anna@example.com.", "mail_to"
            )
        if settings.mail_for is not MailFor.NONE and not settings.mail_to:
            raise OperationError("invalid", "mail_to: say where notices are to go.", "mail_to")

    def _is_inside(self, extension: str) -> bool:
        return extension in self._directory.snapshot.by_extension or self._mailboxes.rights.is_object(
            extension
        )

    # Greetings

    def greeting(self, user: UserEntry, reason: Reason) -> str | None:
        """The recording that greets a caller; None where the owner has made none that fits."""
        settings, kinds = self.of(user), []
        if settings.temporary:
            kinds.append(TEMPORARY)
        if reason is Reason.BUSY:
            kinds.append(greeting_key(settings.mode, Case.BUSY))
        kinds.append(greeting_key(settings.mode, Case.UNAVAILABLE))
        return next((found for kind in kinds if (found := self.recording_of(user, kind))), None)

    def name(self, user: UserEntry) -> str | None:
        """The recording in which the owner says their name."""
        return self.recording_of(user, NAME)

    def recording_of(self, user: UserEntry, kind: str) -> str | None:
        """The recording of one kind of greeting."""
        return self._owned.greetings.get((user.id, kind))

    async def set_greeting(self, user: UserEntry, kind: str, recording: Recording) -> None:
        """Take a recording, measured, for a greeting; a temporary one counts at once. Raises StoreError."""
        greeting = Greeting(user.id, kind, recording.name)
        settings = replace(self.of(user), temporary=True) if kind == TEMPORARY else self.of(user)
        record = self._records.entry(
            VoicemailGreetingRecorded(mailbox=user.extension, greeting=kind, seconds=recording.seconds)
        )
        await self._records.change(put=[recording, greeting, Kept(user.id, settings)], records=[record])
        self._mailboxes.budget.keep(recording.name, recording.size)
        self._owned.greetings[user.id, kind] = recording.name
        self._owned.settings[user.id] = settings

    async def remove_greeting(self, user: UserEntry, kind: str) -> bool:
        """Remove a greeting; False where there was none. Raises StoreError."""
        name = self.recording_of(user, kind)
        if name is None:
            return False
        settings = replace(self.of(user), temporary=False) if kind == TEMPORARY else self.of(user)
        record = self._records.entry(VoicemailGreetingRemoved(mailbox=user.extension, greeting=kind))
        await self._records.change(
            drop=[Greeting(user.id, kind, name)], put=[Kept(user.id, settings)], records=[record]
        )
        self._owned.greetings.pop((user.id, kind), None)
        self._owned.settings[user.id] = settings
        return True

    # Notification

    def profile(self, user: UserEntry, number: int) -> Profile | None:
        """A notification profile; None where there is none with this number."""
        value = self._owned.profiles.get((user.id, number))
        return Profile.of(value) if value is not None else None

    def profiles(self, user: UserEntry) -> dict[int, Profile]:
        """All notification profiles of a user, by their numbers."""
        numbers = sorted(number for owner, number in self._owned.profiles if owner == user.id)
        return {number: found for number in numbers if (found := self.profile(user, number)) is not None}

    async def put_profile(
        self, user: UserEntry, number: int, profile: Profile | None, actor: Mapping[str, str]
    ) -> None:
        """Keep a notification profile, or remove it; raise OperationError (invalid, refused) or StoreError.

        A destination is kept only if it may be told now; it is asked again at each use (C4, C5).
        """
        self._require(user, Action.CHANGE_CALL_HANDLING, "profile", actor)
        if not 1 <= number <= MOST_PROFILES:
            raise OperationError("invalid", f"number: profiles have 1 to {MOST_PROFILES}.", "number")
        for step in profile.steps if profile is not None else ():
            self._check_step(user, step)
        row = PutProfile(user.id, number, profile.to_value() if profile is not None else {})
        record = self._records.entry(
            VoicemailProfileChanged(
                mailbox=user.extension, number=number, actor=dict(actor), after=row.value or None
            )
        )
        if profile is None:
            await self._records.change(drop=[row], records=[record])
            self._owned.profiles.pop((user.id, number), None)
        else:
            await self._records.change(put=[row], records=[record])
            self._owned.profiles[user.id, number] = row.value

    def _check_step(self, user: UserEntry, step: Step) -> None:
        rights = self._mailboxes.rights
        if step.by_mail:
            cos = rights.cos(user.extension)
            if not is_mail_address(step.to):
                raise OperationError("invalid", "steps: that is no e-mail address.", "steps")
            why = None if cos is not None and cos.notification else "Allow Message Notification is off."
        else:
            why = rights.why_not_notify(user.extension, step.to)
        if why is not None:
            raise OperationError("refused", f"steps: {step.to[:32]}: {why}", "steps")
