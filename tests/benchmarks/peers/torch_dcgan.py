"""The DCGAN with 64 base filters as a PyTorch user writes it: eager modules, channels last, fused Adam.

One step updates the discriminator, then the generator against the updated discriminator on the same fakes. Trains an
epoch on IMAGES.npy for each line on stdin and answers with images/s, generator loss and CPU seconds; see
train_speed.py.
"""

import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

LATENT, FILTERS, BATCH = 100, 64, 128


def make_generator() -> nn.Module:
    return nn.Sequential(
        nn.Linear(LATENT, 49 * 2 * FILTERS, bias=False),
        nn.BatchNorm1d(49 * 2 * FILTERS),
        nn.ReLU(),
        nn.Unflatten(1, (2 * FILTERS, 7, 7)),
        nn.ConvTranspose2d(2 * FILTERS, FILTERS, 4, 2, 1, bias=False),
        nn.BatchNorm2d(FILTERS),
        nn.ReLU(),
        nn.ConvTranspose2d(FILTERS, 1, 4, 2, 1),
        nn.Tanh(),
    )


def make_discriminator() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, FILTERS, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(FILTERS, 2 * FILTERS, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * FILTERS),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(49 * 2 * FILTERS, 1),
    )


def descend(optimizer, loss) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def train_epoch(generator, discriminator, optimizers, images) -> float:
    """One pass in random order; the mean generator loss."""
    losses = []
    for rows in torch.randperm(len(images)).split(BATCH):
        if len(rows) < BATCH:
            break
        real = (images[rows].float() / 127.5 - 1).to(memory_format=torch.channels_last)
        fake = generator(torch.randn(BATCH, LATENT))
        descend(
            optimizers["discriminator"],
            softplus(-discriminator(real)).mean() + softplus(discriminator(fake.detach())).mean(),
        )
        loss = softplus(-discriminator(fake)).mean()
        descend(optimizers["generator"], loss)
        losses.append(loss.detach())
    return torch.stack(losses).mean().item()


def main() -> None:
    torch.manual_seed(0)
    images = torch.from_numpy(np.load(sys.argv[1])).permute(0, 3, 1, 2)
    networks = {"generator": make_generator(), "discriminator": make_discriminator()}
    optimizers = {}
    for name, network in networks.items():
        network.to(memory_format=torch.channels_last)
        optimizers[name] = torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    for _ in sys.stdin:
        start, began = time.perf_counter(), time.process_time()
        loss = train_epoch(networks["generator"], networks["discriminator"], optimizers, images)
        seconds = time.perf_counter() - start
        print(len(images) / seconds, loss, time.process_time() - began, flush=True)


if __name__ == "__main__":
    main()
