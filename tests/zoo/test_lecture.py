"""`python -m zoo.lecture`: what every lecture promises, what the command writes, and what it refuses in one line."""

import json
import sys
import types

import pytest
from PIL import Image

from tfgen import figures, verbs
from tfgen.tasks.common.result import MODEL, Result, Row
from zoo import lecture, lectures


@pytest.mark.parametrize("name", lectures.names())
def test_a_lecture_says_what_it_asks_and_takes(name):
    said = lectures.declaration(name)
    assert said.docstring().startswith(f"`{name}`: ")
    assert lectures.question(name).endswith("?")
    track, *options = said.parameters("compute").values()
    assert track.name == "track"
    assert all(option.kind is option.KEYWORD_ONLY and option.default is not option.empty for option in options)
    names = [option.name for option in options]
    assert names[-1] == "seed"
    assert set(said.LIMITS) <= set(names)
    for option in names:
        assert f" {option}: " in said.documentation("compute")
    lecture._check(name, {option.name: option.default for option in options})


@pytest.fixture
def short(monkeypatch):
    """A lecture that takes no time: a row, and as many frames as it is told."""

    def compute(track, frames, seed):
        return Result("a title", {"answer": "of all"}, [Row("ours", MODEL, {"answer": (42 + seed, None)})], None, {}), {
            "frames": frames
        }

    def draw(frames):
        made = [figures.curve([{"epoch": 0, "x": i}, {"epoch": 1, "x": 2}], "x", "t", {}) for i in range(frames)]
        return made if frames > 1 else made[0]

    module = types.SimpleNamespace(compute=compute, draw=draw)
    monkeypatch.setitem(sys.modules, "zoo.lectures.mcmc", module)
    monkeypatch.setattr(lecture, "_check", lambda name, options: None)


def test_what_is_written_goes_into_folders_of_its_own(short, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for folder, frames in (("mcmc", 1), ("mcmc-2", 3)):
        lecture.lecture("mcmc", frames=frames, seed=1)
        output, error = capsys.readouterr()
        assert "43" in output
        assert output.splitlines()[-1] == f"lectures/{folder}/mcmc.{'gif' if frames > 1 else 'png'}"
        assert error == ""
        found = json.loads((tmp_path / "lectures" / folder / "mcmc.json").read_text(encoding="utf-8"))
        assert (found["lecture"], found["options"], found["rows"][0]["answer"]) == (
            "mcmc",
            {"frames": frames, "seed": 1},
            43,
        )
        with Image.open(tmp_path / "lectures" / folder / "mcmc.png") as picture:
            assert picture.size[0] > 100
    with Image.open(tmp_path / "lectures" / "mcmc-2" / "mcmc.gif") as animation:
        assert animation.n_frames == 3
    with pytest.raises(SystemExit) as stop:
        lecture.lecture("mcmc", frames=1, seed=0, to=tmp_path / "lectures" / "mcmc")
    assert stop.value.code == 2
    assert "mcmc.json exists already; name another folder with --to DIR" in capsys.readouterr().err


def test_it_is_a_verb_and_its_help_lists_the_lectures(call):
    assert verbs.found()["lecture"] == "zoo.lecture"
    code, output, error = call(lecture.main, "--help")
    assert (code, error) == (0, "")
    for name in lectures.names():
        assert f"  {name}  " in output
        assert call(lecture.main, name, "--help")[0] == 0
