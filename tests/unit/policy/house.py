"""A small organisation for the tests: one site in each of several countries, and a group made to order."""

from dataclasses import replace

from ringwall.policy import (
    LEAST_CALL,
    LEAST_GROUP,
    LEAST_TELEPHONY,
    LEAST_VOICE_MAIL,
    Accept,
    Action,
    Callback,
    CallCos,
    CallRules,
    CodeMode,
    Context,
    Denial,
    Directory,
    Grant,
    InsideObject,
    NumberClass,
    ObjectKind,
    Phone,
    PolicySnapshot,
    Scope,
    Service,
    Site,
    Subject,
    TelephonyCos,
    Trunk,
    TrunkGroup,
    Use,
    User,
    UserGroup,
    VoiceMailCos,
    compile_snapshot,
    may,
)

NOW = 1_700_000_000.0

SITES = (
    Site("us", "San Jose", "US", ("408",), ("669", "650"), access_code="9", location="1 Main St"),
    Site("ca", "Toronto", "CA", ("416",), ("647",), access_code="9", location="1 King St"),
    Site("gb", "London", "GB", ("20",), ("1753",), access_code="9", location="1 High St"),
    Site("de", "Berlin", "DE", ("30",), access_code="0", location="Hauptstr. 1"),
    Site("ch", "Zurich", "CH", ("44",), ("43",), access_code="0", location="Bahnhofstr. 1"),
    Site("fr", "Paris", "FR", ("1",), access_code="0", location="1 rue de la Paix"),
    Site("au", "Sydney", "AU", ("2",), access_code="0", location="1 George St"),
    Site("in", "Bangalore", "IN", ("80",), access_code="9", location="1 MG Road"),
    Site("it", "Rome", "IT", ("06",), access_code="", location="Via Roma 1"),
)
EXTENSIONS = ("201", "202", "203", "4711")
PAGING, HUNT, MENU, WORKGROUP = "301", "302", "303", "304"


def make(
    *,
    telephony: TelephonyCos | None = None,
    rules: CallRules | None = None,
    voice_mail: VoiceMailCos | None = None,
    site: str = "us",
    group: UserGroup | None = None,
    extra: Directory | None = None,
) -> PolicySnapshot:
    """A snapshot in which extension 201 is in the group "staff" with these classes of service.

    202 is in "staff" too, 203 in "others", which has the defaults; telephone "bare" has no user and no group,
    "lobby" has the group "staff". Trunk group "tg" at each site carries everything.
    """
    staff = group or UserGroup(
        "staff", "Staff", "staff tel", "staff calls", "staff mail", tuple(f"tg-{one.id}" for one in SITES)
    )
    base = extra or Directory()
    directory = replace(
        base,
        sites=SITES,
        groups=(staff, UserGroup("others", "Others", "tel", "calls", "mail"), LEAST_GROUP, *base.groups),
        telephony=(
            replace(telephony or TelephonyCos("x"), name="staff tel"),
            TelephonyCos("tel"),
            LEAST_TELEPHONY,
            *base.telephony,
        ),
        calls=(
            CallCos("staff calls", rules or CallRules()),
            CallCos("calls"),
            LEAST_CALL,
            *base.calls,
        ),
        voice_mail=(
            replace(voice_mail or VoiceMailCos("x"), name="staff mail"),
            VoiceMailCos("mail"),
            LEAST_VOICE_MAIL,
        ),
        trunk_groups=(
            *(
                TrunkGroup(f"tg-{one.id}", f"Trunks {one.id}", one.id, "", frozenset(Service))
                for one in SITES
            ),
            *base.trunk_groups,
        ),
        trunks=(
            *(Trunk(f"trunk-{one.id}", f"Trunk {one.id}", f"tg-{one.id}") for one in SITES),
            *base.trunks,
        ),
        users=(
            User("201", "Alice", staff.id, site, caller_id="+14085550100"),
            User("202", "Bob", staff.id, site),
            User("203", "Carol", "others", site),
            User("4711", "Dora", staff.id, site),
            *base.users,
        ),
        phones=(
            Phone("bare", site),
            Phone("lobby", site, group=staff.id),
            Phone("p201", site, user="201"),
            *base.phones,
        ),
        objects=(
            InsideObject(PAGING, ObjectKind.PAGING_GROUP),
            InsideObject(HUNT, ObjectKind.HUNT_GROUP),
            InsideObject(MENU, ObjectKind.MENU),
            InsideObject(WORKGROUP, ObjectKind.WORKGROUP, group=staff.id, site=site),
            *base.objects,
        ),
    )
    return compile_snapshot(directory)


def ask(
    snapshot: PolicySnapshot,
    subject: Subject,
    action: Action,
    number: str | None = None,
    *,
    target: str | None = None,
    use: Use | None = None,
    now: float = NOW,
    **context: object,
) -> Grant | Denial:
    """Ask the policy, with nothing used before."""
    about = Context(now, use if use is not None else Use(), **context)  # type: ignore[arg-type]
    return may(snapshot, subject, action, context=about, target=target, number=number)


_SCOPES = {
    "internal": Scope.INTERNAL,
    "local": Scope.LOCAL,
    "national": Scope.NATIONAL,
    "mobile": Scope.NATIONAL_MOBILE,
    "international": Scope.INTERNATIONAL,
    "all": Scope.ALL,
}


def scope(word: str) -> Scope:
    return _SCOPES[word]


def from_words(words: str, scope_word: str, restrict: str, permit: str, site: str) -> PolicySnapshot:
    """A snapshot from the columns of a worked case; `words` are the rights, parted by spaces."""
    tel: dict[str, object] = {}
    mail: dict[str, object] = {}
    forward: dict[str, object] = {}
    opened: list[NumberClass] = []
    codes = CodeMode.DISABLED
    for word in words.split():
        name, _, value = word.partition("=")
        if name == "open":
            opened += [NumberClass(one.replace("-", " ")) for one in value.split("+")]
        elif name == "trunk-to-trunk":
            tel["trunk_to_trunk"] = True
        elif name == "paging":
            tel["paging"] = True
        elif name == "failover":
            tel["pstn_failover"] = True
        elif name == "assignment":
            tel["external_assignment"] = True
        elif name == "override":
            tel["forwarding_overrides"] = True
        elif name == "forward":
            if value == "off":
                tel["external_forwarding"] = False
            else:
                forward["scope"] = scope(value)
        elif name == "forward-restrict":
            forward["restrictions"] = value
        elif name == "forward-permit":
            forward["permissions"] = value
        elif name == "notify":
            mail["notification"] = value != "off"
            mail["external_notification"] = value == "outside"
        elif name == "callback":
            mail["callback"] = Callback(value)
        elif name == "codes":
            codes = CodeMode(value)
        else:
            raise ValueError(word)
    if forward:
        tel["forwarding"] = CallRules.of(**{"scope": Scope.LOCAL, **forward})  # type: ignore[arg-type]
    group = UserGroup(
        "staff",
        "Staff",
        "staff tel",
        "staff calls",
        "staff mail",
        tuple(f"tg-{one.id}" for one in SITES),
        codes=codes,
    )
    return make(
        telephony=TelephonyCos("x", **tel),  # type: ignore[arg-type]
        rules=CallRules.of(scope(scope_word), restrict, permit, opened),
        voice_mail=VoiceMailCos("x", **mail),  # type: ignore[arg-type]
        site=site,
        group=group,
    )


__all__ = ["Accept", "ask", "from_words", "make", "scope"]
