"""What phones fetch below /firmware: metadata and images, public both, and nothing else (F1, F2).

Rules that this module keeps:
- What is handed out is looked up by name in what is published; no path of a request ever reaches the disk.
- An image is handed out as long as it is signed, never before and never after it was revoked.
- Images are read in pieces. How many go out at a time is bounded, in all and for each source, and a phone
  that takes none for half a minute is let go: the pool of connections is there for others too.
- Metadata that changes is asked for anew each time; whatever has version or hash in its name never changes.
"""

import asyncio
import os
from collections import Counter
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from ringwall.core.errors import CoreSignal
from ringwall.core.firmware.repository import SignedImage
from ringwall.core.firmware.service import FirmwareService
from ringwall.core.lockout.window import network_of
from ringwall.infra.firmware import FirmwareError, ImageName

MOST_AT_A_TIME = 96
MOST_OF_A_SOURCE = 16
STALLED_S = 30.0
RETRY_S = 10

_UNCHANGING = "public, max-age=31536000, immutable"


def firmware_files(firmware: FirmwareService) -> APIRouter:
    """Return the routes that anybody may ask."""
    router = APIRouter(prefix="/firmware", include_in_schema=False)
    going = _Going()

    @router.api_route("/metadata/{name}", methods=["GET", "HEAD"])
    async def metadata(name: str) -> Response:
        found = firmware.repository.served(name)
        if found is None:
            raise HTTPException(404, "Not Found")
        keep = "no-cache" if name == "timestamp.json" else _UNCHANGING
        return Response(found, media_type="application/json", headers={"cache-control": keep})

    @router.api_route("/targets/{vendor}/{model}/{version}/{file}", methods=["GET", "HEAD"])
    async def target(vendor: str, model: str, version: str, file: str, request: Request) -> Response:
        sha256, _dot, filename = file.partition(".")
        try:
            path = str(ImageName(vendor, model, version, filename))
        except FirmwareError:
            raise HTTPException(404, "Not Found") from None
        image = firmware.repository.images.get(path)
        return going.answer(firmware, image if image and image.sha256 == sha256 else None, request)

    @router.api_route("/images/{sha256}/{filename}", methods=["GET", "HEAD"])
    async def image(sha256: str, filename: str, request: Request) -> Response:
        signed = firmware.repository.by_hash.get(sha256, [])
        found = next((one for one in signed if one.name.filename == filename), None)
        return going.answer(firmware, found, request)

    return router


class _Going:
    """The downloads that are going on."""

    def __init__(self) -> None:
        self._sources: Counter[str] = Counter()

    def answer(self, firmware: FirmwareService, image: SignedImage | None, request: Request) -> Response:
        """Return the image, or why not; a source that has enough is told to come back."""
        if image is None:
            raise HTTPException(404, "Not Found")
        tag = f'"{image.sha256}"'
        if tag in request.headers.get("if-none-match", "").replace("W/", "").split(", "):
            return Response(status_code=304, headers={"etag": tag, "cache-control": _UNCHANGING})
        source = network_of(request.state.source)
        if self._sources[source] >= MOST_OF_A_SOURCE or self._sources.total() >= MOST_AT_A_TIME:
            error = {
                "code": "unavailable",
                "message": "Too many downloads at once: try again.",
                "field": None,
            }
            return JSONResponse({"error": error}, status_code=503, headers={"Retry-After": str(RETRY_S)})
        path = firmware.images.path(image.sha256)
        try:
            return _Download(path, path.stat(), tag, self._sources, source)
        except FileNotFoundError:
            raise HTTPException(404, "Not Found") from None


class _Download(FileResponse):
    """An image on its way: whole or one range of it, counted while it goes."""

    max_ranges = 1

    def __init__(
        self, path: Path, found: os.stat_result, tag: str, sources: Counter[str], source: str
    ) -> None:
        headers = {"etag": tag, "cache-control": _UNCHANGING}
        super().__init__(path, headers=headers, media_type="application/octet-stream", stat_result=found)
        self._sources, self._source = sources, source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def in_time(message: Message) -> None:
            try:
                await asyncio.wait_for(send(message), STALLED_S)
            except TimeoutError:
                raise _StalledError from None

        self._sources[self._source] += 1
        try:
            await super().__call__(scope, receive, in_time)
        except* _StalledError:
            # The answer is half sent, and what waits to be sent would keep the connection for ever.
            scope["state"]["abort"]()
        finally:
            self._sources[self._source] -= 1
            if not self._sources[self._source]:
                del self._sources[self._source]


class _StalledError(CoreSignal):
    pass
