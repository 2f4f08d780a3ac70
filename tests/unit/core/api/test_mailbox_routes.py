"""Owners reach their messages over the API with extension and PIN; nobody else does, administrators included."""

import io
import wave

import httpx
import pytest

from ringwall.core.api.app import create_app
from ringwall.core.identity.identity import Identity
from ringwall.core.identity.sessions import TERMS, Holder
from ringwall.core.operations import Operations
from ringwall.core.pins.owners import Owners
from ringwall.core.pins.service import PinService
from ringwall.core.rights import kinds
from ringwall.core.voicemail import operations as voicemail_operations
from ringwall.core.voicemail.opening import Ground, open_voice_mail
from ringwall.infra.voicemail_settings import VoiceMail as Settings
from support.accounts import PASSWORD, put_account
from support.core_data import ADMIN, open_rights
from support.events import Made
from support.voicemail.rig import Clock, Files, inside

pytestmark = pytest.mark.req("V2")

SOURCE = "203.0.113.7"
PIN, OTHER = "4839205", "7391846"


async def no_wait(_seconds):
    pass


@pytest.fixture
async def house(core):
    rights = await open_rights(core)
    for extension, name in (("201", "Anna"), ("202", "Bert")):
        await core.directory.add_user(ADMIN, extension, name)
    clock = Clock()
    pins = await PinService.open(core.store, core.ledger, core.directory, rights, clock=clock, sleep=no_wait)
    await pins.set_pin(ADMIN, "201", PIN, must_change=False)
    await pins.set_pin(ADMIN, "202", OTHER, must_change=True)
    files = Files()
    ground = Ground(core.store, core.ledger, core.directory, rights, pins, files, rights.keys.derived, clock)
    voice_mail = await open_voice_mail(Settings(), ground)
    operations = Operations(core.ledger)
    voicemail_operations.register(operations, voice_mail)
    await put_account(core)
    identity = await Identity.open(core.store, core.ledger, clock=clock)
    owners = Owners(pins, core.directory, identity.sessions)
    house = voice_mail.house
    house_app = create_app(operations, core.store, identity, mailboxes=(owners, house))

    class Rig:
        pass

    rig = Rig()
    rig.rights = rights
    rig.core, rig.house, rig.files, rig.clock, rig.pins, rig.app = core, house, files, clock, pins, house_app

    async def message(to="201", seconds=3.0, **marks):
        draft = await house.drafts.begin(to, inside("202"))
        files.write(draft.recording.name, draft.key, seconds)
        clock.at += 60
        return await house.drafts.finish(draft, **marks)

    rig.message = message
    yield rig
    pins.close()


def client(rig, token=None, source=SOURCE):
    headers = {"X-Ringwall-Source": source} | ({"Authorization": f"Bearer {token}"} if token else {})
    return httpx.AsyncClient(transport=httpx.ASGITransport(rig.app), base_url="https://test", headers=headers)


async def signed_in(rig, extension="201", pin=PIN):
    async with client(rig) as stranger:
        answer = await stranger.post("/api/mailbox/tokens", json={"extension": extension, "pin": pin})
    assert answer.status_code == 201, answer.text
    return client(rig, answer.json()["token"])


async def test_the_owner_sees_and_hears_what_is_in_the_mailbox(house):
    first, second = await house.message(seconds=3.0), await house.message(seconds=5.0, urgent=True)
    async with await signed_in(house) as owner:
        listed = (await owner.get("/api/mailbox/messages")).json()
        assert [one["id"] for one in listed] == [second.id, first.id]
        assert listed[0]["urgent"]
        assert listed[0]["sender"] == "202"
        sound = await owner.get(f"/api/mailbox/messages/{first.id}/audio")
        assert sound.headers["content-type"] == "audio/wav"
        assert sound.headers["cache-control"] == "no-store"
        with wave.open(io.BytesIO(sound.content)) as found:
            assert found.getnframes() == 3 * 8000
        assert (await owner.get(f"/api/mailbox/messages/{first.id}")).json()["heard_at"]
        mailbox = (await owner.get("/api/mailbox")).json()
        assert (mailbox["new"], mailbox["new_urgent"], mailbox["extension"]) == (2, 1, "201")
    await house.core.ledger.record_durably(Made("system.test"))
    (record,) = await house.core.ledger.tail(0, 100, "voicemail.given_out")
    assert record["body"]["message"] == first.id
    assert record["body"]["actor"] == {"kind": "user", "name": "201", "source": f"web:{SOURCE}"}


async def test_messages_are_moved_taken_back_and_removed(house):
    message = await house.message()
    path = f"/api/mailbox/messages/{message.id}"
    async with await signed_in(house) as owner:
        for folder in ("saved", "deleted", "new"):
            moved = await owner.patch(path, json={"folder": folder})
            assert (moved.status_code, moved.json()["folder"]) == (200, folder)
        assert (await owner.patch(path, json={"folder": "draft"})).status_code == 422
        assert (await owner.delete(path)).status_code == 204
        assert (await owner.get(path)).status_code == 404
        assert (await owner.get(f"{path}/audio")).status_code == 404
    assert not house.files.there


