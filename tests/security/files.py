"""Damaged and hostile files: what a run and a served version hold, mutated, through the readers and the commands.

python tests/security/files.py                        # 2,000 files of weights, 500 of each other kind, 50 a command
python tests/security/files.py --weights 50 --each 20 --commands 1

Every file has the SHA-256 that its manifest says, as one made by an attacker would. Each ends in a model with finite
weights, in requests that keep the contract, or in a ValueError (a command: one line and exit code 2, or 1 where it
verifies), in a worker process that is watched: its time, its memory, and whether it lives.
"""

import argparse
import collections
import contextlib
import io
import json
import multiprocessing
import shutil
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from memory import megabytes

LATE, MOST = 5.0, 1000.0  # seconds and MB more than a clean file takes
TRIES = 3  # of what took too long, since a busy machine only adds
NOT_DONE = "not done after"
SMALL = ("--dataset", "digits", "--epochs", "2", "--batch-size", "100", "--hidden-units", "32", "--latent-dim", "2")
ODD = [None, True, -1, 0, 1e400, float("nan"), 10**30, 1.5, "", "x" * 10_000, "../..", [], {}, [[[[]]]], [1] * 5000]
RUN, VERSION = Path("run"), Path("served/vae/1")  # what is damaged, in a folder of its own
FILES = {
    "weights": RUN / "model.weights.h5",
    "config": RUN / "config.json",
    "metrics": RUN / "metrics.json",
    "manifest": RUN / "manifest.json",
    "history": RUN / "history.csv",
    "checkpoint": RUN / "checkpoints/epoch-00002.json",
    "contract": VERSION / "signatures.json",
    "golden": VERSION / "golden.npz",
}
SERVED = ("contract", "golden")  # of a version
COMMANDS = {"export": RUN, "sample": RUN, "figures": RUN, "evaluate": RUN, "resume": RUN}
COMMANDS |= {"replay": VERSION, "verify": VERSION, "benchmark": VERSION}


def mutated(content: bytes, kind: str, generator: np.random.Generator) -> bytes:
    """A file's content with something wrong in it, or nothing that matters."""
    if kind == "weights":
        return _flipped(content, generator, structure(content))
    how = generator.integers(4)
    if kind == "golden" and how > 1:
        return _other_members(content, generator)
    if how == 0:
        return _flipped(content, generator, np.arange(len(content)))
    if how == 1:
        return content[: generator.integers(len(content))]
    if how == 2 or kind == "history":
        place = generator.integers(len(content))
        piece = [b"\xff\xfe", b"[" * 5000, b"\0", b'"', b",", b"1e999", b"\n\n", b"{}"][generator.integers(8)]
        return content[:place] + piece + content[place:]
    return _odd(json.loads(content), generator)


def _flipped(content: bytes, generator, places: np.ndarray) -> bytes:
    changed = bytearray(content)
    for place in generator.choice(places, generator.choice([1, 2, 4, 16, 64])):
        changed[place] = generator.integers(256)
    return bytes(changed)


def structure(content: bytes) -> np.ndarray:
    """The places of an HDF5 file that hold no numbers."""
    import h5py

    free = np.ones(len(content), bool)

    def mark(_, item):
        if isinstance(item, h5py.Dataset) and item.chunks:
            for i in range(item.id.get_num_chunks()):
                piece = item.id.get_chunk_info(i)
                free[piece.byte_offset : piece.byte_offset + piece.size] = False
        elif isinstance(item, h5py.Dataset):
            free[item.id.get_offset() : item.id.get_offset() + item.id.get_storage_size()] = False

    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(mark)
    return np.flatnonzero(free)


