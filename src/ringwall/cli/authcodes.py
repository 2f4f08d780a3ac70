"""``ringwall authcode``: codes by which a call goes out that the caller's own group may not make."""

from ringwall.cli.rights import app_of
from ringwall.cli.sheets import add_sheets
from ringwall.core.rights import kinds

app = app_of(kinds.CODE, "Authorization codes: add, set, list, show, remove, import, export.")
add_sheets(
    app,
    "authcode",
    "authorization codes",
    "authcode, name, owner, scope, wildcard, wildcard_may_exceed, locked, code (digits; never written out)",
)
