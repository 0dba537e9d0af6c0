"""Commands that are mistyped: one line that blames what is wrong, exit code 2, and no TensorFlow to wait for."""

import importlib
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

LINES = Path(__file__).with_name("mistyped.txt").read_text(encoding="utf-8").splitlines()
MISTYPED = [line.split(" | ", 1) for line in LINES if not line.startswith("#")]
MAINS = {"export": "export.__main__", "tfgen": "tfgen.__main__"}


@pytest.mark.parametrize(("command", "words"), MISTYPED, ids=[command for command, _ in MISTYPED])
def test_one_line_names_what_is_wrong(call, monkeypatch, tmp_path, command, words):
    monkeypatch.chdir(tmp_path)
    name, *arguments = shlex.split(command)
    code, output, error = call(importlib.import_module(MAINS.get(name, name)).main, *arguments)
    (line,) = error.splitlines()
    assert (code, output) == (2, "")
    assert line.startswith("error: ")
    place = 0
    for part in words.split(" ... "):
        place = line.find(part, place)
        assert place >= 0, line
    hint = line.rpartition("; ")[2]
    assert "--help" not in line or hint == f"{_called(name, arguments)} --help lists the options", line
    assert list(tmp_path.iterdir()) == []


def _called(name: str, arguments: list[str]) -> str:
    return f"python -m {name}" + (f" {arguments[0]}" if name in ("zoo.train", "zoo.apply", "zoo.lecture") else "")


def test_none_of_them_nor_any_help_imports_tensorflow(tmp_path):
    """All in one process that has not seen TensorFlow yet."""
    helps = [["zoo"], ["tfgen"], ["zoo.train", "--help"]]
    helps += [["zoo.train", entry, "--help"] for entry in importlib.import_module("zoo").ENTRIES]
    helps += [
        [name, "--help"] for name in sorted({command.split()[0] for command, _ in MISTYPED} - {"zoo.train", "tfgen"})
    ]
    code = (
        "import contextlib, importlib, io, json, sys\n"
        "for (name, *arguments), expected in json.loads(sys.stdin.read()):\n"
        "    name = {'export': 'export.__main__', 'tfgen': 'tfgen.__main__', 'zoo': 'zoo.__main__'}.get(name, name)\n"
        "    found = 0\n"
        "    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
        "        try:\n"
        "            importlib.import_module(name).main(arguments)\n"
        "        except SystemExit as stop:\n"
        "            found = stop.code or 0\n"
        "    heavy = {'tensorflow', 'keras', 'tensorflow_datasets', 'matplotlib'} & set(sys.modules)\n"
        "    assert (found, heavy) == (expected, set()), (name, arguments, found, heavy)\n"
    )
    cases = [(shlex.split(command), 2) for command, _ in MISTYPED] + [(words, 0) for words in helps]
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(cases), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_help_of_an_entry_has_its_recipe_and_its_choices(command):
    code, output, error = command("vae", "--help")
    said = " ".join(output.replace("│", " ").split())
    assert (code, error) == (0, "")
    for words in ("17,875 steps, 65 epochs of mnist", "[default: 200", "[default: 0.002]", "[choices: dense, conv]"):
        assert words in said
