"""The root of what can become of a part of a call."""

from ringwall.core.errors import CoreError


class CallError(CoreError):
    """What was wanted of a call did not happen; the text says why."""

    code = "call"
