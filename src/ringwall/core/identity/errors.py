"""Why somebody is not let in.

SignInError
  NotSignedInError    no token that is good, or not the right secret
  TooManyTriesError   nothing was looked at: too many tries came before
"""

from ringwall.core.errors import CoreError


class SignInError(CoreError):
    """The root: somebody is not let in."""

    code = "refused"


class NotSignedInError(SignInError):
    """A request shows no token that is good, or somebody typed a wrong secret."""

    def __init__(self) -> None:
        super().__init__("Not signed in.")


class TooManyTriesError(SignInError):
    """Somebody tried to sign in too often; `wait` is in how many seconds they may again."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"There were too many tries: wait {wait:.0f} seconds.")
        self.wait = wait
