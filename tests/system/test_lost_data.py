"""What is missing of a system is told by `up` and `doctor`, and nothing is made in its place (R2)."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from system.running import System, system_in_a_folder


def _tree(system: System) -> dict[Path, bytes]:
    layout = system.layout
    folders = (layout.core, layout.pki)
    return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def _doctor(system: System) -> tuple[int, list[dict]]:
    done = system.command("doctor", "--json")
    return done.returncode, [one for one in json.loads(done.stdout)["findings"] if not one["ok"]]


def _refused(system: System) -> str:
    done = system.command("up", "--detach", "--json")
    assert done.returncode == 1, done.stdout
    return str(json.loads(done.stdout.splitlines()[-1])["error"]["message"])


@pytest.mark.req("R2")
@pytest.mark.timeout(420)
def test_nothing_that_is_lost_is_replaced_in_silence(tmp_path_factory) -> None:
    with system_in_a_folder() as system:
        layout = system.layout
        first = system.told["password"]
        assert first
        extension = system.user("Kept")
        assert system.up_again()["password"] is None
        assert extension in {user["extension"] for user in system.ask("user.list")}
        system.down()
        whole = tmp_path_factory.mktemp("backup")
        for name in ("core", "pki"):
            _put_back(layout.data / name, whole / name)
        harms = {
            "ringwall.db": layout.database.unlink,
            "ringwall.db is empty": lambda: layout.database.write_bytes(b""),
            "no SQLite database": lambda: layout.database.write_bytes(b"garbage" * 999),
            "ledger.key": layout.ledger_key.unlink,
            "secrets.key is empty": lambda: layout.secrets_key.write_bytes(b""),
            "devices.key": layout.devices_key.unlink,
            "inside.key": layout.inside_key.unlink,
            "root.crt": lambda: shutil.rmtree(layout.pki),
            "secrets.key is missing": lambda: shutil.rmtree(layout.core),
            "not the key of this database": lambda: layout.secrets_key.write_bytes(bytes(32)),
        }
        for said, harm in harms.items():
            harm()
            before = _tree(system)
            message = _refused(system)
            assert said in message, message
            assert "begin-anew" in message
            code, findings = _doctor(system)
            assert code == 1
            assert any(said in one["found"] for one in findings), (said, findings)
            assert {path: content for path, content in _tree(system).items() if content} == {
                path: content for path, content in before.items() if content
            }
            for name in ("core", "pki"):
                shutil.rmtree(layout.data / name)
                _put_back(whole / name, layout.data / name)
        # A running core that is killed when its database is gone does not come back with another one.
        system.up_again()
        assert extension in {user["extension"] for user in system.ask("user.list")}
        for path in layout.core.glob("ringwall.db*"):
            path.unlink()
        system.kill("core")
        deadline = time.monotonic() + 30
        while "holds a system that is not whole" not in system.log("core"):
            assert time.monotonic() < deadline, system.log("core")[-2000:]
            time.sleep(0.2)
        assert not layout.database.exists()
        assert _doctor(system)[0] == 1
        system.down()
        done = system.command("begin-anew", "--yes", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert Path(json.loads(done.stdout)["aside"], "core", "ledger.key").is_file()
        assert system.up_again()["password"] not in {None, first}
        assert system.ask("user.list") == []


def _put_back(source: Path, place: Path) -> None:
    """Copy with owners and modes, as a backup does."""
    subprocess.run(["cp", "-a", str(source), str(place)], check=True)
