"""What the entries are: their papers, and the numbers of others that theirs stand beside, with their protocols."""

ABOUT = {  # entry -> (papers, what it is)
    "vae": (
        "[Kingma and Welling 2014](https://arxiv.org/abs/1312.6114)",
        "variational autoencoder; diagonal or full-covariance posterior, beta, dense or convolutional",
    ),
    "cvae": (
        "[Kingma et al. 2014](https://arxiv.org/abs/1406.5298), [Sohn et al. 2015](https://papers.nips.cc/paper/5775)",
        "conditional VAE: you choose the digit",
    ),
    "iaf_vae": (
        "[Kingma, Salimans et al. 2016](https://arxiv.org/abs/1606.04934)",
        "residual convolutional VAE whose posterior is an inverse autoregressive flow",
    ),
    "aae": (
        "[Makhzani et al. 2015](https://arxiv.org/abs/1511.05644)",
        "adversarial autoencoder: any prior that can be sampled",
    ),
    "dcgan": ("[Radford et al. 2016](https://arxiv.org/abs/1511.06434)", "deep convolutional GAN"),
}
NUMBERS = {  # entry -> name of a number -> those of others; none of their protocols is quite mnist-dynamic
    "vae": {
        "test_neg_elbo": "102 in a thesis of 2018 (latent 25, protocol not stated); 90.85 dense, 86.47 conv in "
        "a benchmark table (binarised)",
        "test_nll": "86.83 and 81.02 in that table (K = 5000); 86.76 in the IWAE paper (dynamic, K = 5000)",
    },
    "cvae": {"test_neg_elbo": "98.5 in a thesis of 2018 (latent 35, protocol not stated)"},
    "iaf_vae": {
        "test_neg_elbo": "84.20 in the Sylvester-flow paper; 82.02 (width 320) and 80.80 (width 1920) in the IAF paper "
        "(dynamic)",
        "test_nll": "80.79 in the Sylvester-flow paper; 79.77 and 79.10 in the IAF paper (dynamic, K = 128)",
    },
    "aae": {"parzen": "340 in the AAE paper, 298 for PyTorch-GAN's (10,000 samples, bandwidth by validation)"},
    "dcgan": {
        "frechet": "13.67 for the same layers in PyTorch without the penalty, with its own initial weights and running "
        "averages, after 10 epochs (tests/benchmarks/dcgan_quality.py), when this has 4.73",
        "kid": "0.530 for the same, when this has 0.205",
    },
}
