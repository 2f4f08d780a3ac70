r"""What the head of a SIP message from outside may look like: the patterns that Kamailio matches (W2, R3).

Kamailio, its TCP reader and the core read a head each in its own way. These patterns let only such heads in
as all of them read alike, so nobody can make them disagree on where a message ends or what headers it has:

- Lines end with CRLF; CR, LF and NUL are nowhere else. Nothing of this is asked of the body.
- Each line but the first is a header (a name of RFC 3261's token characters, a colon) or folded from the line
  before. What only looks like a length is refused too, such as a folded one, or one with the underscore that
  Kamailio's TCP reader takes for a hyphen.
- There is exactly one Content-Length, in either of its forms, not folded, its number without leading zeros.
- Headers that only the edge may write are nowhere.
- Lines and their number stay below what the core takes, with room for what the edge adds.

The regex module compiles each pattern once and matches by length, so NUL does not end what it looks at. No
quantifier gives back what it has taken: the time is linear in the length of the head, some microseconds.
(Groups are atomic rather than possessive, which is the same, because the tests read these patterns with
Python, and 3.11.2 reads the latter wrong.)
"""

from typing import Final

START_LINE: Final = 2000
"""Bytes of the longest first line."""
HEADER_LINE: Final = 8000
"""Bytes of the longest line of a header."""
LINES: Final = 100
"""Lines behind the first one, folded ones among them."""

_ANY: Final = r"[^\r\n\0]"
_NAME: Final = r"[!%'*+.0-9A-Z_`a-z~-]++[ \t]*+:"
_LENGTH: Final = r"(?:content[-_]length|l)[ \t]*:"
_LENGTH_LINE: Final = r"(?i:content-length|l)[ \t]*+:[ \t]*+(?:0|[1-9][0-9]{0,4})[ \t]*+\r\n(?![ \t])"
_LINE: Final = rf"(?![ \t]*(?i:{_LENGTH}|p-ringwall-))(?:{_NAME}|[ \t]){_ANY}{{0,{HEADER_LINE}}}+\r\n"

GOOD: Final = (
    rf"^(?=(?>(?:{_ANY}++\r\n){{2,{LINES + 1}}})\r\n)(?![ \t]){_ANY}{{1,{START_LINE}}}+\r\n"
    rf"(?>(?:{_LINE})*){_LENGTH_LINE}(?>(?:{_LINE})*)\r\n"
)
"""A head that goes on to the core."""
_OTHER_LINE: Final = rf"(?![ \t]*(?i:{_LENGTH})){_ANY}++\r\n"
CERTAIN_END: Final = rf"^(?>(?:{_OTHER_LINE})+){_LENGTH_LINE}(?>(?:{_OTHER_LINE})*)\r\n"
"""A head that is refused, but whose end all see at the same place: a connection that others share goes on."""

LONGEST_PATTERN: Final = 490
"""Characters in a line of the regex module's file."""


def patterns() -> str:
    """Return the file of Kamailio's regex module: group 0 is `GOOD`, group 1 `CERTAIN_END`."""
    return f"# Rendered by Ringwall; changes made here are lost.\n[0]\n{GOOD}\n[1]\n{CERTAIN_END}\n"
