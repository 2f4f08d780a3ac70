"""Rights: sites, groups, classes of service, trunks, codes.

Long lists in `before` and `after` are told as how many entries they have and what was added and removed; of a
secret only whether there is one and whether it was changed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from ringwall.events.admin import Changed
from ringwall.events.base import event


@event("admin.site.added")
class AdminSiteAdded(Changed):
    """A site was added."""


@event("admin.site.changed")
class AdminSiteChanged(Changed):
    """A site was changed."""


@event("admin.site.removed")
class AdminSiteRemoved(Changed):
    """A site was removed."""


@event("admin.cos_telephony.added")
class AdminCosTelephonyAdded(Changed):
    """A telephony class of service was added."""


@event("admin.cos_telephony.changed")
class AdminCosTelephonyChanged(Changed):
    """A telephony class of service was changed."""


@event("admin.cos_telephony.removed")
class AdminCosTelephonyRemoved(Changed):
    """A telephony class of service was removed."""


@event("admin.cos_call.added")
class AdminCosCallAdded(Changed):
    """A call class of service was added."""


@event("admin.cos_call.changed")
class AdminCosCallChanged(Changed):
    """A call class of service was changed."""


@event("admin.cos_call.removed")
class AdminCosCallRemoved(Changed):
    """A call class of service was removed."""


@event("admin.cos_voice_mail.added")
class AdminCosVoiceMailAdded(Changed):
    """A voice-mail class of service was added."""


@event("admin.cos_voice_mail.changed")
class AdminCosVoiceMailChanged(Changed):
    """A voice-mail class of service was changed."""


@event("admin.cos_voice_mail.removed")
class AdminCosVoiceMailRemoved(Changed):
    """A voice-mail class of service was removed."""


@event("admin.group.added")
class AdminGroupAdded(Changed):
    """A group was added."""


@event("admin.group.changed")
class AdminGroupChanged(Changed):
    """A group was changed."""


@event("admin.group.removed")
class AdminGroupRemoved(Changed):
    """A group was removed."""


@event("admin.trunk_group.added")
class AdminTrunkGroupAdded(Changed):
    """A trunk group was added."""


@event("admin.trunk_group.changed")
class AdminTrunkGroupChanged(Changed):
    """A trunk group was changed."""


@event("admin.trunk_group.removed")
class AdminTrunkGroupRemoved(Changed):
    """A trunk group was removed."""


@event("admin.trunk.added")
class AdminTrunkAdded(Changed):
    """A trunk was added."""


@event("admin.trunk.changed")
class AdminTrunkChanged(Changed):
    """A trunk was changed."""


@event("admin.trunk.removed")
class AdminTrunkRemoved(Changed):
    """A trunk was removed."""


@event("admin.authcode.added")
class AdminAuthcodeAdded(Changed):
    """An authorization code was added."""


@event("admin.authcode.changed")
class AdminAuthcodeChanged(Changed):
    """An authorization code was changed."""


@event("admin.authcode.removed")
class AdminAuthcodeRemoved(Changed):
    """An authorization code was removed."""


@event("admin.limits.added")
class AdminLimitsAdded(Changed):
    """A set of limits was added."""


@event("admin.limits.changed")
class AdminLimitsChanged(Changed):
    """A set of limits was changed."""


@event("admin.limits.removed")
class AdminLimitsRemoved(Changed):
    """A set of limits was removed."""


@event("admin.range.added")
class AdminRangeAdded(Changed):
    """A range of dangerous numbers was added."""


@event("admin.range.changed")
class AdminRangeChanged(Changed):
    """A range of dangerous numbers was changed."""


@event("admin.range.removed")
class AdminRangeRemoved(Changed):
    """A range of dangerous numbers was removed."""


@event("admin.object.added")
class AdminObjectAdded(Changed):
    """An inside object was added."""


@event("admin.object.changed")
class AdminObjectChanged(Changed):
    """An inside object was changed."""


@event("admin.object.removed")
class AdminObjectRemoved(Changed):
    """An inside object was removed."""


class Kinds(NamedTuple):
    """The three kinds of records about one kind of thing."""

    added: type[Changed]
    changed: type[Changed]
    removed: type[Changed]


BY_THING: Final[Mapping[str, Kinds]] = MappingProxyType(
    {
        "site": Kinds(AdminSiteAdded, AdminSiteChanged, AdminSiteRemoved),
        "cos_telephony": Kinds(AdminCosTelephonyAdded, AdminCosTelephonyChanged, AdminCosTelephonyRemoved),
        "cos_call": Kinds(AdminCosCallAdded, AdminCosCallChanged, AdminCosCallRemoved),
        "cos_voice_mail": Kinds(AdminCosVoiceMailAdded, AdminCosVoiceMailChanged, AdminCosVoiceMailRemoved),
        "group": Kinds(AdminGroupAdded, AdminGroupChanged, AdminGroupRemoved),
        "trunk_group": Kinds(AdminTrunkGroupAdded, AdminTrunkGroupChanged, AdminTrunkGroupRemoved),
        "trunk": Kinds(AdminTrunkAdded, AdminTrunkChanged, AdminTrunkRemoved),
        "authcode": Kinds(AdminAuthcodeAdded, AdminAuthcodeChanged, AdminAuthcodeRemoved),
        "limits": Kinds(AdminLimitsAdded, AdminLimitsChanged, AdminLimitsRemoved),
        "range": Kinds(AdminRangeAdded, AdminRangeChanged, AdminRangeRemoved),
        "object": Kinds(AdminObjectAdded, AdminObjectChanged, AdminObjectRemoved),
    }
)
"""The kinds of records by the word of the thing in them, such as `trunk_group`."""
