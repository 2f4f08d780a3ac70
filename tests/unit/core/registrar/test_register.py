"""Signing in: proof, bindings, and everything that ends them."""

import pytest

from ringwall.sip.digest import Challenge
from ringwall.sip.message import Request
from support.calls.world import WALL, World


def sign_in(phone, request: Request | None = None, **changes):
    """One REGISTER with the credentials of `phone` (or others), and what is said to it."""
    again = request or phone.base("REGISTER", f"sip:{phone.world.domain}", next(phone.cseq), phone.register_call_id,
                                  to=phone.aor)  # fmt: skip
    if phone.challenge is None:
        phone.challenge = Challenge.parse(phone.ask(again).headers.get("WWW-Authenticate"))
        again = Request("REGISTER", again.uri, again.headers.copy())
        again.headers.remove("Via")
        again.headers.set("CSeq", f"{next(phone.cseq)} REGISTER")
    phone.authorize_again(again, **changes)
    return phone.ask(again)


@pytest.mark.req("T1")
def test_a_phone_signs_in_with_sha_256_and_is_found(world: World) -> None:
    phone = world.phone("201", register=False)
    first = phone.register(answer=False)
    assert first.status == 401
    assert first.to.tag
    [challenge] = first.headers.all("WWW-Authenticate")
    assert Challenge.parse(challenge).algorithm == "SHA-256"
    response = phone.register(expires=600)
    assert response.status == 200
    assert response.contact.params["expires"] == "600"
    [binding] = world.bindings.of_extension("201", world.wall())
    assert binding.path == (phone.connection.token.replace(";lr>", ";lr;ob>"),)
    assert binding.flow.source == "198.51.100.9"
    assert world.store.bindings
    assert world.told("registration.added")[0]["source"] == phone.connection.peer


def test_md5_is_offered_only_where_a_device_needs_it_and_taken_only_from_that_one(world: World) -> None:
    modern = world.phone("201", register=False)
    old = world.phone("202", register=False, legacy=True)
    answer = modern.register(answer=False)
    assert [Challenge.parse(v).algorithm for v in answer.headers.all("WWW-Authenticate")] == [
        "SHA-256",
        "MD5",
    ]
    for phone, status in ((old, 200), (modern, 401)):
        phone.connect()
        request = phone.base("REGISTER", "sip:voice.example", next(phone.cseq), "c", to=phone.aor)
        phone.challenge = Challenge.parse(answer.headers.all("WWW-Authenticate")[1])
        phone.authorize_again(request)
        assert phone.ask(request).status == status


def test_a_wrong_password_and_an_unknown_user_are_answered_alike(world: World) -> None:
    phone = world.phone("201", register=False)
    phone.connect()
    wrong = sign_in(phone, password="wrong")
    unknown = sign_in(phone, username="d99999")
    assert wrong.status == unknown.status == 401

    def shape(response):
        return [(name, len(value)) for name, value in response.headers.items() if name not in ("Via", "CSeq")]

    assert shape(wrong) == shape(unknown)
    assert "stale" not in wrong.headers.get("WWW-Authenticate")
    assert world.told("registration.refused")[0]["why"] == "wrong device name or password"
    assert sign_in(phone).status == 200  # a wrong answer uses nobody's nonce up


def test_the_same_request_again_is_not_taken(world: World) -> None:
    phone = world.phone("201", register=False)
    phone.connect()
    assert sign_in(phone).status == 200
    phone.nc -= 1
    again = sign_in(phone)
    assert again.status == 401
    assert "stale=true" in again.headers.get("WWW-Authenticate")
    assert world.told("security.replayed_nonce")[0]["device"] == phone.username
    phone.nc += 5
    assert sign_in(phone).status == 200


def test_an_old_nonce_is_stale(world: World) -> None:
    phone = world.phone("201", register=False)
    phone.connect()
    assert sign_in(phone).status == 200
    world.run(400)
    late = sign_in(phone)
    assert late.status == 401
    assert "stale=true" in late.headers.get("WWW-Authenticate")


