"""`python -m export ENTRY_OR_RUN --to DIR`: a SavedModel for TensorFlow Serving, proved before it is published."""

import os
import sys
import time
from pathlib import Path
from typing import Literal

from export import contract, publish, verify
from tfgen import commandline
from tfgen.storage import entries, loading

NAME = "python -m export"


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    commandline.run(export, arguments, NAME)


def export(
    entry_or_run: str,
    /,
    *,
    to: Path,
    score_samples: int = 64,
    no_batching: bool = False,
    format: Literal["savedmodel", "litert", "onnx"] = "savedmodel",
    weights: Literal["float32", "float16", "int8"] = "float32",
    register: commandline.Modules = (),
) -> None:
    """Writes a model as the next version of DIR/NAME for TensorFlow Serving, after verifying it in the C++ loader.

    Args:
        entry_or_run: an entry whose weights ship, such as vae, or a run directory.
        to: the folder of served models; it is made if it does not exist.
        score_samples: K, the number of samples of z per image behind the log-likelihood of `score`.
        no_batching: configures a new folder for a server that does not merge requests; docs/serving.md says when that
            is better.
        format: savedmodel is for TensorFlow Serving. litert and onnx are for programs without TensorFlow: they write
            DIR/NAME-FORMAT, one file per signature (docs/formats.md), and need `pip install "tfgen[litert]"` or
            `"tfgen[onnx]"`.
        weights: how litert stores the weights: float16 halves the file, int8 makes it a quarter.
        register: a module of another package that defines the model, such as my_pkg.gmvae.
    """
    start = time.perf_counter()
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # the golden answers come from the processor that most servers have
    if score_samples < 1:
        commandline.fail(f"score-samples must be at least 1, got {score_samples}")
    with commandline.bad_input():
        _check_format(format, weights, no_batching)
    try:
        for module in register:
            entries.announce(module)
        loading.find(entry_or_run)  # is refused without TensorFlow
        model = loading.load(entry_or_run)
    except ValueError as error:
        commandline.fail(error)

    if format != "savedmodel":
        from export.formats import converting

        name = entry_or_run if loading.is_shipped(entry_or_run) else model.entry
        converting.export(model, name, to, format, weights)
        return

    from export import bundle, card, deployment, manifest
    from tfgen.quiet import tf
    from tfgen.storage.manifest import fingerprint

    with commandline.bad_input():
        card.provenance(entry_or_run)  # a damaged run is refused before anything is written
    name = entry_or_run if loading.is_shipped(entry_or_run) else model.entry
    folder = to / name
    try:
        publish.make_folder(folder)
        publish.check(folder)
        deployment.check(to, name)
    except (ValueError, OSError) as error:
        commandline.fail(_unwritable(to, error))

    try:
        with publish.staging(folder) as staged:
            facts = bundle.write(model, entry_or_run, staged, score_samples, name)
            print(f"{name}: {', '.join(facts['signatures'])}", flush=True)
            if not proved(staged):
                commandline.fail(
                    f"the export of {entry_or_run} fails its verification; nothing is published", commandline.FAILED
                )
            with deployment.writing(to, name, facts, not no_batching):
                version = publish.publish(staged)
    except contract.ContractError as error:
        commandline.fail(error)
    except (OSError, tf.errors.OpError) as error:
        commandline.fail(f"{_unwritable(to, error)}; nothing is published", commandline.NOT_WRITTEN)
    size = sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
    pin = fingerprint(version / manifest.NAME)["sha256"]
    print(f"\n{version}  {size / 1e6:.1f} MB in {time.perf_counter() - start:.0f} s")
    print(f"Pinned: python -m export.verify {version} --pin {pin}")
    print(f"How to serve it: {folder / 'README.md'}")


def _check_format(chosen: str, weights: str, no_batching: bool) -> None:
    """Raises ValueError for options that do not go with a format, or whose packages are missing."""
    if chosen != "savedmodel":
        from export.formats import converting

        converting.check_options(chosen, weights)
        if no_batching:
            raise ValueError(f"no-batching is for a server's savedmodel, not for {chosen}")
    elif weights != "float32":
        raise ValueError(f"weights {weights!r} are for --format litert; a savedmodel has float32")


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
