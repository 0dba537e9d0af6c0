"""Trains the PyTorch DCGAN of torch_dcgan.py by a recipe, and keeps samples of it. It needs PyTorch and NumPy alone.

    python torch_dcgan_samples.py IMAGES.npy SAMPLES.npy --epochs 10 --penalty 1 --learning-rate 5e-4 --batch-size 64 \
        --initial-stddev 0.02 --recompute-statistics --seed 0

IMAGES.npy holds uint8 images [N, 28, 28, 1]; SAMPLES.npy will hold as many uint8 samples as --samples says. The
defaults are the recipe of the entry `dcgan`; dcgan_quality.py measures the samples of both.
"""

import argparse
import contextlib
import time

import numpy as np
import torch
import torch_dcgan as peer
from torch import nn
from torch.nn.functional import softplus

STATISTICS_BATCHES, STATISTICS_CODES = 20, 128  # as the entry's


def initialise(network: nn.Module, stddev: float) -> None:
    """Weights from N(0, stddev), biases at zero; those of the normalisation stay at one and zero."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=stddev)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def penalty_of(logits, inputs):
    """R_1 of Mescheder et al. 2018: E[|grad l|^2] / 2."""
    (slope,) = torch.autograd.grad(logits.float().sum(), inputs, create_graph=True)
    return slope.float().flatten(1).square().sum(1).mean() / 2


def train_epoch(generator, discriminator, optimizers, images, options) -> float:
    """One pass in random order: the discriminator's step, then the generator's. The mean generator loss."""
    device, losses = images.device, []
    half = torch.autocast(device.type, torch.bfloat16) if options.precision == "bfloat16" else contextlib.nullcontext()
    for rows in torch.randperm(len(images), device=device).split(options.batch_size):
        if len(rows) < options.batch_size:
            break
        real = (images[rows].float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        with half:
            fake = generator(torch.randn(len(rows), peer.LATENT, device=device))
            loss = softplus(-discriminator(real).float()).mean()
            loss = loss + softplus(discriminator(fake.detach()).float()).mean()
            if options.penalty:
                watched = real.requires_grad_()
                loss = loss + options.penalty * penalty_of(discriminator(watched), watched)
        peer.descend(optimizers["discriminator"], loss)
        with half:
            loss = softplus(-discriminator(fake).float()).mean()
        peer.descend(optimizers["generator"], loss)
        losses.append(loss.detach())
    return torch.stack(losses).mean().item()


def recompute_statistics(generator) -> None:
    """Replaces the running averages of the normalisation by the means over fresh batches of codes."""
    device = next(generator.parameters()).device
    normalisations = [each for each in generator.modules() if isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d)]
    for each in normalisations:
        each.reset_running_stats()
        each.momentum = None  # a plain mean
    generator.train()
    with torch.no_grad():
        for _ in range(STATISTICS_BATCHES):
            generator(torch.randn(STATISTICS_CODES, peer.LATENT, device=device))


def samples(images: np.ndarray, options) -> np.ndarray:
    """uint8 samples [options.samples, 28, 28, 1] of a model that has trained on images by the recipe in `options`."""
    torch.manual_seed(options.seed)
    networks = {"generator": peer.make_generator(), "discriminator": peer.make_discriminator()}
    optimizers = {}
    for name, network in networks.items():
        if options.initial_stddev:
            initialise(network, options.initial_stddev)
        network.to(options.device, memory_format=torch.channels_last)
        optimizers[name] = torch.optim.Adam(network.parameters(), lr=options.learning_rate, betas=(0.5, 0.999))
    images, start = torch.from_numpy(images).permute(0, 3, 1, 2).to(options.device), time.perf_counter()
    for epoch in range(1, options.epochs + 1):
        loss = train_epoch(**networks, optimizers=optimizers, images=images, options=options)
        rate = epoch * len(images) / (time.perf_counter() - start)
        print(f"PyTorch: epoch {epoch}/{options.epochs}, generator loss {loss:.2f}, {rate:,.0f} images/s", flush=True)
    generator = networks["generator"]
    if options.recompute_statistics:
        recompute_statistics(generator)
    generator.eval()
    with torch.no_grad():
        sizes = [len(part) for part in np.array_split(np.arange(options.samples), 20)]
        parts = [generator(torch.randn(size, peer.LATENT, device=options.device)).cpu() for size in sizes]
    drawn = (torch.cat(parts).permute(0, 2, 3, 1).numpy() + 1) / 2
    return np.round(255 * drawn).astype(np.uint8)


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the recipe to a parser; their defaults are the entry's."""
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--penalty", type=float, default=1.0, help="gamma, the weight of R_1; the paper has 0")
    parser.add_argument("--learning-rate", type=float, default=5e-4, help="of Adam; the paper has 2e-4")
    parser.add_argument("--batch-size", type=int, default=64, help="the paper has 128")
    parser.add_argument("--initial-stddev", type=float, default=0.02, help="0 for PyTorch's own initial weights")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument(
        "--recompute-statistics", action=argparse.BooleanOptionalAction, default=True, help="average statistics anew"
    )
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images")
    parser.add_argument("to")
    parser.add_argument("--seed", type=int, default=0)
    add_recipe(parser)
    options = parser.parse_args()
    np.save(options.to, samples(np.load(options.images), options))


if __name__ == "__main__":
    main()
