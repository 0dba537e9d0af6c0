# %% [markdown]
# # Flows in the posterior and in the prior
#
# A VAE has two densities over its code: the posterior q(z|x), which says which codes explain a picture, and the prior
# p(z), from which new pictures are drawn. The simplest choice for both is a normal with independent dimensions. Neither
# of them has to be one. A *normalising flow* turns a normal into almost any shape, and still lets you compute the
# density. This tutorial shows what a flow is, trains one on two moons, and then puts it to work in both places, to see
# what each buys.
#
# Read [from a coin to the ELBO](coin.md) first, if ELBO, rate and gap are new to you. It runs in about two minutes.

# %%
import numpy as np
from sklearn.datasets import make_moons

import tfgen
from tfgen import data
from tfgen.distributions.learned_priors.flow import FlowPrior
from tfgen.figures import Picture, grid
from zoo.models.vae import VAE

import keras  # behind tfgen, which silences what TensorFlow prints when it is imported
import tensorflow as tf

keras.utils.set_random_seed(0)
random = np.random.default_rng(0)

# %% [markdown]
# ## Stretch a density and keep count
#
# Draw eps from a normal, and put it through an invertible function z = f(eps). Where f stretches the axis, the draws
# thin out; where it squeezes, they pile up. The density of z follows from the slope:
#
#     log p(z) = log N(eps; 0, 1) - log |df / d eps|,     z = f(eps)
#
# Take f(eps) = eps + 1.5 tanh(2 eps), which pulls the middle apart.
#
# **Before you look:** one hump goes in. How many come out?

# %% A normal, the function, and the density of what comes out of it, which has two humps
eps = np.linspace(-4, 4, 2001)
z = eps + 1.5 * np.tanh(2 * eps)
slope = 1 + 3 / np.cosh(2 * eps) ** 2
density = np.exp(-(eps**2) / 2) / np.sqrt(2 * np.pi) / slope
draws = random.standard_normal(50_000)

figure = Picture(figsize=(8, 2.6), dpi=100, layout="constrained")
left, middle, right = figure.subplots(1, 3)
left.plot(eps, np.exp(-(eps**2) / 2) / np.sqrt(2 * np.pi))
left.set(title="density of eps", xlabel="eps", yticks=[])
middle.plot(eps, z)
middle.set(title="f", xlabel="eps", ylabel="z")
right.hist(draws + 1.5 * np.tanh(2 * draws), 100, density=True, alpha=0.4, label="draws")
right.plot(z, density, label="formula")
right.set(title="density of z", xlabel="z", yticks=[])
right.legend(frameon=False)
print(f"the formula integrates to {np.trapezoid(density, z):.4f}")
figure.saved("flows-one.png")

# %% [markdown]
# ## In two dimensions, with a network
#
# In D dimensions the slope becomes the determinant of a D x D Jacobian, which is expensive. RealNVP avoids it: keep one
# half of the coordinates, and move the other half by an amount that a network computes from the first.
#
#     [a, b] -> [a, b * exp(l(a)) + t(a)]         log |det| = sum of l(a)
#
# Such a step is inverted by subtracting and dividing, whatever the network is. Chain several steps, swap the halves
# between them, and fit by maximum likelihood. The library has this as a Keras layer; its data here are two moons.

# %%
moons = make_moons(4000, noise=0.06, random_state=0)[0].astype(np.float32)
moons = (moons - moons.mean(0)) / moons.std(0)
flow = FlowPrior(dim=2, steps=8, width=64)
optimizer = keras.optimizers.Adam(3e-3)
optimizer.build(flow.trainable_variables)


@tf.function
def train_step(points):
    with tf.GradientTape() as tape:
        loss = -tf.reduce_mean(flow.distribution().log_prob(points))
    optimizer.apply(tape.gradient(loss, flow.trainable_variables))
    return loss


for number in range(601):
    loss = train_step(tf.constant(moons[random.integers(0, len(moons), 256)]))
    if number % 150 == 0:
        print(f"step {number:4}  -log p {float(loss):6.3f} nats per point")
normal = -np.mean(-0.5 * np.sum(moons**2, axis=1) - np.log(2 * np.pi))
print(f"a normal with the same mean and variances: {normal:.3f}")

# %% [markdown]
# **Before you look:** f is continuous and invertible, and a normal is one piece. Two moons are two pieces. What will
# the flow do between them?

