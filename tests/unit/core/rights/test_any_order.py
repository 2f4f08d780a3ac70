"""Whatever administrators do in whatever order, there is a snapshot that compiles and is what the disk holds."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringwall.core.errors import OperationError
from ringwall.core.rights import kinds
from ringwall.policy import compile_snapshot, lint
from support.core_data import ADMIN, open_core, open_rights

NAMES = st.sampled_from(["a", "b", "main", "least-privileged", "Least privileged"])
EXTENSIONS = st.sampled_from(["201", "202", "911"])
GIVEN = {
    kinds.SITE: st.fixed_dictionaries(
        {"name": NAMES, "country": st.sampled_from(["US", "DE", "XX"])},
        optional={"proxy": st.none() | NAMES, "notify": st.lists(EXTENSIONS, max_size=2)},
    ),
    kinds.TELEPHONY: st.fixed_dictionaries(
        {},
        optional={
            "max_calls": st.integers(0, 17),
            "accept_monitor": st.lists(
                NAMES.map("group:{}".format) | EXTENSIONS | st.just("all"), max_size=2
            ),
            "forwarding_scope": st.sampled_from(kinds.SCOPES),
        },
    ),
    kinds.CALL: st.fixed_dictionaries(
        {},
        optional={
            "scope": st.sampled_from(kinds.SCOPES),
            "restrictions": st.lists(st.sampled_from(["+1408", "+49x", "408", "1/411"]), max_size=3),
            "opened": st.lists(st.sampled_from(["premium", "satellite"]), max_size=2),
        },
    ),
    kinds.GROUP: st.fixed_dictionaries(
        {"name": NAMES},
        optional={
            "call": NAMES,
            "telephony": NAMES,
            "trunk_groups": st.lists(NAMES, max_size=2),
            "codes": st.sampled_from(["disabled", "forced"]),
            "limits": st.none() | NAMES,
        },
    ),
    kinds.TRUNK_GROUP: st.fixed_dictionaries(
        {"name": NAMES, "site": NAMES}, optional={"tandem_group": st.none() | NAMES}
    ),
    kinds.TRUNK: st.fixed_dictionaries(
        {"name": NAMES, "trunk_group": NAMES, "host": st.sampled_from(["a.example", "-"])},
        optional={"did_ranges": st.just(["+14085550100-+14085550999"]), "did_digits": st.integers(2, 4)},
    ),
    kinds.LIMITS: st.fixed_dictionaries({}, optional={"user_concurrent": st.integers(-1, 3)}),
    kinds.RANGE: st.fixed_dictionaries({"kind": st.sampled_from(["premium", "satellite"])}),
    kinds.OBJECT: st.fixed_dictionaries(
        {"kind": st.just("hunt group")}, optional={"group": st.none() | NAMES}
    ),
    kinds.CODE: st.fixed_dictionaries(
        {"name": NAMES}, optional={"owner": st.none() | EXTENSIONS, "wildcard": st.integers(0, 5)}
    ),
}
CHANGES = st.lists(
    st.one_of(
        *(
            st.tuples(st.sampled_from(["add", "change"]), st.just(kind), NAMES, one)
            for kind, one in GIVEN.items()
        ),
        st.tuples(st.just("remove"), st.sampled_from(kinds.KINDS), NAMES, st.none()),
        st.tuples(
            st.sampled_from(["user", "user change", "user gone"]),
            st.none(),
            EXTENSIONS,
            st.fixed_dictionaries({}, optional={"group": NAMES, "did": st.just("+14085550155")}),
        ),
    ),
    max_size=25,
)


async def _do(core, rights, what, kind, key, given):
    secret = "123456" if kind is kinds.CODE and not (given or {}).get("wildcard") else None
    match what:
        case "add":
            await rights.add(ADMIN, kind, key, given, secret)
        case "change":
            await rights.change(ADMIN, kind, key, given)
        case "remove":
            await rights.remove(ADMIN, kind, key)
        case "user":
            await core.directory.add_user(ADMIN, key, "Somebody", given)
        case "user change":
            await core.directory.change_user(ADMIN, key, given)
        case _:
            await core.directory.remove_user(ADMIN, key)


async def _run(folder, changes):
    core = await open_core(folder)
    rights = await open_rights(core)
    try:
        for change in changes:
            before = rights.snapshot
            try:
                await _do(core, rights, *change)
            except OperationError:
                assert rights.snapshot is before
        compile_snapshot(rights.snapshot.directory)
        told = {finding.id for finding in lint(rights.snapshot)}
        assert not told & {
            "group.no-class",
            "group.no-trunk-group",
            "user.no-group",
            "user.no-site",
            "code.no-owner",
        }
        again = await open_rights(core)
        assert all(again.book.of(kind) == rights.book.of(kind) for kind in kinds.KINDS)
        assert set(again.snapshot.directory.users) == set(rights.snapshot.directory.users)
        assert again.snapshot.directory.own_numbers == rights.snapshot.directory.own_numbers
    finally:
        await core.store.close()


@pytest.mark.req("C1")
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(CHANGES)
def test_any_sequence_of_changes_gives_a_snapshot_that_compiles(changes):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_run(Path(folder), changes))
