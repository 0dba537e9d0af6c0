"""The progress of a training fits into the terminal: what matters least goes first, the time left stays."""

import io

import pytest
from rich.console import Console

from tfgen.training import progress
from tfgen.training.callbacks import IMAGES_PER_S

LOGS = {
    "vae": {"loss": 103.25, "distortion": 75.02, "rate": 28.23, IMAGES_PER_S: 13021.4},
    "aae": {
        "reconstruction_loss": 103.2,
        "discriminator_loss": 1.38,
        "generator_loss": 0.7,
        "accuracy": 0.5,
        IMAGES_PER_S: 900.0,
    },
    "dcgan": {"discriminator_loss": 1.38, "generator_loss": 0.7, "accuracy": 0.5, IMAGES_PER_S: 920.0},
}


@pytest.fixture
def on_screen(monkeypatch):
    """A function that shows a training half-way on a terminal of a width: the lines of its bar."""

    def show(width: int, logs: dict) -> list[str]:
        screen = io.StringIO()
        console = Console(file=screen, force_terminal=True, width=width, color_system=None)
        monkeypatch.setattr(progress, "Console", lambda: console)
        monkeypatch.setattr(progress.terminal, "is_interactive", lambda: True)
        monkeypatch.setattr(progress.Task, "time_remaining", 37_000.0)
        lines = progress.ProgressLines(1000)
        lines.set_params({"steps": 5})
        lines.on_train_begin()
        lines.on_epoch_begin(998)
        for batch in range(3):
            lines.on_train_batch_end(batch, logs)
        lines.on_train_end()
        drawn = io.StringIO()
        Console(file=drawn, width=width).print(lines.bar.get_renderable())
        return drawn.getvalue().splitlines()

    return show


@pytest.mark.parametrize("entry", LOGS)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_bar_is_one_line_with_the_time_left(on_screen, entry, width):
    line = on_screen(width, LOGS[entry])[0]
    assert len(line) <= width
    assert line.startswith("epoch 999/1000")
    assert line.rstrip().endswith(" 10:16:40")
    assert "…" not in line
    assert "━" * (progress.SHORTEST_BAR - 1) in line
    assert f" {next(iter(LOGS[entry]))} " in line


def test_a_narrow_terminal_has_the_epoch_and_the_time(on_screen):
    line = on_screen(40, LOGS["aae"])[0]
    assert len(line) <= 40
    assert line.startswith("epoch 999/1000")
    assert line.rstrip().endswith(" 10:16:40")


def test_the_least_important_is_left_out_first():
    logs = LOGS["vae"] | {"val_neg_elbo": 101.5}
    whole = "loss 103.25  distortion 75.02  rate 28.23  val_neg_elbo 101.50  13,021 images/s"
    assert progress.as_text(logs) == whole
    assert progress.as_text(logs, len(whole), "val_neg_elbo") == whole
    assert progress.as_text(logs, len(whole) - 1, "val_neg_elbo") == whole.removesuffix("  13,021 images/s")
    assert progress.as_text(logs, 35, "val_neg_elbo") == "loss 103.25  val_neg_elbo 101.50"
    assert progress.as_text(logs, 20, "val_neg_elbo") == "val_neg_elbo 101.50"
    assert progress.as_text(logs, 0, "val_neg_elbo") == ""
