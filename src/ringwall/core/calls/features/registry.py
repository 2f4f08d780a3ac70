"""The features of calls, put together: one line for each.

A feature is a module under `features/` with `install(switch)`, which puts it into the hooks that it needs.
"""

from typing import Final

from ringwall.core.calls.features import (
    code_prompt,
    conference,
    find_me,
    forwarding,
    hold_music,
    hunting,
    intercom,
    monitor,
    paging,
    pickup,
    transfer,
    treatment,
    whisper,
)
from ringwall.core.calls.switch.switch import Switch

FEATURES: Final = (
    forwarding,
    find_me,
    transfer,
    treatment,
    code_prompt,
    conference,
    hold_music,
    intercom,
    whisper,
    monitor,
    paging,
    pickup,
    hunting,
)


def install(switch: Switch) -> None:
    """Give the switch all features; those that are asked in order are asked in the order above."""
    for feature in FEATURES:
        feature.install(switch)