def test_a_forged_nonce_and_another_realm_or_target_are_refused(world: World) -> None:
    phone = world.phone("201", register=False)
    phone.connect()
    assert sign_in(phone).status == 200
    good = phone.challenge
    phone.challenge = Challenge(good.realm, "A" * 48)
    assert sign_in(phone).status == 401
    phone.challenge = Challenge("elsewhere.example", good.nonce)
    assert sign_in(phone).status == 401
    phone.challenge = good
    request = phone.base("REGISTER", "sip:voice.example", next(phone.cseq), "c", to=phone.aor)
    phone.nc += 5
    phone.authorize_again(request)
    request.uri = "sip:elsewhere.example"
    assert phone.ask(request).status == 401
    request = phone.base("REGISTER", "sip:voice.example", next(phone.cseq), "c", to=phone.aor)
    request.headers.set("Authorization", 'Digest username="x"')
    assert phone.ask(request).status == 400


@pytest.mark.req("W2")
def test_the_edge_alone_is_told_which_device_a_flow_has_become(world: World) -> None:
    """It lets the same device cancel what it asked over a connection that is gone; `World` sees that no phone is told."""
    phone = world.phone("201")
    [binding] = world.bindings.of_device(1)
    assert phone.connection.device == str(binding.device_id)
    phone.register(0)
    assert phone.connection.device is None


def test_nobody_signs_in_at_somebody_elses_address(world: World) -> None:
    phone = world.phone("201", register=False)
    world.phone("202", register=False)
    phone.connect()
    foreign_to = phone.base("REGISTER", "sip:voice.example", 1, "c1", to="sip:202@voice.example")
    assert sign_in(phone).status == 200
    assert sign_in(phone, foreign_to).status == 403
    foreign_from = phone.base("REGISTER", "sip:voice.example", 2, "c1", to=phone.aor)
    foreign_from.headers.set("From", "<sip:202@voice.example>;tag=x")
    assert sign_in(phone, foreign_from).status == 403
    assert world.told("security.foreign_from")[0]["claimed"] == "202@voice.example"
    assert not world.bindings.of_extension("202", world.wall())


def test_a_call_in_somebody_elses_name_is_refused(world: World) -> None:
    phone, _ = world.phone("201"), world.phone("202")
    phone.extension = "202"
    a = phone.call("201")
    world.run()
    assert a.statuses == [403]
    assert world.told("security.foreign_from")[0]["claimed"] == "202@voice.example"
    phone.extension = "201"


def test_who_is_not_known_cannot_fill_the_ledger_with_refused_calls(world: World) -> None:
    phone, _ = world.phone("201"), world.phone("202")
    phone.extension = "202"
    before = len(world.records)
    for _ in range(50):
        phone.call("201")
    world.run()
    assert len(world.records) - before <= 2
    phone.extension = "201"


def test_a_call_over_a_connection_that_has_not_proven_itself_is_challenged(world: World) -> None:
    phone = world.phone("201")
    world.phone("202")
    phone.connect()
    a = phone.call("202")
    world.run()
    assert a.statuses == [401]
    request = phone.base("INVITE", "sip:202@voice.example", 2, "again", body=a.local_sdp)
    phone.authorize(request, a.responses[-1])
    response = phone.ask(request)
    assert response.status == 200
    world.run(40)  # it is never acknowledged, so it ends


def test_too_short_a_registration_is_told_the_shortest(world: World) -> None:
    phone = world.phone("201", register=False)
    response = phone.register(expires=10)
    assert response.status == 423
    assert response.headers.get("Min-Expires") == "60"
    assert not world.bindings.of_device(1)


def test_a_longer_one_than_is_given_is_shortened(world: World) -> None:
    phone = world.phone("201", register=False)
    assert phone.register(expires=999999).contact.params["expires"] == "3600"
    assert phone.register(expires=None).contact.params["expires"] == "600"


def test_star_removes_everything_and_needs_expires_0(world: World) -> None:
    phone = world.phone("201")
    assert phone.register(expires=600, contact="*").status == 400
    assert phone.register(expires=None, contact="*").status == 400
    assert world.bindings.of_device(1)
    response = phone.register(expires=0, contact="*")
    assert response.status == 200
    assert response.contact is None
    assert not len(world.bindings)
    assert not world.store.bindings
    assert world.told("registration.ended")[0]["why"] == "unregistered"
    a = phone.call("202")
    world.run()
    assert a.statuses == [401]  # the connection speaks for nobody any more


def test_a_contact_is_removed_by_expires_0(world: World) -> None:
    phone = world.phone("201")
    assert phone.register(expires=0).status == 200
    assert not len(world.bindings)


