"""The command line: ``ringwall COMMAND``, a thin front on everything else.

Exit codes: 0 done, 1 failed or refused, 2 wrong usage. Errors are one sentence on standard error; with
``--json`` one object on standard output: ``{"ok": false, "error": {"code", "message"}}``.

Every declared operation has a command (``plain``). Where a person gains by it, write one by hand: in a module
beside this one, registered in ``_assemble``.
"""

import errno
import functools
import logging
import os
import subprocess
import sys
from collections.abc import Callable

import typer
from typer.main import get_command

from ringwall.cli.output import Output
from ringwall.infra.errors import RingwallError


def _assemble() -> typer.Typer:
    """Return the whole command line; modules are imported here so that `import ringwall.cli` stays cheap."""
    from ringwall.cli import (  # noqa: PLC0415
        administrators,
        anew,
        authcodes,
        calls,
        conferences,
        demo,
        devices,
        firmware,
        forwarding,
        ledger,
        mail,
        phones,
        phones_reference,
        pki,
        policy,
        reports,
        rights,
        system,
        users,
        voicemail,
    )

    app = typer.Typer(
        name="ringwall",
        help="Secure calls for a company that runs them itself.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    system.register(app)
    anew.register(app)
    demo.register(app)
    app.add_typer(pki.app, name="pki")
    app.add_typer(administrators.app, name="admin")
    app.add_typer(users.app, name="user")
    app.add_typer(devices.app, name="device")
    phones_reference.register(phones.app)
    app.add_typer(phones.app, name="phone")
    rights.register(app)
    app.add_typer(authcodes.app, name="authcode")
    app.add_typer(forwarding.app, name="forwarding")
    app.add_typer(policy.app, name="policy")
    app.add_typer(reports.app, name="report")
    app.add_typer(calls.app, name="call")
    app.add_typer(conferences.app, name="conference")
    app.add_typer(voicemail.app, name="voicemail")
    app.add_typer(mail.app, name="mail")
    app.add_typer(ledger.app, name="ledger")
    app.add_typer(firmware.app, name="firmware")
    # Further commands are added here: a group by add_typer like pki, single ones by a register(app) of
    # their module.
    return app


@functools.cache
def _command(*, whole: bool) -> Callable[..., object]:
    """Return the command line ready to be called: making it takes most of the time that a command needs.

    `whole`: with the plain commands, for which all declarations are read.
    """
    if not whole:
        return get_command(_assemble())
    from ringwall.cli.plain import with_plain_commands  # noqa: PLC0415
    from ringwall.core.catalogue import declared  # noqa: PLC0415

    return get_command(with_plain_commands(_assemble(), declared()))


def _is_written_by_hand(words: list[str]) -> bool:
    at: object | None = _command(whole=False)
    while words and (commands := getattr(at, "commands", None)) is not None:
        at, words = commands.get(words[0]), words[1:]
    return at is not None and not hasattr(at, "commands")


def main() -> None:
    """Run the command of ``sys.argv`` and end the process with its exit code."""
    # A library's warning belongs into a log, not between the lines that a person reads.
    logging.captureWarnings(capture=True)
    logging.getLogger().addHandler(logging.NullHandler())
    output = Output(as_json="--json" in sys.argv[1:])
    try:
        _command(whole=not _is_written_by_hand(sys.argv[1:]))(prog_name="./ringwall")
    except RingwallError as error:
        output.error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read us has gone, as in `ringwall ledger tail | head`: what is left to write goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        output.error(_told_by_the_host(error))
        sys.exit(1)
    except subprocess.TimeoutExpired as error:
        tool = error.cmd[0] if isinstance(error.cmd, list) else error.cmd
        output.error(RingwallError(f"{tool} did not end within {error.timeout:.0f} seconds: try again."))
        sys.exit(1)


def _told_by_the_host(error: OSError) -> RingwallError:
    """Return what the kernel refused as a sentence: a full disk, a read-only one, a file that is missing."""
    where = f" ({error.filename})" if error.filename else ""
    advice = {
        errno.ENOSPC: ": make room and try again",
        errno.EDQUOT: ": make room and try again",
        errno.EROFS: ": choose a place that can be written with --data",
    }.get(error.errno or 0, "")
    return RingwallError(f"{error.strerror or error}{where}{advice}.", code="system")
