"""Who is paged by a paging group or by overhead paging, and what of that is not as it should be (C2, C7)."""

from typing import Final

from ringwall.policy.findings import Finding, Findings, Severity
from ringwall.policy.groups import MOST_PAGED, PAGED, InsideObject, ObjectKind
from ringwall.policy.snapshot import PolicySnapshot

_SHOWN: Final = 10


def paged_at(snapshot: PolicySnapshot, thing: InsideObject) -> tuple[str, ...]:
    """The extensions that something pages: its members, or everybody at the site of overhead paging."""
    if thing.members or thing.kind is not ObjectKind.OVERHEAD_PAGING:
        return thing.members
    return tuple(sorted(user.extension for user in snapshot.directory.users if user.site == thing.site))


def lint_paging(snapshot: PolicySnapshot) -> Findings:
    """Lists that are empty or too long, and members without the right, which members need as senders do."""
    for thing in snapshot.objects.values():
        if thing.kind not in PAGED:
            continue
        members = paged_at(snapshot, thing)
        if not members:
            what = "Nobody is paged by it."
            yield Finding("paging.empty", Severity.NOTICE, thing.extension, what, "Give it members.")
        if len(members) > MOST_PAGED:
            what = f"Its site has {len(members)} extensions; the first {MOST_PAGED} are paged."
            yield Finding("paging.too-many", Severity.WARNING, thing.extension, what, "Name its members.")
        without = [
            extension
            for extension in members
            if (user := snapshot.users.get(extension)) is None
            or user.group is None
            or user.group.telephony is None
            or not user.group.telephony.paging
        ]
        if without:
            shown = ", ".join(without[:_SHOWN]) + (" and more" if without[_SHOWN:] else "")
            yield Finding(
                "paging.member-without-right",
                Severity.WARNING,
                thing.extension,
                f"Members whose group has no Allow Overhead and Group Paging: {shown}.",
                "Take them off the list, or give their group the permission.",
            )
