"""Escalation of unheard messages: who is told next, and when (V2, C4). Pure: no clock, no I/O.

Rules that this module keeps:
- A profile has up to ten steps. Each step tells somebody and then waits; the round goes on to the next step,
  and after the last one begins anew, repeat count + 1 rounds in all.
- It stops when anyone hears the message, or when no unheard one is left; one that was made unheard again
  starts it anew.
- A step that is not allowed at the moment it is due is passed over at once, and nobody waits for it.
- It is over in bounded time: rounds, steps and waits all have a greatest value.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

from ringwall.core.voicemail.model import MOST_STEPS

SHORTEST_WAIT: Final = 30
LONGEST_WAIT: Final = 86400
MOST_REPEATS: Final = 9


@dataclass(frozen=True, slots=True)
class Step:
    """One who is told: an e-mail address, an extension, or an outside number as the owner dials it.

    `seconds` is how long is waited for somebody to hear the message before the next step.
    """

    to: str
    seconds: int = 300

    @property
    def by_mail(self) -> bool:
        """Whether it is an e-mail address."""
        return "@" in self.to


@dataclass(frozen=True, slots=True)
class Profile:
    """A notification profile. Raises ValueError with what is wrong with it."""

    steps: tuple[Step, ...] = ()
    repeats: int = 0
    urgent_only: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.steps) <= MOST_STEPS:
            raise ValueError(f"a profile has 1 to {MOST_STEPS} steps")
        if not 0 <= self.repeats <= MOST_REPEATS:
            raise ValueError(f"a profile is repeated 0 to {MOST_REPEATS} times")
        if any(not SHORTEST_WAIT <= step.seconds <= LONGEST_WAIT for step in self.steps):
            raise ValueError(f"a step waits {SHORTEST_WAIT} to {LONGEST_WAIT} seconds")

    def to_value(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "steps": [asdict(step) for step in self.steps]}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_value` gave; raise ValueError, TypeError or KeyError for anything else."""
        steps = tuple(Step(**step) for step in value["steps"])
        return cls(steps, int(value["repeats"]), bool(value["urgent_only"]))


@dataclass(frozen=True, slots=True)
class State:
    """How far it has come: the next step and its round, when that is due (seconds since 1970), about what."""

    profile: int
    message: str
    due: float
    step: int = 0
    round: int = 0

    def to_value(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_value` gave; raise TypeError for anything else."""
        return cls(**value)


def begun(profile: int, message: str, now: float) -> State:
    """The state at a message that nobody has heard: the first step is due at once."""
    return State(profile, message, now)


def advanced(
    state: State, profile: Profile, now: float, allowed: Callable[[Step], bool]
) -> tuple[State | None, Step | None]:
    """What happens at `now`: the state afterwards, None where it is over, and who is to be told, if anybody.

    Steps that are not allowed are passed over, at most one whole round of them: where nobody may be told at
    all, it is over.
    """
    if now < state.due:
        return state, None
    for _ in profile.steps:
        if state.round > profile.repeats:
            return None, None
        at = min(state.step, len(profile.steps) - 1)  # the profile may have become shorter meanwhile
        step = profile.steps[at]
        after = _next(state, profile, at)
        if allowed(step):
            return replace(after, due=now + step.seconds), step
        state = after
    return None, None


def _next(state: State, profile: Profile, at: int) -> State:
    if at + 1 < len(profile.steps):
        return replace(state, step=at + 1)
    return replace(state, step=0, round=state.round + 1)


def starts(profile: Profile, *, urgent: bool, unheard: int, every_message: bool) -> bool:
    """Whether a message that has just come starts the profile (anew); `unheard` counts it, too."""
    return (urgent or not profile.urgent_only) and (every_message or unheard <= 1)
