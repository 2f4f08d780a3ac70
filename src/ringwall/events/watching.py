"""Calls that others listen to, and calls that are recorded."""

from typing import Annotated

from ringwall.events.base import Event, event, shared
from ringwall.events.values import By, CallId, Extension, RuleId, Why

# Listening, coaching, barging in


@shared
class _Watch(Event):
    call: CallId
    by: Annotated[str, "The extension that watches."]
    by_device: Annotated[str, "Its device."]
    own_call: Annotated[str, "The id of the call with which it watches."]
    target: Annotated[str, "The extension that is watched."]
    other: Annotated[str | None, "With whom that extension talks."]
    mode: Annotated[str, "`silent monitor`, `silent coach` or `barge in`."]


@event("watch.started")
class WatchStarted(_Watch):
    """Somebody listens to a call, coaches one of its parties or takes part in it."""

    rule: RuleId


@event("watch.moved")
class WatchMoved(_Watch):
    """Who watches goes on in another mode."""

    before: Annotated[str, "The mode before."]
    rule: RuleId


@event("watch.failed")
class WatchFailed(_Watch):
    """A call could not be watched although it was allowed."""

    why: Why


@event("watch.ended")
class WatchEnded(_Watch):
    """A call is not watched any more."""

    why: Why


@event("admin.watch.asked")
class AdminWatchAsked(Event):
    """A call is to be watched, asked for over the API or the control socket."""

    call: CallId
    of: Annotated[str, "The extension that is watched."]
    by: Annotated[str, "The extension that watches."]
    mode: Annotated[str, "The mode, as in `watch.started`."]
    actor: By


@event("admin.watch.ended")
class AdminWatchEnded(Event):
    """The watching of a call was ended over the API or the control socket."""

    of: Annotated[str, "The extension that was watched."]
    by: Annotated[str, "The extension that watched."]
    actor: By


# Recording


@shared
class _Recording(Event):
    call: CallId
    by: Annotated[Extension, "The extension that records."]
    target: Annotated[str, "The extension whose call is recorded."]
    other: Annotated[str | None, "With whom that extension talks."]
    mailbox: Annotated[str, "The mailbox to which the recording goes."]


@event("recording.started")
class RecordingStarted(_Recording):
    """A call is being recorded."""

    rule: RuleId


@event("recording.ended")
class RecordingEnded(_Recording):
    """A call is not recorded any more."""

    why: Why
    kept: Annotated[bool, "Whether a message was made of it."]
    seconds: Annotated[float | None, "How long the recording is, seconds."]


@event("recording.refused")
class RecordingRefused(_Recording):
    """A call is not recorded although it was allowed."""

    why: Why


@event("admin.recording.asked")
class AdminRecordingAsked(Event):
    """A recording was begun or ended over the API or the control socket."""

    call: CallId
    of: Annotated[str, "The extension whose call it is."]
    by: Annotated[str, "The extension that records."]
    on: Annotated[bool, "Whether it was begun."]
    actor: By
