# %% [markdown]
# # Anomaly detection that you can trust
#
# A generative model knows what normal pictures look like, so it should notice when one is strange. It often does. It
# also fails in a way that surprises everybody the first time: a model can find pictures that it has never seen *more*
# probable than those it was trained on. Here you see that failure, understand it, choose a score that avoids it, and
# turn the score into an alarm with a promise: at most so many false alarms.
#
# It runs in about two minutes, with MNIST and Fashion-MNIST prepared for TensorFlow Datasets. Without them it uses
# small embedded digits and patterns, and its numbers differ.

# %%
import io

import numpy as np
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

import tfgen
from tfgen import data
from tfgen.figures import Picture
from zoo.models.vae import VAE

random = np.random.default_rng(0)

# %% [markdown]
# ## The trap
#
# The model is a VAE of Fashion-MNIST: shirts, trousers, bags. Its weights ship. The anomalies are handwritten digits,
# which look nothing like clothes.


# %% A row of clothes and a row of handwritten digits
def images_of(name):
    """Validation and test pictures, or None where a data set is not prepared."""
    try:
        dataset = data.load(name)
    except data.UnavailableError:
        return None
    return dataset.validation.images, dataset.test.images


clothes, digits = images_of("fashion_mnist"), images_of("mnist")
model = tfgen.load("vae", dataset="fashion_mnist")
if clothes is None or digits is None:  # the model's own samples stand in for clothes
    samples = (255 * np.asarray(model.sample(2000, seed=0))).astype(np.uint8)
    clothes, digits = (samples[:1000], samples[1000:]), (data.load("digits").train.images,) * 2
normal, strange = clothes[1][:200], digits[1][:200]
tfgen.show(np.concatenate([normal[:10], strange[:10]]), columns=10).saved("anomalies-pictures.png")

# %% [markdown]
# **Before you look:** which row gets the higher log p(x)?

# %% Histograms of log p(x): most digits lie to the right of the clothes that the model was trained on
log_likelihood = {
    name: -tfgen.tasks.anomaly_score(model, images, score="likelihood", k=50)
    for name, images in [("clothes, as in training", normal), ("digits, never seen", strange)]
}
figure = Picture(figsize=(7, 2.8), dpi=100, layout="constrained")
axes = figure.subplots()
for name, values in log_likelihood.items():
    axes.hist(values, np.linspace(-550, 0, 56), alpha=0.6, label=name)
    print(f"{name:24} median log p(x) {np.median(values):7.1f} nats")
axes.set(xlabel="log p(x), nats", yticks=[])
axes.legend(frameon=False)
likely = roc_auc_score([0] * 200 + [1] * 200, -np.concatenate([*log_likelihood.values()]))
print(f"chance that a digit looks stranger than a piece of clothing: {likely:.2f}")
figure.saved("anomalies-trap.png")

# %% [markdown]
# The chance in the last line is called AUROC: 1 is a perfect detector, 0.5 is a coin. This one is worse than a coin. It
# is no bug of the model: its samples are fine, its log-likelihood on clothes is good.
#
# ## Why
#
# log p(x) is a sum over 784 pixels. Most of it is about texture, and a picture with little texture is cheap for *every*
# model. A digit is a few strokes on an empty background. The cheapest picture of all is a plain one. To see it, compare
# log p(x) with a judge who knows nothing of clothes: the size of the picture as a PNG file.
#
# **Before you look:** where in the plane of file size against -log p(x) do the digits lie?


# %% -log p(x) against the size as a PNG file: digits are small files and cheap for the model, clothes are neither
def png_bytes(images):
    """The size of each picture as a PNG file."""
    sizes = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image.squeeze()).save(file, "PNG", optimize=True)
        sizes.append(len(file.getvalue()))
    return np.array(sizes)


seen = [model.pixels.held_out(images) for images in (normal, strange)]  # black and white, as the model sees them
sizes = [png_bytes(images) for images in seen]
empty = float(model.log_likelihood(np.zeros((1, 28, 28, 1)), k=50, seed=0)[0])
figure = Picture(figsize=(6, 3.4), dpi=100, layout="constrained")
axes = figure.subplots()
for size, (name, values) in zip(sizes, log_likelihood.items(), strict=True):
    axes.plot(size, -values, ".", alpha=0.5, label=name)
axes.set(xlabel="bytes as a PNG file", ylabel="-log p(x), nats")
axes.legend(frameon=False)
both = np.concatenate(sizes), -np.concatenate([*log_likelihood.values()])
print(f"correlation of the two {np.corrcoef(both)[0, 1]:.2f}")
print(f"log p of an empty picture, which is no piece of clothing: {empty:.1f} nats")
figure.saved("anomalies-png.png")

