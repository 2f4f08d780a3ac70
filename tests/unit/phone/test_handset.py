"""The phone as a whole, without a network: it keeps at it, and says that it is up at the right time."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from ringwall.phone import handset as module
from ringwall.phone.handset import Handset, PhoneError
from ringwall.phone.keys import Keys
from ringwall.phone.provisioning import Provisioning
from ringwall.phone.server import ServerError
from support.phone_papers import GOOD, issued


class Loader:
    """What the loader would say."""

    version = "1.0"

    def __init__(self, ca_file) -> None:
        self.hello = {
            "vendor": "ringwall",
            "model": "reference",
            "version": "1.0",
            "mac": "020000000001",
            "ca_file": str(ca_file),
            "identity": "",
        }
        self.ups = 0
        self.wishes: list[tuple[str, str]] = []
        self.answer = {"event": "installed", "version": "1.2"}
        self.waiting: list[dict] = []
        self.restarts = 0
        self.told: list[dict] = []

    async def up(self) -> None:
        self.ups += 1

    async def update(self, url, path) -> dict:
        self.wishes.append((url, path))
        self.told.append(self.answer)
        return self.answer

    async def refusals(self) -> list[dict]:
        return list(self.waiting)

    def reported(self, number) -> None:
        del self.waiting[:number]

    def restart(self) -> None:
        self.restarts += 1


class Line:
    """What the SIP stack would do."""

    def __init__(self, _address, changed) -> None:
        self.changed = changed
        self.accounts: list = []
        self.talks: list = []
        self.signed_in, self.why_not, self.last, self.hertz = False, "", None, 0.0

    async def start(self) -> None:
        pass

    async def sign_in(self, account, _port) -> None:
        self.accounts.append(account)
        self.signed_in = True

    async def sign_out(self) -> None:
        self.signed_in = False

    async def close(self) -> None:
        pass


class Signalling:
    port = 5

    def __init__(self, *_args) -> None:
        pass

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Server:
    """A server that lets the phone in when it is told to."""

    origin = "https://x"

    def __init__(self) -> None:
        self.lets_in = True
        self.away = False
        self.config = json.loads(json.dumps(GOOD))
        self.asked: list[tuple[str, dict | None]] = []

    def identify(self, _pem) -> None:
        pass

    async def ask(self, _method, path, *, told=None, headers=None):
        name = path.rpartition("/")[2]
        self.asked.append((name, told))
        if self.away:
            raise ServerError("The server cannot be reached: away.")
        if not self.lets_in:
            return 401, b"no"
        answers = {
            "enrol": lambda: (201, {"certificate": issued(told["csr"])}),
            "config": lambda: (200, self.config),
        }
        status, body = answers.get(name, lambda: (200, {}))()
        return status, json.dumps(body).encode()


@pytest.fixture
def parts(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "Line", Line)
    monkeypatch.setattr(module, "Signalling", Signalling)
    monkeypatch.setattr(module, "AGAIN_S", 0.05)
    monkeypatch.setattr(module, "AGAIN_LONGEST_S", 0.1)
    loader, server = Loader(tmp_path / "ca.crt"), Server()
    phone = Handset(tmp_path, loader, server="https://x", address="127.0.0.1")

    async def find() -> Provisioning:
        phone._server = server
        phone._provisioning = Provisioning(server, phone._identity, phone.mac, "reference")
        return phone._provisioning

    monkeypatch.setattr(phone, "_find", find)
    return phone, loader, server


@asynccontextmanager
async def running(phone):
    task = asyncio.create_task(phone.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition) -> None:
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


@pytest.mark.req("P1", "P3")
async def test_a_phone_that_is_let_in_signs_in_with_what_it_is_told(parts) -> None:
    phone, loader, server = parts
    async with running(phone):
        await until(lambda: phone.line and phone.line.signed_in and loader.restarts)
        assert phone.phase == "ready"
        assert phone.line.accounts[0].username == "d1"
        assert [name for name, _ in server.asked[:2]] == ["enrol", "config"]
        assert loader.ups == 1
        assert loader.wishes == [("https://192.0.2.1/firmware/", "ringwall/reference/1.2/reference.rwi")]


@pytest.mark.req("P2", "P4")
async def test_until_it_is_let_in_it_shows_that_and_does_nothing_else(parts) -> None:
    phone, loader, server = parts
    server.lets_in = False
    async with running(phone):
        await until(lambda: len(server.asked) >= 3)
        assert phone.phase == "waiting to be let in"
        assert phone.line is None
        assert loader.ups == 1  # the image is good, whatever the server thinks of the phone
        with pytest.raises(PhoneError):
            await Keys(phone)("dial", {"number": "202"})
        phone.let_in("ABCDE")
        await until(lambda: ("enrol", "ABCDE") in [(n, (t or {}).get("code")) for n, t in server.asked])
        server.lets_in = True
        await until(lambda: phone.phase == "ready")


async def test_a_server_that_is_away_is_asked_again_and_is_no_fault_of_the_image(parts) -> None:
    phone, loader, server = parts
    server.away = True
    async with running(phone):
        await until(lambda: loader.ups == 1)
        assert phone.phase == "no server"
        assert "away" in phone.text
        server.away = False
        await until(lambda: phone.phase == "ready")


@pytest.mark.req("P3")
async def test_a_reload_brings_the_new_user_and_forgets_the_lamp_of_the_old_one(parts) -> None:
    phone, loader, server = parts
    server.config["firmware"] = None
    async with running(phone):
        await until(lambda: phone.phase == "ready")
        phone._told("message-summary", "", b"Messages-Waiting: yes\r\nVoice-Message: 2/0\r\n")
        assert phone.shown()["lamp"] == {"on": True, "new": 2}
        server.config |= {"state": "available", "user": None}
        phone._told("check-sync", "", b"")
        await until(lambda: phone.config is not None and not phone.config.assigned)
        await until(lambda: not phone.lamp[0])
        assert phone.shown()["user"] is None
        assert loader.wishes == []


@pytest.mark.req("P4")
async def test_a_phone_that_the_server_forgot_asks_to_be_let_in_anew(parts) -> None:
    phone, _loader, server = parts
    async with running(phone):
        await until(lambda: phone.line and phone.line.signed_in)
        server.lets_in = False
        phone.reload()
        await until(lambda: phone.phase == "waiting to be let in")
        assert phone._identity.pem is None
        assert not phone.line.signed_in
        assert phone.config is None


@pytest.mark.req("F2")
async def test_a_refused_image_is_told_to_the_server_and_the_phone_goes_on(parts) -> None:
    phone, loader, server = parts
    loader.answer = {"event": "refused", "reason": "changed"}
    loader.waiting = [{"reason": "changed", "image": "x", "running": "1.0"}]
    async with running(phone):
        await until(lambda: not loader.waiting)
        assert ("firmware", {"image": "x", "version": "1.0", "reason": "changed"}) in server.asked
        assert phone.phase == "ready"
        assert loader.restarts == 0


@pytest.mark.req("F2")
async def test_new_firmware_is_started_when_nobody_is_on_the_phone(parts) -> None:
    phone, loader, _server = parts

    class Busy(Line):
        def __init__(self, *how) -> None:
            super().__init__(*how)
            self.talks = [object()]

    async with running(phone):
        module.Line, before = Busy, module.Line
        try:
            await until(lambda: loader.wishes)
            await asyncio.sleep(0.05)
            assert loader.restarts == 0
            phone.line.talks.clear()
            phone.line.changed()
            await until(lambda: loader.restarts == 1)
        finally:
            module.Line = before


async def test_a_user_who_logs_in_at_a_phone_that_nobody_let_in_lets_it_in(parts) -> None:
    phone, _loader, server = parts
    await phone._find()
    told = await Keys(phone)("login", {"extension": "201", "pin": "4711"})
    assert told["done"]
    assert [name for name, _ in server.asked] == ["enrol", "login"]
    assert server.asked[0][1]["pin"] == "4711"


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("nothing", {}),
        ("dial", {}),
        ("dial", {"number": 5}),
        ("dial", {"number": "1" * 500}),
        ("answer", {}),
        ("hold", {"call": 7}),
        ("button", {"button": 3}),
        ("login", {"extension": "201"}),
        ("tone", {"hertz": 440}),
    ],
)
async def test_a_key_that_does_nothing_says_why(parts, key, told) -> None:
    phone, _loader, _server = parts
    with pytest.raises(PhoneError):
        await Keys(phone)(key, told)
