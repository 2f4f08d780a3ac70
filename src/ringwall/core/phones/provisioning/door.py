"""The door for phones: configuration, and what a phone asks besides (P1, P4, P5).

Rules that this module keeps:
- It serves only what came in by the edge's listener for phones, which says so in X-Ringwall-Door and checks
  certificates.
- Nothing but the root certificate is given to who has not proven which phone it is; the answer is always the
  same.
- The path may hold a phone's secret: it is in no log and no record.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ringwall.core.errors import OperationError, StoreError
from ringwall.core.phones.model import PhoneEntry
from ringwall.core.phones.provisioning import rendering
from ringwall.core.phones.provisioning.apps import LoginPages
from ringwall.core.phones.provisioning.device_api import DeviceApi
from ringwall.core.phones.provisioning.facts import FactFinder
from ringwall.core.phones.provisioning.guard import Guard
from ringwall.core.phones.provisioning.proof import Prover, Shown, Unproven, basic_credentials
from ringwall.core.phones.secrets import TOKEN_LENGTH
from ringwall.core.phones.seen import Seen, SeenPhones
from ringwall.core.phones.service import PhoneService
from ringwall.core.phones.vendors import LONGEST_AGENT, VENDORS, Asked, asked_by, version_in

DOOR_HEADER: Final = "x-ringwall-door"
DOOR: Final = "phones"
CERTIFICATE_HEADER: Final = "x-ringwall-certificate"
LARGEST_BODY: Final = 16 * 1024


class _Token(Convertor[str]):
    """The secret part of a phone's own address."""

    regex = f"[a-z2-7]{{{TOKEN_LENGTH}}}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("token", _Token())

Deal = Callable[[Request, PhoneEntry], Awaitable[Response]]


class Door:
    """Finds out who asks and gives what is theirs."""

    def __init__(
        self,
        phones: PhoneService,
        prover: Prover,
        guard: Guard,
        seen: SeenPhones,
        facts: FactFinder,
        pages: LoginPages,
        api: DeviceApi,
    ) -> None:
        self._phones = phones
        self._prover = prover
        self._guard = guard
        self._seen = seen
        self._facts = facts
        self._pages = pages
        self._api = api

    def app(self) -> Starlette:
        """Return the application for what lies below /phone."""
        given: list[Route] = []
        for before in ("", "/{token:token}"):
            given += [
                Route(f"{before}/app/{{vendor}}/{{page}}", self._proven(self._page), methods=["GET", "POST"]),
                Route(f"{before}/v1/config", self._proven(self._config), methods=["GET"]),
                Route(f"{before}/v1/login", self._proven(self._api.login), methods=["POST"]),
                Route(f"{before}/v1/logout", self._proven(self._api.logout), methods=["POST"]),
                Route(f"{before}/v1/firmware", self._proven(self._api.firmware), methods=["POST"]),
                # Mitel fetches the root certificate by its name, from where it has its configuration.
                Route(f"{before}/ringwall.pem", self._ca, methods=["GET"]),
                Route(f"{before}/{{file}}", self._file, methods=["GET"]),
            ]
        return Starlette(
            routes=[
                Route("/ca.crt", self._ca, methods=["GET"]),
                Route("/v1/enrol", self._enrol, methods=["POST"]),
                Route("/v1/renew", self._proven(self._api.renew), methods=["POST"]),
                *given,
                Route("/{rest:path}", self._nothing, methods=["GET", "POST"]),
            ],
            exception_handlers={OperationError: _not_done, StoreError: _not_done},
        )

    async def _ca(self, _request: Request) -> Response:
        return PlainTextResponse(self._facts.root, media_type="application/x-pem-file")

    def _proven(self, deal: Deal) -> Callable[[Request], Awaitable[Response]]:
        async def dealt(request: Request) -> Response:
            began = asyncio.get_running_loop().time()
            found = await self._prove(request, Asked())
            if isinstance(found, Unproven):
                return await self._refuse(request, began, found)
            return await deal(request, found)

        return dealt

    async def _file(self, request: Request) -> Response:
        began = asyncio.get_running_loop().time()
        name = request.path_params["file"]
        asked = asked_by(name, _agent(request))
        found = await self._prove(request, asked)
        if isinstance(found, Unproven):
            return await self._refuse(request, began, found)
        vendor = VENDORS.get(found.vendor)
        if vendor is None or not any(form.match(name) for form in vendor.files):
            # A proven phone that asks for more than its own file: its vendor's common files, a directory.
            return PlainTextResponse("There is no such file.\n", 404)
        return await self._configuration(request, found, name)

    async def _config(self, request: Request, phone: PhoneEntry) -> Response:
        return await self._configuration(request, phone, f"{phone.mac}.json")

    async def _configuration(self, request: Request, phone: PhoneEntry, name: str) -> Response:
        phone = await self._phones.furnish(phone, request.state.source)
        self._note(request, phone.mac, proven=True)
        vendor = VENDORS[phone.vendor]
        facts = self._facts.of(phone, version_in(_agent(request)))
        return Response(rendering.render(facts, name), media_type=vendor.content)

    async def _page(self, request: Request, phone: PhoneEntry) -> Response:
        return await self._pages.page(request, phone, self._facts.of(await self._phones.furnish(phone, "")))

    async def _enrol(self, request: Request) -> Response:
        began = asyncio.get_running_loop().time()
        found = await self._api.enrol(request, self._shown(request, Asked()))
        if isinstance(found, Unproven):
            return await self._refuse(request, began, found)
        return found

    async def _nothing(self, request: Request) -> Response:
        began = asyncio.get_running_loop().time()
        return await self._refuse(request, began, Unproven("unknown", "nothing that there is"))

    async def _prove(self, request: Request, asked: Asked) -> PhoneEntry | Unproven:
        if request.headers.get(DOOR_HEADER) != DOOR:
            return Unproven("unknown", "not by the door for phones")
        return await self._prover.prove(self._shown(request, asked))

    def _shown(self, request: Request, asked: Asked) -> Shown:
        return Shown(
            asked,
            request.state.source,
            request.headers.get(CERTIFICATE_HEADER, "").encode("latin-1"),
            request.path_params.get("token", ""),
            basic_credentials(request.headers.get("authorization", "")),
        )

    async def _refuse(self, request: Request, began: float, found: Unproven) -> Response:
        if found.mac:
            self._note(request, found.mac, proven=False)
        return await self._guard.refuse(began, request.state.source, found.kind, found.why, found.mac)

    def _note(self, request: Request, mac: str, *, proven: bool) -> None:
        seen = Seen(time.time(), request.state.source, _agent(request), proven)
        self._seen.note(mac, seen)


def _agent(request: Request) -> str:
    text = request.headers.get("user-agent", "")[:LONGEST_AGENT]
    return "".join(sign if sign.isprintable() else " " for sign in text)


async def _not_done(_request: Request, error: Exception) -> Response:
    unavailable = isinstance(error, StoreError) or getattr(error, "code", "") == "unavailable"
    return PlainTextResponse("This is not possible now: try again.\n", 503 if unavailable else 409)