# %% [markdown]
# Complexity explains most of log p(x). What is left once it is taken away is what the model knows about clothes.
#
# ## Scores that ask a better question
#
# | score | asks |
# |---|---|
# | `likelihood` | how probable is x? |
# | `complexity` | how probable is x for its size as a PNG file? |
# | `regret` | how much better could the model explain x if it searched a code for this x alone? |
# | `reconstruction` | how far is x from its copy through the code? |
# | PCA | the same question to thirty straight directions: a baseline that every model has to beat |
#
# You have to choose one. Choose on *validation* pictures, and read the test once. A number without an error bar says
# little with 200 pictures of a kind, so resample them.


# %%
def auroc_with_error(ordinary, odd, rounds=200):
    """AUROC of two sets of scores, and its bootstrap error."""
    areas = []
    for _ in range(rounds):
        parts = random.choice(ordinary, len(ordinary)), random.choice(odd, len(odd))
        areas.append(roc_auc_score(np.repeat([0, 1], [len(ordinary), len(odd)]), np.concatenate(parts)))
    return np.mean(areas), np.std(areas)


validation = clothes[0][:200], digits[0][:200]
pca = PCA(30).fit(clothes[0][200:].reshape(-1, 784) / 255)


def score(name, images):
    if name == "PCA":
        pixels = images.reshape(-1, 784) / 255
        return np.sum((pixels - pca.inverse_transform(pca.transform(pixels))) ** 2, axis=1)
    return tfgen.tasks.anomaly_score(model, images, score=name, k=50)


print("score             validation        test")
for name in ("likelihood", "complexity", "regret", "reconstruction", "PCA"):
    cells = (auroc_with_error(*(score(name, part) for part in pair)) for pair in (validation, (normal, strange)))
    print(f"{name:15}  " + "   ".join(f"{area:.3f} ± {error:.3f}" for area, error in cells))

# %% [markdown]
# Three scores repair the failure. Look at the baseline, too: on this pair PCA is strong. Digits against clothes is an
# easy problem once the question is right, and a paper that reports only such pairs says little.
#
# ## A production line
#
# A harder and more common problem: you have good pieces only, and the bad ones look much like them. Say that you make
# rings. Let the good piece be a handwritten 0, and train a model on nothing else. Every other digit is a fault that
# nobody has shown you.

