"""What a trained model is used for: a file a task, found by its name, with its metric, its baselines and its figure.

Each file of this folder is a task; what several of them need lies in `tfgen.tasks.common`. A task module has

    a docstring    `NAME`: the question that it answers, one sentence; then its methods, with their papers
    check(**options)   raises TypeError or ValueError for options that no model and no data could make good
    ASKS           the method or score -> what it asks a model for, names of `Model.signatures()`: "score", or of one of
                   their outputs or inputs: "encode.latent_stddev", "sample.label"
    run(job, *, option: type = default, ...) -> tfgen.tasks.common.result.Result
                   all of it on the `tfgen.tasks.common.job.Job`; settings are chosen on the validation split, and the
                   test split is read once. Options come to the command line with the help in the docstring.
    __all__        the function for arrays of one's own, which `tfgen.tasks` passes on

Neither this package nor a task module imports TensorFlow at its top: the command line reads its options from them.

    import tfgen
    model = tfgen.load("vae")
    scores = tfgen.tasks.anomaly_score(model, images)
"""

import importlib
from pathlib import Path
from types import ModuleType

_PARAGRAPH = "\n\n"


def names() -> tuple[str, ...]:
    """The names of the tasks, in alphabetical order."""
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_")))


def module(name: str) -> ModuleType:
    """The module of a task. (Its name as an attribute of this package is the function for arrays.)"""
    return importlib.import_module(f"{__name__}.{name}")


def question(name: str) -> str:
    """What a task answers, in a sentence."""
    first = (module(name).__doc__ or "").partition(_PARAGRAPH)[0]
    return " ".join(first.partition("`: ")[2].split())


__all__ = []  # the functions for arrays, of each task its own

for _name in names():
    _module = module(_name)
    globals().update({public: getattr(_module, public) for public in _module.__all__})
    __all__ += _module.__all__
