"""Sites, groups and trunks of a small house, as administration would have compiled them."""

from dataclasses import replace

from ringwall.core.calls.model.settings import NO_FORWARDING, Forwarding
from ringwall.core.rights.trunk import TrunkLine
from ringwall.policy import (
    LEAST_CALL,
    LEAST_GROUP,
    LEAST_TELEPHONY,
    LEAST_VOICE_MAIL,
    CallCos,
    CallRules,
    CodeMode,
    Directory,
    Phone,
    PolicySnapshot,
    Scope,
    Service,
    Site,
    TelephonyCos,
    Trunk,
    TrunkGroup,
    Use,
    User,
    UserGroup,
    compile_snapshot,
)

SITE = Site(
    "main",
    "Main",
    "US",
    ("408",),
    access_code="9",
    location="1 Main Street, floor 2",
    notify=("201",),
    callback_number="+14085550199",
)
STAFF = TelephonyCos("staff tel", max_calls=16, external_forwarding=True)
CALLS = CallCos("staff calls", CallRules.of(Scope.NATIONAL))
GROUP = UserGroup("staff", "Staff", STAFF.name, CALLS.name, LEAST_VOICE_MAIL.name, ("tg",))


class RigRights:
    """Everybody is in the group "staff"; a test changes what it is about."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.parts = Directory(
            sites=(SITE,),
            groups=(GROUP, LEAST_GROUP, UserGroup("codes", "Codes", STAFF.name, "code calls", None, ("tg",))),
            telephony=(STAFF, LEAST_TELEPHONY),
            calls=(CALLS, LEAST_CALL, CallCos("code calls", CallRules.of(Scope.INTERNATIONAL))),
            voice_mail=(LEAST_VOICE_MAIL,),
            trunk_groups=(TrunkGroup("tg", "Carriers", "main", services=frozenset(Service)),),
            code_group="codes",
        )
        self.use = Use()
        self.trunks: dict[str, TrunkLine] = {}
        self.passwords: dict[str, str] = {}
        self.codes: dict[str, str] = {}
        self.forwards: dict[str, Forwarding] = {}
        self._compiled: PolicySnapshot | None = None
        self.listeners = []

    @property
    def snapshot(self) -> PolicySnapshot:
        if self._compiled is None:
            trunks = tuple(Trunk(line.id, line.name, line.trunk_group) for line in self.trunks.values())
            self._compiled = compile_snapshot(
                replace(self.parts, users=tuple(self.users.values()), trunks=trunks)
            )
        return self._compiled

    def trunk_password(self, trunk: str) -> str | None:
        return self.passwords.get(trunk)

    def find_code(self, digits: str) -> str | None:
        return self.codes.get(digits)

    def forwarding(self, extension: str) -> Forwarding:
        return self.forwards.get(extension, NO_FORWARDING)

    # What a test changes

    def user(self, extension: str, name: str, **changes) -> None:
        old = self.users.get(extension) or User(
            extension, name, "staff", "main", caller_id=f"+1408555{int(extension) % 10000:04d}"
        )
        self.users[extension] = replace(old, **changes)
        self.changed()

    def line(self, line: TrunkLine) -> None:
        self.trunks[line.id] = line
        self.changed()

    def change(self, **parts) -> None:
        self.parts = replace(self.parts, **parts)
        self.changed()

    def telephony(self, **permissions) -> None:
        self.change(telephony=(replace(STAFF, **permissions), LEAST_TELEPHONY))

    def scope(self, scope: Scope, restrictions: str = "", permissions: str = "") -> None:
        rules = CallRules.of(scope, restrictions, permissions)
        self.change(calls=(replace(CALLS, rules=rules), *self.parts.calls[1:]))

    def code_mode(self, mode: CodeMode) -> None:
        self.change(groups=(replace(GROUP, codes=mode), *self.parts.groups[1:]))

    def unassigned(self, username: str) -> None:
        self.change(phones=(*self.parts.phones, Phone(username, "main")))

    def changed(self) -> None:
        self._compiled = None
        for listener in self.listeners:
            listener()
