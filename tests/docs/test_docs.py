"""README and docs: links resolve, commands and their options exist, excerpts are those of the source, Python runs."""

import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import cyclopts
import numpy as np
import pytest
from PIL import Image

from tfgen import measures, tasks, verbs
from zoo import ENTRIES, table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+")
INLINE = re.compile(r"`([^`]+)`")
MARK = re.compile(r"<!-- (excerpt of|not run:) (.*) -->\n\Z")  # before a block of Python
ERROR = re.compile(r"^    \$ python -m (\S+) (.*)\n    (error: .*)\n", re.MULTILINE)  # a command and its last line
TABLE_OF_KERAS = "<!-- tests/zoo/test_keras_table.py -->"
PLACEHOLDERS = {  # what words in capitals stand for in commands
    "ENTRY": "vae",
    "ENTRY_OR_RUN": "vae",
    "RUN_OR_ENTRY": "vae",
    "TASK": "anomaly",
    "NAME": "vae",
    "PRIOR": "flow",
    "gmvae": "vae",
    "student_vae": "vae",
    **dict.fromkeys("NBKRC", "1"),
}
LEFT_OUT = ("[OPTIONS]", "...")
LONG = {
    "docs/evaluation.md": "it takes 100 samples of each code",
    "docs/keras.md": "it trains with Keras",
    "docs/python.md": "it takes 1,000 samples of each code",
}  # documents whose Python takes more than seconds


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def lines_of(text: str) -> list[str]:
    """The lines of a source, without their indentation and empty ones."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def prose(text: str) -> str:
    """A document without its code."""
    return INLINE.sub("", INDENTED.sub("", FENCED.sub("", text)))


def slugs(text: str) -> set[str]:
    """The anchors of a document's headings, as forges and mkdocs make them."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def blocks(name: str) -> list[tuple[str, str, str]]:
    """The fenced blocks of Python of a document: (source, "", "excerpt of" or "not run:", what the mark says)."""
    text, found = text_of(name), []
    for match in FENCED.finditer(text):
        if match[1] == "python":
            mark = MARK.search(text[: match.start()])
            found.append((match[2], mark[1] if mark else "", mark[2] if mark else ""))
    return found


def commands(name: str) -> list[list[str]]:
    """The commands of a document, of its blocks and within its lines, as lists of words; none that ends in an error."""
    text = ERROR.sub("", text_of(name).partition(TABLE_OF_KERAS)[0])
    lines = []
    for block in [match[2] for match in FENCED.finditer(text) if match[1] != "python"] + INDENTED.findall(text):
        lines += textwrap.dedent(block).replace("\\\n", " ").splitlines()
    lines += [" ".join(span.split()) for span in INLINE.findall(INDENTED.sub("", FENCED.sub("", text)))]
    found = []
    for line in lines:
        for part in re.split(r"\s(?:&&|\\?\||[<>&0-9]*[<>&]\S*)(?:\s|$)", line.removeprefix("$ ")):
            if re.match(r"(\w+=\S+ |TF_CONFIG='.*' )*(python|tfgen|tests/\S+\.sh)( |$)", part):
                words = shlex.split(part, comments=True)
                found.append(words[next(i for i, word in enumerate(words) if not re.match(r"\w+=", word)) :])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_links_resolve(name):
    text, folder = prose(text_of(name)), (ROOT / name).parent
    for target in re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text):
        target = "".join(target)
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        place = (folder / path).resolve() if path else ROOT / name
        assert place.is_file(), f"{name} links to {target}, which is not a file"
        assert DOCS in place.parents or name == "README.md", f"{target} of {name} is not in docs, where the site ends"
        if anchor:
            assert anchor in slugs(place.read_text(encoding="utf-8")), f"{target} of {name}: no such heading"


@pytest.mark.parametrize("name", NAMES)
def test_commands_and_their_options_exist(name, monkeypatch, capsys):
    def parse(app, words, **settings):
        app.parse_args(words, exit_on_error=False, print_error=False)

    monkeypatch.setattr(cyclopts.App, "__call__", parse)  # the command line is read, and nothing is run
    for words in commands(name):
        if words[0] != "python" and not words[0].startswith("tfgen"):
            assert (ROOT / words[0]).is_file(), words
            continue
        if words[0] == "tfgen":
            if len(words) == 1:
                continue
            assert words[1] in verbs.found(), words
            module, arguments = verbs.found()[words[1]], words[2:]
        elif words[1:2] == ["-m"]:
            module, arguments = words[2], words[3:]
        else:
            assert (ROOT / words[1]).is_file(), words
            continue
        if module.partition(".")[0] not in ("zoo", "export"):
            continue
        is_package = importlib.util.find_spec(module).submodule_search_locations is not None
        called = importlib.import_module(f"{module}.__main__" if is_package else module)
        if module == "zoo":
            continue
        arguments = [PLACEHOLDERS.get(word, word) for word in arguments if word not in LEFT_OUT]
        if module == "zoo.lecture" and arguments[:1] == ["vae"]:
            arguments[0] = "mcmc"
        if module == "zoo.apply" and arguments[:1] == ["vae"]:
            arguments[0] = "anomaly"
        if "--register" in arguments:
            place = arguments.index("--register")
            del arguments[place : place + 2]
        if not arguments:  # the command alone, by its name
            assert callable(called.main)
            continue
        code = 0
        try:
            called.main(arguments)
        except SystemExit as stop:
            code = stop.code
        assert not code, f"{' '.join(words)} of {name}: {capsys.readouterr().err}"


