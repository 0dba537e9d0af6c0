"""The commands as users meet them: what they print, and bad input that ends in one line and exit code 2."""

import hashlib
import json
import resource
import shutil
import subprocess
import sys

import pytest

import tfgen
from export import __main__ as command
from export import benchmark, bundle, contract, deployment, golden, replay, verify, versions
from export.inspection import Inspection
from tfgen.storage import entries

COMMANDS = (command.main, verify.main, benchmark.main, replay.main)
CHECKS = [*Inspection.CHECKS, "load", "answers", "rows", "seeds", "pixels"]  # of a model without labels

FOREIGN = '''"""A module of another package, after A. Nobody et al. 2020, which turns the
images of a model of the zoo. It is for a test."""

import functools

import {original} as original
from {original} import BATCH_SIZE, LEARNING_RATE, SMALL, STEPS
from tfgen.models.signatures import Signature
from tfgen.quiet import tf


class Turned(type(original.build(**SMALL))):
    entry = "turned"

    def signatures(self, score_samples=64):
        table = super().signatures(score_samples)
        image = {{"dtype": "float32", "shape": [-1, *self.image_shape]}}
        turn = Signature(lambda image: {{"turned": tf.reverse(image, [1, 2])}}, {{"image": image}}, {{"turned": image}})
        return {{name: table[name] for name in ("serving_default", "sample")}} | {{"turn": turn}}


@functools.wraps(original.build)
def build(**hyperparameters):
    model = original.build(**hyperparameters)
    model.__class__ = Turned
    return model
'''


