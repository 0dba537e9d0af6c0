"""A folder of served models, watched: new versions are opened, and those that are no longer served are closed."""

import threading
from pathlib import Path

from export import labels, limits, versions
from export.server import catalogue, runtime
from export.session import SessionError


def models(folder: Path) -> list[str]:
    """The models of a folder: its folders with a numbered version."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".") and versions.served(path))


class Watcher:
    """Keeps a catalogue as a folder of models says.

    Each model is served at its newest version that is sound, and at those that have a label (`export.labels`).

    Args:
        folder: DIR, which holds DIR/NAME/N.
        served: the catalogue.
        kind: the runtime that opens a version, of `runtime`.
        notify: called with a line about each version that is opened, refused or closed.
    """

    def __init__(self, folder: Path, served: catalogue.Catalogue, kind: str, notify=lambda line: None):
        self._folder, self._served, self._kind, self._notify = folder, served, kind, notify
        self._faults: dict[str, str] = {}  # of labels
        self._refused: dict[Path, tuple] = {}  # as they were when they were refused
        self._stopped = threading.Event()

    def look(self) -> None:
        """One look at the folder."""
        for name in {*models(self._folder), *self._served.models()}:
            self._look_at(name)

    def run(self, seconds: float) -> None:
        """Looks again and again, until `stop`."""
        while not self._stopped.wait(seconds):
            try:
                self.look()
            except OSError as error:  # a folder that is moved, or a file that is gone meanwhile
                self._notify(f"{self._folder}: {error.strerror or error}")

    def stop(self) -> None:
        """Ends `run`."""
        self._stopped.set()

    def _look_at(self, name: str) -> None:
        there, open_ = versions.taken(self._folder / name), self._served.versions(name)
        try:
            named = labels.read(self._folder / name)
        except (ValueError, OSError) as error:
            named = {}
            if self._faults.get(name) != str(error):
                self._notify(f"{name} is served without labels: {error}")
            self._faults[name] = str(error)
        kept = {number for number in sorted({*named.values()}) if number in open_ or self._opens(name, number)}
        for number in reversed(there):
            if number in open_ | kept or self._opens(name, number):
                kept.add(number)
                break
        kept = kept or open_ & set(there)
        self._served.label(name, {label: number for label, number in named.items() if number in kept})
        for number in self._served.versions(name) - kept:
            self._served.remove(name, number)
            self._notify(f"{name}/{number} is closed")

    def _opens(self, name: str, number: int) -> bool:
        """Whether a version is opened now; one that was refused is tried again when its files change."""
        version = self._folder / name / str(number)
        stamp = _stamp(version)
        if self._refused.get(version) == stamp:
            return False
        self._served.mark(name, number, catalogue.LOADING)
        try:
            made = runtime.opened(version, self._kind, warm=bool(self._served.versions(name)))
        except (limits.RefusedError, SessionError, OSError) as error:
            self._refused[version] = stamp
            words = f"{name}/{number} is refused: {error}"
            self._served.mark(name, number, catalogue.END, "INVALID_ARGUMENT", words)
            self._notify(words)
            return False
        self._served.add(catalogue.Servable(name, number, made))
        signatures = sorted(each for each in made.signatures if not each.startswith("__"))
        self._notify(f"{name}/{number} is served: {', '.join(signatures)}")
        return True


def _stamp(version: Path) -> tuple:
    """Names, sizes and times of a version's files."""
    found = []
    for path in sorted(version.rglob("*")):
        try:
            stat = path.lstat()
        except OSError:
            continue
        found.append((str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(found)
