"""The routes: each carries a request to an operation, and decides nothing."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from ringwall.core.api import models
from ringwall.core.directory import schema as directory
from ringwall.core.operations import Actor, Operations
from ringwall.core.pins import schema as pins


def directory_routes(operations: Operations, signed_in: Any) -> APIRouter:
    """Return the routes to users and devices; `signed_in` is the dependency that gives the Actor."""
    router = APIRouter(prefix="/api", responses={401: {"model": models.Error}})
    ByAdmin = Annotated[Actor, Depends(signed_in)]  # noqa: N806  (a type, made of an argument)

    @router.get("/users", response_model=list[directory.User])
    async def list_users(actor: ByAdmin) -> Any:
        return await operations.run("user.list", None, actor)

    @router.post("/users", response_model=directory.User, status_code=201)
    async def add_user(user: directory.UserAdd, actor: ByAdmin) -> Any:
        return await operations.run("user.add", user.model_dump(exclude_unset=True), actor)

    @router.get("/users/{extension}", response_model=directory.User)
    async def show_user(extension: str, actor: ByAdmin) -> Any:
        return await operations.run("user.show", {"extension": extension}, actor)

    @router.patch("/users/{extension}", response_model=directory.User)
    async def change_user(extension: str, changes: directory.UserChanges, actor: ByAdmin) -> Any:
        given = changes.model_dump(exclude_unset=True)
        return await operations.run("user.set", {**given, "extension": extension}, actor)

    @router.delete("/users/{extension}", response_model=directory.User)
    async def remove_user(extension: str, actor: ByAdmin) -> Any:
        return await operations.run("user.remove", {"extension": extension}, actor)

    @router.get("/users/{extension}/pin", response_model=pins.PinState)
    async def show_pin(extension: str, actor: ByAdmin) -> Any:
        return await operations.run("user.pin.show", {"extension": extension}, actor)

    @router.put("/users/{extension}/pin", response_model=pins.PinState)
    async def set_pin(extension: str, change: pins.PinChange, actor: ByAdmin) -> Any:
        given = change.model_dump(exclude_unset=True)
        return await operations.run("user.pin.set", {**given, "extension": extension}, actor)

    @router.post("/users/{extension}/pin/reset", response_model=pins.FirstPin)
    async def reset_pin(extension: str, actor: ByAdmin) -> Any:
        return await operations.run("user.pin.reset", {"extension": extension}, actor)

    @router.post("/users/{extension}/pin/unlock", response_model=pins.PinState)
    async def unlock_pin(extension: str, actor: ByAdmin) -> Any:
        return await operations.run("user.pin.unlock", {"extension": extension}, actor)

    @router.get("/devices", response_model=list[directory.Device])
    async def list_devices(actor: ByAdmin, extension: str | None = None) -> Any:
        return await operations.run("device.list", {"extension": extension}, actor)

    @router.post("/devices", response_model=directory.DeviceAdded, status_code=201)
    async def add_device(device: directory.DeviceAdd, actor: ByAdmin) -> Any:
        return await operations.run("device.add", device.model_dump(), actor)

    @router.delete("/devices/{device}", response_model=directory.Device)
    async def remove_device(device: str, actor: ByAdmin) -> Any:
        return await operations.run("device.remove", {"device": device}, actor)

    return router


def running_routes(operations: Operations, signed_in: Any) -> APIRouter:
    """Return the routes to what runs now and to the ledger; arguments as above."""
    router = APIRouter(prefix="/api", responses={401: {"model": models.Error}})
    ByAdmin = Annotated[Actor, Depends(signed_in)]  # noqa: N806  (a type, made of an argument)

    @router.get("/status", response_model=models.Told)
    async def status(actor: ByAdmin) -> Any:
        return await operations.run("status", None, actor)

    @router.get("/ledger", response_model=models.Records)
    async def ledger(
        actor: ByAdmin,
        after: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        kind: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Any:
        return await operations.run("ledger.tail", {"after": after, "limit": limit, "kind": kind}, actor)

    @router.post("/ledger/verification", response_model=models.Verdict)
    async def verify(actor: ByAdmin) -> Any:
        return await operations.run("ledger.verify", None, actor)

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request, _actor: ByAdmin) -> Any:
        return request.app.openapi()

    return router
