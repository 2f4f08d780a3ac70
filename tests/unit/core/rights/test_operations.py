"""Everything about rights that administrators can ask, as they ask it: by name, with plain values."""

import json

import pytest

from ringwall.core.errors import OperationError
from ringwall.core.rights.kinds import KINDS
from ringwall.core.rights.schema import MODELS
from support.core_data import ADMIN
from support.events import Made

NEW = {
    "site": ("site", "london", {"name": "London", "country": "gb"}, {"access_code": ""}),
    "cos.telephony": ("cos", "Desk", {"max_calls": 4}, {"accept_barge_in": ["201", "group:staff"]}),
    "cos.call": ("cos", "Abroad", {"scope": "International Long Distance"}, {"restrictions": ["+1 900"]}),
    "cos.voice-mail": ("cos", "Desk", {}, {"callback": "inside"}),
    "group": ("group", "desk", {"name": "Desk"}, {"codes": "forced"}),
    "trunk-group": ("trunk_group", "b", {"name": "B", "site": "main"}, {"services": ["emergency", "local"]}),
    "trunk": (
        "trunk",
        "b1",
        {"name": "B", "trunk_group": "pstn", "host": "sip.example.com", "password": "hush-hush"},
        {"priority": 2},
    ),
    "authcode": ("authcode", "c1", {"name": "Client", "code": "24681357"}, {"scope": "national mobile"}),
    "limits": ("limits", "Sales", {"user_concurrent": 8}, {"international_per_hour": 60, "user_spend": 99.5}),
    "range": ("range", "+41900", {"kind": "premium"}, {"name": "Swiss business numbers"}),
    "object": ("extension", "600", {"kind": "hunt group"}, {"group": "staff"}),
}


@pytest.mark.req("C1", "I2")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)
async def test_each_kind_is_made_changed_listed_shown_and_removed(core, office, run, kind):
    argument, key, given, changes = NEW[kind.word]
    models = MODELS[kind.word]
    made = await run(f"{kind.word}.add", **{argument: key}, **given)
    assert made[argument] == key
    models.added.model_validate(made)
    shown = await run(f"{kind.word}.show", **{argument: key})
    models.shown.model_validate(shown)
    assert set(shown) == set(models.shown.model_fields)
    assert shown in await run(f"{kind.word}.list")
    changed = await run(f"{kind.word}.set", **{argument: key}, **changes)
    for name, value in changes.items():
        assert changed[name] == value or name == "restrictions"
        del shown[name]
    assert shown.items() <= changed.items()
    assert (await run(f"{kind.word}.remove", **{argument: key}))[argument] == key
    for name in ("show", "set", "remove"):
        with pytest.raises(OperationError) as caught:
            await run(f"{kind.word}.{name}", **{argument: key})
        assert caught.value.code == "not_found"
    word = f"admin.{kind.record}."
    records = [one for one in await core.ledger.tail(0, 1000) if one["kind"].startswith(word)][-3:]
    assert [one["kind"] for one in records] == [f"{word}added", f"{word}changed", f"{word}removed"]
    added, change, removed = (one["body"] for one in records)
    assert added["actor"] == change["actor"] == removed["actor"] == ADMIN.to_dict()
    assert (added["before"], removed["after"]) == (None, None)
    assert added["after"] == {name: value for name, value in made.items() if name != "code"}
    assert set(change["before"]) == set(change["after"]) == {argument, *changes}
    assert all(change["before"][name] != change["after"][name] for name in changes)
    assert removed["before"] == changed
    text = json.dumps([shown, changed, await core.ledger.tail(0, 1000)])
    assert "hush-hush" not in text
    assert "24681357" not in text


@pytest.mark.req("A1")
async def test_a_code_that_is_chosen_here_is_shown_once(office, run):
    made = await run("authcode.add", name="Client")
    assert len(made["code"]) == 10
    assert office.find_code(made["code"]) == made["authcode"]
    assert "code" not in await run("authcode.show", authcode=made["authcode"])
    wildcard = await run("authcode.add", name="Any six", wildcard=6)
    assert (wildcard["code"], wildcard["code_set"]) == (None, False)


async def test_long_lists_come_in_parts(office, run, ask):
    for number in range(5):
        await run("authcode.add", authcode=f"c{number}", name="Client")
    first = await ask("authcode.list", limit=3)
    second = await ask("authcode.list", limit=3, cursor=first.cursor)
    assert [one["authcode"] for one in first.result + second.result] == [f"c{number}" for number in range(5)]


@pytest.mark.req("I2")
@pytest.mark.parametrize(
    ("name", "args", "kept"),
    [
        (
            "trunk.add",
            {"trunk": "a", "name": "A", "password": "hush-hush", "host": "-"},
            {"trunk", "name", "host"},
        ),
        ("trunk.set", {"trunk": "none", "passwd": "hush-hush"}, {"trunk"}),
        ("authcode.add", {"authcode": "a", "name": "A", "code": "hush-hush"}, {"authcode", "name"}),
        ("authcode.add", {"authcode": "a", "name": "A", "kode": "hush-hush"}, {"authcode", "name"}),
        ("authcode.add", {"authcode": "a", "name": "A", "code": ["hush-hush"]}, {"authcode", "name"}),
        ("authcode.import", {"csv": "authcode,name,code\na,A,hush-hush\n"}, set()),
        ("user.set", {"extension": "201", "group": "nowhere"}, {"extension", "group"}),
        ("site.remove", {"site": "main"}, {"site"}),
    ],
)
async def test_a_refused_change_is_on_record_without_secrets(core, office, run, name, args, kept):
    with pytest.raises(OperationError) as caught:
        await run(name, **args)
    assert "hush-hush" not in str(caught.value)
    await core.ledger.record_durably(Made("system.test"))
    (body,) = [one["body"] for one in await core.ledger.tail(0, 1000) if one["kind"] == "admin.refused"]
    assert (body["operation"], body["actor"]["name"], body["code"]) == (name, "root", caught.value.code)
    assert {key for key, value in body["asked"].items() if value == args[key]} == kept
    assert set(body["asked"]) == set(args)
    assert "hush-hush" not in json.dumps(body)


@pytest.mark.req("C7")
async def test_why_and_what_if(office, run):
    told = await run("policy.explain", user="201", number="9 1 408 555 0123", at="2026-11-23T18:30:00+01:00")
    assert (told["allowed"], told["canonical"], told["class"]) == (True, "+14085550123", "national")
    assert (told["rule"], told["heard"], told["at"]) == ("call.scope", "", "2026-11-23T17:30:00Z")
    assert told["steps"][0]["check"] == "emergency"
    told = await run("policy.explain", user="201", number="9011442079460123", path="forward")
    assert (told["allowed"], told["heard"] != "") == (False, True)
    for args, field in (
        ({"user": "999", "number": "911"}, "user"),
        ({"user": "201", "number": "911", "path": "smoke"}, "path"),
        ({"user": "201", "number": "911", "at": "soon"}, "at"),
    ):
        with pytest.raises(OperationError) as caught:
            await run("policy.explain", **args)
        assert caught.value.field == field


@pytest.mark.req("C7")
async def test_the_linter_names_fraud_paths_with_severity_and_cure(office, run):
    await run("cos.telephony.set", cos="Staff", forwarding_scope="international", forwarding_overrides=True)
    told = await run("policy.lint")
    found = {one["id"]: one for one in told["findings"]}
    assert found["forward.further-than-dial"]["severity"] == "critical"
    assert found["forward.further-than-dial"]["where"] == "staff"
    assert found["forward.further-than-dial"]["cure"]
    assert told["severe"] is True