@pytest.fixture(autouse=True)
def devices(monkeypatch):
    """Puts back what the command sets for its own process."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")


def test_an_export_is_verified_in_a_fresh_process_and_says_nothing_on_stderr(light, tmp_path):
    """The one export of the suite that goes the whole way; the others stay in this process."""
    served, entry = tmp_path / "served", light.model.entry
    words = [sys.executable, "-m", "export", str(light.run), "--to", str(served)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"{entry}: {', '.join(light.facts['signatures'])}"
    checks = [line.strip().partition("  ")[::2] for line in lines if line.startswith("  ")]
    assert [name for name, _ in checks] == CHECKS
    assert all(result.split()[0] == "ok" for _, result in checks)
    assert lines[-3].startswith(f"{served}/{entry}/1  ")
    pin = hashlib.sha256((served / entry / "1" / "manifest.json").read_bytes()).hexdigest()
    assert lines[-2] == f"Pinned: python -m export.verify {served}/{entry}/1 --pin {pin}"
    assert lines[-1] == f"How to serve it: {served}/{entry}/README.md"
    assert [path.name for path in (served / entry).iterdir() if path.name.startswith(".")] == []


def test_a_model_of_another_package_is_exported_once_it_is_registered(
    light, small, save_run, ended, tmp_path, monkeypatch
):
    package = tmp_path / "somebody"
    package.mkdir()
    (package / "turned.py").write_text(FOREIGN.format(original=entries.module(light.model.entry).__name__))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(entries, "_registered", {})
    tfgen.register("somebody.turned")
    run, served = save_run(small("turned"), tmp_path / "run"), tmp_path / "served"
    entries._registered.clear()

    code, said, errors = ended(command.main, run, "--to", served)
    assert (code, said, len(errors)) == (2, "", 1)
    assert "--register" in errors[0]

    monkeypatch.setattr(command, "proved", lambda staged: all(passed for _, passed, _ in verify.check(staged)))
    code, said, errors = ended(command.main, run, "--to", served, "--register", "somebody.turned")
    assert (code, errors) == (0, [])
    assert said.startswith("turned: serving_default, sample, turn\n")
    about = "`turned` is a module of another package, after A. Nobody et al. 2020, which turns the images of a model "
    about += "of the zoo."
    assert about in (served / "turned/1/MODEL_CARD.md").read_text().splitlines()
    answer = golden.read(served / "turned/1")["turn"]
    assert (answer["outputs"]["turned"] == answer["inputs"]["image"][:, ::-1, ::-1]).all()


@pytest.mark.parametrize("module", ["nobody.anything", "json", "zoo.models"])
def test_what_is_no_model_of_a_package_ends_with_one_line(module, light, ended, tmp_path):
    code, said, errors = ended(command.main, light.run, "--to", tmp_path / "served", "--register", module)
    assert (code, said, len(errors)) == (2, "", 1)
    assert module in errors[0]


def test_signatures_that_cannot_be_served_end_with_one_line(light, ended, tmp_path, monkeypatch):
    whole = type(light.model).signatures

    def signatures(self, score_samples=64):
        table = whole(self, score_samples)
        return table | {"serving_default": table["decode"]}

    monkeypatch.setattr(type(light.model), "signatures", signatures)
    code, said, errors = ended(command.main, light.run, "--to", tmp_path)
    assert (code, said, len(errors)) == (2, "", 1)
    assert "cannot be served: serving_default is another signature than sample" in errors[0]
    assert list((tmp_path / light.model.entry).iterdir()) == []


def test_a_run_without_weights_ends_with_one_line(light, tmp_path, ended):
    run = shutil.copytree(light.run, tmp_path / "run")
    (run / "model.weights.h5").unlink()
    code, said, errors = ended(command.main, run, "--to", tmp_path / "served")
    assert (code, said, len(errors)) == (2, "", 1)
    assert "no weights" in errors[0]
    assert not (tmp_path / "served").exists()


@pytest.mark.parametrize("source", ["vea", "nowhere/run", "."])
def test_what_is_neither_an_entry_nor_a_run_ends_with_one_line(source, tmp_path, ended, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, said, errors = ended(command.main, source, "--to", tmp_path / "served")
    assert (code, said, len(errors)) == (2, "", 1)
    assert repr(source) in errors[0]


@pytest.mark.parametrize("target", ["a file", "a file/below", "/proc/served"])
def test_an_unwritable_target_ends_with_one_line(target, light, tmp_path, ended):
    (tmp_path / "a file").touch()
    code, said, errors = ended(command.main, light.run, "--to", tmp_path / target)
    assert (code, said, len(errors)) == (2, "", 1)
    assert "cannot be written to" in errors[0]


@pytest.mark.parametrize("inside", ["m", "m/1", "m/1/variables", "m/litert-int8", "m/litert-int8/1"])
def test_no_model_is_exported_into_another_one(inside, light, tmp_path, ended):
    """A version would be damaged, and a server would not look below it."""
    shutil.copytree(light.version, tmp_path / "m/1")
    (tmp_path / "m/litert-int8/1").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    code, said, errors = ended(command.main, light.run, "--to", tmp_path / inside)
    assert (code, said, len(errors)) == (2, "", 1)
    assert errors[0].endswith(f", {str(tmp_path)!r}")
    assert sorted(tmp_path.rglob("*")) == before


def test_no_batching_is_refused_where_the_folder_merges_requests(light, tmp_path, ended, monkeypatch):
    monkeypatch.setattr(command, "proved", lambda staged: True)
    (tmp_path / light.model.entry).mkdir()
    deployment.write(tmp_path, light.model.entry, light.facts)
    code, said, errors = ended(command.main, light.run, "--to", tmp_path, "--no-batching")
    assert (code, said, len(errors)) == (2, "", 1)
    assert "delete the flags that name batching" in errors[0]
    compose = tmp_path / "docker-compose.yml"
    lines = compose.read_text().splitlines(keepends=True)
    compose.write_text("".join(line for line in lines if "batching" not in line))
    assert ended(command.main, light.run, "--to", tmp_path, "--no-batching")[0] == 0


@pytest.mark.parametrize("dim", [0, 1])
def test_a_version_of_another_contract_is_noted(dim, light, tmp_path, ended, monkeypatch):
    first = shutil.copytree(light.version, tmp_path / light.model.entry / "1")
    facts = (first / contract.FILE).read_text()
    other = json.loads(facts)
    other["latent_dim"] += dim
    other["signatures"]["decode"]["inputs"]["latent"]["shape"][1] += dim
    (first / contract.FILE).write_text(json.dumps(other))
    monkeypatch.setattr(command, "proved", lambda staged: True)
    code, said, _ = ended(command.main, light.run, "--to", tmp_path)
    notes = [line for line in said.splitlines() if line.startswith("note: ")]
    assert (code, notes) == (
        0,
        ["note: decode differs from version 1; clients that use it may have to change"] if dim else [],
    )


OBSTACLES = (
    "models.config",
    "batching.config",
    ".lock",
    ".{entry}.lock",
    "{entry}/README.md",
    f"{{entry}}/{2**63 - 1}",
)


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_an_obstructed_place_is_named_before_anything_is_written(obstacle, light, tmp_path, ended):
    place = tmp_path / obstacle.format(entry=light.model.entry)
    place.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    code, said, errors = ended(command.main, light.run, "--to", tmp_path)
    assert (code, said, len(errors)) == (2, "", 1)
    assert place.name in errors[0]
    assert sorted(set(tmp_path.rglob("*")) - {tmp_path / light.model.entry}) == [
        path for path in before if path != tmp_path / light.model.entry
    ]


@pytest.mark.parametrize("most", [20_000, 100_000])  # bytes of a file: less than the weights, less than the graph
def test_a_full_disk_leaves_nothing(most, light, tmp_path, ended, monkeypatch):
    """A quota instead of a full disk: every write beyond it fails, whoever runs the tests."""
    limits, write = resource.getrlimit(resource.RLIMIT_FSIZE), bundle.write

    def write_little(*arguments):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
        return write(*arguments)

    monkeypatch.setattr(bundle, "write", write_little)
    try:
        code, _, errors = ended(command.main, light.run, "--to", tmp_path / "served")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (code, len(errors)) == (4, 1)
    assert f"{str(tmp_path / 'served')!r} cannot be written to: " in errors[0]
    assert errors[0].endswith("nothing is published")
    assert [path for path in (tmp_path / "served").rglob("*") if not path.is_dir() and path.suffix != ".lock"] == []
    assert list((tmp_path / "served" / light.model.entry).iterdir()) == []


def test_the_files_beside_a_version_are_written_before_it_appears(light, tmp_path, ended, monkeypatch):
    def full(path, room=0):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "proved", lambda staged: True)
    monkeypatch.setattr("tfgen.files.replacing", full)
    code, _, errors = ended(command.main, light.run, "--to", tmp_path)
    assert (code, len(errors)) == (4, 1)
    assert "No space left on device; nothing is published" in errors[0]
    assert versions.taken(tmp_path / light.model.entry) == []


@pytest.mark.parametrize("file", ["config.json", "metrics.json", "manifest.json", "model.weights.h5"])
def test_a_damaged_run_is_blamed_and_nothing_is_written(file, light, tmp_path, ended):
    run = shutil.copytree(light.run, tmp_path / "run")
    (run / file).write_text("{")
    code, said, errors = ended(command.main, run, "--to", tmp_path / "served")
    assert (code, said, len(errors)) == (2, "", 1)
    assert str(run) in errors[0]
    assert not (tmp_path / "served").exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--score-samples", "0"], "score-samples must be at least 1, got 0"),
        (["--score-samples", "many"], "many"),
        (["--speed", "9"], "--speed"),
    ],
)
def test_wrong_options_end_with_the_error_last(arguments, word, light, tmp_path, ended):
    code, said, errors = ended(command.main, light.run, "--to", tmp_path / "served", *arguments)
    assert (code, said) == (2, "")
    assert word in errors[-1]
    assert errors[-1].startswith("error: ")
    assert len(errors) <= 2


@pytest.mark.parametrize("function", COMMANDS)
def test_a_command_without_arguments_says_what_is_missing(function, ended):
    code, said, errors = ended(function)
    assert (code, said) == (2, "")
    assert errors[-1].startswith("error: ")


@pytest.mark.parametrize("function", COMMANDS)
def test_help_is_printed(function, ended):
    code, said, errors = ended(function, "--help")
    assert (code, errors) == (0, [])
    assert "Usage: python -m export" in said


def test_what_fails_its_verification_is_not_published(light, tmp_path, ended, monkeypatch):
    monkeypatch.setattr("export.golden.make", lambda *arguments: {})
    code, said, errors = ended(command.main, light.run, "--to", tmp_path)
    assert code == 1
    assert "FAILED" in said
    assert errors[-1].endswith("nothing is published")
    assert versions.taken(tmp_path / light.model.entry) == []
    assert list((tmp_path / light.model.entry).iterdir()) == []


def test_where_nothing_can_be_verified_the_export_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert command.proved(tmp_path)
    assert "not verified" in capsys.readouterr().out


def test_the_benchmark_prints_and_writes_what_a_request_costs(light, tmp_path):
    version = shutil.copytree(light.version, tmp_path / "model" / "1")
    words = [sys.executable, "-m", "export.benchmark", str(version), "--seconds", "0.05"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Drawing a code for each row from its own seed" in done.stdout
    report = json.loads((tmp_path / "model" / "benchmark.json").read_text())
    assert set(report["signatures"]) == set(light.signatures)
    for batches in report["signatures"].values():
        for batch, numbers in batches.items():
            assert 0 < numbers["p50_ms"] <= numbers["p99_ms"]
            assert numbers["images_per_s"] == pytest.approx(1e3 * int(batch) / numbers["p50_ms"], rel=0.01)
    assert report["load_s"] > 0
    assert report["variables_bytes"] < report["bytes"]


def test_clients_without_a_server_are_refused(light, ended):
    code, said, errors = ended(benchmark.main, light.version, "--clients", "4")
    assert (code, said, errors) == (2, "", ["error: --clients needs --url, the running server; got 4 without it"])


def test_a_benchmark_of_no_version_ends_with_one_line(tmp_path, ended):
    code, said, errors = ended(benchmark.main, tmp_path)
    assert (code, said, len(errors)) == (2, "", 1)
    assert "is not a version" in errors[0]