def test_a_register_without_contact_only_asks(world: World) -> None:
    phone = world.phone("201")
    request = phone.base(
        "REGISTER", "sip:voice.example", next(phone.cseq), phone.register_call_id, to=phone.aor
    )
    request.headers.remove("Contact")
    response = sign_in(phone, request)
    assert response.status == 200
    assert len(response.contacts) == 1


def test_instance_and_reg_id_name_a_binding(world: World) -> None:
    phone = world.phone("201", register=False)
    phone.connect()
    first = f'{phone.contact};+sip.instance="<urn:uuid:1>";reg-id=1'
    response = phone.register(contact=first)
    assert response.headers.get("Require") == "outbound"
    assert response.contact.params["reg-id"] == "1"
    assert response.contact.params["+sip.instance"] == '"<urn:uuid:1>"'
    phone.register(contact=first.replace(phone.connection.peer, "192.0.2.7:1"))
    assert len(world.bindings) == 1
    assert len(world.store.bindings) == 1
    phone.register(contact=first.replace("reg-id=1", "reg-id=2"))
    assert len(world.bindings) == 2


def test_two_flows_of_one_contact_share_a_row_that_stays_until_both_are_gone(world: World) -> None:
    phone = world.phone("201", register=False)
    phone.connect()
    contact = f'{phone.contact};+sip.instance="<urn:uuid:1>";reg-id='
    phone.register(contact=contact + "1")
    phone.register(contact=contact + "2")
    assert len(world.bindings) == 2
    phone.register(expires=0, contact=contact + "2")
    assert len(world.store.bindings) == len(world.bindings) == 1
    phone.register(expires=0, contact=contact + "1")
    assert not world.store.bindings


def test_the_number_of_bindings_of_a_device_is_bounded(world: World) -> None:
    phone = world.phone("201", register=False)
    phone.connect()
    for number in range(6):
        world.run(1)
        assert phone.register(contact=f"<sip:{number}@192.0.2.1>").status == 200
    assert {b.contact for b in world.bindings} == {f"sip:{n}@192.0.2.1" for n in (2, 3, 4, 5)}
    assert len(world.store.bindings) == 4
    many = ", ".join(f"<sip:{n}@192.0.2.1>" for n in range(5))
    assert phone.register(contact=many).status == 400


@pytest.mark.parametrize(
    "contact", ["<tel:+4912345>", "<sip:" + "x" * 600 + "@192.0.2.1>", "<mailto:a@b.example>"]
)
def test_a_contact_that_cannot_be_called_is_refused(world: World, contact: str) -> None:
    phone = world.phone("201", register=False)
    assert phone.register(contact=contact).status == 400
    assert not len(world.bindings)


def test_an_older_register_changes_nothing(world: World) -> None:
    phone = world.phone("201")
    old = phone.base(
        "REGISTER", "sip:voice.example", 1, phone.register_call_id, [("Expires", "0")], to=phone.aor
    )
    phone.nc += 1
    assert sign_in(phone, old).status == 500
    star = Request("REGISTER", old.uri, old.headers.copy())
    star.headers.remove("Via")
    star.headers.set("Contact", "*")
    assert sign_in(phone, star).status == 500
    assert len(world.bindings) == 1


def test_what_expires_is_swept_away(world: World) -> None:
    world.phone("201", register=False).register(expires=60)
    world.run(70)
    assert not len(world.bindings)
    assert not world.store.bindings
    assert world.told("registration.ended")[0]["why"] == "expired"


def test_a_binding_goes_with_its_connection(world: World) -> None:
    phone = world.phone("201")
    world.edge.close(phone.connection)
    world.run()
    assert not len(world.bindings)
    assert not world.store.bindings
    assert not world.authenticator._trusted


def test_a_device_that_moves_leaves_no_trust_behind(world: World) -> None:
    phone = world.phone("201", register=False)
    phone.connect()
    contact = '<sip:a@192.0.2.1>;+sip.instance="<urn:uuid:1>"'
    phone.register(contact=contact)
    old = phone.connection
    phone.connect()
    phone.register(contact=contact)
    assert [flow.peer for flow in world.authenticator._trusted] == [phone.connection.peer]
    assert old.peer != phone.connection.peer


