# %% [markdown]
# # Why VAEs blur and GANs do not
#
# Samples of a VAE are soft; samples of a GAN are sharp. That is often told as a story of a weak model and a strong one.
# It is rather a story of two different questions. Here you see which question blur is the *right* answer to, what a
# sharp picture costs, and how much blur a nat removes.
#
# It runs in about two minutes.

# %%
import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import norm

import tfgen
from tfgen import data
from tfgen.figures import Picture, grid
from zoo.models.vae import VAE

from tfgen.tasks.common import search
import keras  # both behind tfgen, which silences what TensorFlow prints when it is imported

random = np.random.default_rng(0)
dataset, _ = data.load_or_embedded()  # MNIST, or small embedded digits where MNIST is not available
test = dataset.test.images[:500] / np.float32(255)

# %% [markdown]
# ## What would you draw?
#
# Someone tells you: it is this digit, moved by up to one pixel in some direction, and you do not know which. You must
# name, for every pixel separately, the probability of ink. You pay the cross-entropy with the digit that was really
# there.
#
# **Before you look:** you may hand in one of the sharp pictures, or something else. What do you hand in?

# %% Five shifted copies of a digit, and their mean, which is blurred
moves = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
shifted = np.stack([np.roll(test[0], move, axis=(0, 1)) for move in moves])
mean = shifted.mean(0)


def cross_entropy(truth, guess):
    guess = np.clip(guess, 0.01, 0.99)  # a sharp guess that is never quite sure; otherwise it would pay without a limit
    return -np.mean(np.sum(truth * np.log(guess) + (1 - truth) * np.log(1 - guess), axis=(1, 2, 3)))


print(f"sharp, in the middle   {cross_entropy(shifted, shifted[4]):6.1f} nats")
print(f"sharp, in a corner     {cross_entropy(shifted, shifted[0]):6.1f} nats")
print(f"the mean of all nine   {cross_entropy(shifted, mean):6.1f} nats")
grid(np.stack([*shifted[[0, 2, 4, 6, 8]], mean]), columns=6, column_labels=["", "", "sharp", "", "", "mean"]).saved(
    "blur-mean.png"
)

# %% [markdown]
# The mean wins by far. So whenever a code leaves something open, be it by one pixel, the best picture that a VAE can
# name is the average over what is open. Blur is an honest report of what the code does not say.
#
# ## Two ways to be wrong
#
# A VAE is trained to make the data likely: it descends (a bound on) KL(data || model). That is infinite if the model
# gives no probability to something that occurs. A GAN's generator, against a perfect discriminator, descends the
# Jensen-Shannon divergence (Goodfellow et al. 2014, theorem 1). That stays below log 2 whatever the model leaves out.
#
# Take data with two humps and a model that can do only one, and fit it both ways.

# %%
x = np.linspace(-7, 7, 2801)
step = x[1] - x[0]
log_data = logsumexp([norm.logpdf(x, -2, 0.3), norm.logpdf(x, 2, 0.3)], axis=0) - np.log(2)


def kl(log_p, log_q):
    return np.sum(np.exp(log_p) * (log_p - log_q)) * step


def jensen_shannon(log_p, log_q):
    middle = np.logaddexp(log_p, log_q) - np.log(2)
    return (kl(log_p, middle) + kl(log_q, middle)) / 2


def fitted(divergence):
    """The normal with the least divergence, from several starts."""
    starts = [(m, s) for m in (-2.5, 0.3, 2.2) for s in (-0.5, 0.5)]
    loss = lambda at: divergence(log_data, norm.logpdf(x, at[0], np.exp(at[1])))  # noqa: E731
    best = min((minimize(loss, start, method="Nelder-Mead") for start in starts), key=lambda found: found.fun)
    return best.x[0], np.exp(best.x[1])


fits = {"KL(data || model), as a VAE": fitted(kl), "Jensen-Shannon, as a GAN": fitted(jensen_shannon)}
rare = np.exp(log_data) < 0.02
for name, (m, s) in fits.items():
    share = np.sum(norm.pdf(x, m, s)[rare]) * step
    print(f"{name:28}  mean {m:5.2f}  stddev {s:4.2f}  {share:4.0%} of its draws where there are hardly any data")

# %% [markdown]
# **Before you look:** which of the two leaves half of the data out, and which one draws things that do not exist?

# %% Data with two humps: the fit by KL spreads over both and the gap between them, the other one sits on one hump
figure = Picture(figsize=(7, 2.8), dpi=100, layout="constrained")
axes = figure.subplots()
axes.fill_between(x, np.exp(log_data), color="0.85", label="data")
for name, (m, s) in fits.items():
    axes.plot(x, norm.pdf(x, m, s), label=name)
axes.set(xlim=(-5, 7), yticks=[])
axes.legend(frameon=False)
figure.saved("blur-divergences.png")

# %% [markdown]
# One is *covering*, the other *choosing*. The covering model draws compromises between the humps: in the world of
# pictures, a mixture of a 4 and a 9. The choosing model draws only convincing things, and says nothing of half of the
# world.
#
# ## Real models
#
# Now the models whose weights ship. Of a VAE there are two kinds of samples, and it is worth to keep them apart: the
# *mean* of p(x|z), which everybody shows, and a *draw* of pixels from it, which is what the model claims that data look
# like.

# %% Rows of digits: data, means of the VAE, draws of pixels from these means, DCGAN
vae, iaf, gan = (tfgen.load(name) for name in ("vae", "iaf_vae", "dcgan"))
means, generated, deep = (np.asarray(model.sample(200, seed=1)) for model in (vae, gan, iaf))
drawn = (random.random(means.shape) < means).astype(np.float32)
rows = {"data": test, "VAE, mean": means, "VAE, draw": drawn, "DCGAN": generated}
grid(np.concatenate([images[:12] for images in rows.values()]), columns=12, row_labels=[*rows]).saved(
    "blur-samples.png"
)

