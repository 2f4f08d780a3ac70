"""Class of service: may this subject do this? (C5, C6).

Pure: no I/O and no clock; imports nothing else of Ringwall.

    snapshot = compile_snapshot(Directory(...))                 # again whenever the directory changes
    answer = may(snapshot, UserSubject("201", phone="p7"), Action.DIAL, number="914085550123",
                 context=Context(now, use))
    if isinstance(answer, Grant):
        way = answer.require(answer.canonical, now)             # where the leg is made
        if way.charge is not None:                              # emergency calls have none
            use.start(leg, way.charge, trunk_group, now)        # and use.end(leg, seconds, now) at its end
    else:
        answer.heard, answer.status, answer.reason, answer.rule.sentence

`may` only reads `use`: asking and `start` belong into one turn of the event loop, or two calls at once see
the same room. A trunk group that fails is followed by `use.move`. Authorization codes: see `codes`.
"""

from ringwall.policy.actions import (
    Action,
    Caller,
    CodeSubject,
    Context,
    MailboxSubject,
    ObjectSubject,
    Party,
    PhoneSubject,
    Subject,
    TrunkSubject,
    UserSubject,
)
from ringwall.policy.classes import (
    FROM_ALL,
    FROM_NOBODY,
    Accept,
    AcceptKind,
    Callback,
    CallCos,
    CallRules,
    TelephonyCos,
    VoiceMailCos,
    published_names,
)
from ringwall.policy.codes import Accepted, Prompt, Wrong
from ringwall.policy.decide import may
from ringwall.policy.errors import PolicyError
from ringwall.policy.explain import PATHS, Explanation, explain
from ringwall.policy.expressions import Expression, parse_list
from ringwall.policy.findings import Finding, Severity
from ringwall.policy.grant import Denial, Grant, GrantRefused, Way
from ringwall.policy.groups import (
    LEAST_CALL,
    LEAST_GROUP,
    LEAST_TELEPHONY,
    LEAST_VOICE_MAIL,
    AuthCode,
    CodeMode,
    InsideObject,
    ObjectKind,
    Phone,
    User,
    UserGroup,
)
from ringwall.policy.limits import DEFAULT_LIMITS, Limits, Rate
from ringwall.policy.lint import lint
from ringwall.policy.numbers import Number
from ringwall.policy.places import Service, Site, Trunk, TrunkGroup
from ringwall.policy.ranges import DEFAULT_RANGES, DangerRange
from ringwall.policy.rules import Heard, Rule, Step
from ringwall.policy.scope import NumberClass, Scope
from ringwall.policy.snapshot import Directory, PolicySnapshot, compile_snapshot
from ringwall.policy.usage import Charge, Use
from ringwall.policy.world import warm

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_RANGES",
    "FROM_ALL",
    "FROM_NOBODY",
    "LEAST_CALL",
    "LEAST_GROUP",
    "LEAST_TELEPHONY",
    "LEAST_VOICE_MAIL",
    "PATHS",
    "Accept",
    "AcceptKind",
    "Accepted",
    "Action",
    "AuthCode",
    "CallCos",
    "CallRules",
    "Callback",
    "Caller",
    "Charge",
    "CodeMode",
    "CodeSubject",
    "Context",
    "DangerRange",
    "Denial",
    "Directory",
    "Explanation",
    "Expression",
    "Finding",
    "Grant",
    "GrantRefused",
    "Heard",
    "InsideObject",
    "Limits",
    "MailboxSubject",
    "Number",
    "NumberClass",
    "ObjectKind",
    "ObjectSubject",
    "Party",
    "Phone",
    "PhoneSubject",
    "PolicyError",
    "PolicySnapshot",
    "Prompt",
    "Rate",
    "Rule",
    "Scope",
    "Service",
    "Severity",
    "Site",
    "Step",
    "Subject",
    "TelephonyCos",
    "Trunk",
    "TrunkGroup",
    "TrunkSubject",
    "Use",
    "User",
    "UserGroup",
    "UserSubject",
    "VoiceMailCos",
    "Way",
    "Wrong",
    "compile_snapshot",
    "explain",
    "lint",
    "may",
    "parse_list",
    "published_names",
    "warm",
]
