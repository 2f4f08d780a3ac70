"""The operations on who may do what: five for each kind of thing, the CSV files, and the questions."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from ringwall.core.directory.operations import USERS
from ringwall.core.identity.permissions import Permission
from ringwall.core.operations import Listing, NoArguments, Operation, TextAnswer, Topic
from ringwall.core.rights import kinds
from ringwall.core.rights.kinds import KINDS, Kind
from ringwall.core.rights.schema import MODELS, Csv, Explain, Explained, Exported, Imported, Linted
from ringwall.core.rights.settings import Form

_PATHS: Final = {
    "site": "/api/sites",
    "cos.telephony": "/api/cos/telephony",
    "cos.call": "/api/cos/call",
    "cos.voice-mail": "/api/cos/voice-mail",
    "group": "/api/groups",
    "trunk-group": "/api/trunk-groups",
    "trunk": "/api/trunks",
    "authcode": "/api/authcodes",
    "limits": "/api/limits",
    "range": "/api/ranges",
    "object": "/api/objects",
}
_EXAMPLES: Final[Mapping[str, dict[str, Any]]] = {
    "site": {"site": "london", "name": "London", "country": "GB", "area_codes": ["20"]},
    "cos.telephony": {"cos": "Staff", "max_calls": 4},
    "cos.call": {"cos": "National", "scope": "national"},
    "cos.voice-mail": {"cos": "Staff"},
    "group": {"group": "sales", "name": "Sales", "call": "National"},
    "trunk-group": {"trunk_group": "pstn", "name": "PSTN", "site": "london"},
    "trunk": {"trunk": "carrier-a", "name": "Carrier A", "trunk_group": "pstn", "host": "sip.example.com"},
    "authcode": {"authcode": "client-7", "name": "Client 7"},
    "limits": {"limits": "Sales", "user_concurrent": 2},
    "range": {"range": "+41900", "kind": "premium"},
    "object": {"extension": "600", "kind": "hunt group", "members": ["201", "202"]},
}
_PERMISSIONS: Final = {
    "trunk": (Permission.TRUNKS_READ, Permission.TRUNKS_WRITE),
    "trunk-group": (Permission.TRUNKS_READ, Permission.TRUNKS_WRITE),
    "authcode": (Permission.AUTHCODES_READ, Permission.AUTHCODES_WRITE),
    "user": (Permission.USERS_READ, Permission.USERS_WRITE),
}
_RIGHTS: Final = (Permission.RIGHTS_READ, Permission.RIGHTS_WRITE)
SHEETS: Final = (kinds.CODE, kinds.RANGE)  # what comes and goes as CSV files, beside users

RIGHTS: Final = Topic("Rights", "Who may do what, when and where, and why.")


def _of_kind(kind: Kind) -> tuple[Operation, ...]:
    """Return add, set, remove, show and list of a kind."""
    models, path, example = MODELS[kind.word], _PATHS[kind.word], _EXAMPLES[kind.word]
    read, write = _PERMISSIONS.get(kind.word, _RIGHTS)
    # A class of service goes by its name, which may have a slash in it.
    one = f"{path}/{{{kind.argument}{':path' if kind.in_json else ''}}}"
    key = {kind.argument: example[kind.argument]}
    texts = tuple(setting.name for setting in kind.settings if setting.form is Form.TEXT)
    return (
        Operation(
            f"{kind.word}.add",
            f"Make a new {kind.title}.",
            topic=RIGHTS,
            verb="POST",
            path=path,
            permission=write,
            arguments=models.add,
            result=models.added,
            status=HTTPStatus.CREATED,
            errors=("conflict",),
            changes=True,
            example=example,
        ),
        Operation(
            f"{kind.word}.set",
            f"Change settings of a {kind.title}; what is left out stays.",
            topic=RIGHTS,
            verb="PATCH",
            path=one,
            permission=write,
            arguments=models.set,
            result=models.shown,
            errors=("not_found", "conflict"),
            changes=True,
            example=example,
        ),
        Operation(
            f"{kind.word}.remove",
            f"Remove a {kind.title} that nothing uses.",
            topic=RIGHTS,
            verb="DELETE",
            path=one,
            permission=write,
            arguments=models.named,
            result=models.shown,
            errors=("not_found", "conflict"),
            changes=True,
            example=key,
        ),
        Operation(
            f"{kind.word}.show",
            f"Show the settings of a {kind.title}.",
            topic=RIGHTS,
            verb="GET",
            path=one,
            permission=read,
            arguments=models.named,
            result=models.shown,
            errors=("not_found",),
            example=key,
        ),
        Operation(
            f"{kind.word}.list",
            f"List what there is of the kind {kind.title}.",
            topic=RIGHTS,
            verb="GET",
            path=path,
            permission=read,
            arguments=models.listed,
            result=models.shown,
            listing=Listing(order=(kind.argument,), search=(kind.argument, *texts)),
        ),
    )


def _sheet(word: str, path: str, topic: Topic, heading: str) -> tuple[Operation, ...]:
    """Return import and export of a CSV file."""
    read, write = _PERMISSIONS.get(word, _RIGHTS)
    return (
        Operation(
            f"{word}.import",
            "Add and change what stands in a CSV file, all of it or nothing.",
            topic=topic,
            verb="POST",
            path=f"{path}/import",
            permission=write,
            arguments=Csv,
            result=Imported,
            errors=("conflict",),
            changes=True,
            example={"csv": heading},
        ),
        Operation(
            f"{word}.export",
            "Get everything as a CSV file, as it can be imported.",
            topic=topic,
            verb="GET",
            path=f"{path}/export",
            permission=read,
            arguments=NoArguments,
            result=Exported,
            answer=TextAnswer("csv", "text/csv"),
        ),
    )


EXPLAIN: Final = Operation(
    "policy.explain",
    "Say whether a user may call a number, and why.",
    topic=RIGHTS,
    verb="GET",
    path="/api/policy/explain",
    permission=Permission.RIGHTS_READ,
    arguments=Explain,
    result=Explained,
    errors=("not_found",),
    example={"user": "201", "number": "902079460123"},
)
LINT: Final = Operation(
    "policy.lint",
    "Look for rights that are dangerous or make no sense.",
    topic=RIGHTS,
    verb="GET",
    path="/api/policy/lint",
    permission=Permission.RIGHTS_READ,
    result=Linted,
)
OPERATIONS: Final = (
    *(operation for kind in KINDS for operation in _of_kind(kind)),
    *_sheet("user", "/api/users", USERS, "extension,name\n201,Anna\n"),
    *_sheet("authcode", "/api/authcodes", RIGHTS, "authcode,name,code\nclient-7,Client 7,24681357\n"),
    *_sheet("range", "/api/ranges", RIGHTS, "range,kind\n+41900,premium\n"),
    EXPLAIN,
    LINT,
)
BY_NAME: Final = {one.name: one for one in OPERATIONS}
