"""One question to the policy while it is being decided: who asks, with which rights, and the steps so far."""

from collections.abc import Iterable

from ringwall.policy.actions import (
    Action,
    CodeSubject,
    Context,
    MailboxSubject,
    ObjectSubject,
    PhoneSubject,
    Subject,
    TrunkSubject,
    UserSubject,
)
from ringwall.policy.grant import Answer, Denial, Grant, Way, make_grant
from ringwall.policy.groups import CodeMode, Phone
from ringwall.policy.numbers import Number, SitePlan
from ringwall.policy.rules import RULES, Heard, Note, Rule
from ringwall.policy.scope import NumberClass
from ringwall.policy.snapshot import CompiledGroup, Member, PolicySnapshot

_TONES = frozenset({Heard.INTERCEPT, Heard.REORDER, Heard.ANNOUNCEMENT, Heard.ERROR_TONE, Heard.VOICE_MAIL})
_HEARD_INSTEAD = {
    Action.BLIND_TRANSFER: Heard.CALL_RETURNS,
    Action.ATTENDED_TRANSFER: Heard.STAYS,
    Action.CONFERENCE_ADD: Heard.STAYS,
    Action.FORWARD_ALWAYS: Heard.VOICE_MAIL,
    Action.FORWARD_BUSY: Heard.VOICE_MAIL,
    Action.FORWARD_NO_ANSWER: Heard.VOICE_MAIL,
    Action.FIND_ME: Heard.VOICE_MAIL,
    Action.EXTERNAL_ASSIGNMENT: Heard.VOICE_MAIL,
    Action.PSTN_FAILOVER: Heard.VOICE_MAIL,
    Action.CALLBACK: Heard.SPOKEN,
    Action.NOTIFY: Heard.HIDDEN,
}


class Case:
    """Who asks for what, and what was found so far. Lives for one decision."""

    __slots__ = (
        "action",
        "context",
        "member",
        "notes",
        "number",
        "phone",
        "read_by",
        "snapshot",
        "subject",
        "target",
    )

    read_by: SitePlan  # the site by whose numbers `number` was read

    def __init__(
        self,
        snapshot: PolicySnapshot,
        subject: Subject,
        action: Action,
        target: str | None,
        context: Context,
    ) -> None:
        self.snapshot = snapshot
        self.subject = subject
        self.action = action
        self.target = target
        self.context = context
        self.number: Number | None = None
        self.notes: list[Note] = []
        self.phone: Phone | None = None
        self.member: Member = self._resolve(subject)

    def _resolve(self, subject: Subject) -> Member:
        snapshot = self.snapshot
        if isinstance(subject, UserSubject):
            if subject.phone is not None:
                self.phone = snapshot.phones.get(subject.phone)
            return snapshot.users.get(subject.user) or unknown(f"User {subject.user}", subject.user)
        if isinstance(subject, PhoneSubject):
            return self._of_phone(subject)
        if isinstance(subject, CodeSubject):
            return self._resolve(subject.caller)
        if isinstance(subject, MailboxSubject):
            return snapshot.users.get(subject.mailbox) or unknown(
                f"Mailbox {subject.mailbox}", subject.mailbox
            )
        if isinstance(subject, TrunkSubject):
            return self._of_trunk(subject)
        return self._of_object(subject)

    def _of_phone(self, subject: PhoneSubject) -> Member:
        phone = self.phone = self.snapshot.phones.get(subject.phone)
        if phone is None:
            return unknown(f"Telephone {subject.phone}", f"phone:{subject.phone}")
        if phone.user is not None and phone.user in self.snapshot.users:
            return self.snapshot.users[phone.user]
        group = self.snapshot.groups.get(phone.group or "")
        plan = self.snapshot.plans.get(phone.site or "")
        return Member(f"phone:{phone.id}", f"Telephone {phone.id}", group, plan)

    def _of_trunk(self, subject: TrunkSubject) -> Member:
        trunk = self.snapshot.trunks.get(subject.trunk)
        trunk_group = self.snapshot.trunk_groups.get(trunk.group) if trunk is not None else None
        payer, label = f"trunk:{subject.trunk}", f"Trunk {subject.trunk}"
        if trunk_group is None:
            return unknown(label, payer)
        group = self.snapshot.groups.get(trunk_group.tandem_group or "")
        return Member(payer, label, group, self.snapshot.plans.get(trunk_group.site))

    def _of_object(self, subject: ObjectSubject) -> Member:
        one = self.snapshot.objects.get(subject.extension)
        if one is None:
            return unknown(f"Extension {subject.extension}", f"object:{subject.extension}")
        group = self.snapshot.groups.get(one.group or "")
        plan = self.snapshot.plans.get(one.site or "")
        return Member(f"object:{one.extension}", f"The {one.kind.value} {one.extension}", group, plan)

    @property
    def unassigned(self) -> bool:
        """Whether a telephone asks at which nobody has logged in and to which no group was given (P2)."""
        if self.member.group is not None:
            return False
        asker = self.subject.caller if isinstance(self.subject, CodeSubject) else self.subject
        return isinstance(asker, PhoneSubject) and self.member.user is None

    @property
    def group(self) -> CompiledGroup | None:
        """The group whose rights count."""
        return self.member.group

    @property
    def plan(self) -> SitePlan:
        """How numbers are read at the asker's site."""
        return self.member.plan or self.snapshot.fallback

    def read(self, dialled: str) -> Number:
        """Read a number: emergency numbers of the telephone's own site first, wherever its user belongs."""
        plan = self.plan
        number = plan.read(dialled)
        if number.number_class is not NumberClass.EMERGENCY:
            for other in self._elsewhere():
                there = other.read(dialled)
                if there.number_class is NumberClass.EMERGENCY:
                    plan, number = other, there
                    break
        self.number, self.read_by = number, plan
        return number

    def _elsewhere(self) -> Iterable[SitePlan]:
        """Other sites whose emergency numbers count: the telephone's, or any for who has no site."""
        at_phone = self.snapshot.plans.get(self.phone.site or "") if self.phone is not None else None
        if at_phone is not None:
            return (at_phone,)
        return self.snapshot.plans.values() if self.member.plan is None else ()

    def note(self, check: str, text: str, about: object = None) -> None:
        """Note what was looked at and what came of it: a text, with what it is filled with, or a rule."""
        self.notes.append((check, text, about))

    def _answer(self, rule: Rule) -> Answer:
        return Answer(
            self.subject, self.action, self.target, self.number, rule, tuple(self.notes), self.context.now
        )

    def allow(self, rule: Rule, way: Way | None = None, code: str = "") -> Grant:
        """Grant it."""
        return make_grant(self._answer(rule), way, code, saving=self.context.saving)

    def deny(self, rule: Rule, *, heard: Heard | None = None, codes: CodeMode = CodeMode.DISABLED) -> Denial:
        """Deny it. What is heard is the rule's own, but for tones that fit no call that is up already."""
        if heard is None:
            heard = RULES[rule.id].heard
            if heard in _TONES:
                heard = Heard.MESSAGE if self.context.saving else _HEARD_INSTEAD.get(self.action, heard)
        return Denial(self._answer(rule), heard, codes)


def unknown(label: str, payer: str) -> Member:
    """Return somebody without any rights."""
    return Member(payer, label, None, None)