@pytest.mark.parametrize("name", NAMES)
def test_excerpts_are_those_of_the_source(name):
    for source, mark, path in blocks(name):
        if mark == "excerpt of":
            lines, theirs = (
                [line.strip() for line in text.splitlines() if line.strip()] for text in (source, text_of(path))
            )
            starts = (i for i, line in enumerate(theirs) if line == lines[0])
            assert any(theirs[i : i + len(lines)] == lines for i in starts), f"{path} has no\n{source}"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow, pytest.mark.ci] if name in LONG else [])
        for name in NAMES
        if any(mark == "" for _, mark, _ in blocks(name))
        and not name.startswith("docs/tutorials/")  # pages of scripts, which tests/docs/test_tutorials.py runs
    ],
)
def test_python_runs_as_it_is_written(name, tmp_path, monkeypatch, digits):
    import tfgen
    from tfgen import data
    from zoo.models.vae import VAE

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "load", lambda name, **options: digits)
    VAE(image_shape=(32, 32, 3), latent_dim=2, hidden_units=(8,)).save_run("runs/my-run")
    Image.fromarray(np.zeros([48, 40, 3], np.uint8)).save("damaged.png")
    names = {"my_images": np.zeros([30, 28, 28], np.uint8), "my_labels": np.arange(30) % 3, "tfgen": tfgen}
    for source, mark, _ in blocks(name):
        if not mark:
            exec(compile(source, name, "exec"), names)


def test_the_glossary_has_the_terms_of_the_tables():
    glossary = text_of("docs/glossary.md").lower()
    titles = [title.removeprefix("test ").partition(",")[0] for title in table.SHOWN.values()]
    for name in tasks.names():
        titles += [metric.replace("_", " ") for metric in getattr(tasks.module(name), "METRICS", ())]
    for title in [*titles, "rate", "distortion", "active units", "nats", "bits per dimension", "psnr", "ssim"]:
        assert re.search(rf"\*\*{re.escape(title.lower().replace('cross entropy', 'cross-entropy'))}\*\*", glossary), (
            title
        )


def test_every_number_and_every_command_is_explained():
    evaluation, listed = text_of("docs/evaluation.md"), text_of("docs/commands.md")
    for name in {**measures.MEANINGS, **measures.TRAINING}:
        assert f"`{name}`" in evaluation, f"docs/evaluation.md does not say what {name} is"
    for module in verbs.found().values():
        assert f"`python -m {module.removesuffix('.__main__')}" in listed, f"docs/commands.md does not list {module}"
    for name in tasks.names():
        assert f"`{name}`" in text_of("docs/tasks.md")


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory):
    """What the errors of docs/faq.md are about: pictures of several sizes, damaged and few ones, and a damaged run."""
    from zoo.models.vae import VAE

    folder = tmp_path_factory.mktemp("mistakes")
    for name, count in {"my-photos": 12, "damaged": 12, "two-pictures": 2}.items():
        (folder / name).mkdir()
        for number in range(count):
            height = 20 + number * (name == "my-photos")
            Image.fromarray(np.full((height, 20), number, np.uint8)).save(folder / name / f"{number}.png")
    (folder / "damaged" / "x.png").write_text("no picture")
    VAE(latent_dim=2, hidden_units=(8,)).save_run(folder / "run")
    with (folder / "run" / "model.weights.h5").open("r+b") as file:
        file.seek(5000)
        file.write(b"damage")
    return folder


@pytest.mark.parametrize(("module", "words", "line"), ERROR.findall(text_of("docs/faq.md")))
def test_errors_are_those_of_the_commands(module, words, line, mistakes, monkeypatch, capsys):
    monkeypatch.chdir(mistakes)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(SystemExit) as stop:
        importlib.import_module(module).main(words.split())
    assert stop.value.code == 2
    expected = ".*".join(re.escape(part) for part in line.split("..."))
    assert re.fullmatch(expected, capsys.readouterr().err.splitlines()[-1])


def test_the_site_has_every_page():
    yaml = pytest.importorskip("yaml", reason="PyYAML reads mkdocs.yml")
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))

    def pages(entries):
        for entry in entries:
            for value in entry.values() if isinstance(entry, dict) else [entry]:
                yield from pages(value) if isinstance(value, list) else [value]

    listed = [page for page in pages(site["nav"]) if page.endswith(".md")]
    assert len(listed) == len(set(listed))
    assert {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")} <= set(listed)
    for entry in ENTRIES:
        assert f"models/{entry}.md" in listed


def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install '.[docs]'")
    words = ["build", "--strict", "--quiet", "--config-file", str(ROOT / "mkdocs.yml"), "--site-dir", str(tmp_path)]
    built = subprocess.run([sys.executable, "-m", "mkdocs", *words], capture_output=True, text=True, cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "index.html").exists()
