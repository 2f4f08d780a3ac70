"""Fetches metadata and images over HTTPS, never more and never longer than told (F3).

Rules that this module keeps:
- HTTPS only, against the one authority that the phone was made with; no proxy, no redirect, nothing packed.
- Every file has a size, known beforehand, and a time that follows from it: whoever sends byte by byte, or for
  ever, is hung up on.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import urllib3
from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient import FetcherInterface

CONNECT_S = 10.0
GAP_S = 10.0
"""The longest pause between two pieces."""
START_S = 20.0
SLOWEST = 16 * 1024
"""Bytes a second, on the whole of a file."""
_PIECE = 64 * 1024


class Fetcher(FetcherInterface):
    """Fetches files. `ca_file` is the authority; without one, and only then, plain HTTP is allowed."""

    def __init__(
        self, ca_file: Path | None, *, start_s: float = START_S, slowest: int = SLOWEST, gap_s: float = GAP_S
    ) -> None:
        self._start_s, self._slowest = start_s, slowest
        self._deadline = 0.0
        self._plain_allowed = ca_file is None
        timeout = urllib3.Timeout(connect=CONNECT_S, read=gap_s)
        self._pool = urllib3.PoolManager(
            timeout=timeout,
            retries=False,
            maxsize=1,
            cert_reqs="CERT_REQUIRED",
            ca_certs=None if ca_file is None else str(ca_file),
        )

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """Fetch a file of at most `max_length` bytes, in the time that so many may take."""
        self._deadline = time.monotonic() + self._start_s + max_length / self._slowest
        with super().download_file(url, max_length) as file:
            yield file

    def _fetch(self, url: str) -> Iterator[bytes]:
        if not url.startswith("https://") and not self._plain_allowed:
            raise DownloadError("firmware is fetched over HTTPS only")
        try:
            answer = self._pool.request(
                "GET", url, preload_content=False, redirect=False, decode_content=False
            )
        except urllib3.exceptions.TimeoutError as error:
            raise SlowRetrievalError("no answer in time") from error
        except urllib3.exceptions.HTTPError as error:
            raise DownloadError(f"{url} cannot be fetched: {error}") from error
        if answer.status != 200:
            answer.close()
            raise DownloadHTTPError(f"{url} answers {answer.status}", answer.status)
        return self._pieces(answer)

    def _pieces(self, answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        try:
            while piece := answer.read1(_PIECE):
                if time.monotonic() > self._deadline:
                    raise SlowRetrievalError("too slow on the whole")
                yield piece
        except urllib3.exceptions.TimeoutError as error:
            raise SlowRetrievalError("nothing came for too long") from error
        except urllib3.exceptions.HTTPError as error:
            raise DownloadError(f"the answer broke off: {error}") from error
        finally:
            # What is left of it is not read, so the connection cannot be used again.
            answer.close()
