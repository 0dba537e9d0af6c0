"""The tutorials: scripts that run as a user runs them, and pages that show what they printed."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "tutorials"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "render")
QUICK = ("coin", "serving")  # what CI has time for
SAVED = re.compile(r'\.saved\(\s*"([\w-]+\.png)"')
PLACE = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|work|usr|opt|mnt|var|etc|Users)\b|[A-Z]:\\")  # of one machine
MOST = 2_000_000  # bytes of all pictures


def text_of(name: str, ending: str = "py") -> str:
    return (FOLDER / f"{name}.{ending}").read_text(encoding="utf-8")


def cells(script: str) -> list[tuple[str, str]]:
    """(kind, source) of each cell of a percent script: "markdown" without its comment signs, or "code"."""
    found = []
    for part in re.split(r"^# %%", script, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        if head.strip() == "[markdown]":
            found.append(
                ("markdown", "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.splitlines()))
            )
        else:
            found.append(("code", body))
    return [(kind, source.strip()) for kind, source in found]


def sources(name: str, kind: str) -> list[str]:
    return [source for each, source in cells(text_of(name)) if each == kind]


def test_there_are_tutorials():
    assert len(NAMES) >= 6


@pytest.mark.parametrize("name", NAMES)
def test_script_is_python_with_text_and_names_no_place_of_one_machine(name):
    ast.parse(text_of(name))
    texts = sources(name, "markdown")
    assert texts[0].startswith("# ")
    assert len(texts) >= 6
    assert any("**Before you" in text for text in texts)
    assert texts[-1].startswith("## What to try next") or "\n## What to try next" in texts[-1]
    for ending in ("py", "md", "ipynb"):
        assert not PLACE.search(text_of(name, ending)), ending


@pytest.mark.parametrize("name", NAMES)
def test_page_and_notebook_are_made_of_the_script_as_it_is(name):
    """`python docs/tutorials/render.py NAME` makes them anew."""
    page = text_of(name, "md")
    assert re.findall(r"^```python\n(.*?)\n```$", page, re.DOTALL | re.MULTILINE) == sources(name, "code")
    for source in sources(name, "markdown"):
        assert source in page
    notebook = json.loads(text_of(name, "ipynb"))
    made = [(cell["cell_type"], "".join(cell["source"]).strip()) for cell in notebook["cells"]]
    assert made == cells(text_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_pictures_of_the_script_are_on_its_page_and_index_lists_it_with_one(name):
    pictures = SAVED.findall(text_of(name))
    assert len(pictures) >= 2
    page = text_of(name, "md")
    for picture in pictures:
        assert f"(pictures/{picture})" in page
        assert (FOLDER / "pictures" / picture).is_file()
    index = text_of("index", "md")
    assert f"({name}.md)" in index
    assert any(f"(pictures/{picture})" in index for picture in pictures)


def test_pictures_are_small_and_all_belong_to_a_script():
    pictures = list((FOLDER / "pictures").iterdir())
    assert sum(path.stat().st_size for path in pictures) < MOST
    assert {path.name for path in pictures} == {picture for name in NAMES for picture in SAVED.findall(text_of(name))}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_files(name):
    for page in (text_of(name, "md"), text_of("index", "md")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page):
            assert target.startswith("https://") or (FOLDER / target).exists(), target


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.ci if name in QUICK else ()) for name in NAMES])
def test_script_runs_as_a_user_runs_it(name, tmp_path):
    done = subprocess.run([sys.executable, FOLDER / f"{name}.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) >= 10
    assert "nan" not in done.stdout.lower().split()
    for picture in SAVED.findall(text_of(name)):
        pixels = matplotlib.image.imread(tmp_path / picture)
        assert min(pixels.shape[:2]) > 80
        assert pixels[..., :3].std() > 0.01
