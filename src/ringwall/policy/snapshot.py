"""The directory as the policy sees it: compiled once for each change, asked a thousand times a second (C1).

Rules that this module keeps:

- A snapshot never changes; a change makes another one, which serves the next action. Calls that are up are
  left alone.
- What a name in the directory leads to is looked up when the snapshot is made. A name that leads nowhere
  makes no error: it leaves its user with what is allowed without it, and `lint` tells of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, TypeVar

from ringwall.policy.classes import CallCos, CallRules, TelephonyCos, VoiceMailCos
from ringwall.policy.errors import PolicyError
from ringwall.policy.groups import AuthCode, InsideObject, Phone, User, UserGroup
from ringwall.policy.limits import DEFAULT_LIMITS, Limits
from ringwall.policy.numbers import Number, SitePlan
from ringwall.policy.places import SERVICE_FOR, Service, Site, Trunk, TrunkGroup
from ringwall.policy.ranges import DEFAULT_RANGES, DangerRange, DangerRanges
from ringwall.policy.scope import NumberClass
from ringwall.policy.verdict import CompiledRules

_T = TypeVar("_T")

# The feature codes that the sources name; call control gives its own.
STAR_CODES: Final = frozenset(
    {"*10", "*12", "*13", "*14", "*15", "*16", "*17", "*18", "*19", "*60", "*61", "*97", "*98"}
)  # calls/star_codes.py has the same


@dataclass(frozen=True, slots=True)
class Directory:
    """All that the policy knows of an organisation. `own_numbers` leads from canonical DID to extension."""

    sites: tuple[Site, ...] = ()
    groups: tuple[UserGroup, ...] = ()
    telephony: tuple[TelephonyCos, ...] = ()
    calls: tuple[CallCos, ...] = ()
    voice_mail: tuple[VoiceMailCos, ...] = ()
    trunk_groups: tuple[TrunkGroup, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    users: tuple[User, ...] = ()
    phones: tuple[Phone, ...] = ()
    objects: tuple[InsideObject, ...] = ()
    codes: tuple[AuthCode, ...] = ()
    code_group: str | None = None  # the user group of the authorization-code service
    own_numbers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    star_codes: frozenset[str] = STAR_CODES
    danger: tuple[DangerRange, ...] = DEFAULT_RANGES
    limits: Limits = DEFAULT_LIMITS  # of groups that name no others
    limit_sets: Mapping[str, Limits] = field(default_factory=lambda: MappingProxyType({}))


class CompiledGroup:
    """A user group with what its names lead to."""

    __slots__ = (
        "call",
        "forwarding",
        "group",
        "id",
        "limits",
        "source",
        "telephony",
        "telephony_source",
        "voice_mail",
    )

    def __init__(
        self,
        group: UserGroup,
        telephony: TelephonyCos | None,
        call: CallCos | None,
        voice_mail: VoiceMailCos | None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.group = group
        self.limits = limits
        self.id = group.id
        self.source = f"Group {group.name}"
        self.telephony = telephony
        self.voice_mail = voice_mail
        self.call = (
            CompiledRules(call.rules, f"{call.name} of group {group.name}") if call is not None else None
        )
        self.telephony_source = (
            f"{telephony.name} of group {group.name}" if telephony is not None else self.source
        )
        self.forwarding = (
            CompiledRules(telephony.forwarding, f"External forwarding in {self.telephony_source}")
            if telephony is not None
            else None
        )

    def with_scope(self, rules: CallRules, source: str) -> "CompiledGroup":
        """The same group with other call rules."""
        other = CompiledGroup(self.group, self.telephony, None, self.voice_mail, self.limits)
        other.call = CompiledRules(rules, source)
        return other


class Member:
    """Somebody or something with rights: who pays, in which group, at which site."""

    __slots__ = ("caller_id", "group", "label", "locked", "payer", "plan", "user")

    def __init__(
        self,
        payer: str,
        label: str,
        group: CompiledGroup | None,
        plan: SitePlan | None,
        *,
        caller_id: str = "",
        locked: bool = False,
        user: User | None = None,
    ) -> None:
        self.payer = payer
        self.label = label
        self.group = group
        self.plan = plan
        self.caller_id = caller_id
        self.locked = locked
        self.user = user


class PolicySnapshot:
    """The compiled directory. Make one with `compile_snapshot`."""

    __slots__ = (
        "_has_areas",
        "_routes",
        "codes",
        "directory",
        "fallback",
        "groups",
        "limits",
        "objects",
        "phones",
        "plans",
        "trunk_groups",
        "trunks",
        "users",
    )

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.limits = directory.limits
        telephony = _by_name("telephony class of service", directory.telephony)
        calls = _by_name("call class of service", directory.calls)
        voice_mail = _by_name("voice-mail class of service", directory.voice_mail)
        self.groups: Mapping[str, CompiledGroup] = {
            group.id: CompiledGroup(
                group,
                telephony.get(group.telephony or ""),
                calls.get(group.call or ""),
                voice_mail.get(group.voice_mail or ""),
                directory.limit_sets.get(group.limits or "", directory.limits),
            )
            for group in _once("group", directory.groups, "id")
        }
        self.trunk_groups: Mapping[str, TrunkGroup] = {
            one.id: one for one in _once("trunk group", directory.trunk_groups, "id")
        }
        self.trunks: Mapping[str, Trunk] = {one.id: one for one in _once("trunk", directory.trunks, "id")}
        self.codes: Mapping[str, AuthCode] = {one.id: one for one in _once("code", directory.codes, "id")}
        self.plans: Mapping[str, SitePlan] = self._plans(directory)
        # Reads numbers for those whose site is missing: what is inside and what is an emergency.
        self.fallback: SitePlan = next(iter(self.plans.values()), None) or SitePlan(
            Site("none", "No site", "US"), frozenset(user.extension for user in directory.users)
        )
        self.objects: Mapping[str, InsideObject] = {one.extension: one for one in directory.objects}
        self.users: Mapping[str, Member] = {user.extension: self._member(user) for user in directory.users}
        self.phones: Mapping[str, Phone] = {one.id: one for one in _once("phone", directory.phones, "id")}
        self._has_areas = any(one.area_codes for one in directory.trunk_groups)
        self._routes: dict[tuple[str, str, Service, str | None, bool], tuple[TrunkGroup, ...]] = {}

    def with_phones(self, phones: tuple[Phone, ...]) -> "PolicySnapshot":
        """The same with other telephones, on which nothing else that is compiled depends."""
        other = object.__new__(PolicySnapshot)
        for name in self.__slots__:
            setattr(other, name, getattr(self, name))
        other.directory = replace(self.directory, phones=phones)
        other.phones = {one.id: one for one in _once("phone", phones, "id")}
        return other

    def _plans(self, directory: Directory) -> dict[str, SitePlan]:
        inside: set[str] = set()
        for extension in (
            *(user.extension for user in directory.users),
            *(one.extension for one in directory.objects),
        ):
            if extension in inside:
                raise PolicyError("extension", f"{extension} is given twice.")
            inside.add(extension)
        danger = DangerRanges(directory.danger)
        access = tuple({one.access_code for one in directory.trunk_groups if one.access_code})
        extensions = frozenset(inside)
        return {
            site.id: SitePlan(
                site,
                extensions,
                star_codes=directory.star_codes,
                access_codes=access,
                own_numbers=directory.own_numbers,
                danger=danger,
            )
            for site in _once("site", directory.sites, "id")
        }

    def _member(self, user: User) -> Member:
        return Member(
            user.extension,
            user.name,
            self.groups.get(user.group or ""),
            self.plans.get(user.site or ""),
            caller_id=user.caller_id,
            locked=user.locked,
            user=user,
        )

    def route(self, group: CompiledGroup, plan: SitePlan, number: Number) -> tuple[TrunkGroup, ...]:
        """The trunk groups by which a group's members may reach a number, best first.

        Step 7 and 8 of a call: on the group's list, offering the service, with the access code that was
        dialled; numbers without a canonical form leave from the own site or its proxy; own site first.
        """
        canonical = number.canonical
        service = SERVICE_FOR[number.number_class]
        here = canonical[:1] != "+" and number.behind is None
        key = (group.id, plan.site.id, service, number.access_code, here)
        found = self._routes.get(key)
        if found is None:
            found = self._routes[key] = self._usable(group, plan.site, service, number.access_code, here=here)
        if not self._has_areas:
            return found
        return _nearest(found, number, str(plan.site.country_code))

    def _usable(
        self, group: CompiledGroup, site: Site, service: Service, access_code: str | None, *, here: bool
    ) -> tuple[TrunkGroup, ...]:
        usable = []
        for name in group.group.trunk_groups:
            one = self.trunk_groups.get(name)
            if one is None or service not in one.services:
                continue
            if access_code is not None and access_code != self._access_code(one, site):
                continue
            if here and one.site not in (site.id, site.proxy):
                continue
            usable.append(one)
        return tuple(sorted(usable, key=lambda one: _distance(one, site)))

    def _access_code(self, one: TrunkGroup, site: Site) -> str:
        return one.access_code or site.access_code

    def emergency_route(self, site: Site) -> tuple[TrunkGroup, ...]:
        """All trunk groups that carry emergency calls, the site's first; every one if none says so."""
        every = sorted(self.trunk_groups.values(), key=lambda one: _distance(one, site))
        return tuple(one for one in every if Service.EMERGENCY in one.services) or tuple(every)


