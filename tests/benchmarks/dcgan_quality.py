"""Measures the samples of tfgen's DCGAN beside those of a PyTorch DCGAN, in the features of the zoo's classifier.

    python tests/benchmarks/dcgan_quality.py RUN                          trains the peer on as many images as the run
    python tests/benchmarks/dcgan_quality.py RUN --images 550000          on so many: ten epochs
    python tests/benchmarks/dcgan_quality.py RUN --peer SAMPLES.npy       takes its samples from a file

RUN is a run of `python -m zoo.train dcgan`, or by default the entry `dcgan`, whose weights ship. The peer is
peers/torch_dcgan.py: 64 base filters, batches of 128, Adam with 2e-4 and 0.5, no penalty, PyTorch's initial weights.
Both are measured as `python -m zoo.evaluate` does it: 10,000 samples against the test images of MNIST, and as the
floor 10,000 training images.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from tfgen import data
from tfgen.evaluation import images as seen
from tfgen.storage import entries, loading, runs
from zoo import evaluate, report, settings

PEERS = Path(__file__).parent / "peers"


def peer_samples(images: np.ndarray, count: int, samples: int) -> np.ndarray:
    """Samples [samples, 28, 28, 1] in [0, 1] of a PyTorch DCGAN that has trained on `count` images, in passes."""
    import torch

    sys.path.insert(0, str(PEERS))
    import torch_dcgan as peer

    torch.manual_seed(0)
    networks = {"generator": peer.make_generator(), "discriminator": peer.make_discriminator()}
    optimizers = {}
    for name, network in networks.items():
        network.to(memory_format=torch.channels_last)
        optimizers[name] = torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    images, start = torch.from_numpy(images).permute(0, 3, 1, 2), time.perf_counter()
    for done in range(0, count, len(images)):
        part = images[torch.randperm(len(images))[: count - done]]
        loss = peer.train_epoch(**networks, optimizers=optimizers, images=part)
        rate = (done + len(part)) / (time.perf_counter() - start)
        print(f"PyTorch: {done + len(part):,} images, generator loss {loss:.2f}, {rate:,.0f} images/s", flush=True)
    generator = networks["generator"].eval()
    with torch.no_grad():
        parts = [generator(torch.randn(len(part), peer.LATENT)) for part in np.array_split(np.arange(samples), 20)]
    return (torch.cat(parts).permute(0, 2, 3, 1).numpy() + 1) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="dcgan", help="the entry, or a run of it")
    parser.add_argument("--peer", type=Path, help="the peer's samples, uint8 or floats in [0, 1], [N, 28, 28, 1]")
    parser.add_argument("--images", type=int, help="how many images the peer is trained on; as many as the model was")
    parser.add_argument("--samples", type=int, default=evaluate.SAMPLES, help="how many are drawn from each")
    parser.add_argument("--save", type=Path, help="where to keep the peer's samples, an .npy file")
    options = parser.parse_args()

    dataset = data.load(data.DEFAULT)
    model = loading.load(options.model)
    config = loading.shipped(options.model) if options.model in entries.entries() else runs.read_config(options.model)
    count = options.images or settings.epochs(config["recipe"]) * config["splits"]["train"]["images"]
    if options.peer:
        theirs = seen.as_float(np.load(options.peer))[: options.samples]
    else:
        theirs = peer_samples(dataset.train.images, count, options.samples)
    if options.save:
        np.save(options.save, np.round(255 * theirs).astype(np.uint8))
    ours = seen.samples(model, np.zeros(options.samples, np.int64))  # how many; no digit is asked for

    scores, network = {}, evaluate.recogniser(dataset)
    for name, samples in (("tfgen", ours), ("PyTorch", theirs)):
        found, _ = evaluate.in_features(network, samples, dataset, track=lambda loop, name: loop)
        scores[name] = {key: value for key, value in found.items() if not key.startswith(report.FLOOR)}
        scores["floor"] = {key.removeprefix(report.FLOOR): found[key] for key in found if key.startswith(report.FLOOR)}
    print(f"\n{'':8} {'Frechet':>8} {'KID':>9} {'+-':>8} {'precision':>9} {'recall':>7} {'sure':>6}  share of a digit")
    for name, of in scores.items():
        numbers = (
            f"{of['frechet']:8.3f} {of['kid']:9.5f} {of['kid_error']:8.5f} {of['precision']:9.3f} {of['recall']:7.3f}"
        )
        shares = f"{min(of['class_shares']):.1%} to {max(of['class_shares']):.1%}"
        print(f"{name:8} {numbers} {of['confidence']:6.3f}  {shares}")
    for measure in ("frechet", "kid"):
        print(f"{measure} over PyTorch's: {scores['tfgen'][measure] / scores['PyTorch'][measure]:.2f}")


if __name__ == "__main__":
    main()
