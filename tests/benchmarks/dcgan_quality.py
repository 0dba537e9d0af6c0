"""Measures the samples of tfgen's DCGAN beside those of a PyTorch DCGAN, in the features of the zoo's classifier.

    python tests/benchmarks/dcgan_quality.py RUN [RUN ...] [--seeds 0 1 2]      trains a peer for each seed
    python tests/benchmarks/dcgan_quality.py RUN --peer SAMPLES.npy [...]       takes its samples from files

RUN is a run of `python -m zoo.train dcgan`, or by default the entry `dcgan`, whose weights ship; runs of several seeds
stand beside peers of several seeds. The peer has the same layers and by default the same recipe: R_1 penalty, learning
rate, batch, initial weights and recomputed statistics are options of peers/torch_dcgan_samples.py, which also runs
alone, on another machine with a GPU, and writes the files that --peer takes. The paper's recipe is

    --penalty 0 --learning-rate 2e-4 --batch-size 128 --initial-stddev 0 --no-recompute-statistics

All are measured as `python -m zoo.evaluate` does it: 10,000 samples against the test images of MNIST, and as the floor
10,000 training images.
"""

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np

from tfgen import data
from tfgen.evaluation import images as seen
from tfgen.storage import loading
from zoo import evaluate, report

PEERS = Path(__file__).parent / "peers"
SHOWN = ("frechet", "kid", "precision", "recall", "confidence")


def parsed():
    """The options; those of the recipe are the peer's own, where PyTorch is installed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["dcgan"], help="the entry, or runs of it")
    parser.add_argument("--peer", type=Path, nargs="+", help="the peers' samples, .npy files of uint8 [N, 28, 28, 1]")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="a peer is trained from each")
    if "--peer" in sys.argv:
        return parser.parse_args()
    sys.path.insert(0, str(PEERS))
    import torch_dcgan_samples

    torch_dcgan_samples.add_recipe(parser)
    return parser.parse_args()


def peers(options, images: np.ndarray) -> dict:
    """Name -> samples [N, 28, 28, 1] of the peers, read or trained."""
    if options.peer:
        return {path.stem: np.load(path) for path in options.peer}
    import torch_dcgan_samples

    trained = {}
    for seed in options.seeds:
        options.seed = seed
        trained[f"PyTorch, seed {seed}"] = torch_dcgan_samples.samples(images, options)
    return trained


def main() -> None:
    options, dataset = parsed(), data.load(data.DEFAULT)
    network, floor = evaluate.recogniser(dataset), {}

    def scores(samples) -> dict:
        found, _ = evaluate.in_features(network, samples, dataset, track=lambda loop, name: loop)
        floor.update({name: found[report.FLOOR + name] for name in (*SHOWN, "class_shares")})
        return found

    theirs = {name: scores(seen.as_float(drawn)) for name, drawn in peers(options, dataset.train.images).items()}
    labels = np.zeros(evaluate.SAMPLES, np.int64)  # how many; no digit is asked for
    ours = {name: scores(seen.samples(loading.load(name), labels)) for name in options.models}
    width = max(map(len, [*ours, *theirs]))
    print(f"\n{'':{width}} {'Frechet':>8} {'KID':>8} {'precision':>9} {'recall':>7} {'sure':>6}  share of a digit")
    for name, of in {**ours, **theirs, "floor": floor}.items():
        numbers = f"{of['frechet']:8.3f} {of['kid']:8.5f} {of['precision']:9.3f} {of['recall']:7.3f}"
        shares = f"{min(of['class_shares']):.1%} to {max(of['class_shares']):.1%}"
        print(f"{name:{width}} {numbers} {of['confidence']:6.3f}  {shares}")
    for group, of in (("tfgen", ours), ("PyTorch", theirs)):
        values = [each["frechet"] for each in of.values()]
        error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
        print(f"{group}: mean Frechet distance {statistics.fmean(values):.3f} +- {error:.3f}, {len(values)} seeds")


if __name__ == "__main__":
    main()
