"""What the phone asks of its server, and what it makes of the answers."""

import json

import pytest

from ringwall.phone.identity import Identity, IdentityError
from ringwall.phone.provisioning import Answer, NotKnownError, Provisioning
from ringwall.phone.server import ServerError
from support.phone_papers import issued

MAC = "020000000001"


class Server:
    """Answers from a list; remembers what it was asked, and the certificate that was shown."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.asked: list[tuple] = []
        self.shown = None

    def identify(self, pem) -> None:
        self.shown = pem

    async def ask(self, method, path, *, told=None, headers=None):
        self.asked.append((method, path, told))
        status, body = self.answers.pop(0)
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()


def made(tmp_path, *answers) -> tuple[Provisioning, Server, Identity]:
    identity, server = Identity(tmp_path, MAC, None), Server(*answers)
    return Provisioning(server, identity, MAC, "reference"), server, identity


@pytest.mark.req("P4")
async def test_a_phone_is_let_in_with_a_code_a_pin_or_where_it_is(tmp_path) -> None:
    provisioning, server, identity = made(tmp_path)
    certificate = issued(identity.request())
    for how in ({"code": "ABC"}, {"extension": "201", "pin": "4711"}, {}):
        server.answers = [(201, {"certificate": certificate})]
        await provisioning.enrol(**how)
        method, path, told = server.asked[-1]
        assert (method, path) == ("POST", "/phone/v1/enrol")
        assert told == {"mac": MAC, "csr": told["csr"], "model": "reference", **how}
        assert "CERTIFICATE REQUEST" in told["csr"]
    assert identity.pem is not None


@pytest.mark.req("P4")
async def test_who_is_not_let_in_keeps_asking_and_a_false_certificate_is_not_taken(tmp_path) -> None:
    provisioning, server, identity = made(tmp_path, (401, b"no"), (400, {"text": "Too long."}))
    with pytest.raises(NotKnownError, match="Nobody has let"):
        await provisioning.enrol()
    with pytest.raises(NotKnownError, match="Too long"):
        await provisioning.enrol()
    server.answers = [(201, {"certificate": "x"}), (201, b"[]")]
    for _ in range(2):
        with pytest.raises(IdentityError):
            await provisioning.enrol()
    assert identity.pem is None


@pytest.mark.req("P3")
async def test_login_and_logout_say_what_came_of_it(tmp_path) -> None:
    provisioning, server, _ = made(
        tmp_path,
        (200, {"extension": "201", "name": "Anna"}),
        (403, {"reason": "wrong", "text": "The extension or the PIN is wrong."}),
        (403, {"reason": "must_change", "text": "Choose a new PIN."}),
        (503, b"busy"),
        (200, {"state": "available"}),
    )
    assert await provisioning.login("201", "4711") == Answer(done=True)
    assert "new_pin" not in server.asked[-1][2]
    assert (await provisioning.login("201", "1")).reason == "wrong"
    assert (await provisioning.login("201", "1", "582913")).reason == "must_change"
    assert server.asked[-1][2]["new_pin"] == "582913"
    assert await provisioning.login("201", "1") == Answer(False, "503", "The server answers 503.")
    assert (await provisioning.logout()).done


async def test_a_configuration_is_fetched_with_the_certificate_that_the_phone_has(tmp_path) -> None:
    provisioning, server, identity = made(tmp_path)
    identity.take(issued(identity.request()))
    server.answers = [(401, b""), (500, b""), (201, {"certificate": issued(identity.request())})]
    with pytest.raises(NotKnownError):
        await provisioning.configuration()
    assert server.shown == identity.pem
    with pytest.raises(ServerError, match="answers 500"):
        await provisioning.configuration()
    await provisioning.renew()
    assert server.asked[-1][1] == "/phone/v1/renew"


@pytest.mark.req("F2")
async def test_a_refused_image_is_told_with_the_reason(tmp_path) -> None:
    provisioning, server, _ = made(tmp_path, (200, {"noted": True}), (503, b""))
    refusal = {
        "reason": "changed",
        "text": "...",
        "image": "ringwall/reference/2/x",
        "running": "1.0",
        "at": 1.0,
    }
    assert await provisioning.report(refusal)
    told = {"image": "ringwall/reference/2/x", "version": "1.0", "reason": "changed"}
    assert server.asked[-1] == ("POST", "/phone/v1/firmware", told)
    assert not await provisioning.report(refusal)
