"""`python -m export ENTRY_OR_RUN --to DIR`: exports a SavedModel for TensorFlow Serving, and verifies it first."""

import os
import sys
import time
from pathlib import Path
from typing import Literal

from export import contract, manifest, publish, verify, versions
from export.formats import options
from tfgen import commandline
from tfgen.storage import entries, loading
from tfgen.storage.manifest import fingerprint

NAME = "python -m export"
SCORE_SAMPLES = 64


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    commandline.run(export, arguments, NAME)


def export(
    entry_or_run: str,
    /,
    *,
    to: Path,
    format: Literal["savedmodel", "litert", "onnx"] = "savedmodel",
    weights: Literal["float32", "float16", "int8"] = "float32",
    score_samples: int = SCORE_SAMPLES,
    no_batching: bool = False,
    register: commandline.Modules = (),
) -> None:
    """Writes a model as the next version of DIR/NAME for TensorFlow Serving, and verifies it first in the C++ loader.

    With another format it becomes the next version of DIR/NAME/FORMAT-WEIGHTS, verified by that format's own runtime.

    Args:
        entry_or_run: an entry with shipped weights, such as vae, or a run directory.
        to: the folder of served models; it is made if it does not exist.
        format: savedmodel is for TensorFlow Serving, litert for phones and small boards, onnx for ONNX Runtime.
            The last two need `pip install '.[litert]'` or `'.[onnx]'`; docs/formats.md describes them.
        weights: how litert and onnx store the weights: float16 halves the size of the files, int8 (litert only) makes
            them a quarter as large.
        score_samples: K, the number of samples of z per image behind the log-likelihood of `score`.
        no_batching: configures a new folder for a server that does not merge requests; docs/serving.md says when that
            is better.
        register: a module of another package that defines the model, such as my_pkg.gmvae.
    """
    start = time.perf_counter()
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # the golden answers come from the processor that most servers have
    if score_samples < 1:
        commandline.fail(f"score-samples must be at least 1, got {score_samples}")
    with commandline.bad_input():
        options.check(format, weights)
        if format != options.SAVED_MODEL and (no_batching or score_samples != SCORE_SAMPLES):
            raise ValueError(f"score-samples and no-batching are for format {options.SAVED_MODEL}, got {format}")
        for module in register:
            entries.announce(module)
        versions.check_target(to)
        loading.find(entry_or_run)  # is refused without TensorFlow
        model = loading.load(entry_or_run)
    name = entry_or_run if loading.is_shipped(entry_or_run) else model.entry
    if format == options.SAVED_MODEL:
        version = _serve(model, entry_or_run, name, to, score_samples, not no_batching)
    else:
        version = _convert(model, name, to, format, weights)
    size = sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
    print(f"\n{version}  {size / 1e6:.1f} MB in {time.perf_counter() - start:.0f} s")
    if format == options.SAVED_MODEL:
        pin = fingerprint(version / manifest.NAME)["sha256"]
        print(f"Pinned: python -m export.verify {version} --pin {pin}")
        print(f"How to serve it: {to / name / 'README.md'}")
    else:
        print(f"How to run it: {version / 'README.md'}")


def _serve(model, source: str, name: str, to: Path, score_samples: int, batching: bool) -> Path:
    """Publishes a model's SavedModel as the next version of DIR/NAME, and returns its path; ends the process if not."""
    from export import bundle, card, deployment
    from tfgen.quiet import tf

    with commandline.bad_input():
        card.provenance(source)  # a damaged run is refused before anything is written
    folder = to / name
    try:
        publish.make_folder(folder)
        publish.check(folder)
        deployment.check(to, name, batching)
    except (ValueError, OSError) as error:
        commandline.fail(_unwritable(to, error))
    try:
        with publish.staging(folder) as staged:
            facts = bundle.write(model, source, staged, score_samples, name)
            print(f"{name}: {', '.join(facts['signatures'])}", flush=True)
            if not proved(staged):
                commandline.fail(
                    f"the export of {source} fails its verification; nothing is published", commandline.FAILED
                )
            before = versions.taken(folder)[-1:]
            with deployment.writing(to, name, facts, batching):
                version = publish.publish(staged)
            for number in before:
                if changes := contract.changes(folder / str(number), version):
                    differ = f"{', '.join(changes)} {'differs' if len(changes) == 1 else 'differ'}"
                    print(f"note: {differ} from version {number}; clients that use it may have to change")
            return version
    except contract.ContractError as error:
        commandline.fail(error)
    except (OSError, tf.errors.OpError) as error:
        commandline.fail(f"{_unwritable(to, error)}; nothing is published", commandline.NOT_WRITTEN)


def _convert(model, name: str, to: Path, form: str, weights: str) -> Path:
    """Publishes a model's signatures in another format, and returns the folder's path; ends the process if not."""
    from export.formats import writing

    folder = to / name / options.folder(form, weights)
    try:
        publish.make_folder(folder)
        publish.check(folder)
    except (ValueError, OSError) as error:
        commandline.fail(_unwritable(to, error))
    try:
        with publish.staging(folder) as staged:
            facts = writing.write(model, name, staged, form, weights)
            print(f"{name}: {options.NAMES[form]}, {weights} weights\n\n{writing.table(facts)}", flush=True)
            return publish.publish(staged)
    except writing.ProofError as error:
        commandline.fail(
            f"{name} in {options.NAMES[form]} fails its proof; nothing is published: {error}", commandline.FAILED
        )
    except contract.ContractError as error:
        commandline.fail(error)
    except OSError as error:
        commandline.fail(f"{_unwritable(to, error)}; nothing is published", commandline.NOT_WRITTEN)


def _unwritable(to: Path, error: Exception) -> str:
    """What keeps an export from being written: the operating system's words, or those of a check."""
    if isinstance(error, ValueError):
        return str(error)
    reason = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
    return f"{str(to)!r} cannot be written to: {reason}"


def proved(staged: Path) -> bool:
    """Whether a version passes the checks of `export.verify`, whose table it prints."""
    if not sys.platform.startswith("linux"):
        print("note: not verified, TensorFlow's C++ loader is reached on Linux only")
        return True
    return not verify.proved(staged)


if __name__ == "__main__":
    main()
