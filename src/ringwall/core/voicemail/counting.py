"""How many messages each mailbox holds, kept with every change. Pure."""

from dataclasses import replace

from ringwall.core.voicemail.model import Counts, Folder, Message

_FIELDS = {
    Folder.DRAFT: "drafts",
    Folder.NEW: "new",
    Folder.SAVED: "saved",
    Folder.DELETED: "deleted",
}


def moved(counts: Counts, before: Message | None, after: Message | None) -> Counts:
    """Return the counts after a message came (no `before`), changed or went (no `after`)."""
    for message, step in ((before, -1), (after, 1)):
        if message is not None:
            counts = _stepped(counts, message, step)
    return counts


def _stepped(counts: Counts, message: Message, step: int) -> Counts:
    name = _FIELDS[message.folder]
    changes = {name: getattr(counts, name) + step}
    if message.urgent and message.folder in {Folder.NEW, Folder.SAVED}:
        name += "_urgent"
        changes[name] = getattr(counts, name) + step
    return replace(counts, **changes)
