"""Every prompt that a menu plays is installed."""

import ast
from pathlib import Path

import pytest

import ringwall.core.voicemail

PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")


def test_every_prompt_that_is_named_is_installed():
    if not PROMPTS.is_dir():
        pytest.skip("the prompts are not installed here: ./ringwall up installs them")
    named = set()
    for path in Path(ringwall.core.voicemail.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Prompt":
                named |= {
                    one.value
                    for one in ast.walk(node.args[0])
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    words = {each for each in named if not each.startswith(("digits/", "vm-marked-"))} - {
        "*",
        "#",
        "star",
        "pound",
    }
    words -= {"urgent", "nonurgent"}
    assert len(words) > 50
    missing = sorted(each for each in words if not (PROMPTS / f"{each}.wav").is_file())
    assert missing == []
    for each in ("vm-marked-urgent", "vm-marked-nonurgent", "digits/star", "digits/pound"):
        assert (PROMPTS / f"{each}.wav").is_file()