# %% The two moons, draws from the flow, and its density, in which a thin bridge joins the moons
draws = flow.distribution().sample(2000, seed=tf.constant([0, 1])).numpy()
side = np.linspace(-2.3, 2.3, 160, dtype=np.float32)
plane = np.stack(np.meshgrid(side, side), -1)
density = np.exp(flow.distribution().log_prob(plane.reshape(-1, 2)).numpy()).reshape(160, 160)
figure = Picture(figsize=(8, 2.9), dpi=100, layout="constrained")
left, middle, right = figure.subplots(1, 3)
left.plot(*moons[:2000].T, ".", markersize=1)
middle.plot(*draws.T, ".", markersize=1)
right.imshow(np.sqrt(density), extent=(-2.3, 2.3, -2.3, 2.3), origin="lower", cmap="magma")
for axes, title in zip((left, middle, right), ("data", "draws of the flow", "density (square root)"), strict=True):
    axes.set(title=title, xlim=(-2.3, 2.3), ylim=(-2.3, 2.3), aspect="equal", xticks=[], yticks=[])
figure.saved("flows-moons.png")

# %% [markdown]
# A bridge, as thin as the training made it: an invertible function can stretch a piece, but never tear it.
#
# ## A flow as the posterior
#
# Where would a posterior be no normal? Wherever several causes explain one effect. Let two hidden numbers be N(0, 1),
# and observe only their distance from the origin, x = 1.5, with an error of 0.15. Every point of a ring explains it:
#
#     p(z)   = N(z; 0, I)
#     p(x|z) = N(x; |z|, 0.15^2)
#
# Fit q by climbing the ELBO, once as a normal and once as a flow. A posterior needs two things: draws, and the density
# *of its own draws*. A flow gives both in one pass.


# %%
def log_joint(z):
    distance = tf.norm(z, axis=-1)
    log_likelihood = -0.5 * ((1.5 - distance) / 0.15) ** 2 - np.log(0.15 * np.sqrt(2 * np.pi))
    return log_likelihood - 0.5 * distance**2 - np.log(2 * np.pi)


def fit(steps, updates=600):
    """A q of so many coupling steps before a learned normal: its draws, their densities, and the ELBO it reaches."""
    q = FlowPrior(dim=2, steps=steps, width=64) if steps else None
    variables = q.trainable_variables if q else [tf.Variable([0.5, 0.5]), tf.Variable([0.0, 0.0])]
    adam = keras.optimizers.Adam(3e-3 if q else 2e-2)
    adam.build(variables)

    def draw(n):
        eps = tf.random.normal([n, 2])
        log_q = -tf.reduce_sum(eps**2, 1) / 2 - np.log(2 * np.pi)
        if q is None:
            return variables[0] + tf.exp(variables[1]) * eps, log_q - tf.reduce_sum(variables[1])
        bijector = q.distribution().bijector
        return bijector.forward(eps), log_q - bijector.forward_log_det_jacobian(eps, event_ndims=1)

    @tf.function
    def update():
        with tf.GradientTape() as tape:
            z, log_q = draw(256)
            loss = tf.reduce_mean(log_q - log_joint(z))
        adam.apply(tape.gradient(loss, variables))

    for _ in range(updates):
        update()
    z, log_q = draw(20_000)
    return z.numpy(), float(tf.reduce_mean(log_joint(z) - log_q))


side = np.linspace(-2.3, 2.3, 161, dtype=np.float32)
plane = np.stack(np.meshgrid(side, side), -1)
joint = np.exp(log_joint(plane).numpy())
log_evidence = np.log(joint.sum() * (side[1] - side[0]) ** 2)
(normal_draws, normal_elbo), (flow_draws, flow_elbo) = fit(steps=0), fit(steps=8)
print("                 ELBO     gap to log p(x)")
for name, value in [("normal", normal_elbo), ("flow", flow_elbo), ("log p(x)", log_evidence)]:
    print(f"{name:12}  {value:8.3f}  {log_evidence - value:10.3f}")

# %% [markdown]
# **Before you look:** a normal cannot be a ring. Will it lie in the middle, or somewhere on the ring?

# %% The true posterior is a ring; the normal covers one arc of it, the flow most of it
figure = Picture(figsize=(8, 2.9), dpi=100, layout="constrained")
left, middle, right = figure.subplots(1, 3)
left.imshow(joint, extent=(-2.3, 2.3, -2.3, 2.3), origin="lower", cmap="Blues")
middle.plot(*normal_draws[:2000].T, ".", markersize=1)
right.plot(*flow_draws[:2000].T, ".", markersize=1)
for axes, title in zip((left, middle, right), ("true posterior", "best normal q", "best flow q"), strict=True):
    axes.set(title=title, xlim=(-2.3, 2.3), ylim=(-2.3, 2.3), aspect="equal", xticks=[], yticks=[])
figure.saved("flows-posterior.png")

