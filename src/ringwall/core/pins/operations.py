"""What administrators can ask of PINs."""

from typing import Final

from ringwall.core.directory.operations import USERS
from ringwall.core.identity.permissions import Permission
from ringwall.core.operations import Actor, Operation, Operations
from ringwall.core.pins.schema import FirstPin, PinOf, PinSet, PinState
from ringwall.core.pins.service import PinService

_PATH: Final = "/api/users/{extension}/pin"

SHOW: Final = Operation(
    "user.pin.show",
    "Show how old a user's PIN is, and whether it is locked; never the PIN.",
    topic=USERS,
    verb="GET",
    path=_PATH,
    permission=Permission.USERS_READ,
    arguments=PinOf,
    result=PinState,
    errors=("not_found",),
    example={"extension": "201"},
)
SET: Final = Operation(
    "user.pin.set",
    "Give a user a PIN, to be changed at the first use unless it is said otherwise.",
    topic=USERS,
    verb="PUT",
    path=_PATH,
    permission=Permission.PINS_WRITE,
    arguments=PinSet,
    result=PinState,
    errors=("not_found",),
    changes=True,
    example={"extension": "201", "pin": "40725918"},
)
RESET: Final = Operation(
    "user.pin.reset",
    "Give a user a random PIN, which is shown this one time.",
    topic=USERS,
    verb="POST",
    path=f"{_PATH}/reset",
    permission=Permission.PINS_WRITE,
    arguments=PinOf,
    result=FirstPin,
    errors=("not_found",),
    changes=True,
    example={"extension": "201"},
)
UNLOCK: Final = Operation(
    "user.pin.unlock",
    "Forget the wrong tries at a user's PIN.",
    topic=USERS,
    verb="POST",
    path=f"{_PATH}/unlock",
    permission=Permission.PINS_WRITE,
    arguments=PinOf,
    result=PinState,
    errors=("not_found",),
    changes=True,
    example={"extension": "201"},
)
OPERATIONS: Final = (SHOW, SET, RESET, UNLOCK)


def register(operations: Operations, pins: PinService) -> None:
    """Do what is declared above."""

    async def show(_actor: Actor, args: PinOf) -> PinState:
        return PinState.of(args.extension, pins.state(args.extension))

    async def set_it(actor: Actor, args: PinSet) -> PinState:
        state = await pins.set_pin(actor, args.extension, args.pin, must_change=args.must_change)
        return PinState.of(args.extension, state)

    async def reset(actor: Actor, args: PinOf) -> FirstPin:
        pin = await pins.reset(actor, args.extension)
        return FirstPin(**PinState.of(args.extension, pins.state(args.extension)).model_dump(), pin=pin)

    async def unlock(actor: Actor, args: PinOf) -> PinState:
        return PinState.of(args.extension, await pins.unlock(actor, args.extension))

    operations.offer(SHOW, show)
    operations.offer(SET, set_it)
    operations.offer(RESET, reset)
    operations.offer(UNLOCK, unlock)
