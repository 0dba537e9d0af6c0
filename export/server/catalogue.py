"""The models that a server has open: which version a request means, and the state of each, in the server's words."""

import contextlib
import dataclasses
import threading

from export.server.refusals import NAMES, Refusal
from export.session import SessionError

LOADING, AVAILABLE, UNLOADING, END = "LOADING", "AVAILABLE", "UNLOADING", "END"


@dataclasses.dataclass
class State:
    """The state of a version: one of the server's four, and what is wrong with it."""

    state: str
    code: str = "OK"
    message: str = ""


class Servable:
    """One version of a model that is open, and how many requests it is answering.

    Attributes:
        name: of the model.
        version: its number.
        signatures: name -> SignatureDef, TensorFlow's own among them.
    """

    def __init__(self, name: str, version: int, runtime):
        self.name, self.version, self.signatures = name, version, runtime.signatures
        self.users, self.retired = 0, False
        self._runtime = runtime

    def definition(self, signature: str):
        """The SignatureDef of a name. Raises Refusal if there is none."""
        if signature not in self.signatures:
            raise Refusal(f'Serving signature name: "{signature}" not found in signature def')
        return self.signatures[signature]

    def run(self, signature: str, inputs: dict, seconds: float | None = None) -> dict:
        """Answers a request: named arrays -> named arrays. Raises Refusal, with TensorFlow's own words."""
        try:
            return self._runtime.run(signature, inputs, seconds)
        except SessionError as error:
            raise Refusal(str(error), NAMES.get(error.code, "INVALID_ARGUMENT")) from error

    def close(self) -> None:
        """Frees it."""
        self._runtime.close()


class Catalogue:
    """The open versions by model and number, and their labels. Safe for threads."""

    def __init__(self):
        self._lock = threading.Lock()
        self._open: dict[str, dict[int, Servable]] = {}
        self._states: dict[str, dict[int, State]] = {}
        self._labels: dict[str, dict[str, int]] = {}

    @contextlib.contextmanager
    def using(self, name: str, version: int | None = None, label: str | None = None):
        """The servable that a request means, which stays open inside the block. Raises Refusal if there is none."""
        with self._lock:
            servable = self.find(name, version, label)
            servable.users += 1
        try:
            yield servable
        finally:
            with self._lock:
                servable.users -= 1
                last = servable.retired and not servable.users
            if last:
                servable.close()

    def find(self, name: str, version: int | None, label: str | None) -> Servable:
        """A version by number, by label, or the latest."""
        if label is not None:
            version = self._labels.get(name, {}).get(label)
            if version is None:
                raise Refusal(f"Unrecognized servable version label: {label}")
        there = self._open.get(name, {})
        if version is None and there:
            version = max(there)
        if version not in there:
            meant = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise Refusal(f"Servable not found for request: {meant}", "NOT_FOUND")
        return there[version]

    def versions(self, name: str) -> set[int]:
        """The open versions of a model."""
        with self._lock:
            return set(self._open.get(name, {}))

    def models(self) -> list[str]:
        """The models that have ever been seen."""
        with self._lock:
            return sorted(self._states)

    def add(self, servable: Servable) -> None:
        """Takes in an open version."""
        with self._lock:
            self._open.setdefault(servable.name, {})[servable.version] = servable
            self._states.setdefault(servable.name, {})[servable.version] = State(AVAILABLE)

    def mark(self, name: str, version: int, state: str, code: str = "OK", message: str = "") -> None:
        """Notes the state of a version that is not open."""
        with self._lock:
            self._states.setdefault(name, {})[version] = State(state, code, message)

    def remove(self, name: str, version: int) -> None:
        """Closes a version, once the requests that it is answering are over."""
        with self._lock:
            servable = self._open[name].pop(version)
            self._states[name][version] = State(END)
            servable.retired, idle = True, not servable.users
        if idle:
            servable.close()

    def label(self, name: str, labels: dict[str, int]) -> None:
        """Sets the labels of a model's versions: label -> number."""
        with self._lock:
            self._labels[name] = dict(labels)

    def status(self, name: str, version: int | None) -> list[dict]:
        """What a server says of a model's versions, the newest first. Raises Refusal for a model or version unknown."""
        with self._lock:
            states = self._states.get(name, {})
            if version is not None and version not in states:
                raise Refusal(f"Could not find version {version} of model {name}", "NOT_FOUND")
            if not states:
                raise Refusal(f"Could not find any versions of model {name}", "NOT_FOUND")
            chosen = sorted(states, reverse=True) if version is None else [version]
            return [
                {
                    "version": str(number),
                    "state": states[number].state,
                    "status": {"error_code": states[number].code, "error_message": states[number].message},
                }
                for number in chosen
            ]

    def close(self) -> None:
        """Closes all."""
        for name in self.models():
            for version in self.versions(name):
                self.remove(name, version)
