"""HAProxy's admin socket: bans, sessions, certificates and counters of a running HAProxy.

One connection for each command, blocking, with a time limit: callers on an event loop use a thread. Commands
are made of checked parts only; a part with a line break or a semicolon would be a second command.
"""

import re
import socket
from pathlib import Path

from ringwall.infra.errors import RingwallError

_ANSWER_LIMIT = 64 * 1024 * 1024
_CHUNK = 65536
_PART = re.compile(r"[!-:<-\[\]-~]+\Z")  # printable, without blanks, ; and backslash
_SESSION = re.compile(r"^(0x[0-9a-f]+): proto=\S+ src=(\S+):\d+ fe=(\S+)", re.MULTILINE)
_SERIAL = re.compile(r"^Serial: ([0-9A-F]+)$", re.MULTILINE)


class HaproxyError(RingwallError):
    """HAProxy cannot be reached through its admin socket, or refused a command."""

    code = "haproxy"


class HaproxyAwayError(HaproxyError):
    """No HAProxy listens at its admin socket: it does not run."""


class HaproxyAdmin:
    """The admin socket at ``path``; every method raises HaproxyError."""

    def __init__(self, path: Path, *, timeout: float = 5.0) -> None:
        self._path = path
        self._timeout = timeout

    def info(self) -> dict[str, str]:
        """Return what HAProxy says of itself (``show info``): Pid, Uptime_sec, CurrConns, ..."""
        lines = self._ask("show", "info").splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines) if value}

    def banned(self, acl: str) -> set[str]:
        """Return the addresses in the list that was loaded from file ``acl``."""
        lines = self._ask("show", "acl", acl).splitlines()
        return {line.split()[1] for line in lines if line.startswith("0x")}

    def ban(self, acl: str, source: str) -> None:
        """Add an address to a list; it holds for connections from now on."""
        self._ask("add", "acl", acl, source, expect_silence=True)

    def unban(self, acl: str, source: str) -> None:
        """Take an address off a list."""
        self._ask("del", "acl", acl, source, expect_silence=True)

    def cut(self, source: str, keep: frozenset[str] = frozenset()) -> int:
        """End every session of an address, but those of the frontends in ``keep``; return how many."""
        ended = 0
        for session, address, frontend in _SESSION.findall(self._ask("show", "sess")):
            if address == source and frontend not in keep:
                self._ask("shutdown", "session", session)
                ended += 1
        return ended

    def deploy_certificate(self, path: str, pem: str) -> None:
        """Put certificate, chain and key in the place of what was loaded from ``path``; no connection ends.

        The caller writes the same into the file, so that a restart loads it too.
        """
        self._exchange("cert", path, pem)

    def deploy_authority(self, path: str, pem: str) -> None:
        """Put an authority in the place of what was loaded from ``path``; no connection ends."""
        self._exchange("ca-file", path, pem)

    def trusts(self, path: str, serial: int) -> bool:
        """Say whether the certificate with this serial number is among the authorities of ``path`` now."""
        return serial in self.serials(path)

    def serials(self, path: str) -> set[int]:
        """Return the serial numbers of the authorities that were loaded from ``path``."""
        return {int(text, 16) for text in _SERIAL.findall(self._ask("show", "ssl", "ca-file", path))}

    def certificate_serial(self, path: str) -> int:
        """Return the serial number of the certificate that HAProxy uses now for ``path``."""
        answer = self._ask("show", "ssl", "cert", path)
        found = _SERIAL.search(answer)
        if found is None:
            raise HaproxyError(f"HAProxy does not show the certificate {path}: {_first_line(answer)}")
        return int(found[1], 16)

    def _exchange(self, kind: str, path: str, pem: str) -> None:
        # An empty line would end the text there and make commands of the rest.
        if "\n\n" in pem or not pem.endswith("\n"):
            raise HaproxyError(f"{path} cannot be sent to HAProxy: it has an empty line, or no end of line.")
        answer = self._ask("set", "ssl", kind, path, payload=pem)
        if "ransaction" not in answer:
            raise HaproxyError(f"HAProxy refused the new {path}: {_first_line(answer)}")
        answer = self._ask("commit", "ssl", kind, path)
        if "Success!" not in answer:
            self._ask("abort", "ssl", kind, path)
            raise HaproxyError(f"HAProxy did not take the new {path}: {' '.join(answer.split())}")

    def _ask(self, *parts: str, payload: str = "", expect_silence: bool = False) -> str:
        for part in parts:
            if not _PART.match(part):
                raise HaproxyError(
                    "A part of a command for HAProxy has a character that is not possible there."
                )
        command = " ".join(parts) + (f" <<\n{payload}\n" if payload else "\n")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(self._timeout)
                connection.connect(str(self._path))
                connection.sendall(command.encode())
                answer = bytearray()
                while data := connection.recv(_CHUNK):
                    answer += data
                    if len(answer) > _ANSWER_LIMIT:
                        raise HaproxyError("HAProxy's answer is longer than expected.")
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise HaproxyAwayError(f"HAProxy does not run: {self._path}: {error.strerror}.") from None
        except OSError as error:
            raise HaproxyError(f"HAProxy does not answer at {self._path}: {error}.") from None
        text = answer.decode(errors="replace").strip()
        if expect_silence and text:
            raise HaproxyError(f"HAProxy refused `{parts[0]} {parts[1]}`: {_first_line(text)}")
        return text


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else "no answer"
