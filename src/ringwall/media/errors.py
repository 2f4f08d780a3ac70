"""The error that a control client sees."""

from ringwall.infra.errors import RingwallError


class MediaError(RingwallError):
    """A request that is not done; the codes are those of docs/media-control.md."""
