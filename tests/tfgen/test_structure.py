"""The house's rules, read from the source: rooms import rooms below them, and importing tfgen is cheap and quiet."""

import ast
import importlib
import importlib.util
import inspect
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import pytest

from tfgen.storage import entries

GROUND = (
    "checks",
    "inputs",
    "seeds",
    "files",
    "graphs",
    "pillow",
    "quiet",
    "commandline",
    "figures",
    "locks",
    "source",
    "spelling",
    "terminal",
    "verbs",
    "measures",
    "__main__",
)  # single files
ROOMS = ("networks", "distributions", "data", "storage", "training", "models", "evaluation", "tasks")  # lowest first
FORBIDDEN = {"tfgen": ("zoo", "export"), "zoo": ("export",), "export": ("zoo",)}


def modules(package: str) -> dict[str, Path]:
    """The modules of a package, wherever it is installed: full name -> file."""
    (folder,) = importlib.util.find_spec(package).submodule_search_locations
    found = {}
    for path in sorted(Path(folder).rglob("*.py")):
        parts = [package, *path.relative_to(folder).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(source: str, package: str) -> set[str]:
    """The full names that a module of a package imports, at its top or inside its functions."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            origin = ".".join(part for part in (above, node.module) if part)
            names |= {f"{origin}.{alias.name}" for alias in node.names}
    return names


def imports_of(name: str, path: Path) -> set[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return imported(path.read_text(), package)


@pytest.mark.parametrize(
    "source",
    [
        "import zoo.models.vae",
        "from zoo.models import vae",
        "from .vae import VAE",
        "from ..models import vae",
        "def f():\n    from zoo.models.vae import VAE",
    ],
)
def test_every_way_to_import_is_seen(source):
    assert any(name.startswith("zoo.models.vae") for name in imported(source, "zoo.models"))


def height(name: str) -> int:
    """How high the room of a module or name of tfgen lies; -1 for the package itself, which imports lazily."""
    _, _, inside = name.partition(".")
    room = inside.partition(".")[0]
    if room in ROOMS:
        return 1 + ROOMS.index(room)
    return 0 if room in GROUND else -1


def test_every_module_of_tfgen_has_a_room():
    assert [name for name in modules("tfgen") if height(name) < 0] == ["tfgen"]


@pytest.mark.parametrize("name", modules("tfgen"))
def test_rooms_import_rooms_below_them(name):
    for other in imports_of(name, modules("tfgen")[name]):
        if other.partition(".")[0] == "tfgen":
            assert 0 <= height(other) <= height(name), f"{name} imports {other}"


@pytest.mark.parametrize("package", FORBIDDEN)
def test_packages_import_one_way(package):
    assert modules(package)
    for name, path in modules(package).items():
        wrong = {other for other in imports_of(name, path) if other.partition(".")[0] in FORBIDDEN[package]}
        assert not wrong, f"{name} imports {wrong}"


@pytest.mark.parametrize("entry", entries.entries())
def test_entries_do_not_import_one_another(entry):
    own = f"zoo.models.{entry}"
    others = {f"zoo.models.{name}" for name in entries.entries() if name != entry}
    wrong = {name for name in imports_of(own, modules("zoo")[own]) if ".".join(name.split(".")[:3]) in others}
    assert not wrong, f"{own} imports {wrong}"


def run(code: str):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_tfgen_is_cheap_and_quiet():
    """Nothing but the standard library is loaded, so that a command's help does not wait for TensorFlow."""
    code = (
        "import sys, time\n"
        "began, before = time.perf_counter(), set(sys.modules)\n"
        "import tfgen\n"
        "assert time.perf_counter() - began < 0.5\n"
        "added = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "assert 'tfgen' in added\n"
        "assert added - sys.stdlib_module_names == {'tfgen'}, added\n"
    )
    done = run(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_clients_of_a_server_check_their_input_without_tensorflow():
    code = "import sys, tfgen.inputs, tfgen.checks; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    done = run(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
@pytest.mark.ci
def test_importing_the_models_is_quiet_and_adds_nothing_else():
    heavy = {"tensorflow_datasets", "zoo", "export", "cyclopts"}  # TensorFlow Probability brings scikit-learn
    done = run(f"import sys, tfgen.models; sys.exit(' '.join({heavy} & set(sys.modules)) or 0)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_failing_import_of_tensorflow_says_why(tmp_path):
    broken = tmp_path / "tensorflow"
    broken.mkdir()
    (broken / "__init__.py").write_text(
        "import os\nos.write(2, b'what the library said\\n')\nraise ImportError('broken')\n"
    )
    failed = run(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import tfgen.models")
    assert failed.returncode == 1
    assert "what the library said" in failed.stderr
    assert failed.stderr.rstrip().endswith("ImportError: broken")


def test_lazy_names_are_listed_and_unknown_ones_refused():
    import tfgen

    assert set(tfgen.__all__) <= set(dir(tfgen))
    for name in tfgen.__all__:
        assert getattr(tfgen, name) is not None
    assert run("import tfgen; tfgen.data.load, tfgen.tasks.names").returncode == 0
    with pytest.raises(AttributeError, match="'tfgen' has no attribute 'nothing'"):
        _ = tfgen.nothing


def own_classes() -> set[type]:
    """The classes of tfgen and the entries, and what they are mixed from."""
    names = [name for name in modules("tfgen") if height(name) > 0]
    found = set()
    for name in [*names, *(f"zoo.models.{entry}" for entry in entries.entries())]:
        for _, candidate in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            if candidate.__module__.partition(".")[0] in ("tfgen", "zoo"):
                found.add(candidate)
    return found


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_no_private_name_of_keras_is_taken():
    """Keras may change them in any version: a class of ours neither overrides one nor sets it on itself."""
    derived = [candidate for candidate in own_classes() if issubclass(candidate, KERAS)]
    assert {"Model", "VAE", "DCGAN", "MaskedDense", "Epochs"} <= {candidate.__name__ for candidate in derived}
    for candidate in derived:
        ours = [part for part in candidate.__mro__ if part.__module__.partition(".")[0] in ("tfgen", "zoo")]
        kerass = {name for part in candidate.__mro__ if part not in ours for name in vars(part)} | INSTANCE_NAMES
        for part in ours:
            taken = {name for name in {*vars(part), *assigned(part)} if is_private(name)} & kerass
            assert not taken, f"{part.__name__} takes {taken} from Keras"


KERAS = (keras.Layer, keras.callbacks.Callback, keras.optimizers.Optimizer, keras.metrics.Metric)


def _instance_names() -> set[str]:
    """The private attributes of a compiled Keras model."""
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    model.compile("adam", "mse")
    return {name for name in vars(model) if is_private(name)}


INSTANCE_NAMES = _instance_names()


def assigned(candidate: type) -> set[str]:
    """The attributes that the methods of a class set on `self`."""
    names = set()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(candidate)))):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
            names |= {node.attr} if node.value.id == "self" else set()
    return names


def unencoded(source: str) -> list[int]:
    """The lines that open, read or write text without naming its encoding."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        words = {keyword.arg for keyword in node.keywords}
        mode = next((word.value for word in node.args[1:2] if isinstance(word, ast.Constant)), "r")
        opens = name == "open" and isinstance(node.func, ast.Name) and "b" not in mode
        writes = name == "write_text" and getattr(getattr(node.func, "value", None), "id", "") != "files"
        if (
            opens or name == "read_text" or (writes and isinstance(node.func, ast.Attribute))
        ) and "encoding" not in words:
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("package", FORBIDDEN)
def test_every_text_file_has_its_encoding_named(package):
    """The one that the user's locale has would otherwise be taken."""
    assert unencoded("open('a')\npath.read_text()\npath.write_text('')\nopen('b', 'rb')") == [1, 2, 3]
    allowed = {"tfgen.data.budget"}  # reads numbers of the kernel's
    found = {name: unencoded(path.read_text()) for name, path in modules(package).items() if name not in allowed}
    assert {name: lines for name, lines in found.items() if lines} == {}
