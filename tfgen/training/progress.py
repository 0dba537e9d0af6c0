"""The progress of a training on the screen: a bar over all epochs, and a line for each that is done."""

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn

from tfgen import terminal
from tfgen.training.callbacks import IMAGES_PER_S

BAR, SHORTEST_BAR = 40, 6  # cells of the bar, and with how few it is still drawn


class ProgressLines(keras.callbacks.Callback):
    """A bar over the epoch with its metrics so far, and a line for each epoch that is done.

    What the width of the terminal has no room for is left out, the least important first; the time left stays.
    """

    def __init__(self, epochs: int):
        super().__init__()
        self.epochs, self.console, self.shown = epochs, Console(), terminal.is_interactive()
        self.left = TimeRemainingColumn()
        self.length = BarColumn(BAR)
        columns = (TextColumn("{task.description}"), self.length, TextColumn("{task.fields[text]}"), self.left)
        self.bar = Progress(*columns, console=self.console, transient=True, disable=not self.shown)

    def on_train_begin(self, logs=None):
        self.bar.start()
        self.task = self.bar.add_task("", total=self.epochs * self.params["steps"], text="")

    def on_epoch_begin(self, epoch, logs=None):
        self.done = epoch * self.params["steps"]
        self.bar.update(self.task, description=f"epoch {epoch + 1}/{self.epochs}", completed=self.done)

    def on_train_batch_end(self, batch, logs=None):
        self.bar.update(self.task, completed=self.done + batch + 1)
        if self.shown:
            (task,) = self.bar.tasks
            self.bar.update(self.task, text=self.fitted(task, logs))

    def on_epoch_end(self, epoch, logs=None):
        width = len(str(self.epochs))
        line = f"epoch {epoch + 1:{width}d}/{self.epochs}  "
        room = self.console.width - len(line) if self.shown else None
        line += as_text(logs, room, getattr(self.model, "monitor", None))
        self.console.print(line, highlight=False, soft_wrap=True)

    def on_train_end(self, logs=None):
        self.bar.stop()

    def fitted(self, task: Task, logs: dict) -> str:
        """The metrics beside the bar, as many as its shortest form leaves room for; the bar gets what is left."""
        room = self.console.width - len(task.description) - self.left(task).cell_len - 3  # and the spaces between
        text = as_text(logs, room - SHORTEST_BAR)
        self.length.bar_width = max(0, min(BAR, room - len(text)))
        return text


def as_text(logs: dict, room: int | None = None, monitor: str | None = None) -> str:
    """Metrics in one line: `rate 20.31  distortion 75.02  13,021 images/s`.

    Args:
        logs: metrics by name, the most important first.
        room: characters that the line may have. The last metrics are left out where it is longer, and the images/s
            before all of them.
        monitor: the metric that is left out last.
    """
    words = {name: f"{name} {value:.2f}" for name, value in logs.items() if name != IMAGES_PER_S}
    if IMAGES_PER_S in logs:
        words[IMAGES_PER_S] = f"{logs[IMAGES_PER_S]:,.0f} images/s"
    expendable = [name for name in words if name not in (IMAGES_PER_S, monitor)]
    expendable = [monitor] * (monitor in words) + expendable + [IMAGES_PER_S] * (IMAGES_PER_S in words)
    while room is not None and words and len("  ".join(words.values())) > room:
        del words[expendable.pop()]
    return "  ".join(words.values())