# %%
dataset, _ = data.load_or_embedded()
good = dataset.train.images[dataset.train.labels == 0]
train, kept = np.split(good, [len(good) * 7 // 10])
unseen = random.permutation(np.concatenate([kept, dataset.test.images[dataset.test.labels == 0]]))
calibration, fresh = np.split(unseen, [len(unseen) * 6 // 10])
faults = dataset.test.images[dataset.test.labels != 0][:3000]

line = tfgen.tasks.one_class_model(VAE(hidden_units=(300, 300)), train, steps=1000)
print(f"{dataset.name}: {len(train)} good pieces to train on, {len(calibration)} and {len(fresh)} kept aside")
for name in ("likelihood", "relative"):
    pair = (tfgen.tasks.anomaly_score(line, images[:1000], score=name, k=20) for images in (fresh, faults))
    area, error = auroc_with_error(*pair, rounds=50)
    print(f"{name:12} AUROC {area:.3f} ± {error:.3f}")

# %% [markdown]
# `relative` is the error of the copy over the ink of the picture. Without the division a thin 1 passes for a good
# piece: it has little ink to get wrong.
#
# ## From a score to an alarm
#
# AUROC is about rankings. An alarm needs a threshold, and the people at the line ask one question: *how many false
# alarms will we have?* Here is an answer that does not depend on the model being right. Take n of the good pieces that
# the model has not seen, the *calibration set*. The p-value of a new piece is
#
#     p(x) = (1 + number of calibration pieces at least as strange as x) / (n + 1)
#
# If x is a good piece like those, every rank of it among the n + 1 is equally likely, so P(p(x) <= a) <= a: an alarm at
# p <= 0.05 is false for at most 5 % of the good pieces. That holds for any score, good or bad. A better score catches
# more faults at the same rate of false alarms. (The method is called *conformal* prediction.)
#
# **Before you look:** the histogram of p-values of good pieces is flat, whatever the model. What should that of faults
# look like?


# %% Histograms of p-values: flat for good pieces, almost all near zero for faults
def p_values(calibration, values):
    at_least = len(calibration) - np.searchsorted(np.sort(calibration), values)
    return (1 + at_least) / (len(calibration) + 1)


known, new, odd = (tfgen.tasks.anomaly_score(line, part, score="relative") for part in (calibration, fresh, faults))
good_p, fault_p = p_values(known, new), p_values(known, odd)
figure = Picture(figsize=(7, 2.6), dpi=100, layout="constrained")
for axes, values, title in zip(figure.subplots(1, 2), (good_p, fault_p), ("good pieces", "faults"), strict=True):
    axes.hist(values, np.linspace(0, 1, 21), density=True)
    axes.set(title=title, xlabel="p-value", yticks=[])
print("alarm at   false alarms   faults found")
for a in (0.01, 0.05, 0.1):
    print(f"p <= {a:<5} {np.mean(good_p <= a):10.3f} {np.mean(fault_p <= a):14.3f}")
figure.saved("anomalies-p-values.png")

# %% [markdown]
# The promise is kept, on average over calibration sets: with one set of this size, and a thousand new pieces, expect to
# be off by about one in a hundred. And which good pieces set off the alarm, which faults slipped through? Look at them:
# it is the quickest way to find out what the score measures.

# %% First row: good rings with the smallest p-values. Second row: faults that pass as good
strangest = np.argsort(good_p)[:10]
missed = np.argsort(-fault_p)[:10]
tfgen.show(np.concatenate([fresh[strangest], faults[missed]]), columns=10).saved("anomalies-mistakes.png")

# %% [markdown]
# The good pieces that raise the alarm are odd indeed: open rings, crossed ones. The faults that pass are fat: the score
# divides by the ink, and they have plenty. With your own pictures this is where you find the next thing to mend.
#
# ## A day at the line
#
# Of 1,000 pieces let 10 be faulty. Even a good detector now raises mostly false alarms, because good pieces are so
# many. If every alarm costs somebody an hour, control the share of false ones *among the alarms*. Benjamini and
# Hochberg's rule does that: sort the p-values, and alarm for the k smallest, with the largest k such that p_k <= share
# * k / (number of pieces).


# %%
def alarms(p, share):
    ordered = np.sort(p)
    below = np.flatnonzero(ordered <= share * np.arange(1, len(p) + 1) / len(p))
    return p <= (ordered[below[-1]] if len(below) else 0)


days = {"every p <= 0.05": [], "Benjamini-Hochberg, 0.2": []}
for _ in range(200):
    shuffled = random.permutation(np.concatenate([known, new]))  # another calibration set for each day
    pieces = np.concatenate([shuffled[len(known) :][:990], random.choice(odd, 10)])
    p = p_values(shuffled[: len(known)], pieces)
    for name, raised in zip(days, (p <= 0.05, alarms(p, 0.2)), strict=True):
        false, found = raised[:-10].sum(), raised[-10:].sum()
        days[name].append((false + found, false, found, false / max(1, false + found)))
print(f"{'in 1,000 pieces with 10 faults':32} alarms   false   found   share of false alarms")
for name, counts in days.items():
    alarmed, false, found, share = np.mean(counts, axis=0)
    print(f"{name:32} {alarmed:6.1f} {false:7.1f} {found:7.1f} {share:8.2f}")
print(f"the smallest p-value that {len(known)} calibration pieces can give is {1 / (len(known) + 1):.4f}")

# %% [markdown]
# The second rule finds less and bothers people less. Mind the last line: with n calibration pieces no p-value is below
# 1 / (n + 1). If you need rarer alarms, you need more calibration pieces, not a better model.
#
# ## What breaks the promise
#
# The promise is about new pieces *like the calibration pieces*. Someone bumps the camera: everything moves by two
# pixels. The pieces are as good as before.

# %%
print("change                    false alarms at p <= 0.05")
changes = {
    "none": lambda images: images,
    "moved by one pixel": lambda images: np.roll(images, 1, axis=2),
    "moved by two pixels": lambda images: np.roll(images, 2, axis=2),
    "a tenth darker": lambda images: (0.9 * images).astype(np.uint8),
}
for name, change in changes.items():
    moved = tfgen.tasks.anomaly_score(line, change(fresh), score="relative")
    print(f"{name:25} {np.mean(p_values(known, moved) <= 0.05):.3f}")

# %% [markdown]
# So watch the p-values of ordinary days. While all is well they stay flat; when they drift towards zero, the line has
# changed, and it is time to calibrate anew, before anybody stops believing the alarms.
#
# ## The short list
#
# 1. Never use log p(x) alone. Look at its histogram against something strange before you believe it.
# 2. Compare with PCA.
# 3. Choose the score on validation pictures, with error bars.
# 4. Turn scores into p-values by good pieces that the model has not seen.
# 5. Recalibrate when the camera, the light or the product changes.
#
# ## What to try next
#
# - Let the good piece be an 8, the hardest digit. What do the alarms find now?
# - `python -m zoo.apply anomaly RUN --dataset FOLDER` ranks a folder of your own pictures, the strangest first: see
#   [your first VAE on your own pictures](own_pictures.md) for the run.
# - `python -m zoo.apply anomaly vae --train` trains a model for each digit and prints the whole table.
# - The [guide](../tasks/anomaly.md) has all scores, all numbers, and when not to trust them.
