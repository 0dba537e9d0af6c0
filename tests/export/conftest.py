"""What the export's tests share: entries, small and with lively weights, exported once, and their C++ sessions."""

import contextlib
import dataclasses
import functools
import json
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

import tfgen
from export import bundle, contract, deployment
from export.session import Session
from tfgen.storage import entries, runs, weights

SCORE_SAMPLES = 16
MODELS = {entry: entries.module(entry).build for entry in tfgen.entries()}
PLAIN = next(entry for entry, model in MODELS.items() if model.monitor == "val_neg_elbo" and not model.conditional)
CONDITIONAL = next(entry for entry, model in MODELS.items() if model.conditional)
LIGHT = next(entry for entry, model in MODELS.items() if hasattr(model, "discriminate"))
BRIEFLY = (PLAIN, CONDITIONAL, LIGHT)  # what every run of the tests exports; CI exports the others too
SLOW = (pytest.mark.slow, pytest.mark.ci)


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
        if damaged := self.signatures[signature]["inputs"].get("damaged"):
            given = generator.random((rows, *damaged["shape"][1:]), np.float32)
            made["damaged"] = np.where(given < 0.4, np.float32(-1), given)
        return {name: made[name] for name in self.signatures[signature]["inputs"]}

    def ask(self, owner, signature: str, request: dict) -> list:
        """The answers of the public functions of `owner`, the model in Python or a client, to a request."""
        options = {name: request[name] for name in ("label", "seed") if name in request}
        first = next(
            (request[name] for name in ("image", "latent", "damaged") if name in request), len(request.get("seed", ()))
        )
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
    """A function from an entry's name to its export, made once, in this process and without being verified."""

    @functools.cache
    def get(entry: str) -> Exported:
        version, run = folder / entry / "1", shared / "runs" / entry
        with FileLock(shared / f"{entry}.lock"):
            model = build_small(entry)
            if not (folder / entry / "README.md").exists():
                write_run(model, run)
                version.mkdir(parents=True)
                facts = bundle.write(model, run, version, SCORE_SAMPLES)
                deployment.write(folder, entry, facts)
            weights.load(model, run / runs.WEIGHTS)
        return Exported(run, model, version, json.loads((version / contract.FILE).read_text()))

    return get


@pytest.fixture(
    scope="session", params=[name if name in BRIEFLY else pytest.param(name, marks=SLOW) for name in MODELS]
)
def exported(request, exported_entry):
    """Entries, exported."""
    return exported_entry(request.param)


@pytest.fixture(scope="session")
def opened(exported_entry):
    """A function from an entry's name to the C++ session of its version, opened once: its first answers are slow."""
    with contextlib.ExitStack() as stack:
        yield functools.cache(lambda entry: stack.enter_context(Session(exported_entry(entry).version)))


@pytest.fixture(scope="session")
def session(exported, opened):
    """The C++ session of each entry's version."""
    return opened(exported.model.entry)


@pytest.fixture(scope="session")
def light(exported_entry):
    """The entry with the fewest signatures, for what does not depend on the entry."""
    return exported_entry(LIGHT)


@pytest.fixture(scope="session")
def plain(exported_entry):
    """An entry with all that a variational model has, and no label."""
    return exported_entry(PLAIN)


@pytest.fixture(scope="session")
def plain_session(plain, opened):
    """Its C++ session."""
    return opened(plain.model.entry)


@pytest.fixture(scope="session")
def conditional(exported_entry):
    """An entry that takes labels."""
    return exported_entry(CONDITIONAL)


@pytest.fixture(scope="session")
def conditional_session(conditional, opened):
    """Its C++ session."""
    return opened(conditional.model.entry)


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