# %% [markdown]
# The gap has a meaning here: a q that covers a share of the ring evenly, and nothing else, has a gap of minus the
# logarithm of that share. And the normal lies on the ring, not in its middle: KL(q || p) punishes q severely for
# putting mass where the posterior has none, and forgives it for missing most of the posterior. The other direction,
# KL(p || q), does the opposite: see [why VAEs blur](blur.md).
#
# ## The same on digits
#
# `iaf_vae` has a flow in its posterior, an *inverse autoregressive* one: each coordinate is moved by an amount that
# depends on all before it. Its draws and their densities take one pass, which is what a posterior needs. The density of
# a point that somebody else gives would take a pass for each dimension, which a posterior never needs.
#
# Its weights ship, and those of the plain `vae`. The gap between -ELBO and the importance-weighted bound says how well
# each q fits its own posterior. (Compare the gaps, not the levels: the networks differ too, and the `iaf_vae` that
# ships has a flow in its prior as well.)

# %%
dataset, _ = data.load_or_embedded()
digits = dataset.test.binarised()[:20]
print(f"{'':10} -ELBO   -L_K, K = 64     gap      ({len(digits)} test digits of {dataset.name})")
for name in ("vae", "iaf_vae"):
    model = tfgen.load(name)
    neg_elbo = -np.mean([model.elbo(digits, seed=seed) for seed in range(5)])
    nll = -np.mean(model.log_likelihood(digits, k=64, seed=0))
    print(f"{name:8} {neg_elbo:7.2f} {nll:12.2f} {neg_elbo - nll:10.2f}")

# %% [markdown]
# ## A flow as the prior
#
# The other place. Training makes the posteriors of all pictures, taken together, look like the prior, because pictures
# pay for the difference: it is part of the rate. They never quite do. Where the prior has mass and no posterior lies, a
# new draw decodes to nothing in particular. With a code of two dimensions you can see it. Two VAEs, the same but for
# the prior:

# %%
images = dataset.train.images[:10_000]
models, codes = {}, {}
for prior in ("normal", "flow"):
    keras.utils.set_random_seed(0)
    models[prior] = VAE(latent_dim=2, hidden_units=(256, 256), prior=prior)
    models[prior].compile_recipe(learning_rate=2e-3, steps=1000)
    models[prior].fit(images, epochs=10, batch_size=100, verbose=0)
    scores = models[prior].evaluate(dataset.test.images[:2000], verbose=0, return_dict=True)
    codes[prior] = np.asarray(models[prior].encode(dataset.test.binarised()[:2000])[0])
    print(f"prior {prior:7}", "  ".join(f"{name} {scores[name]:.2f}" for name in ("neg_elbo", "rate", "distortion")))

# %% [markdown]
# **Before you look:** the codes of test digits should look like draws of the prior. Which prior manages that?

# %% Codes of test digits, coloured by class, beside draws of the prior: they agree better with the flow
figure = Picture(figsize=(8.4, 2.5), dpi=100, layout="constrained")
panels = iter(figure.subplots(1, 4))
labels = dataset.test.labels[:2000]
for prior, model in models.items():
    drawn = np.asarray(model.prior.sample(2000, seed=tf.constant([0, 1])))
    low, high = np.quantile(np.concatenate([drawn, codes[prior]]), [0.005, 0.995], axis=0)
    left, right = next(panels), next(panels)
    left.scatter(*codes[prior][: len(labels)].T, c=labels, s=1, cmap="tab10")
    right.plot(*drawn.T, ".", color="0.4", markersize=1)
    for axes, title in [(left, f"{prior}: codes"), (right, f"{prior}: prior")]:
        axes.set(title=title, xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[])
figure.saved("flows-prior.png")

# %% First two rows: samples with the normal prior. Last two rows: samples with the flow
samples = np.concatenate([model.sample(24, seed=3) for model in models.values()])
grid(samples, columns=12, row_labels=["normal", "", "flow", ""]).saved("flows-samples.png")

# %% [markdown]
# The same idea at full size: with a code of 25 dimensions and 60 epochs a flow as the prior takes the -ELBO of `vae` on
# MNIST from 94.7 to 87.9 nats, and the Frechet distance of its samples from 10.9 to 1.6 ([learned priors](../priors.md)
# has the table and the commands).
#
# ## Which flow where?
#
# | | needs draws | needs the density of given points | a good choice |
# |---|---|---|---|
# | posterior q(z given x) | yes, in every step | only of its own draws | inverse autoregressive |
# | prior p(z) | for samples | yes, in every step: of the posterior's draws | coupling (RealNVP) |
#
# ## What to try next
#
# - Give the flow on the moons 2 steps in place of 8, then 16. When does the bridge become thin?
# - Start the normal q of the ring at (0, 0). Does it stay there? Why?
# - `python -m zoo.train vae --latent-dim 2 --prior mixture`, and look at `figures/latent.png`.
# - `python -m zoo.train iaf_vae --epochs 15 --flow-steps 0` beside `--flow-steps 2`: what does the posterior's flow buy
#   when the networks are the same?
