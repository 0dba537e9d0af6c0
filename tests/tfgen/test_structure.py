"""The house's rules, read from the source: imports run one way, and importing tfgen brings in what it needs only."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from zoo import ENTRIES

FORBIDDEN = {"tfgen": ("zoo", "export"), "zoo": ("export",), "export": ("zoo",)}


def modules(package: str) -> list[Path]:
    """The files of a package, wherever it is installed."""
    (folder,) = importlib.util.find_spec(package).submodule_search_locations
    return sorted(Path(folder).rglob("*.py"))


def imported(source: str, package: str) -> set[str]:
    """The full names that a module of a package imports, at its top or inside its functions."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = ".".join(part for part in (package if node.level else "", node.module) if part)
            names |= {f"{origin}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize(
    "source", ["import zoo.vae", "from zoo import vae", "from .vae import VAE", "def f():\n    from zoo.vae import VAE"]
)
def test_every_way_to_import_is_seen(source):
    assert any(name.startswith("zoo.vae") for name in imported(source, "zoo"))


@pytest.mark.parametrize("package", FORBIDDEN)
def test_packages_import_one_way(package):
    assert modules(package)
    for path in modules(package):
        wrong = {name for name in imported(path.read_text(), package) if name.split(".")[0] in FORBIDDEN[package]}
        assert not wrong, f"{path.name} imports {wrong}"


@pytest.mark.parametrize("entry", ENTRIES)
def test_entries_do_not_import_one_another(entry):
    (path,) = (path for path in modules("zoo") if path.stem == entry)
    others = {f"zoo.{name}" for name in ENTRIES if name != entry}
    wrong = {name for name in imported(path.read_text(), "zoo") if ".".join(name.split(".")[:2]) in others}
    assert not wrong, f"{path.name} imports {wrong}"


def test_importing_tfgen_is_quiet_and_adds_only_itself():
    """Beside tensorflow and tensorflow_probability, `import tfgen` loads nothing heavy and prints nothing."""
    code = (
        "import sys, tensorflow, tensorflow_probability\n"
        "before = set(sys.modules)\n"
        "import tfgen\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    added = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "tfgen" in added
    heavy = {"matplotlib", "rich", "sklearn", "tensorflow_datasets", "zoo", "export", "cyclopts", "tensorboard"}
    assert not heavy & set(added)
    alone = subprocess.run([sys.executable, "-c", "import tfgen"], capture_output=True, text=True, check=True)
    assert alone.stdout + alone.stderr == ""


def test_failing_import_of_tensorflow_says_why(tmp_path):
    broken = tmp_path / "tensorflow"
    broken.mkdir()
    (broken / "__init__.py").write_text(
        "import os\nos.write(2, b'what the library said\\n')\nraise ImportError('broken')\n"
    )
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import tfgen"
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "what the library said" in failed.stderr
    assert failed.stderr.rstrip().endswith("ImportError: broken")
