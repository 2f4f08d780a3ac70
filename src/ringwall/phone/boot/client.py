"""The update client by itself, as the public conformance suite of The Update Framework calls one (F3).

    client --metadata-dir DIR init ROOT
    client --metadata-dir DIR --metadata-url URL refresh
    client --metadata-dir DIR --metadata-url URL --target-name NAME --target-base-url URL --target-dir DIR
        download

Exit code 0 where all of it went well, 1 otherwise. It is the client of `update.py`, without the slots and
without the names that our own images have. The suite's server speaks plain HTTP on this host, so that is
allowed here, to this host only.

Every `NAME.json` in the metadata folder is the metadata of a role that is trusted now: so the suite counts
them. What trust begins with is therefore beside that folder, in `DIR.begin/root.json`; where it still lies in
the folder, as it did at first, it is moved.
"""

import argparse
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.ngclient import Updater

from ringwall.infra.files import read_limited, sync_directory, write_atomically
from ringwall.phone.boot.fetch import Fetcher
from ringwall.phone.boot.update import client_config

_HERE = {"localhost", "127.0.0.1", "::1"}
_OLD_PLACE = "trusted_root.json"


def _first_root(folder: Path) -> Path:
    """Where the root that trust begins with is kept, beside the folder of what is trusted now."""
    folder = folder.absolute()
    return folder.with_name(f"{folder.name}.begin") / "root.json"


def _keep_first_root(folder: Path, body: bytes) -> None:
    path = _first_root(folder)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, body, mode=0o644)


def _move_from_old_place(folder: Path) -> None:
    """Move the first root out of the folder; one that is in its place already stays."""
    old = folder / _OLD_PLACE
    if not old.exists():
        return
    if not _first_root(folder).exists():
        _keep_first_root(folder, read_limited(old))
    old.unlink()
    sync_directory(folder)


def _updater(args: argparse.Namespace) -> Updater:
    folder = Path(args.metadata_dir)
    _move_from_old_place(folder)
    for url in (args.metadata_url, args.target_base_url or args.metadata_url):
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _HERE:
            raise DownloadError(f"{url}: plain HTTP is for this host only")
    return Updater(
        str(folder),
        args.metadata_url,
        target_dir=args.target_dir,
        target_base_url=args.target_base_url,
        fetcher=Fetcher(None),
        config=client_config(),
        bootstrap=read_limited(_first_root(folder)),
    )


def _init(args: argparse.Namespace) -> None:
    folder = Path(args.metadata_dir)
    folder.mkdir(parents=True, exist_ok=True)
    body = read_limited(Path(args.trusted_root))
    _keep_first_root(folder, body)
    write_atomically(folder / "root.json", body, mode=0o644)
    (folder / _OLD_PLACE).unlink(missing_ok=True)


def _refresh(args: argparse.Namespace) -> None:
    _updater(args).refresh()


def _download(args: argparse.Namespace) -> None:
    updater = _updater(args)
    target = updater.get_targetinfo(args.target_name)
    if target is None:
        raise DownloadError(f"{args.target_name} is not signed by anybody")
    if updater.find_cached_target(target) is None:
        updater.download_target(target)


def main() -> int:
    """Run one command; exit code 0 or 1."""
    parser = argparse.ArgumentParser(prog="ringwall.phone.boot.client")
    for name in ("metadata-dir", "metadata-url", "target-name", "target-base-url", "target-dir"):
        parser.add_argument(f"--{name}", required=name == "metadata-dir")
    commands = parser.add_subparsers(required=True)
    init = commands.add_parser("init")
    init.add_argument("trusted_root")
    init.set_defaults(run=_init)
    commands.add_parser("refresh").set_defaults(run=_refresh)
    commands.add_parser("download").set_defaults(run=_download)
    args = parser.parse_args()
    try:
        args.run(args)
    except (RepositoryError, DownloadError, OSError, ValueError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
