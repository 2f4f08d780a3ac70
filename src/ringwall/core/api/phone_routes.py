"""The routes to phones: each carries a request to an operation."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from ringwall.core.api import models
from ringwall.core.operations import Actor, Operations
from ringwall.core.phones import schema


def phone_routes(operations: Operations, signed_in: Any) -> APIRouter:
    """Return the routes; `signed_in` is the dependency that gives the Actor."""
    router = APIRouter(
        prefix="/api", responses={code: {"model": models.Error} for code in (401, 403, 404, 409, 422)}
    )
    ByAdmin = Annotated[Actor, Depends(signed_in)]  # noqa: N806  (a type, made of an argument)

    @router.get("/phones", response_model=list[schema.Phone])
    async def list_phones(actor: ByAdmin) -> Any:
        return await operations.run("phone.list", None, actor)

    @router.post("/phones", response_model=schema.Phone, status_code=201)
    async def add_phone(given: schema.PhoneAdd, actor: ByAdmin) -> Any:
        return await operations.run("phone.add", given.model_dump(exclude_unset=True), actor)

    @router.get("/phones/{mac}", response_model=schema.Phone)
    async def show_phone(mac: str, actor: ByAdmin) -> Any:
        return await operations.run("phone.show", {"mac": mac}, actor)

    @router.patch("/phones/{mac}", response_model=schema.Phone)
    async def change_phone(mac: str, given: schema.PhoneFacts, actor: ByAdmin) -> Any:
        return await operations.run("phone.set", {**given.model_dump(exclude_unset=True), "mac": mac}, actor)

    @router.delete("/phones/{mac}", response_model=schema.Phone)
    async def remove_phone(mac: str, actor: ByAdmin) -> Any:
        return await operations.run("phone.remove", {"mac": mac}, actor)

    @router.post("/phones/{mac}/approval", response_model=schema.Approved)
    async def approve_phone(mac: str, how: schema.PhoneHow, actor: ByAdmin) -> Any:
        return await operations.run("phone.approve", {**how.model_dump(), "mac": mac}, actor)

    @router.post("/phones/{mac}/address", response_model=schema.Addressed)
    async def give_address(mac: str, actor: ByAdmin) -> Any:
        return await operations.run("phone.address", {"mac": mac}, actor)

    @router.put("/phones/{mac}/block", response_model=schema.Phone)
    async def block_phone(mac: str, actor: ByAdmin) -> Any:
        return await operations.run("phone.block", {"mac": mac}, actor)

    @router.delete("/phones/{mac}/block", response_model=schema.Phone)
    async def unblock_phone(mac: str, actor: ByAdmin) -> Any:
        return await operations.run("phone.unblock", {"mac": mac}, actor)

    @router.delete("/phones/{mac}/identity", response_model=schema.Phone)
    async def forget_identity(mac: str, actor: ByAdmin) -> Any:
        return await operations.run("phone.forget", {"mac": mac}, actor)

    @router.put("/phones/{mac}/user", response_model=schema.Phone)
    async def log_in(mac: str, who: schema.PhoneUser, actor: ByAdmin) -> Any:
        return await operations.run("phone.assign", {**who.model_dump(), "mac": mac}, actor)

    @router.delete("/phones/{mac}/user", response_model=schema.Phone)
    async def log_out(mac: str, actor: ByAdmin) -> Any:
        return await operations.run("phone.unassign", {"mac": mac}, actor)

    @router.post("/users/{extension}/homeward", response_model=schema.Phone)
    async def go_home(extension: str, actor: ByAdmin) -> Any:
        return await operations.run("phone.go-home", {"extension": extension}, actor)

    return router
