"""What a phone is told of the messages that wait (RFC 3842, 5). Pure."""

from ringwall.core.voicemail.model import Counts


def summary(counts: Counts, account: str) -> bytes:
    """Return the body of a NOTIFY: new and saved messages, and how many of them are urgent.

    `account` is the URI that is called to listen to them.
    """
    lines = [
        f"Messages-Waiting: {'yes' if counts.new else 'no'}",
        f"Message-Account: {account}",
        f"Voice-Message: {counts.new}/{counts.saved} ({counts.new_urgent}/{counts.saved_urgent})",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()
