"""What the fuzz targets share.

A target gives `run` one function over bytes and some seeds. Every target is a program with libFuzzer's options:
`python tests/fuzz/fuzz_message.py -max_total_time=20`, or `-runs=20000` where time must not decide (CI); a
folder given as an argument is the corpus to begin with and to add to. An exception that leaves the function is
a finding: libFuzzer writes the input to `crash-...` in the current folder, and `fuzz_message.py crash-...`
repeats it. `test_fuzz.py` runs each target for a moment.
"""

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
TORTURE = ROOT / "tests" / "unit" / "sip" / "torture"

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    b"m=audio 4000/2 RTP/SAVP 8 0\r\nb=AS:64\r\n"
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"|2^20|1:4 KDR=3\r\n"
    b"a=crypto:2 AEAD_AES_256_GCM inline:" + b"A" * 59 + b"=\r\n"
    b"a=fingerprint:sha-256 " + b":".join([b"AB"] * 32) + b"\r\na=setup:actpass\r\na=sendonly\r\n"
)


def torture() -> list[bytes]:
    """The torture messages, as seeds."""
    return [path.read_bytes() for path in sorted(TORTURE.glob("*.sip"))]


def header_values() -> list[bytes]:
    """Every header value of the torture messages, as seeds."""
    lines = {line for message in torture() for line in message.split(b"\r\n\r\n")[0].split(b"\r\n")}
    return sorted({line.partition(b":")[2].strip() for line in lines})


def text_of(data: bytes) -> str:
    """Bytes as the parser decodes them."""
    return data.decode("utf-8", "surrogateescape")


def run(target: Callable[[bytes], None], seeds: Iterable[bytes]) -> None:
    """Fuzz `target` with the options of the command line; does not return.

    What the target imports from ringwall must have been imported under `atheris.instrument_imports`, or
    libFuzzer sees no coverage.
    """
    with tempfile.TemporaryDirectory(prefix="ringwall-fuzz-") as folder:
        for number, seed in enumerate(seeds):
            (Path(folder) / f"{number:04d}").write_bytes(seed)
        repeats = any(not option.startswith("-") and Path(option).is_file() for option in sys.argv[1:])
        atheris.Setup([*sys.argv, *([] if repeats else [folder])], target)
        atheris.Fuzz()