def _other_members(content: bytes, generator) -> bytes:
    """An archive with one of its members changed, renamed, left out, added or there twice, and right checksums."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    place = generator.integers(len(members))
    name, array = members[place]
    names = [f"../{name}", name.replace("/", "//"), "x", f"{name}.npy", name.upper(), "sample/inputs/more.npy"]
    how = generator.integers(6)
    if how == 0:
        members[place] = names[generator.integers(len(names))], array
    elif how == 1:
        del members[place]
    elif how == 2:
        members.append((names[generator.integers(len(names))], array))
    elif how == 3:
        members[place] = name, array[: generator.integers(len(array))] + bytes(int(generator.choice([0, 1, 10**6])))
    else:
        places = np.arange(128 if how == 4 else len(array))  # the header takes 128 bytes
        members[place] = name, _flipped(array, generator, places)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in members:
            archive.writestr(name, array)
    return made.getvalue()


def _odd(content, generator) -> bytes:
    """JSON with one value replaced, removed, renamed or added, anywhere in it."""
    holders, waiting = [], [content]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict | list) and len(holder):
            holders.append(holder)
            waiting += holder.values() if isinstance(holder, dict) else holder
    holder = holders[generator.integers(len(holders))]
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    key, value = keys[generator.integers(len(keys))], ODD[generator.integers(len(ODD))]
    how = generator.integers(4)
    if how == 0 and isinstance(holder, dict):
        holder["another"] = holder.pop(key)
    elif how == 1:
        del holder[key]
    elif how == 2 and isinstance(holder, dict):
        holder["another"] = value
    else:
        holder[key] = value
    return json.dumps(content).encode()


def damage(place: Path, kind: str, seed: int) -> None:
    """Mutates a file of a run or a version, and makes what records its hash agree."""
    import export.manifest
    from tfgen.storage import manifest

    generator = np.random.default_rng(seed)
    path = place / FILES[kind]
    changed = mutated(path.read_bytes(), kind, generator)
    if kind == "checkpoint" and generator.integers(2):
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            record, npz = json.loads(changed), path.with_suffix(".npz").read_bytes()
            from tfgen.training import checkpoints

            record["sha256"] = checkpoints._digest(npz, record["state"])
            changed = json.dumps(record).encode()
    path.write_bytes(changed)
    if kind == "weights":
        manifest.record(path)
    if kind in SERVED:
        export.manifest.write(place / VERSION)


def read(place: Path, kind: str) -> None:
    """What reads a kind of file; raises ValueError where it refuses it."""
    import tfgen
    from export import replay
    from tfgen.storage import manifest, runs
    from tfgen.training import checkpoints

    run = place / RUN
    if kind in ("weights", "config"):
        model = tfgen.load(run)
        if not all(np.isfinite(array).all() for array in model.get_weights()):
            raise AssertionError("a model with weights that are not finite")
    elif kind == "metrics":
        runs.read_metrics(run)
    elif kind == "history":
        runs.read_history(run)
    elif kind == "manifest":
        manifest.checked(run / runs.WEIGHTS)
    elif kind in SERVED:
        replay.read(place / VERSION)
    else:
        found = checkpoints.newest(run, lambda line: None, epochs=2)
        if len(found.state.history) != found.state.epoch:
            raise AssertionError(f"a checkpoint of epoch {found.state.epoch} with another history")


def command(place: Path, name: str) -> None:
    """Runs a command on a run or a version, in this process. Raises ValueError with its line where it refuses it."""
    from export import benchmark, replay, verify
    from export.__main__ import main as export
    from zoo import evaluate, figures, sample, train

    run, version, to = place / RUN, place / VERSION, place / "to"
    to.mkdir()
    if name == "resume":
        (run / "metrics.json").unlink()
    main, arguments = {
        "sample": (sample.main, [run, "--out", to / "samples.png"]),
        "figures": (figures.main, [run]),
        "evaluate": (evaluate.main, [run, "--k", 2, "--images", 20]),
        "resume": (train.main, ["vae", "--run-dir", run, "--resume"]),
        "export": (export, [run, "--to", to]),
        "replay": (replay.main, [version, "--url", "http://localhost:1"]),  # where nobody answers
        "verify": (verify.main, [version]),
        "benchmark": (benchmark.main, [version, "--seconds", 0.001]),
    }[name]
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            main(list(map(str, arguments)))
    except SystemExit as end:
        lines = [line for line in errors.getvalue().splitlines() if line.startswith("error: ")]
        codes = (1, 2) if name in ("verify", "benchmark") else (2,)
        if end.code and (end.code not in codes or len(lines) != 1 or "Traceback" in errors.getvalue()):
            raise AssertionError(f"exit code {end.code}: {errors.getvalue()[-500:]}") from None
        if end.code:
            raise ValueError(lines[0]) from None


def work(pipe, clean: Path, run: str) -> None:
    """A worker: takes (kind, command or None, seed), sends (outcome, what was said, seconds, MB).

    The first one puts a clean run, and a version of it, into the folder `clean`.
    """
    from tfgen import quiet

    quiet.import_tensorflow()
    if not (clean / VERSION).exists():
        prepare(clean, run)
    while task := pipe.recv():
        kind, name, seed = task
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(shutil.copytree(clean, Path(scratch) / "place"))
            if kind:
                damage(place, kind, seed)
            before, began = megabytes("VmRSS", reset=True), time.perf_counter()
            try:
                read(place, kind) if name is None else command(place, name)
                outcome, said = "taken", ""
            except ValueError as error:
                outcome, said = "refused", str(error)
                if "\n" in said or len(said) > 1000:
                    outcome = "WRONG"
            except BaseException as error:
                outcome, said = "WRONG", f"{type(error).__name__}: {error}"
            pipe.send((outcome, said, time.perf_counter() - began, megabytes("VmHWM") - before))


class Worker:
    """A process that is started again when it had to be killed or has died."""

    def __init__(self, clean: Path, run: str):
        self.clean, self.run, self.process = clean, run, None

    def __call__(self, kind, name, seed, limit: float = 60.0) -> tuple:
        """The outcome of one task."""
        if self.process is None:
            context = multiprocessing.get_context("spawn")
            self.pipe, theirs = context.Pipe()
            self.process = context.Process(target=work, args=(theirs, self.clean, self.run), daemon=True)
            self.process.start()
            theirs.close()
        self.pipe.send((kind, name, seed))
        try:
            if self.pipe.poll(limit):
                return self.pipe.recv()
            outcome = "WRONG", f"{NOT_DONE} {limit:g} s", limit, 0.0
        except EOFError:
            self.process.join()
            outcome = "WRONG", f"ended by signal {-self.process.exitcode}", 0.0, 0.0
        self.process.kill()
        self.process = None
        return outcome

    def end(self) -> None:
        """Ends the process."""
        if self.process is not None:
            self.pipe.send(None)
            self.process.join()


def main(weights: int = 2000, each: int = 500, commands: int = 50, run: str = "") -> list[str]:
    """Attacks the readers and the commands, prints the counts, and returns what was wrong, a line each.

    Args:
        weights: how many files of weights are mutated for the reader.
        each: how many files of each other kind.
        commands: how many files of each kind that a command reads, for every command.
        run: the clean run; by default one is trained.
    """
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        worker = Worker(Path(scratch), run)
        tasks = [(kind, None, weights if kind == "weights" else each) for kind in FILES]
        for name, place in COMMANDS.items():
            tasks += [(kind, name, commands) for kind in FILES if FILES[kind].is_relative_to(place)]
        for kind, name, count in tasks:
            if not count:
                continue
            worker(None if name else "metrics", name, 0, 600)  # imports what the first one imports
            usual = worker(None, name, 0, 600)[2] if name else 0.0
            outcomes, seconds, memory = collections.Counter(), 0.0, 0.0
            for seed in range(count):
                for _ in range(TRIES):
                    outcome, said, took, grew = worker(kind, name, seed)
                    late = (outcome == "refused" and took > usual + LATE) or said.startswith(NOT_DONE)
                    if not late:
                        break
                if outcome == "WRONG" or late or grew > MOST:
                    wrong.append(f"{kind} {seed} {name or 'reader'}: {said} ({took:.1f} s, {grew:.0f} MB)")
                    print(wrong[-1], flush=True)
                    outcome = "WRONG"
                outcomes[outcome] += 1
                if outcome == "refused":
                    seconds, memory = max(seconds, took), max(memory, grew)
            counts = ", ".join(f"{outcomes[each]:5,} {each}" for each in ("taken", "refused", "WRONG"))
            print(f"{name or 'reader':9} {kind:11} {counts}; at most {seconds:.1f} s, {memory:.0f} MB", flush=True)
        worker.end()
    return wrong


def prepare(place: Path, run: str = "") -> None:
    """Puts a clean run and a version of it into a folder; the run is trained, unless there is one to copy."""
    import tfgen
    from export import bundle
    from zoo import train

    with contextlib.redirect_stdout(io.StringIO()):
        if run:
            shutil.copytree(run, place / RUN)
        else:
            train.main(["vae", *SMALL, "--run-dir", str(place / RUN)])
        (place / VERSION).mkdir(parents=True)
        bundle.write(tfgen.load(place / RUN), place / RUN, place / VERSION, 2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option, default in (("weights", 2000), ("each", 500), ("commands", 50)):
        parser.add_argument(f"--{option}", type=int, default=default)
    found = main(**vars(parser.parse_args()))
    print("\n".join(found), end="\n" * bool(found))
    raise SystemExit(bool(found))
