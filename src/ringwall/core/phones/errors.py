"""The root of what cannot be done with a phone."""

from ringwall.core.errors import CoreError


class PhoneError(CoreError):
    """What was asked of a phone cannot be done; the text says why."""

    code = "phone"
