"""Why something could not be had of the media servers."""

from ringwall.core.errors import CoreError


class MediaError(CoreError):
    """Something could not be had of the media servers."""

    code = "media"


class MediaAway(MediaError):  # noqa: N818 - a state of the world
    """No media server can be reached now, or it did not answer in time."""


class MediaFull(MediaError):  # noqa: N818 - the same
    """No leg is left, or this party has as many as anybody may have."""


class MediaRefusal(MediaError):  # noqa: N818 - what the server said
    """A media server will not do what it was asked; `code` is a word of docs/media-control.md."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text or "the media server refused", code=code)
