"""Settings of the user's and states of the machine that are none of our business: the same weights and pictures.

Each trains the same small model in a process of its own, and is compared with one that is left alone; what cannot be
overruled is refused in one line. `HOSTILE` lists them: name -> what is set, and the error where there is one.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tfgen.storage import runs

OPTIONS = ["vae", "--dataset", "digits", "--epochs", "1", "--batch-size", "100", "--hidden-units", "8"]
OPTIONS += ["--latent-dim", "2", "--network", "conv", "--run-dir"]
MATPLOTLIBRC = "figure.facecolor: black\nsavefig.dpi: 300\nfont.size: 30\nimage.cmap: hot\nlines.linewidth: 9\n"
KERAS = '{"floatx": "float64", "image_data_format": "channels_first", "epsilon": 1.0, "backend": "jax"}'
KERAS_CALLS = "import os; os.environ['KERAS_BACKEND'] = 'tensorflow'; import keras\n"
NUMPY = "import numpy as np; np.seterr(all='raise'); np.set_printoptions(precision=1, floatmode='fixed')"
PYPLOT = "import matplotlib; matplotlib.use('svg'); import matplotlib.pyplot as plt; plt.style.use('dark_background')\n"
PYPLOT += "plt.rcParams.update({'font.size': 40, 'savefig.dpi': 400, 'axes.grid': True, 'text.usetex': True})"


def environment(**variables):
    """Variables of the environment; None takes one away."""
    return {"variables": variables}


def home(path: str, text: str):
    """A file in the home directory."""
    return {"files": {f"home/{path}": text}}


def before(code: str):
    """Python that the user runs in the same process before."""
    return {"code": code}


def shell(words: str):
    """What a shell does around `COMMAND`."""
    return {"shell": words}


PLACES = {"home": "in the home directory", "here": "in the working directory"}
HOSTILE = {
    "matplotlibrc at home": home(".config/matplotlib/matplotlibrc", MATPLOTLIBRC),
    "matplotlibrc here": {"files": {"here/matplotlibrc": MATPLOTLIBRC}},
    "matplotlibrc that is not text": home(".config/matplotlib/matplotlibrc", "figure.facecolor: \xff")
    | {"error": "matplotlib cannot read its settings, a file matplotlibrc"},
    "MATPLOTLIBRC": {"files": {"here/rc": MATPLOTLIBRC}} | environment(MATPLOTLIBRC="rc"),
    "MPLBACKEND": environment(MPLBACKEND="svg"),
    "MPLBACKEND that is none": environment(MPLBACKEND="no-such-backend"),
    "MPLCONFIGDIR that cannot be made": environment(MPLCONFIGDIR="/dev/null/matplotlib"),
    "pyplot": before(PYPLOT),
    "keras.json": home(".keras/keras.json", KERAS),
    "keras.json that is no JSON": home(".keras/keras.json", "{"),
    "keras.json that Keras refuses": home(".keras/keras.json", '{"floatx": "float99"}'),
    "KERAS_BACKEND": environment(KERAS_BACKEND="jax"),
    "KERAS_BACKEND that is none": environment(KERAS_BACKEND="abacus"),
    "KERAS_MAX_EPOCHS": environment(KERAS_MAX_EPOCHS="0", KERAS_MAX_STEPS_PER_EPOCH="1"),
    "KERAS_HOME": environment(KERAS_HOME="/dev/null/keras"),
    "set_floatx": before(KERAS_CALLS + "keras.config.set_floatx('float64')"),
    "set_image_data_format": before(KERAS_CALLS + "keras.config.set_image_data_format('channels_first')"),
    "set_dtype_policy": before(KERAS_CALLS + "keras.config.set_dtype_policy('mixed_bfloat16')"),
    "set_epsilon": before(KERAS_CALLS + "keras.config.set_epsilon(0.5)"),
    "another backend of Keras": before(KERAS_CALLS + "keras.config.backend = lambda: 'jax'")
    | {"error": "tfgen needs Keras with TensorFlow, and this process has imported it with jax"},
    "NumPy's error state": before(NUMPY),
    "NumPy's seed": before("import numpy, random; numpy.random.seed(5); random.seed(5)"),
    "TensorFlow as NumPy": before(
        "from tfgen.quiet import tf; tf.experimental.numpy.experimental_enable_numpy_behavior()"
    )
    | {"rounded": True},  # TensorFlow builds other graphs, which some processors round otherwise
    "TensorFlow's seed": before("from tfgen.quiet import tf; tf.random.set_seed(5)"),
    "a locale": before("import locale; locale.setlocale(locale.LC_ALL, '')")
    | environment(LC_ALL="C.UTF-8", LANG="de_DE"),
    "an ASCII locale": environment(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING=None),
    "PYTHONIOENCODING": environment(PYTHONIOENCODING="ascii"),
    "COLUMNS": environment(COLUMNS="1", LINES="1"),
    "TERM": environment(TERM="dumb", NO_COLOR="1"),
    "FORCE_COLOR": environment(FORCE_COLOR="1", TTY_COMPATIBLE="1"),
    "TZ": environment(TZ="Nowhere/At_All"),
    "PYTHONHASHSEED": environment(PYTHONHASHSEED="12345"),
    "PYTHONOPTIMIZE=1": environment(PYTHONOPTIMIZE="1"),
    "PYTHONOPTIMIZE=2": environment(PYTHONOPTIMIZE="2") | {"error": "tf_keras needs its docstrings"},
    "PYTHONWARNINGS": environment(PYTHONWARNINGS="error"),
    "no HOME": environment(HOME=None, XDG_CACHE_HOME=None, XDG_CONFIG_HOME=None),
    "HOME that is not a folder": environment(HOME="/dev/null"),
    "TMPDIR that is not a folder": environment(TMPDIR="/nowhere"),
    "proxies": environment(http_proxy="http://127.0.0.1:1", https_proxy="http://127.0.0.1:1", all_proxy="socks5://x:1"),
    "CUDA_VISIBLE_DEVICES": environment(CUDA_VISIBLE_DEVICES="7,nonsense"),
    "TF_CONFIG": environment(TF_CONFIG="no JSON"),
    "TF_USE_LEGACY_KERAS": environment(TF_USE_LEGACY_KERAS="1"),
    "TF_CPP_MIN_LOG_LEVEL": environment(TF_CPP_MIN_LOG_LEVEL="0", TF_CPP_MAX_VLOG_LEVEL="0"),
    "sys.stdout = None": before("import sys; sys.stdout = None"),
    "sys.stderr = None": before("import sys; sys.stderr = None"),
    "umask": shell("umask 077; COMMAND"),
    "a head that leaves": shell("COMMAND | head -1"),
    "stdout closed": shell("COMMAND >&-"),
    "stderr closed": shell("COMMAND 2>&-"),
    "all streams closed": shell("COMMAND <&- >&- 2>&-"),
    "a full log": shell("COMMAND >/dev/full"),
    "a session that ends": shell("COMMAND & until [ -e ../run ]; do sleep 1; done; kill -HUP $!; wait $!"),
    "a folder that is gone": shell("mkdir gone; cd gone; rmdir ../gone; COMMAND"),
}


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """A function that trains under a setting: (the process as it ended, the run directory)."""

    def run(setting: dict):
        folder = tmp_path_factory.mktemp("hostile")
        for name in ("home", "here"):
            (folder / name).mkdir()
        for name, text in setting.get("files", {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="latin-1")
        given = {**os.environ, "HOME": str(folder / "home"), **setting.get("variables", {})}
        given = {name: value for name, value in given.items() if value is not None}
        code = f"{setting.get('code', '')}\nimport sys\nfrom zoo import train\ntrain.main(sys.argv[1:])"
        words = [sys.executable, "-c", code, *OPTIONS, str(folder / "run")]
        command = setting.get("shell", "COMMAND").replace("COMMAND", '"$0" "$@"')
        done = subprocess.run(
            ["bash", "-c", command, *words],
            cwd=folder / "here",
            env=given,
            capture_output=True,
            check=False,
            timeout=900,
        )
        return done, folder / "run"

    return run


@pytest.fixture(scope="module")
def left_alone(train):
    """The run of a training that nothing disturbs."""
    done, run = train({})
    assert (done.returncode, done.stderr) == (0, b"")
    return run


def weights(run: Path) -> dict[str, np.ndarray]:
    """The weights of a run, by their names."""
    values = {}

    def take(name, item):
        if isinstance(item, h5py.Dataset):
            values[name] = item[()]

    with h5py.File(run / runs.WEIGHTS) as file:
        file.visititems(take)
    return values


def content(run: Path) -> dict[str, bytes]:
    """What a run depends on nothing else for: its weights, its history and its pictures."""
    paths = [run / runs.HISTORY, *sorted((run / runs.FIGURES).iterdir())]
    return {path.name: path.read_bytes() for path in paths} | {
        name: values.tobytes() for name, values in weights(run).items()
    }


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize("name", HOSTILE)
def test_weights_and_pictures_are_the_same_or_one_line_says_why(train, left_alone, name):
    setting = HOSTILE[name]
    done, run = train(setting)
    error = done.stderr.decode(errors="replace")
    if expected := setting.get("error"):
        assert done.returncode == 2
        assert error.splitlines()[-1].startswith(f"error: {expected}")
        assert "Traceback" not in error
        assert not run.exists()
        return
    assert "Traceback" not in error, error
    assert done.returncode == 0, error
    ours, theirs = content(left_alone), content(run)
    assert list(ours) == list(theirs)
    if setting.get("rounded"):
        for (name, one), other in zip(weights(left_alone).items(), weights(run).values(), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-5, err_msg=name)
        return
    assert [key for key in ours if ours[key] != theirs[key]] == []
    quiet = "code" not in setting and name != "TF_CPP_MIN_LOG_LEVEL"  # what the user imports or asks for talks
    assert not (quiet and re.search("error|warning", error.lower())), error


def described(setting: dict) -> str:
    """What is set, in words."""
    words = [
        f"`{name}={value}`" if value is not None else f"no `{name}`"
        for name, value in setting.get("variables", {}).items()
    ]
    words += [f"`{name.partition('/')[2]}` {PLACES[name.partition('/')[0]]}" for name in setting.get("files", {})]
    words += [f"`{line}`" for line in setting.get("code", "").splitlines()]
    words += [f"`{setting['shell'].replace('COMMAND', 'python -m zoo.train')}`"] if "shell" in setting else []
    return ", ".join(words).replace("|", "\\|")


def answer(setting: dict) -> str:
    """What becomes of it, in words."""
    if "error" in setting:
        return f"refused: {setting['error']}"
    return "the same, on some processors up to rounding" if setting.get("rounded") else "the same"


def test_the_guide_lists_what_is_tried_here():
    """Prints the rows that it should have where it does not."""
    rows = [f"| {name} | {described(setting)} | {answer(setting)} |" for name, setting in HOSTILE.items()]
    assert len(rows) >= 40
    text = (Path(__file__).parents[2] / "docs" / "environment.md").read_text(encoding="utf-8")
    table = text.partition("|---|---|---|\n")[2].partition("\n\n")[0].splitlines()
    assert table == rows, "\n".join(rows)
