"""The kinds of things that an administrator makes: their names, settings and the values they become."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ringwall.core.numbers import outside_number
from ringwall.core.rights.class_settings import (
    CALL_SETTINGS,
    TELEPHONY_SETTINGS,
    VOICE_MAIL_SETTINGS,
    build_call,
    build_telephony,
    build_voice_mail,
)
from ringwall.core.rights.limit_settings import LIMIT_SETTINGS, RANGE_SETTINGS, build_limits, build_range
from ringwall.core.rights.settings import (
    SCOPES,
    Built,
    Setting,
    Value,
    Values,
    flag,
    many,
    number,
    plain,
    scope_of,
    text,
    words,
)
from ringwall.core.rights.trunk_settings import TRUNK_SETTINGS, build_trunk
from ringwall.policy.classes import TelephonyCos, VoiceMailCos, published_names
from ringwall.policy.errors import PolicyError
from ringwall.policy.groups import AuthCode, CodeMode, InsideObject, ObjectKind, Ringing, UserGroup
from ringwall.policy.places import ORDINARY_SERVICES, Service, Site, TrunkGroup


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of thing.

    `word` names it in operations and records, `title` in sentences, `argument` its key, `secret` what is kept
    of it but never shown.
    """

    word: str
    title: str
    argument: str
    table: str
    settings: tuple[Setting, ...]
    build: Callable[[str, Values], Built]
    secret: str = ""
    in_json: bool = False  # the settings are kept as one JSON object

    def setting(self, name: str) -> Setting | None:
        """The setting of this name, if there is one."""
        return next((one for one in self.settings if one.name == name), None)

    @property
    def record(self) -> str:
        """Its word as it stands in the kinds of the ledger's records."""
        return self.word.replace("-", "_").replace(".", "_")


# Sites

_SITE = (
    text("name", "What people call it.", None, required=True),
    text("country", "The country, two letters such as US, GB or CH.", None, required=True),
    words("area_codes", "Its own area codes, such as 408; the first one completes numbers without any."),
    words("local_area_codes", "Other area codes that are local calls from here."),
    words("emergency_numbers", "The emergency numbers; none: those of the country."),
    text("access_code", "What is dialled before an outside number, 1 to 3 digits; empty: nothing.", "9"),
    flag(
        "unassigned_emergency",
        "Phones at which nobody has logged in may call emergency numbers.",
        default=True,
    ),
    text("location", "The place that goes with an emergency call, such as street and floor."),
    words(
        "notify",
        "Who is told of an emergency call: mail addresses, and extensions, whose phones show a text.",
        refers="user",
        mails=True,
    ),
    text(
        "callback_number", "What an emergency call shows where the phone has no number, such as +14085550100."
    ),
    text("proxy", "The site whose trunks stand in for missing ones.", None, nullable=True, refers="site"),
)


def _build_site(key: str, values: Values) -> Built:
    tidy: dict[str, Value] = {"country": str(values["country"]).upper()}
    if values["callback_number"]:
        tidy["callback_number"] = outside_number(str(values["callback_number"]), "callback_number")
    if values["proxy"] == key:
        raise PolicyError("proxy", "has to be another site.")
    return Site(key, **plain({**values, **tidy})), tidy


# Groups, trunk groups, authorization codes

_LEAST = "Least privileged"
_GROUP = (
    text("name", "What people call it.", None, required=True),
    text("telephony", "Its telephony class of service.", _LEAST, refers="cos.telephony"),
    text("call", "Its call class of service.", _LEAST, refers="cos.call"),
    text("voice_mail", "Its voice-mail class of service.", _LEAST, refers="cos.voice-mail"),
    words("trunk_groups", "The trunk groups whose lines its members may use.", refers="trunk-group"),
    text(
        "codes",
        "Authorization codes for what the group may not call: disabled, optional, forced.",
        "disabled",
        choices=tuple(CodeMode),
    ),
    flag("emergency_caller_id", "Send the user's caller ID on an emergency call.", default=True),
    flag("emergency_did", "Send the user's own number on an emergency call.", default=True),
    text(
        "limits",
        "The set of limits that counts for its members; none: the one called organisation.",
        None,
        nullable=True,
        refers="limits",
    ),
)


def _build_group(key: str, values: Values) -> Built:
    given: dict[str, Any] = {**plain(values), "codes": CodeMode(str(values["codes"]))}
    return UserGroup(key, **given), {}


_TRUNK_GROUP = (
    text("name", "What people call it.", None, required=True),
    text("site", "The site where its trunks are.", None, required=True, refers="site"),
    text("access_code", "An access code of its own, 1 to 3 digits; empty: that of the site."),
    words(
        "services",
        f"What it carries: {', '.join(Service)}.",
        tuple(sorted(ORDINARY_SERVICES)),
        choices=tuple(Service),
    ),
    words("area_codes", "Area codes that are local from here; none: it does not matter."),
    text(
        "tandem_group",
        "The user group whose rights outside callers have who dial out again; none: nobody may.",
        None,
        nullable=True,
        refers="group",
    ),
    number("max_calls", "Calls that all its trunks carry at once: 0 to 10000.", 30),
)


def _build_trunk_group(key: str, values: Values) -> Built:
    given = plain(values)
    given["services"] = frozenset(Service(one) for one in many(values["services"]))
    return TrunkGroup(key, **given), {}


_CODE = (
    text("name", "Whose or what it is, such as a client or a project.", None, required=True),
    text("owner", "The extension of the person it belongs to.", None, nullable=True, refers="user"),
    text(
        "scope",
        f"A scope of its own instead of the code service's: {', '.join(SCOPES)}.",
        None,
        nullable=True,
        choices=SCOPES,
    ),
    number("wildcard", "Any digits of this length pass, 1 to 20; 0: the code has digits of its own.", 0),
    flag("wildcard_may_exceed", "A wildcard code gives more than the caller has.", default=False),
    flag("locked", "It is refused.", default=False),
)


