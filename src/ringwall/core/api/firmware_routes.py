"""The administrators' routes to firmware: each carries a request to an operation, and decides nothing."""

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from ringwall.core.api import models
from ringwall.core.firmware import schema
from ringwall.core.operations import Actor, Operations


def firmware_routes(operations: Operations, signed_in: Any) -> APIRouter:
    """Return the routes; `signed_in` is the dependency that gives the Actor."""
    router = APIRouter(
        prefix="/api/firmware",
        responses={code: {"model": models.Error} for code in (401, 403, 404, 409, 422)},
    )
    ByAdmin = Annotated[Actor, Depends(signed_in)]  # noqa: N806  (a type, made of an argument)

    @router.get("", response_model=schema.Overview)
    async def overview(actor: ByAdmin) -> Any:
        return await operations.run("firmware.list", None, actor)

    @router.get("/metadata", response_model=schema.Fetched)
    async def fetch(actor: ByAdmin) -> Any:
        return await operations.run("firmware.fetch", None, actor)

    @router.put("/images/{sha256}", response_model=schema.Had)
    async def upload(
        sha256: str,
        actor: ByAdmin,
        request: Request,
        length: Annotated[int, Query(gt=0)],
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> Any:
        """Bring a piece of an image, as the body; go on at `have`."""
        data = base64.b64encode(await request.body()).decode()
        asked = {"sha256": sha256, "length": length, "offset": offset, "data": data}
        return await operations.run("firmware.upload", asked, actor)

    @router.post("/publications", response_model=schema.Overview, status_code=201)
    async def publish(proposed: schema.Proposed, actor: ByAdmin) -> Any:
        return await operations.run("firmware.publish", proposed.model_dump(), actor)

    @router.post("/online-keys", response_model=schema.Fetched, status_code=201)
    async def rotate(actor: ByAdmin) -> Any:
        return await operations.run("firmware.rotate", None, actor)

    @router.patch("/rollouts/{vendor}/{model}", response_model=schema.RolloutShown)
    async def change_rollout(vendor: str, model: str, given: schema.RolloutChanges, actor: ByAdmin) -> Any:
        asked = {**given.model_dump(exclude_unset=True), "vendor": vendor, "model": model}
        return await operations.run("firmware.rollout", asked, actor)

    @router.get("/offers/{vendor}/{model}", response_model=schema.Told)
    async def offer(
        vendor: str,
        model: str,
        device: str,
        actor: ByAdmin,
        group: str | None = None,
        version: str | None = None,
    ) -> Any:
        asked = {"vendor": vendor, "model": model, "device": device, "group": group, "version": version}
        return await operations.run("firmware.offer", asked, actor)

    @router.post("/verification", response_model=schema.Checked)
    async def verify(actor: ByAdmin) -> Any:
        return await operations.run("firmware.verify", None, actor)

    return router
