"""`ringwall bench NAME` runs programs of bench/, and nothing else."""

import pytest

from ringwall.cli import bench
from ringwall.infra.errors import RingwallError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "quick.py").write_text("import sys; print(sys.argv[1:]); sys.exit(5)")
    (tmp_path / "bench" / "_helper.py").write_text("")
    (tmp_path / "secret.py").write_text("raise SystemExit('no')")
    return tmp_path


def test_a_benchmark_gets_its_options_and_gives_its_exit_code(folder, capfd):
    assert bench.run(folder, "quick", ["--json", "--rate", "50"]) == 5
    assert capfd.readouterr().out == "['--json', '--rate', '50']\n"


@pytest.mark.parametrize("name", ["nosuch", "../secret", "_helper", "quick.py", ""])
def test_any_other_name_is_refused_and_the_known_ones_are_named(folder, name):
    with pytest.raises(RingwallError, match="there are quick"):
        bench.run(folder, name, [])