async def test_nobody_else_gets_at_a_message(house):
    await house.pins.choose("202", "8264031", "test")
    message = await house.message()
    path = f"/api/mailbox/messages/{message.id}"
    async with client(house) as stranger:
        assert (await stranger.get(path)).status_code == 401
        answer = await stranger.post("/api/tokens", json={"name": "admin", "password": PASSWORD})
        admin = answer.json()["token"]
    async with client(house, admin) as administrator:
        for each in (path, f"{path}/audio", "/api/mailbox/messages", "/api/mailbox"):
            assert (await administrator.get(each)).status_code == 401
        shown = await administrator.get("/api/voicemail/mailboxes/201")
        assert (shown.status_code, shown.json()["new"]) == (200, 1)
        assert "messages" not in shown.json()
    async with await signed_in(house, "202", "8264031") as other:
        assert (await other.get(path)).status_code == 404
        assert (await other.get(f"{path}/audio")).status_code == 404
        assert (await other.get("/api/voicemail")).status_code == 401


async def test_wrong_pins_are_told_nothing_and_lock(house):
    async with client(house) as stranger:

        async def tried(extension, pin):
            answer = await stranger.post("/api/mailbox/tokens", json={"extension": extension, "pin": pin})
            return answer.status_code, answer.json()["error"]["message"]

        assert await tried("201", "000000") == await tried("299", "000000")
        statuses = [(await tried("201", "000001"))[0] for _ in range(10)]
        assert statuses[0] == 401
        assert statuses[-1] == 429
        assert (await tried("201", PIN))[0] == 429


async def test_a_pin_that_has_to_be_changed_opens_nothing_else(house):
    async with client(house) as stranger:
        body = {"extension": "202", "pin": OTHER}
        refused = await stranger.post("/api/mailbox/tokens", json=body)
        assert refused.status_code == 403
        assert "/api/mailbox/pin" in refused.json()["error"]["message"]
        bad = await stranger.put("/api/mailbox/pin", json={**body, "new_pin": "111111"})
        assert (bad.status_code, bad.json()["error"]["field"]) == (422, "pin")
        done = await stranger.put("/api/mailbox/pin", json={**body, "new_pin": "8264031"})
        assert done.status_code == 204
    async with await signed_in(house, "202", "8264031") as owner:
        assert (await owner.get("/api/mailbox")).status_code == 200


async def test_a_token_ends_with_its_time_its_pin_its_user_and_its_sign_out(house):
    async with await signed_in(house) as one, await signed_in(house) as two, await signed_in(house) as three:
        assert (await one.delete("/api/mailbox/tokens/current")).status_code == 204
        assert (await one.get("/api/mailbox")).status_code == 401
        assert (await two.get("/api/mailbox")).status_code == 200
        house.clock.at += 3600
        await house.pins.choose("201", "8264031", "test")
        assert (await two.get("/api/mailbox")).status_code == 401
        assert (await three.get("/api/mailbox")).status_code == 401
    async with await signed_in(house, pin="8264031") as owner:
        house.clock.at += 8 * 3600
        assert (await owner.get("/api/mailbox")).status_code == 401
    async with await signed_in(house, pin="8264031") as owner:
        await house.core.directory.remove_user(ADMIN, "201")
        assert (await owner.get("/api/mailbox")).status_code == 401


async def test_an_owner_has_a_bounded_number_of_tokens(house):
    clients = [await signed_in(house) for _ in range(TERMS[Holder.USER].most + 2)]
    statuses = [(await each.get("/api/mailbox")).status_code for each in clients]
    assert statuses == [401, 401] + [200] * TERMS[Holder.USER].most
    for each in clients:
        await each.aclose()


async def staff(house, **permissions):
    """Put Anna into a group whose telephony class has these permissions."""
    await house.rights.add(ADMIN, kinds.TELEPHONY, "Staff", permissions)
    await house.rights.add(ADMIN, kinds.GROUP, "staff", {"name": "Staff", "telephony": "Staff"})
    await house.core.directory.change_user(ADMIN, "201", {"group": "staff"})