def test_a_device_that_is_removed_is_signed_out(world: World) -> None:
    phone = world.phone("201")
    world.directory.snapshot = world.directory.snapshot.without_user("201")
    world.registrar.device_removed(1)
    assert not len(world.bindings)
    a = phone.call("201")
    world.run()
    assert a.statuses == [401]


def test_a_device_that_was_changed_has_to_prove_itself_again(world: World) -> None:
    phone = world.phone("201")
    world.phone("201", register=False, legacy=True)
    user = world.directory.snapshot.by_extension["201"]
    changed = type(user.devices[0])(1, "d1", 1, "201", "new", "0" * 64, None, legacy=False)
    world.directory.snapshot = world.directory.snapshot.with_user(type(user)(1, "201", "x", (changed,)))
    a = phone.call("202")
    world.run()
    assert a.statuses == [401]


def test_bindings_outlive_the_process(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    world.directory.snapshot = world.directory.snapshot.without_user("202")
    [row] = [dict(r) for r in world.store.bindings.values() if r["device_id"] == 1]
    world.store.bindings[1, "odd"] = {**row, "contact": "sip:odd@192.0.2.1", "flow": "nonsense"}
    world.store.bindings[1, "old"] = {**row, "contact": "sip:old@192.0.2.1", "expires_at": WALL}
    world.restart_core()
    assert [b.extension for b in world.bindings] == ["201"]
    a = alice.call("299")
    world.run()
    assert a.statuses == [404]  # and not 401: the connection is still known
    assert bob.connection.open


@pytest.mark.req("P4")
@pytest.mark.parametrize(
    "restarts", [("edge",), ("edge", "core"), ("core", "edge"), ("core", "edge", "core")]
)
def test_after_a_restart_of_the_edge_nobody_inherits_a_flow(world: World, restarts: tuple[str, ...]) -> None:
    world.phone("202")
    phone = world.phone("201")
    old = phone.connection
    for part in restarts:
        world.restart_edge() if part == "edge" else world.restart_core()
    stranger = world.phone("201", register=False)
    # From the same address and port, with the same number.
    for _ in range(old.id):
        mine = world.edge.connect(stranger, old.peer)
    stranger.connection = mine
    assert (mine.peer, mine.id) == (old.peer, old.id)
    a = stranger.call("202")
    world.run()
    assert a.statuses == [401]
    assert not len(world.bindings)
    assert not world.store.bindings
    assert {told["why"] for told in world.told("registration.ended")} == {"the edge was restarted"}
    assert not world.authenticator._trusted


@pytest.mark.req("P4")
def test_what_is_taken_up_speaks_for_nobody_before_the_edge_has_said_which_run_it_is(world: World) -> None:
    phone = world.phone("201")
    world.edge.core_up = False
    world.restart_core()
    assert [b.extension for b in world.bindings] == ["201"]
    assert not world.authenticator._trusted
    world.link_up()
    assert [str(flow) for flow in world.authenticator._trusted] == [phone.connection.flow]
    world.link_down()
    world.link_up()
    assert len(world.authenticator._trusted) == 1


def test_texts_that_are_no_utf8_do_not_break_the_store(world: World) -> None:
    phone = world.phone("201", register=False)
    phone.register_call_id = "id-\udcff"
    response = phone.register(headers=[("User-Agent", "Fon \udcfc\udcff")])
    assert response.status == 200
    assert next(iter(world.bindings)).user_agent == "Fon ??"


def test_a_request_without_a_flow_is_not_believed(world: World) -> None:
    phone = world.phone("201")
    request = phone.base("REGISTER", "sip:voice.example", 50, "x", to=phone.aor)
    request.headers.add("Via", "SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKnoflow")
    world.dispatcher.data(request.to_bytes())
    world.run()
    assert world.edge.from_core_log[-1].status == 400


def test_options_and_unknown_methods_are_answered(world: World) -> None:
    phone = world.phone("201")
    answers = [
        phone.ask(phone.base(method, "sip:voice.example", 1, f"m-{method}")).status
        for method in ("OPTIONS", "MESSAGE", "BYE", "UPDATE")
    ]
    assert answers == [200, 405, 481, 481]


def _guess(world, phone, count, **changes) -> None:
    """Wrong tries, each on its own, as fast as they come."""
    for number in range(count):
        assert sign_in(phone, password=f"wrong {number}", **changes).status == 401


@pytest.mark.req("N3")
def test_guessing_over_one_connection_is_stopped_and_on_record(world: World) -> None:
    phone, thief = world.phone("201", register=False), world.phone("202", register=False)
    thief.connect(source="192.0.2.1")
    _guess(world, thief, 30, username=phone.username)
    # The right one comes too late for somebody nobody knows, and they do not see that it was right.
    late = sign_in(thief, username=phone.username, password=phone.password)
    assert late.status == 401
    assert "stale" not in late.headers.get("WWW-Authenticate")
    alarms = [(one["scope"], one["account"], one["source"]) for one in world.told("security.guessing")]
    assert alarms == [(scope, phone.username, "192.0.2.1") for scope in ("account", "source")]
    assert len(world.records) < 10
    phone.connect(source="198.51.100.77")
    assert sign_in(phone).status == 200
    world.run(400)
    assert [one["tries"] for one in world.told("security.guessing")] == [10, 20, 31, 31]


@pytest.mark.req("N3")
def test_guessing_by_invite_is_guessing_as_by_register(world: World) -> None:
    phone, thief = world.phone("201", register=False), world.phone("202", register=False)
    thief.connect(source="192.0.2.1")
    request = thief.base("INVITE", f"sip:201@{world.domain}", 1, "guessed")
    asked = thief.ask(request)
    assert asked.status == 401
    thief.authorize(request, asked)
    for number in range(24):
        again = Request("INVITE", request.uri, request.headers.copy())
        again.headers.remove("Via")
        again.headers.set("CSeq", f"{number + 2} INVITE")
        thief.authorize_again(again, username=phone.username, password=f"wrong {number}")
        assert thief.ask(again).status == 401
    assert [alarm["scope"] for alarm in world.told("security.guessing")] == ["account", "source"]
    assert sign_in(thief, username=phone.username, password=phone.password).status == 401


@pytest.mark.parametrize("restart", [False, True])
def test_a_known_device_gets_in_at_once_though_somebody_guesses_behind_its_address(
    world: World, restart: bool
) -> None:
    office = "198.51.100.9"
    desk, soft = world.phone("201"), world.phone("202", register=False)
    instance = '<sip:soft@192.0.2.77>;+sip.instance="<urn:uuid:7>"'
    assert soft.register(contact=instance).status == 200
    for phone in (desk, soft):
        world.edge.close(phone.connection)
    world.run()
    if restart:
        world.restart_core()
    thief = world.phone("203", register=False)
    for number in range(8):
        for victim in (desk, soft):
            thief.connect(source=office)
            _guess(world, thief, 12, username=victim.username)
            thief.connect(source=f"192.0.2.{number}")
            _guess(world, thief, 5, username=victim.username)
    for phone, source, contact in ((desk, office, None), (soft, "203.0.113.200", instance)):
        phone.connect(source=source)
        phone.challenge = None
        assert phone.register(contact=contact).status == 200
        assert phone.register(contact=contact).status == 200
    # Whoever comes from elsewhere and says nothing of themselves has to wait.
    desk.connect(source="203.0.113.201")
    assert desk.register().status == 401


def test_a_replayed_sign_in_makes_no_place_known(world: World) -> None:
    phone, thief = world.phone("201", register=False), world.phone("202", register=False)
    phone.connect()
    assert sign_in(phone).status == 200
    seen = phone.base("REGISTER", f"sip:{world.domain}", next(phone.cseq), "seen", to=phone.aor)
    assert sign_in(phone, seen).status == 200
    thief.connect(source="192.0.2.1")
    for _ in range(3):
        again = Request("REGISTER", seen.uri, seen.headers.copy())
        again.headers.remove("Via")
        answer = thief.ask(again)
        assert answer.status == 401
        assert "stale=true" in answer.headers.get("WWW-Authenticate")
    assert not any(row["place"] == "network 192.0.2.1" for row in world.store.known_places.values())


def test_what_was_known_of_a_device_goes_with_it_and_stays_with_a_phone_that_is_logged_in_anew(
    world: World,
) -> None:
    world.phone("201")
    assert {row["account"] for row in world.store.known_places.values()} == {"1"}
    world.registrar.device_removed(1)
    assert world.store.known_places
    world.authenticator.device_gone(1)
    assert not world.store.known_places
