"""Bindings: where each device of each user is reached right now (RFC 3261 10.3, RFC 5626).

Rules that this module keeps:
- A binding belongs to one device and to one flow. When the flow closes, the binding goes.
- A device has one binding per instance and reg-id (RFC 5626 6); without an instance, one per contact address.
- A register request that is older than the one seen last (same Call-ID, lower CSeq) changes nothing.
- The number of bindings of a device is bounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ringwall.core.registrar.flows import Flow

MAX_BINDINGS_OF_A_DEVICE = 4


@dataclass(frozen=True, slots=True)
class Binding:
    """One way to reach a device. `expires_at` is in unix seconds; `path` is the Path header, top entry first.

    `suites` are the SRTP suites that the device was seen to offer or take.
    """

    device_id: int
    username: str
    user_id: int
    extension: str
    contact: str
    path: tuple[str, ...]
    flow: Flow
    instance: str
    reg_id: int
    call_id: str
    cseq: int
    expires_at: float
    user_agent: str
    suites: tuple[str, ...] = field(default=())

    @property
    def key(self) -> tuple[int, str, int]:
        """What makes two registrations the same binding: device, instance (else contact), reg-id."""
        return (self.device_id, self.instance or self.contact, self.reg_id)

    @property
    def webrtc(self) -> bool:
        """Whether the device came by WebSocket: browsers speak DTLS-SRTP and ICE."""
        return self.flow.transport == "wss"


class Bindings:
    """The bindings in memory, found by extension, by device and by flow. All look-ups are O(1)."""

    def __init__(self) -> None:
        self._all: dict[tuple[int, str, int], Binding] = {}
        self._by_extension: dict[str, dict[tuple[int, str, int], Binding]] = {}
        self._by_device: dict[int, dict[tuple[int, str, int], Binding]] = {}
        self._by_flow: dict[Flow, set[tuple[int, str, int]]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Binding]:
        return iter(list(self._all.values()))

    def get(self, key: tuple[int, str, int]) -> Binding | None:
        """Return the binding with that key."""
        return self._all.get(key)

    def of_extension(self, extension: str, now: float) -> list[Binding]:
        """Return the live bindings of a user, freshest first (`now` in unix seconds)."""
        found = [b for b in self._by_extension.get(extension, {}).values() if b.expires_at > now]
        found.sort(key=lambda b: b.expires_at, reverse=True)
        return found

    def of_device(self, device_id: int) -> list[Binding]:
        """Return all bindings of a device."""
        return list(self._by_device.get(device_id, {}).values())

    def of_flow(self, flow: Flow) -> list[Binding]:
        """Return the bindings that came over the connection."""
        return [self._all[key] for key in self._by_flow.get(flow, ())]

    def put(self, binding: Binding) -> Binding | None:
        """Add or replace; returns the binding that had to go because the device had too many, if any."""
        self.remove(binding.key)
        dropped = None
        siblings = self.of_device(binding.device_id)
        if len(siblings) >= MAX_BINDINGS_OF_A_DEVICE:
            dropped = min(siblings, key=lambda b: b.expires_at)
            self.remove(dropped.key)
        self._all[binding.key] = binding
        self._by_extension.setdefault(binding.extension, {})[binding.key] = binding
        self._by_device.setdefault(binding.device_id, {})[binding.key] = binding
        self._by_flow.setdefault(binding.flow, set()).add(binding.key)
        return dropped

    def remove(self, key: tuple[int, str, int]) -> Binding | None:
        """Remove one binding; returns it, or None when there was none."""
        binding = self._all.pop(key, None)
        if binding is None:
            return None
        of_user = self._by_extension[binding.extension]
        del of_user[key]
        if not of_user:
            del self._by_extension[binding.extension]
        of_device = self._by_device[binding.device_id]
        del of_device[key]
        if not of_device:
            del self._by_device[binding.device_id]
        on_flow = self._by_flow[binding.flow]
        on_flow.discard(key)
        if not on_flow:
            del self._by_flow[binding.flow]
        return binding

    def expired(self, now: float) -> list[Binding]:
        """Return the bindings whose time is over (`now` in unix seconds)."""
        return [b for b in self._all.values() if b.expires_at <= now]
