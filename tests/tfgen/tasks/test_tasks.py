"""What every task promises to the command and to Python, and how a result is written."""

import inspect
import subprocess
import sys

import pytest

import tfgen
from tfgen.storage import entries
from tfgen.tasks.common import abilities
from tfgen.tasks.common.result import BASELINE, MODEL, Result, Row, means


@pytest.mark.parametrize("name", tfgen.tasks.names())
def test_a_task_says_what_it_asks_and_takes(name):
    module = tfgen.tasks.module(name)
    assert module.__doc__.startswith(f"`{name}`: ")
    assert tfgen.tasks.question(name).endswith("?")
    first, *options = inspect.signature(module.run).parameters.values()
    assert first.name == "job"
    assert all(option.kind is option.KEYWORD_ONLY and option.default is not option.empty for option in options)
    for option in options:
        assert f" {option.name}: " in module.run.__doc__
    module.check(**{option.name: option.default for option in options})
    for public in module.__all__:
        assert getattr(tfgen.tasks, public) is getattr(module, public)


@pytest.fixture(scope="module")
def models():
    return abilities.entries_of_the_zoo()


@pytest.mark.parametrize("name", tfgen.tasks.names())
def test_a_task_asks_for_what_some_entry_has(name, models):
    assert set(models) == set(entries.entries())
    for method, needed in tfgen.tasks.module(name).ASKS.items():
        assert any(all(abilities.has(model, ask) for ask in needed) for model in models.values()), method


def test_tasks_are_named_without_tensorflow():
    code = (
        "import sys, tfgen\n"
        "assert 'anomaly' in tfgen.tasks.names()\n"
        "assert not {'tensorflow', 'keras', 'sklearn', 'skimage'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_result_as_text_markdown_and_json():
    rows = [
        means("ours", MODEL, {"psnr": [20.0, 22.0]}, group="sigma 0.5"),
        Row("median", BASELINE, {"psnr": (18.5, None)}, setting="width 3", group="sigma 0.5"),
    ]
    result = Result("a title", {"psnr": "decibels"}, rows, None, {"images": 2}, ("a note",), {"more": [1]})
    text = result.as_text()
    assert "sigma 0.5  ours               21.0 ± 1.0" in text
    assert "median (baseline)  18.5        width 3" in text
    assert "| sigma 0.5 | ours | 21.0 ± 1.0 |  |" in result.as_markdown("x.png")
    content = result.as_json()
    assert content["rows"][0] == {
        "group": "sigma 0.5",
        "name": "ours",
        "kind": "model",
        "setting": "",
        "psnr": 21.0,
        "psnr_error": 1.0,
    }
    assert (content["more"], content["notes"], content["conditions"]) == ([1], ["a note"], {"images": 2})


def test_an_error_of_nearly_nothing_does_not_fill_the_line():
    result = Result("t", {"auroc": ""}, [Row("ours", MODEL, {"auroc": (1.0, 1e-17)})], None, {})
    assert "1.0000 ± 0.0000" in result.as_text()
