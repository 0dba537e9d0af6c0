"""The VAE 784-500-500-25 as a PyTorch user writes it: eager modules, fused Adam, the images as one tensor.

Trains an epoch on IMAGES.npy for each line on stdin and answers with images/s, loss and CPU seconds; see
train_speed.py.
"""

import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

LATENT, HIDDEN, BATCH = 25, 500, 100


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = dense(784, 2 * LATENT)
        self.decoder = dense(LATENT, 784)

    def forward(self, image):
        """Distortion and rate of binary images [B, 784], summed over the batch; nats."""
        mean, raw = self.encoder(image).chunk(2, dim=-1)
        stddev = softplus(raw) + 1e-5
        logits = self.decoder(mean + stddev * torch.randn_like(stddev))
        distortion = binary_cross_entropy_with_logits(logits, image, reduction="sum")
        rate = 0.5 * (mean.square() + stddev.square() - 1 - 2 * stddev.log()).sum()
        return distortion, rate


def dense(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs)
    )


def train_epoch(model, optimizer, images) -> float:
    """One pass in random order, binarised afresh; the mean loss in nats."""
    losses = []
    for rows in torch.randperm(len(images)).split(BATCH):
        image = torch.bernoulli(images[rows].float() / 255)
        distortion, rate = model(image)
        loss = (distortion + rate) / BATCH
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).mean().item()


def main() -> None:
    torch.manual_seed(0)
    images = torch.from_numpy(np.load(sys.argv[1])).reshape(-1, 784)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    for _ in sys.stdin:
        start, began = time.perf_counter(), time.process_time()
        loss = train_epoch(model, optimizer, images)
        seconds = time.perf_counter() - start
        print(len(images) / seconds, loss, time.process_time() - began, flush=True)


if __name__ == "__main__":
    main()
