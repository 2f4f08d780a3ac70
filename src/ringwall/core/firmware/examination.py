"""Whether the core has the keys that the published root names for snapshot and timestamp (F3)."""

from sqlalchemy.exc import SQLAlchemyError

from ringwall.core.firmware import tables
from ringwall.core.firmware.online import OnlineKeys, named_by
from ringwall.core.wholeness import reader
from ringwall.infra.errors import RingwallError
from ringwall.infra.layout import Layout


def examine(layout: Layout) -> str | None:
    """Return what is wrong, as the beginning of a sentence, if something is. Changes nothing."""
    engine = reader(layout.database)
    try:
        with engine.connect() as connection:
            repository = tables.load_repository(connection)
        if not repository.begun:
            return None
        keys = OnlineKeys(layout.firmware / "online")
        for generation in ("", ".next"):
            found = keys.signers(generation)
            if found and named_by(repository, {role: one.public_key.keyid for role, one in found.items()}):
                return None
    except SQLAlchemyError:
        return None  # that the database does not work is told elsewhere
    except RingwallError as error:
        return str(error).rstrip(".")
    finally:
        engine.dispose()
    return f"{layout.firmware / 'online'} has not the keys that the root of the firmware names"
