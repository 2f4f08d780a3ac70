"""HTTPS to the server, with the phone's own certificate where it has one (T1, P4).

Rules that this module keeps:
- The server's certificate is checked against the one authority that the phone was made with; no redirect is
  followed, no proxy is used.
- Answers have a size and a time.
"""

import asyncio
import http.client
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ringwall.infra.errors import RingwallError

TIMEOUT_S = 10.0
LARGEST_ANSWER = 256 * 1024


class ServerError(RingwallError):
    """The server cannot be reached, or its answer cannot be used; the text says why."""

    code = "server"


class Server:
    """One server; `url` is https://HOST[:PORT]/..., of which host and port count."""

    def __init__(self, url: str, ca_file: Path, agent: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise ServerError(f"{url} is no https address.")
        self.host, self.port = parts.hostname, parts.port or 443
        self._ca_file = ca_file
        self._agent = agent
        self._identity: Path | None = None

    @property
    def origin(self) -> str:
        """The server's address without a path."""
        return f"https://{self.host}:{self.port}"

    def identify(self, pem: Path | None) -> None:
        """Show the certificate of this file, with its key, from now on; or none."""
        self._identity = pem

    async def ask(
        self,
        method: str,
        path: str,
        *,
        told: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Return status and body of an answer; raise ServerError where there is none. `told` goes as JSON."""
        body = json.dumps(told).encode() if told is not None else None
        return await asyncio.to_thread(self._ask, method, path, body, dict(headers or {}))

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        headers = {"User-Agent": self._agent, "Accept": "application/json", **headers}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            trust = ssl.create_default_context(cafile=str(self._ca_file))
            trust.minimum_version = ssl.TLSVersion.TLSv1_2
            if self._identity is not None:
                trust.load_cert_chain(str(self._identity))
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=TIMEOUT_S, context=trust)
            try:
                connection.request(method, path, body=body, headers=headers)
                answer = connection.getresponse()
                content = answer.read(LARGEST_ANSWER + 1)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ServerError(
                f"The server cannot be reached: {str(error) or type(error).__name__}."
            ) from None
        if len(content) > LARGEST_ANSWER:
            raise ServerError("The server's answer is too long.")
        return answer.status, content
