"""What can be asked of the core, declared once: see `declaration` for what a declaration says.

A domain declares its operations in its `operations.py` and gives each a handler when the core starts. The
HTTP routes and their document (`core/api`), the plain commands (`cli/plain.py`), the check of the permission
and the record of a refusal follow from the declaration.
"""

from ringwall.core.operations.arguments import SECRET, Arguments, NoArguments, invalid, read_text
from ringwall.core.operations.declaration import Operation, RawBody, TextAnswer, Topic
from ringwall.core.operations.listing import ListArguments, Listing
from ringwall.core.operations.registry import Actor, Answer, Operations, Recorder

__all__ = [
    "SECRET",
    "Actor",
    "Answer",
    "Arguments",
    "ListArguments",
    "Listing",
    "NoArguments",
    "Operation",
    "Operations",
    "RawBody",
    "Recorder",
    "TextAnswer",
    "Topic",
    "invalid",
    "read_text",
]
