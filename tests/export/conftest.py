"""What the export's tests share: a run of every entry with lively weights, exported once, and its C++ session."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

import tfgen
from export.__main__ import export
from export.session import Session
from tfgen import loading, runs, weights

SCORE_SAMPLES = 16


@dataclasses.dataclass(frozen=True)
class Exported:
    """A run, its model in Python, and the version that `python -m export` wrote of it.

    `seconds` is processor time, of this process and the verifying one: a busy machine does not stretch it.
    """

    run: Path
    model: tfgen.Model
    version: Path
    seconds: float

    @property
    def given(self) -> dict:
        """What a conditional model is asked with, for one image."""
        return {"digit": 3} if self.model.conditional else {}


def enliven(model):
    """Moves every weight off its start, as training would, so that no bias is 0 and no statistic is of its default."""
    generator = np.random.default_rng(0)
    for weight in model.weights:
        noise = 0.05 * generator.standard_normal(weight.shape)
        weight.assign(weight.numpy() * np.exp(noise) if "variance" in weight.path else weight.numpy() + noise)


def make_run(entry: str, run: Path, **hyperparameters) -> Path:
    """A run directory of an entry, as training leaves it behind, without the training."""
    model = loading.build(entry, hyperparameters)
    enliven(model)
    config = {"entry": entry, "hyperparameters": hyperparameters, "dataset": "digits", "seed": 7, "versions": {}}
    runs.create(run, config)
    runs.write_metrics(run, {"protocol": "digits-dynamic", "epochs": 3, "test_neg_elbo": 123.4567})
    weights.save(model, run / runs.WEIGHTS)
    return run


def processor_seconds() -> float:
    """Seconds of processor time of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def export_run(run: Path, served: Path) -> Exported:
    """Exports a run by the command's own function, which verifies it in a fresh process."""
    start = processor_seconds()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CUDA_VISIBLE_DEVICES", "-1")
        export(str(run), to=served, score_samples=SCORE_SAMPLES)
    seconds = processor_seconds() - start
    model = tfgen.load(run)
    return Exported(run, model, served / model.entry / "1", seconds)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The folder that every entry is exported to."""
    return tmp_path_factory.mktemp("export") / "served"


@pytest.fixture(scope="session")
def exported_entry(folder, tmp_path_factory):
    """A function from an entry's name to its export, made once."""
    made = {}

    def get(entry: str) -> Exported:
        if entry not in made:
            made[entry] = export_run(make_run(entry, tmp_path_factory.mktemp("runs") / entry), folder)
        return made[entry]

    return get


@pytest.fixture(scope="session", params=tfgen.entries())
def exported(request, exported_entry):
    """Every entry, exported."""
    return exported_entry(request.param)


@pytest.fixture(scope="session")
def session(exported):
    """The C++ session of every entry's version."""
    with Session(exported.version) as opened:
        yield opened


@pytest.fixture(scope="session")
def vae(exported_entry):
    """One entry, exported, for what does not depend on the entry."""
    return exported_entry("vae")


@pytest.fixture(scope="session")
def vae_session(vae):
    """Its C++ session."""
    with Session(vae.version) as opened:
        yield opened
