"""What the system tests share: one real system, people on it, phones that are hung up and closed afterwards.

All but the edge's own tests run in one event loop, because a process has one baresip and it lives in one loop.
"""

import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import suppress

import pytest
import pytest_asyncio

from ringwall.cli.demo.phones import Phone, Phones
from ringwall.infra.errors import RefusedError
from system.raw_phone import RawPhone
from system.running import PROGRAMS, Account, System, system_in_a_folder
from system.srtp import MediaPort

_sources = (f"127.0.{high}.{low}" for high in range(7, 256) for low in range(1, 255))

Connect = Callable[..., Awaitable[RawPhone]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    session_wide = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if isinstance(item, pytest.Function) and not item.path.name.startswith("test_edge_"):
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(300))
            if inspect.iscoroutinefunction(item.obj):
                item.add_marker(session_wide, append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the programs logged last."""
    report = yield
    if report.failed:
        used = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, System)]
        for system in used:
            for program in PROGRAMS:
                if words := system.log(program).strip().splitlines()[-15:]:
                    report.sections.append((f"{program}.log", "\n".join(line[:500] for line in words)))
    return report


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """The one system that most tests use. Who kills a part of it waits until it is ready again."""
    assert os.geteuid() == 0, "system tests need root: run ./ringwall test"
    with system_in_a_folder() as running:
        yield running


@pytest.fixture
def person(system: System) -> Iterator[Callable[..., Account]]:
    """Adds users with a device each; they are removed afterwards."""
    added: list[str] = []

    def add(name: str = "") -> Account:
        account = system.person(name)
        added.append(account.extension)
        return account

    yield add
    for extension in added:
        with suppress(RefusedError):  # the test removed it
            system.ask("user.remove", extension=extension)


@pytest.fixture
def give(system: System) -> Iterator[Callable[..., None]]:
    """Puts people into a group of their own, with a telephony class of service made to order."""
    made: list[tuple[str, dict[str, str]]] = []
    people: list[str] = []

    def group(name: str, *accounts: Account, **permissions: object) -> None:
        system.ask("cos.telephony.add", cos=name, max_calls=8, **permissions)
        made.append(("cos.telephony.remove", {"cos": name}))
        system.ask("group.add", group=name, name=name, telephony=name)
        made.append(("group.remove", {"group": name}))
        for account in accounts:
            system.ask("user.set", extension=account.extension, group=name)
            people.append(account.extension)

    yield group
    for extension in people:
        with suppress(RefusedError):  # the user was removed before
            system.ask("user.set", extension=extension, group="least-privileged")
    for operation, arguments in reversed(made):
        system.ask(operation, **arguments)


@pytest_asyncio.fixture(loop_scope="session")
async def connect(system: System, person: Callable[..., Account]) -> AsyncIterator[Connect]:
    """Connects raw phones, of a new user unless told whose; they are closed afterwards."""
    phones: list[RawPhone] = []

    async def make(account: Account | None = None, **how: object) -> RawPhone:
        phone = await RawPhone.connect(system, account or person(), **how)  # type: ignore[arg-type]
        phones.append(phone)
        return phone

    yield make
    for phone in phones:
        await phone.close()


@pytest.fixture
def source() -> str:
    """A source address that no other test uses: events of one source are folded into one record for a while."""
    return next(_sources)


@pytest.fixture
def media(system: System) -> Iterator[Callable[[], MediaPort]]:
    """Opens media ports for raw phones."""
    ports: list[MediaPort] = []

    def make() -> MediaPort:
        ports.append(MediaPort(system.settings.address))
        return ports[-1]

    yield make
    for port in ports:
        port.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def baresip(system: System) -> AsyncIterator[Phones]:
    """The one baresip of this process."""
    async with Phones(system.layout.ca_certificate, system.settings.address) as phones:
        yield phones


@pytest_asyncio.fixture(loop_scope="session")
async def desk_phones(
    baresip: Phones, person: Callable[..., Account]
) -> AsyncIterator[Callable[..., Awaitable[Phone]]]:
    """Makes real phones that have signed in; they play 440 Hz unless told otherwise and take every call."""
    phones: list[Phone] = []

    async def make(account: Account | None = None, *, hertz: float = 440.0, **how: object) -> Phone:
        phone = await baresip.phone(account or person(), **how)  # type: ignore[arg-type]
        phone.tone_hz = hertz
        phones.append(phone)
        await phone.register()
        return phone

    yield make
    for phone in phones:
        with suppress(Exception):
            await phone.unregister()
