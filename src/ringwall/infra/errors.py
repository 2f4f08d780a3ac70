"""The errors that a person may see.

Every text is one sentence that says what is wrong and, where there is something to do, what to do. The
command line prints it as it is; nothing else is added but the exit code.
"""


class RingwallError(Exception):
    """Something that the person in front of the system can act on.

    ``code`` is a short stable word for programs that read ``--json``.
    """

    code = "failed"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class LayoutError(RingwallError):
    """The data directory cannot be used: wrong place, wrong owner, too long a name."""

    code = "data-directory"


class DataError(RingwallError):
    """Something of a system is missing, damaged or of another one; nothing was made in its place."""

    code = "data-lost"


class SettingsError(RingwallError):
    """A value in ringwall.toml is missing, unknown or out of range; the text names it."""

    code = "settings"


class AccountError(RingwallError):
    """A system user or group is missing and could not be made."""

    code = "accounts"


class PortTakenError(RingwallError):
    """Another program listens on a port that Ringwall needs."""

    code = "port-taken"


class PkiError(RingwallError):
    """A key or certificate is missing, broken or cannot be renewed."""

    code = "certificates"


class PackageError(RingwallError):
    """A Debian package is missing or too old and could not be installed."""

    code = "packages"


class SuperviseError(RingwallError):
    """The programs could not be started, watched or stopped."""

    code = "supervision"


class UnavailableError(RingwallError):
    """The running system does not answer, most often because it does not run."""

    code = "not-running"


class RefusedError(RingwallError):
    """The running system refused an operation; ``field`` names the argument at fault, if one is."""

    code = "refused"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class FrameError(Exception):
    """The peer of a control link broke the framing; the connection cannot be used any more."""