def _build_code(key: str, values: Values) -> Built:
    given: dict[str, Any] = dict(values)
    if values["scope"] is not None:
        given["scope"] = scope_of(str(values["scope"]))
    return AuthCode(key, **given), {}


# Only what something answers can be made: a call to anything else would find nobody. Those that were made
# before stay, so that their extensions are not given to somebody else.
ANSWERED: Final = (ObjectKind.HUNT_GROUP, ObjectKind.PAGING_GROUP, ObjectKind.OVERHEAD_PAGING)

_OBJECT = (
    text("kind", f"What it is: {', '.join(ANSWERED)}.", None, required=True, choices=ANSWERED),
    text("name", "What people call it."),
    text(
        "group",
        "The user group whose rights it has where it sends callers outside; none: it sends nobody there.",
        None,
        nullable=True,
        refers="group",
    ),
    text("site", "The site whose numbering counts for it.", "main", nullable=True, refers="site"),
    words(
        "members",
        "The extensions of who is rung or paged, in order, at most 100; for overhead paging the loudspeakers,"
        " none: all phones of the site.",
        refers="user",
    ),
    text(
        "ringing",
        f"How a hunt group rings: {', '.join(Ringing)}.",
        Ringing.TOP_DOWN.value,
        choices=tuple(Ringing),
    ),
    number("member_seconds", "For how long each member of a hunt group rings: 5 to 120.", 12),
    number("seconds", "For how long a hunt group rings in all: 5 to 600.", 36),
    flag("skip_busy", "A hunt group leaves out members who are in a call.", default=False),
    flag("busy", "The hunt group is out of service: its calls are busy.", default=False),
    text("busy_to", "The extension that takes calls of a hunt group that is busy; empty: they are refused."),
    text(
        "no_answer_to",
        "The extension that takes calls that no member of a hunt group answers; empty: they are refused.",
    ),
)


def _build_object(key: str, values: Values) -> Built:
    given: dict[str, Any] = {
        **plain(values),
        "kind": ObjectKind(str(values["kind"])),
        "ringing": Ringing(str(values["ringing"])),
    }
    return InsideObject(key, **given), {}


SITE: Final = Kind("site", "site", "site", "sites", _SITE, _build_site)
TELEPHONY: Final = Kind(
    "cos.telephony",
    "telephony class of service",
    "cos",
    "cos_telephony",
    TELEPHONY_SETTINGS,
    build_telephony,
    in_json=True,
)
CALL: Final = Kind(
    "cos.call", "call class of service", "cos", "cos_call", CALL_SETTINGS, build_call, in_json=True
)
VOICE_MAIL: Final = Kind(
    "cos.voice-mail",
    "voice-mail class of service",
    "cos",
    "cos_voice_mail",
    VOICE_MAIL_SETTINGS,
    build_voice_mail,
    in_json=True,
)
GROUP: Final = Kind("group", "group", "group", "user_groups", _GROUP, _build_group)
TRUNK_GROUP: Final = Kind(
    "trunk-group", "trunk group", "trunk_group", "trunk_groups", _TRUNK_GROUP, _build_trunk_group
)
TRUNK: Final = Kind("trunk", "trunk", "trunk", "trunks", TRUNK_SETTINGS, build_trunk, "password")
CODE: Final = Kind("authcode", "authorization code", "authcode", "auth_codes", _CODE, _build_code, "code")

LIMITS: Final = Kind(
    "limits", "set of limits", "limits", "limits", LIMIT_SETTINGS, build_limits, in_json=True
)
RANGE: Final = Kind("range", "range of numbers", "range", "danger_ranges", RANGE_SETTINGS, build_range)
OBJECT: Final = Kind("object", "inside object", "extension", "inside_objects", _OBJECT, _build_object)

# Each refers to those before it; groups and trunk groups also name each other.
KINDS: Final = (
    SITE,
    TELEPHONY,
    CALL,
    VOICE_MAIL,
    LIMITS,
    GROUP,
    TRUNK_GROUP,
    TRUNK,
    CODE,
    RANGE,
    OBJECT,
)
BY_WORD: Final = {kind.word: kind for kind in KINDS}


# Users are kept by the directory; the command line and CSV files take their settings from here.
USER_SETTINGS: Final = (
    text("name", "The name that others see.", None, required=True),
    text("group", "The user group, which says what the user may do.", "least-privileged", nullable=True),
    text("site", "The site, whose numbering and emergency rules count.", "main", nullable=True),
    text("did", "The user's own outside number, such as +14085550123."),
    text("caller_id", "The number that calls outside show; empty: the user's own, or the trunk's."),
    flag("no_pickup", "Others may not pick up this user's calls.", default=False),
    flag("locked", "Inside and emergency calls only, whatever the group.", default=False),
)


def setting_at_fault(kind: Kind, error: PolicyError) -> str:
    """The name of the setting that an error of the policy is about, as the operations know it."""
    published = {
        **published_names(TelephonyCos),
        **published_names(VoiceMailCos),
        "notify": "notify",
        "unassigned_emergency": "unassigned phones may call emergency",
        "codes": "authorization codes",
        "proxy": "proxy site",
        "wildcard": "wildcard length",
        "forwarding_scope": "External forwarding scope",
        kind.argument: kind.argument.replace("_", " "),
    }
    for name, told in published.items():
        if told == error.field and (kind.setting(name) is not None or name == kind.argument):
            return name
    name = error.field.lower().replace(" ", "_").replace("-", "_")
    if kind.setting(name) is not None:
        return name
    # A class of service goes by its name, and a code by its id.
    return kind.argument
