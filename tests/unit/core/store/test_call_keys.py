"""What is sealed of a live call can be read by the next process, and by nobody when the call has ended (T1, R1)."""

import mmap
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.core.store import call_keys
from ringwall.core.store.call_keys import CallKeys

pytestmark = pytest.mark.req("T1", "R1")


def places(path: Path) -> list[bytes]:
    content = path.read_bytes()
    return [content[at : at + 64] for at in range(0, len(content), 64) if any(content[at : at + 64])]


def test_the_next_process_reads_what_this_one_sealed(tmp_path):
    first = CallKeys(tmp_path / "keys")
    secrets = {"a": b"one" * 2000, "b": b"", "ü\udcff": b"three"}
    sealed = {name: first.seal(name, secret) for name, secret in secrets.items()}
    first.close()
    second = CallKeys(tmp_path / "keys")
    assert second.outlive_the_process
    assert {name: second.unseal(name, each) for name, each in sealed.items()} == secrets
    second.close()


def test_the_key_of_a_call_that_has_ended_is_nowhere(tmp_path):
    keys = CallKeys(tmp_path / "keys")
    sealed = keys.seal("a", b"secret")
    [place] = places(tmp_path / "keys")
    keys.destroy("a")
    assert places(tmp_path / "keys") == []
    assert keys.unseal("a", sealed) is None
    keys.seal("a", b"another call of that name")
    assert keys.unseal("a", sealed) is None
    assert place[32:] not in (tmp_path / "keys").read_bytes()
    keys.close()


def test_what_was_sealed_for_one_call_is_not_opened_for_another(tmp_path):
    keys = CallKeys(tmp_path / "keys")
    sealed = keys.seal("a", b"secret")
    keys.seal("b", b"other")
    assert keys.unseal("b", sealed) is None
    assert keys.unseal("a", sealed[:-1]) is None
    assert keys.unseal("a", b"") is None
    assert keys.unseal("c", sealed) is None
    keys.close()


def test_the_file_is_for_its_owner_alone_and_no_link_is_followed(tmp_path):
    CallKeys(tmp_path / "keys").close()
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="link"):
        CallKeys(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_without_a_file_the_keys_end_with_the_process(tmp_path):
    keys = CallKeys()
    assert not keys.outlive_the_process
    assert keys.unseal("a", keys.seal("a", b"secret")) == b"secret"
    keys.destroy("a")
    assert len(keys) == 0
    keys.close()


def test_more_calls_make_the_file_grow_up_to_its_limit_and_one_more_is_of_this_process_alone(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(call_keys, "PLACES", mmap.ALLOCATIONGRANULARITY // 64)
    monkeypatch.setattr(call_keys, "_SEGMENT", mmap.ALLOCATIONGRANULARITY)
    monkeypatch.setattr(call_keys, "MOST_SEGMENTS", 3)
    most = 3 * call_keys.PLACES
    keys = CallKeys(tmp_path / "keys")
    sealed = {str(number): keys.seal(str(number), b"%d" % number) for number in range(most + 1)}
    assert (tmp_path / "keys").stat().st_size == 3 * mmap.ALLOCATIONGRANULARITY
    assert keys.unseal(str(most), sealed[str(most)]) == b"%d" % most
    keys.destroy(str(most))
    keys.close()
    again = CallKeys(tmp_path / "keys")
    assert [again.unseal(str(number), sealed[str(number)]) for number in range(most)] == [
        b"%d" % number for number in range(most)
    ]
    assert again.unseal(str(most), sealed[str(most)]) is None
    again.keep_only(["7"])
    assert len(places(tmp_path / "keys")) == len(again) == 1
    again.close()


@pytest.mark.parametrize("half", [slice(0, 32), slice(32, 64)])
def test_a_place_that_a_killed_process_left_half_made_is_no_key(tmp_path, half):
    keys = CallKeys(tmp_path / "keys")
    sealed = keys.seal("a", b"secret")
    keys.close()
    content = bytearray((tmp_path / "keys").read_bytes())
    [at] = [at for at in range(0, len(content), 64) if any(content[at : at + 64])]
    content[at + half.start : at + half.stop] = bytes(32)
    (tmp_path / "keys").write_bytes(content)
    keys = CallKeys(tmp_path / "keys")
    assert keys.unseal("a", sealed) is None
    assert places(tmp_path / "keys") == []
    keys.close()


CHILD = """
import sys
from pathlib import Path
from ringwall.core.store.call_keys import CallKeys
keys = CallKeys(Path(sys.argv[1]))
keys.seal("ended", b"x")
keys.destroy("ended")
print(keys.seal("alive", b"still here").hex(), flush=True)
sys.stdin.read()
"""


def test_kill_9_loses_no_key_and_brings_none_back(tmp_path):
    source = Path(__file__).parents[4] / "src"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "keys")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(source)},
    )
    sealed = bytes.fromhex(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait()
    keys = CallKeys(tmp_path / "keys")
    assert len(keys) == 1
    assert keys.unseal("alive", sealed) == b"still here"
    keys.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["seal", "destroy", "restart", "keep"]), st.sampled_from("abcde"))))
def test_whatever_happens_live_calls_are_read_and_ended_ones_are_not(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("keys") / "keys"
    keys, alive, ended = CallKeys(path), {}, []
    for step, name in steps:
        if step == "seal":
            alive[name] = keys.seal(name, name.encode())
        elif step == "destroy":
            keys.destroy(name)
            if name in alive:
                ended.append((name, alive.pop(name)))
        elif step == "keep":
            keys.keep_only([name])
            ended += [(other, alive.pop(other)) for other in list(alive) if other != name]
        else:
            keys.close()
            keys = CallKeys(path)
        assert {name: keys.unseal(name, sealed) for name, sealed in alive.items()} == {
            name: name.encode() for name in alive
        }
        assert not any(keys.unseal(name, sealed) for name, sealed in ended)
        assert len(places(path)) == len(keys) == len(alive)
    keys.close()
