"""What the export's tests share: every entry, small and with lively weights, exported once, and its C++ session."""

import contextlib
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock, Timeout

import tfgen
from export import bundle, contract, deployment
from export.session import Session
from tfgen.storage import entries, runs, weights

SCORE_SAMPLES = 16


@dataclasses.dataclass(frozen=True)
class Exported:
    """A model in Python and the version that was written of it, beside those of the other entries."""

    run: Path
    model: "tfgen.Model"
    version: Path
    facts: dict

    @property
    def signatures(self) -> dict:
        """Those of the version but for the default, which is another name: name -> {"inputs", "outputs"}."""
        return {name: sides for name, sides in self.facts["signatures"].items() if name != contract.DEFAULT}

    def labels(self, rows: int) -> dict:
        """What a request of this many rows has besides: classes, where the model takes them."""
        return {"label": 2 * np.arange(rows) % len(self.facts["classes"])} if self.facts["classes"] else {}

    def request(self, signature: str, rows: int) -> dict:
        """A request of a signature, other than the golden one."""
        generator = np.random.default_rng(rows)
        made = {"seed": generator.integers(0, 2**53, rows), **self.labels(rows)}
        made["image"] = (generator.random((rows, *self.facts["image_shape"])) < 0.3).astype(np.float32)
        made["latent"] = generator.standard_normal((rows, self.facts["latent_dim"] or 1), np.float32)
        return {name: made[name] for name in self.signatures[signature]["inputs"]}

    def ask(self, owner, signature: str, request: dict) -> list:
        """The answers of the public functions of `owner`, the model in Python or a client, to a request."""
        options = {name: request[name] for name in ("label", "seed") if name in request}
        first = next((request[name] for name in ("image", "latent") if name in request), len(request.get("seed", ())))
        if signature == "score" and owner is self.model:
            bounds = [owner.elbo(first, **options)] if "elbo" in self.signatures["score"]["outputs"] else []
            drawn = {"k": SCORE_SAMPLES} if "seed" in options else {}
            return [*bounds, owner.log_likelihood(first, **drawn, **options)]
        answer = getattr(owner, signature)(first, **options)
        return list(answer) if isinstance(answer, tuple) else [answer]


def build_small(entry: str, **hyperparameters):
    """A model of an entry, small, with weights moved off their start."""
    module = entries.module(entry)
    model = module.build(**module.SMALL | hyperparameters)
    enliven(model)
    return model


def enliven(model) -> None:
    """Moves every weight off its start, as training would, so that no bias is 0 and no statistic is of its default."""
    generator = np.random.default_rng(0)
    for weight in model.weights:
        noise = 0.05 * generator.standard_normal(weight.shape)
        weight.assign(weight.numpy() * np.exp(noise) if "variance" in weight.path else weight.numpy() + noise)


def write_run(model, run: Path) -> Path:
    """A run directory of a small model, as training leaves it behind, without the training."""
    hyperparameters = entries.module(model.entry).SMALL
    config = {"entry": model.entry, "hyperparameters": hyperparameters, "dataset": "digits", "seed": 7, "versions": {}}
    runs.create(run, config)
    runs.write_metrics(run, {"protocol": "digits-dynamic", "epochs": 3, "test_neg_elbo": 123.4567})
    weights.save(model, run / runs.WEIGHTS)
    return run


@pytest.fixture(autouse=True)
def xla_stays_enabled(monkeypatch):
    """A process that has disabled XLA cannot enable it again, and the tests that follow here need it."""
    monkeypatch.setattr("export.session.disable_xla", lambda opened: None)


@pytest.fixture(scope="session")
def small():
    """A function that builds an entry's small model, with other hyperparameters if named, and lively weights."""
    return build_small


@pytest.fixture(scope="session")
def save_run():
    """A function that writes a run directory of a small model."""
    return write_run


@pytest.fixture(scope="session")
def folder(shared):
    """The folder of served models that every entry is exported to."""
    return shared / "served"


@pytest.fixture(scope="session")
def exported_entry(shared, folder):
    """A function from an entry's name to its export, made once, in this process and without being verified.

    It is not waited for another process that is at it if `wait` is false: filelock.Timeout.
    """
    made = {}

    def get(entry: str, wait: bool = True) -> Exported:
        if entry in made:
            return made[entry]
        version, run = folder / entry / "1", shared / "runs" / entry
        with FileLock(shared / f"{entry}.lock", blocking=wait):
            model = build_small(entry)
            if not (folder / entry / "README.md").exists():
                write_run(model, run)
                version.mkdir(parents=True)
                facts = bundle.write(model, run, version, SCORE_SAMPLES)
                deployment.write(folder, entry, facts)
            weights.load(model, run / runs.WEIGHTS)
        facts = json.loads((version / contract.FILE).read_text())
        made[entry] = Exported(run, model, version, facts)
        return made[entry]

    return get


@pytest.fixture(scope="session")
def everything(exported_entry) -> dict:
    """Every entry, exported: name -> Exported. What another process is at comes last."""
    for entry in tfgen.entries():
        with contextlib.suppress(Timeout):
            exported_entry(entry, wait=False)
    return {entry: exported_entry(entry) for entry in tfgen.entries()}


@pytest.fixture(scope="session", params=tfgen.entries())
def exported(request, everything):
    """Every entry, exported."""
    return everything[request.param]


@pytest.fixture(scope="session")
def sessions(everything):
    """The C++ session of every entry's version, by name; one each, whose first answers are the slow ones."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Session(found.version)) for name, found in everything.items()}


@pytest.fixture(scope="session")
def session(exported, sessions):
    """The C++ session of every entry's version."""
    return sessions[exported.model.entry]


def first(everything: dict, suits) -> Exported:
    """The first entry whose signatures suit."""
    return next(found for found in everything.values() if suits(found.signatures))


@pytest.fixture(scope="session")
def light(everything):
    """The entry that decodes with the fewest signatures, for what does not depend on the entry."""
    return min(
        (found for found in everything.values() if "decode" in found.signatures),
        key=lambda found: len(found.signatures),
    )


@pytest.fixture(scope="session")
def plain(everything):
    """An entry with all that a variational model has, and no label."""
    return first(everything, lambda has: "score" in has and has.get("encode", {}).get("inputs", {}).keys() == {"image"})


@pytest.fixture(scope="session")
def plain_session(plain, sessions):
    """Its C++ session."""
    return sessions[plain.model.entry]


@pytest.fixture(scope="session")
def conditional(everything):
    """An entry that takes labels."""
    return first(everything, lambda has: "label" in has["sample"]["inputs"])


@pytest.fixture
def ended(capsys):
    """A function that calls a command in this process: (exit code, stdout, lines of stderr)."""

    def run(function, *arguments):
        capsys.readouterr()
        code = 0
        try:
            function([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        written = capsys.readouterr()
        return code, written.out, written.err.splitlines()

    return run
