"""The tables of accounts and of sessions.

Sessions have no foreign keys, because they are of accounts and of users: whoever reads them drops what
belongs to nobody.
"""

from sqlalchemy import Column, Float, Table, Text

from ringwall.core.store import schema

accounts = Table(
    "accounts",
    schema.metadata,
    Column("id", schema.Number, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("password_set_at", Float, nullable=False),
    Column("created_at", Float, nullable=False),
)

sessions = Table(
    "sessions",
    schema.metadata,
    # SHA-256 of the token, in hexadecimal digits.
    Column("digest", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("number", schema.Number, nullable=False),
    # When the password or PIN was set by which it was got: with another one it is worth nothing.
    Column("secret_set_at", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
)
