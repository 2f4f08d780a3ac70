"""What administrators can ask of PINs."""

from ringwall.core.operations import Actor, Operations
from ringwall.core.pins.schema import FirstPin, PinOf, PinSet, PinState
from ringwall.core.pins.service import PinService


def register(operations: Operations, pins: PinService) -> None:
    """Add user.pin.show, set, reset and unlock."""

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

    operations.add("user.pin.show", PinOf, show)
    operations.add("user.pin.set", PinSet, set_it, changes=True)
    operations.add("user.pin.reset", PinOf, reset, changes=True)
    operations.add("user.pin.unlock", PinOf, unlock, changes=True)
