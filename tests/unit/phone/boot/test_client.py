"""The client by itself, called as the public conformance suite calls one."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tuf.api.metadata import Metadata

from ringwall.core.firmware import metadata
from support.depot import send
from support.firmware import Room, signed
from support.handset import path_of, probe

ROLE = "ringwall.reference"


@pytest.fixture
def plain(depot):
    """The depot over plain HTTP on this host, as the suite has it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            depot.answer(self)

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/firmware"
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(tmp_path, plain, depot):
    folder = tmp_path / "metadata"
    folder.mkdir()
    (tmp_path / "initial_root.json").write_bytes(depot.room.repository.files["root", 1])
    ways = {
        "init": ["init", str(tmp_path / "initial_root.json")],
        "refresh": ["--metadata-url", f"{plain}/metadata", "refresh"],
    }

    def run(*arguments: str, url: str = plain) -> int:
        if arguments[0] == "download":
            arguments = (
                *("--metadata-url", f"{url}/metadata", "--target-name", arguments[1]),
                *(
                    "--target-base-url",
                    f"{url}/targets",
                    "--target-dir",
                    str(tmp_path / "targets"),
                    "download",
                ),
            )
        else:
            arguments = tuple(ways.get(arguments[0], arguments))
        command = [sys.executable, "-m", "ringwall.phone.boot.client", "--metadata-dir", str(folder)]
        return subprocess.run([*command, *arguments], capture_output=True, check=False, timeout=60).returncode

    run.folder = folder
    run.targets = tmp_path / "targets"
    assert run("init") == 0
    return run


def trusted_roles(folder):
    """What the suite takes for trusted: every file of the folder whose name ends in .json, by that name."""
    return {
        path.stem: Metadata.from_file(str(path)).signed.version
        for path in folder.iterdir()
        if path.suffix == ".json"
    }


@pytest.mark.req("F3")
def test_every_file_of_the_folder_is_a_role_that_is_trusted_and_there_is_no_other(client, depot) -> None:
    assert trusted_roles(client.folder) == {"root": 1}
    assert client("refresh") == 0
    top = trusted_roles(client.folder)
    assert set(top) == {"root", "timestamp", "snapshot", "targets"}
    assert client("download", path_of("1.0.0")) == 0
    assert set(trusted_roles(client.folder)) == {*top, "ringwall", ROLE}
    depot.room.publish({"root": signed(depot.room.draft("root"), depot.room.root)})
    assert client("refresh") == 0
    assert trusted_roles(client.folder)["root"] == 2


@pytest.mark.req("F3")
def test_trust_begins_with_the_first_root_whatever_lies_in_the_folder(client, depot) -> None:
    assert client("refresh") == 0
    stranger = Room(now=depot.room.now).begin().repository
    for path in client.folder.glob("*.json"):
        path.unlink()
    (client.folder / "root.json").write_bytes(stranger.files["root", 1])
    assert client("refresh") == 0
    depot.room.repository = stranger
    assert client("refresh") == 1


@pytest.mark.req("F3")
def test_a_client_that_has_its_first_root_in_the_old_place_goes_on_from_there(client, depot) -> None:
    assert client("refresh") == 0
    first = client.folder.with_name("metadata.begin") / "root.json"
    first.rename(client.folder / "trusted_root.json")
    assert client("refresh") == 0
    assert first.read_bytes() == depot.room.repository.files["root", 1]
    assert set(trusted_roles(client.folder)) == {"root", "timestamp", "snapshot", "targets"}
    # A root that is put into the old place afterwards is nobody's beginning.
    stranger = Room(now=depot.room.now).begin().repository
    (client.folder / "trusted_root.json").write_bytes(stranger.files["root", 1])
    assert client("refresh") == 0
    assert first.read_bytes() == depot.room.repository.files["root", 1]
    assert not (client.folder / "trusted_root.json").exists()


@pytest.mark.req("F3")
def test_init_asks_nobody_and_refresh_keeps_what_is_trusted(client, depot) -> None:
    assert depot.asked == []
    assert client("refresh") == 0
    for role in ("root", "timestamp", "snapshot", "targets"):
        assert metadata.read((client.folder / f"{role}.json").read_bytes(), role)


@pytest.mark.req("F3")
def test_download_keeps_a_verified_file_and_does_not_fetch_it_twice(client, depot) -> None:
    assert client("download", path_of("1.0.0")) == 0
    (kept,) = [path for path in client.targets.rglob("*") if path.is_file()]
    assert kept.read_bytes() == probe("1.0.0")
    fetched = [path for path in depot.asked if path.startswith("targets/")]
    assert client("download", path_of("1.0.0")) == 0
    assert [path for path in depot.asked if path.startswith("targets/")] == fetched


@pytest.mark.req("F3")
def test_what_is_wrong_gives_exit_code_1_and_the_trusted_files_stay(client, depot) -> None:
    assert client("refresh") == 0
    kept = (client.folder / "timestamp.json").read_bytes()
    assert client("download", path_of("9.0.0")) == 1
    stranger = Room(now=depot.room.now).begin()
    forged = stranger.repository
    good, depot.room.repository = depot.room.repository, forged
    assert client("refresh") == 1
    assert (client.folder / "timestamp.json").read_bytes() == kept
    depot.room.repository = good
    depot.lies = {"targets/": lambda handler: send(handler, b"changed")}
    assert client("download", path_of("1.0.0")) == 1
    assert not client.targets.exists() or not [path for path in client.targets.rglob("*") if path.is_file()]


@pytest.mark.req("F3")
def test_the_client_follows_new_roots(client, depot) -> None:
    depot.room.publish({"root": signed(depot.room.draft("root"), depot.room.root)})
    assert client("refresh") == 0
    assert metadata.read((client.folder / "root.json").read_bytes(), "root").signed.version == 2


def test_plain_http_is_for_this_host_only(client) -> None:
    assert client("download", path_of("1.0.0"), url="http://192.0.2.1/firmware") == 1