@pytest.mark.req("C2")
async def test_an_owner_without_the_right_changes_neither_mode_nor_call_handling(house):
    async with await signed_in(house) as owner:
        for changes, field in (
            ({"takes_calls": False}, "takes_calls"),
            ({"always": True, "say_envelope": True}, "always"),
            ({"mail_to": "thief@example.net"}, "mail_to"),
        ):
            refused = await owner.patch("/api/mailbox", json=changes)
            assert (refused.status_code, refused.json()["error"]["field"]) == (403, field)
        assert (await owner.patch("/api/mailbox", json={"say_envelope": True})).status_code == 200
        # The same values again are no change.
        assert (await owner.patch("/api/mailbox", json={"takes_calls": True})).status_code == 200
        assert (await owner.patch("/api/mailbox", json={"mode": "out of office"})).status_code == 200
        profile = {"steps": [{"to": "202", "seconds": 60}], "repeats": 1}
        assert (await owner.put("/api/mailbox/profiles/1", json=profile)).status_code == 403
        assert (await owner.delete("/api/mailbox/profiles/1")).status_code == 403
        await staff(house, change_mode=False)
        refused = await owner.patch("/api/mailbox", json={"mode": "standard"})
        assert (refused.status_code, refused.json()["error"]["field"]) == (403, "mode")
    await house.core.ledger.record_durably(Made("system.stopped"))  # behind what is queued
    denied = [each["body"] for each in await house.core.ledger.tail(0, 1000, "voicemail.change_denied")]
    assert [each["setting"] for each in denied] == [
        "takes_calls",
        "always",
        "mail_to",
        "profile",
        "profile",
        "mode",
    ]
    assert {each["mailbox"] for each in denied} == {"201"}


async def test_settings_profiles_and_lists_are_changed_by_their_owner(house):
    await staff(house)
    async with await signed_in(house) as owner:
        changed = await owner.patch(
            "/api/mailbox",
            json={
                "mode": "out of office",
                "assistant": "202",
                "mail_for": "all",
                "mail_to": "anna@example.com",
            },
        )
        assert changed.json()["settings"]["mode"] == "out of office"
        wrong = await owner.patch("/api/mailbox", json={"assistant": "914085550123"})
        assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "assistant")
        profile = {"steps": [{"to": "202", "seconds": 60}], "repeats": 1}
        put = await owner.put("/api/mailbox/profiles/1", json=profile)
        assert put.json()["profiles"]["1"]["steps"] == [{"to": "202", "seconds": 60}]
        refused = await owner.put(
            "/api/mailbox/profiles/1", json={"steps": [{"to": "914085550123", "seconds": 60}]}
        )
        assert refused.status_code == 403
        made = await owner.put("/api/mailbox/lists/2", json={"name": "Team", "members": ["202"]})
        assert made.json() == {"number": 2, "name": "Team", "members": ["202"]}
        assert (await owner.get("/api/mailbox/lists")).json() == [made.json()]
        assert (await owner.delete("/api/mailbox/lists/2")).status_code == 204
        assert (await owner.delete("/api/mailbox/greetings/name")).status_code == 404
        gone = await owner.delete("/api/mailbox/profiles/1")
        assert gone.json()["profiles"] == {}


async def test_administrators_count_and_set_and_empty_but_do_not_hear(house):
    await house.message()
    async with client(house) as stranger:
        admin = (await stranger.post("/api/tokens", json={"name": "admin", "password": PASSWORD})).json()
    async with client(house, admin["token"]) as administrator:
        state = (await administrator.get("/api/voicemail")).json()
        assert (state["messages"], state["used"]) == (1, 3 * 8000)
        listed = (await administrator.get("/api/voicemail/mailboxes")).json()
        assert [(one["extension"], one["new"]) for one in listed] == [("201", 1), ("202", 0)]
        made = await administrator.put(
            "/api/voicemail/lists/1", json={"name": "All", "members": ["201", "202"]}
        )
        assert made.json()["members"] == ["201", "202"]
        changed = await administrator.patch("/api/voicemail/mailboxes/201", json={"always": True})
        assert changed.json()["settings"]["always"]
        profile = {"steps": [{"to": "202", "seconds": 60}]}
        put = await administrator.put("/api/voicemail/mailboxes/201/profiles/3", json=profile)
        assert list(put.json()["profiles"]) == ["3"]
        gone = await administrator.delete("/api/voicemail/mailboxes/201/messages")
        assert gone.json()["removed"] == 1
        assert (await administrator.delete("/api/voicemail/lists/1")).status_code == 200
        assert (await administrator.get("/api/voicemail/mailboxes/299")).status_code == 404
        names = [
            each
            for each in (await administrator.get("/api/openapi.json")).json()["paths"]
            if "voicemail" in each
        ]
        assert not [each for each in names if "audio" in each]
    assert not house.files.there
    records = await house.core.ledger.tail(0, 200, "admin.mailbox.emptied")
    assert [one["body"]["messages"] for one in records] == [1]


async def test_a_message_that_cannot_be_read_is_told(house):
    message = await house.message()
    house.files.there.clear()
    async with await signed_in(house) as owner:
        answer = await owner.get(f"/api/mailbox/messages/{message.id}/audio")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"


async def test_what_is_not_known_is_refused_in_the_query_too(house):
    async with await signed_in(house) as owner:
        for path in ("/api/mailbox", "/api/mailbox/messages", "/api/health"):
            answer = await owner.get(path, params={"limit": 1})
            assert (answer.status_code, answer.json()["error"]["field"]) == (422, "limit"), path
