"""docs/new-prior.md: the prior of that page is one, and its module trains, samples, exports and is verified."""

import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy import stats

import tfgen
from tfgen.quiet import tf

PAGE = Path(__file__).parents[2] / "docs" / "new-prior.md"
MODULE = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[1]
REGISTER = ("--register", "my_pkg.student_vae")


@pytest.fixture
def prior():
    """The layer of the page over two dimensions, its parameters far from their start."""
    names = {"__name__": "student_vae"}
    exec(compile(MODULE, str(PAGE), "exec"), names)
    keras.utils.set_random_seed(0)
    layer = names["StudentPrior"](2)
    for variable, value in zip(layer.trainable_variables, ([-0.5, 1.0], [1.0, -2.0], [0.3, -0.4]), strict=True):
        variable.assign(value)
    return layer


def test_its_draws_have_its_density(prior):
    codes = prior.draws(tf.constant(tfgen.row_seeds(0, 2000)), None).numpy()
    freedom, mean, scale = (np.asarray(each) for each in prior.parameters())
    for column, nu, mu, sigma in zip(codes.T, freedom, mean, scale, strict=True):
        assert stats.kstest(column, stats.t(nu, mu, sigma).cdf).pvalue > 0.01
    expected = stats.t(freedom, mean, scale).logpdf(codes).sum(1)
    np.testing.assert_allclose(prior.distribution(None).log_prob(codes), expected, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.ci
def test_its_commands_train_sample_export_and_verify(tmp_path, monkeypatch):
    (tmp_path / "my_pkg").mkdir()
    (tmp_path / "my_pkg" / "__init__.py").touch()
    (tmp_path / "my_pkg" / "student_vae.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    commands = re.findall(r"^    python -m (\S+ .*my_pkg.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [words.split()[0] for words in commands] == ["zoo.train", "zoo.sample", "zoo.evaluate", "export"]
    for words in commands:
        words = words.replace("--epochs 30", "--epochs 1 --hidden-units 16").split()
        done = subprocess.run([sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "student.png").exists()
    version = tmp_path / "served" / "student_vae" / "1"
    done = subprocess.run([sys.executable, "-m", "export.verify", str(version)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