# %% [markdown]
# The draws are speckled along the strokes: given z, pixels are independent, so the model cannot move a whole edge by
# one pixel; it can only toss a coin for each pixel of the edge. The mean hides that. The GAN has no p(x|z) at all: its
# generator decides every pixel from z, because a discriminator would see speckles and soft edges at once.
#
# ## Measure it
#
# A sharp edge has a steep slope. Let the *sharpness* of pictures be the mean squared difference of neighbouring pixels,
# over the mean square of the pixels.


# %%
def sharpness(images):
    images = np.asarray(images, np.float64)
    slopes = np.mean(np.diff(images, axis=1) ** 2) + np.mean(np.diff(images, axis=2) ** 2)
    return slopes / np.mean(images**2)


copies = np.asarray(vae.reconstruct(test[:200]))
table = {"data": test, "DCGAN, samples": generated, "VAE, samples": means}
table |= {"VAE, copies of data": copies, "IAF-VAE, samples": deep}
for name, images in table.items():
    print(f"{name:22} {sharpness(images):.3f}")

# %% [markdown]
# The GAN is as sharp as the data: if it were not, the discriminator would see it. The VAE is below. Its *copies* of
# real pictures are soft too: even the best code leaves details open.
#
# ## What does sharpness cost?
#
# The textbook says: variety, for a model that chooses may leave things out. Test it. Take real test digits, and search
# for each the code whose picture comes closest, by gradient descent. What a model cannot draw, it has left out.

# %%
real = test[:25]
nearest = {name: search.codes(model, real) for name, model in [("VAE", vae), ("DCGAN", gan)]}
print("squared error of the nearest picture that the model can draw")
for name, (_, values) in nearest.items():
    print(f"{name:6} median {np.median(values):5.2f}   worst of {len(real)} {values.max():5.2f}")

# %% The eight digits that the DCGAN misses most, and the nearest pictures of the VAE and of the DCGAN
hard = np.argsort(nearest["DCGAN"][1])[-8:]
drawings = [vae.decode(nearest["VAE"][0][hard]), gan.decode(nearest["DCGAN"][0][hard])]
grid(np.concatenate([real[hard], *drawings]), columns=8, row_labels=["data", "VAE", "DCGAN"]).saved("blur-nearest.png")

# %% [markdown]
# All errors but the worst are of the same size: this GAN can draw nearly every digit, crisply where the VAE is soft.
# Only for the last one, a strange 8, did the search find no code that comes near. So measure before you repeat the
# textbook. What it says does happen: this DCGAN is held smooth by a gradient penalty, and the same networks without it,
# after three epochs with the paper's learning rate and batches, draw one digit in 4.8 % of their samples and another in
# 17.7 %; with it 6.8 % and 12.6 % ([how it was measured](../models/dcgan.md#what-was-tried)). Nothing in a GAN's loss
# says that it must not. And nothing in the finished GAN tells you how likely a picture is.
#
# ## How much blur does a nat remove?
#
# If blur is what the code leaves open, then a code that says more must blur less. The weight beta of the rate sets the
# price of a nat:
#
#     loss = distortion + beta * rate
#
# Train three small VAEs at three prices.

# %%
images = dataset.train.images[:10_000]
shown = test[:8]
lines, labels = [shown], ["data"]
print("  beta    rate  distortion  sharpness of copies")
for beta in (0.2, 1.0, 8.0):
    keras.utils.set_random_seed(0)
    model = VAE(latent_dim=20, hidden_units=(256, 256), beta=beta)
    model.compile_recipe(learning_rate=2e-3, steps=600)
    model.fit(images, epochs=6, batch_size=100, verbose=0)
    found = model.evaluate(dataset.test.images[:1000], verbose=0, return_dict=True)
    lines.append(np.asarray(model.reconstruct(shown)))
    labels.append(f"{found['rate']:.0f} nats")
    sharp = sharpness(model.reconstruct(test[:200]))
    print(f"{beta:6.1f} {found['rate']:7.1f} {found['distortion']:11.1f} {sharp:10.3f}")

# %% [markdown]
# **Before you look:** at the highest price, what is the last thing that the code still says about a digit?

# %% A row of digits and their copies through codes of three prices: the fewer nats, the softer the copies
grid(np.concatenate(lines), columns=8, row_labels=labels).saved("blur-nats.png")

# %% [markdown]
# Each nat is spent where it removes most of the distortion: first on thickness and slant and rough shape, last on the
# exact place of an edge. So there are three ways to a sharper VAE, and none of them is a trick:
#
# - say more in the code: more dimensions, a lower beta, a [flow as the prior](flows.md), which makes nats cheaper;
# - leave less open: a deeper decoder and a better posterior, as in `iaf_vae`, whose shipped weights have a flow as
#   their prior too;
# - stop treating pixels as independent, as `pixelcnn` does, which decides every pixel given those before it.
#
# And GANs buy sharpness by not answering the question that makes a VAE blur: how likely is this picture?
#
# ## What to try next
#
# - Replace the mean of nine moves by the mean of 25, up to two pixels. By how much does the bill of the sharp guess
#   grow?
# - Make the humps 0.5 wide in place of 0.3. Which of the two fits changes its mind?
# - Give the model of two humps KL(model || data), with the arguments swapped. Is it more like the VAE or like the GAN?
# - `python -m zoo.evaluate vae` and `python -m zoo.evaluate dcgan` print precision (are samples convincing?) and recall
#   (do they cover the data?). Which of them do you expect to be higher for which model?
# - `python -m zoo.lecture gan1d` shows a GAN in one dimension, step by step.
