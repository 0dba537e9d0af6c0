"""The commands as users meet them: what they print, and bad input that ends in one line and exit code 2."""

import json
import shutil
import subprocess
import sys

import pytest

from export import __main__ as command
from export import benchmark, commands, publish, replay, verify


def ended(capsys, function, *arguments):
    """A command in this process: (exit code, stdout, lines of stderr)."""
    capsys.readouterr()
    code = 0
    try:
        function([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr()
    return code, said.out, said.err.splitlines()


def test_an_export_ends_with_its_path_and_nothing_on_stderr(vae, tmp_path):
    words = [sys.executable, "-m", "export", str(vae.run), "--to", str(tmp_path / "served"), "--score-samples", "4"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "vae: serving_default, sample, decode, encode, reconstruct, score"
    assert lines[-2].startswith(f"{tmp_path}/served/vae/1  ")
    assert lines[-1] == f"How to serve it: {tmp_path}/served/vae/README.md"
    assert json.loads((tmp_path / "served/vae/1/signatures.json").read_text())["score_samples"] == 4
    assert [path.name for path in (tmp_path / "served/vae").iterdir() if path.name.startswith(".")] == []


def test_a_run_without_weights_ends_with_one_line(vae, tmp_path, capsys):
    run = shutil.copytree(vae.run, tmp_path / "run")
    (run / "model.weights.h5").unlink()
    code, said, errors = ended(capsys, command.main, run, "--to", tmp_path / "served")
    assert (code, said, len(errors)) == (2, "", 1)
    assert "no weights" in errors[0]
    assert not (tmp_path / "served").exists()


@pytest.mark.parametrize("source", ["vea", "nowhere/run", "."])
def test_what_is_neither_an_entry_nor_a_run_ends_with_one_line(source, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, said, errors = ended(capsys, command.main, source, "--to", tmp_path / "served")
    assert (code, said, len(errors)) == (2, "", 1)
    assert repr(source) in errors[0]


@pytest.mark.parametrize("target", ["a file", "a file/below", "/proc/served"])
def test_an_unwritable_target_ends_with_one_line(target, vae, tmp_path, capsys):
    (tmp_path / "a file").touch()
    code, said, errors = ended(capsys, command.main, vae.run, "--to", tmp_path / target)
    assert (code, said, len(errors)) == (2, "", 1)
    assert "cannot be written to" in errors[0]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--score-samples", "0"], "score-samples must be at least 1, got 0"),
        (["--score-samples", "many"], "many"),
        (["--speed", "9"], "--speed"),
    ],
)
def test_wrong_options_end_with_the_error_last(arguments, word, vae, tmp_path, capsys):
    code, said, errors = ended(capsys, command.main, vae.run, "--to", tmp_path / "served", *arguments)
    assert (code, said) == (2, "")
    assert word in errors[-1]
    assert errors[-1].startswith("error: ")
    assert len(errors) <= 2


@pytest.mark.parametrize("function", [command.main, verify.main, benchmark.main, replay.main])
def test_a_command_without_arguments_says_what_is_missing(function, capsys):
    code, said, errors = ended(capsys, function)
    assert (code, said) == (2, "")
    assert errors[-1].startswith("error: ")


@pytest.mark.parametrize("function", [command.main, verify.main, benchmark.main, replay.main])
def test_help_is_printed(function, capsys):
    code, said, errors = ended(capsys, function, "--help")
    assert (code, errors) == (0, [])
    assert "Usage: python -m export" in said


def test_what_fails_its_verification_is_not_published(vae, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setattr("export.golden.make", lambda *arguments: {})
    code, said, errors = ended(capsys, command.main, vae.run, "--to", tmp_path)
    assert code == 1
    assert "FAILED" in said
    assert errors[-1].endswith("nothing is published")
    assert publish.versions(tmp_path / "vae") == []
    assert list((tmp_path / "vae").iterdir()) == []


def test_where_nothing_can_be_verified_the_export_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert command.proved(tmp_path)
    assert "not verified" in capsys.readouterr().out


def test_the_benchmark_prints_and_writes_what_a_request_costs(vae, tmp_path):
    version = shutil.copytree(vae.version, tmp_path / "vae" / "1")
    words = [sys.executable, "-m", "export.benchmark", str(version), "--seconds", "0.05"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Drawing a code for each row from its own seed" in done.stdout
    report = json.loads((tmp_path / "vae" / "benchmark.json").read_text())
    assert set(report["signatures"]) == {"sample", "decode", "encode", "reconstruct", "score"}
    for batches in report["signatures"].values():
        for batch, numbers in batches.items():
            assert 0 < numbers["p50_ms"] <= numbers["p99_ms"]
            assert numbers["images_per_s"] == pytest.approx(1e3 * int(batch) / numbers["p50_ms"], rel=0.01)
    assert report["load_s"] > 0
    assert report["variables_bytes"] < report["bytes"]


def test_a_benchmark_of_no_version_ends_with_one_line(tmp_path, capsys):
    code, said, errors = ended(capsys, benchmark.main, tmp_path)
    assert (code, said, len(errors)) == (2, "", 1)
    assert "is no version" in errors[0]


def test_tables_are_aligned():
    assert commands.table([("a", 1, "x"), ("long", 23, "")]) == "  a     1   x\n  long  23"