def compile_snapshot(directory: Directory) -> PolicySnapshot:
    """Compile a directory. PolicyError: two things have one name, or a fraud range cannot be read."""
    return PolicySnapshot(directory)


def _distance(one: TrunkGroup, site: Site) -> int:
    return 0 if one.site == site.id else 1 if one.site == site.proxy else 2


def _nearest(found: tuple[TrunkGroup, ...], number: Number, country_code: str) -> tuple[TrunkGroup, ...]:
    """Trunk groups for which the number is local come first; others that are far carry no local call."""
    national = number.canonical[1 + len(country_code) :] if number.canonical[:1] == "+" else ""
    near = tuple(one for one in found if one.area_codes and national.startswith(one.area_codes))
    far = tuple(
        one
        for one in found
        if one not in near and not (one.area_codes and number.number_class is NumberClass.LOCAL)
    )
    return near + far


def _once(kind: str, values: Iterable[_T], attribute: str) -> Iterable[_T]:
    seen: set[str] = set()
    for value in values:
        name = getattr(value, attribute)
        if name in seen:
            raise PolicyError(kind, f"{name} is given twice.")
        seen.add(name)
        yield value


def _by_name(kind: str, values: Iterable[_T]) -> Mapping[str, _T]:
    return {getattr(value, "name"): value for value in _once(kind, values, "name")}  # noqa: B009
