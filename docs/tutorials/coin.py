# %% [markdown]
# # From a coin to the ELBO
#
# A variational autoencoder is trained on a quantity called the ELBO. Most texts derive it in three lines of symbols,
# and leave you with the feeling of having been tricked. Here you meet it on a problem so small that you can compute
# everything exactly: one coin, ten tosses. Every idea of a VAE is already there: prior, likelihood, posterior, bound,
# gap, reparameterised gradient, importance weights. At the end 784 coins become a picture.
#
# You need to know what a probability density is, and a little Python. It runs in about a minute.

# %%
import numpy as np
from scipy.special import expit, log_expit, logsumexp
from scipy.stats import norm

import tfgen
from tfgen import data
from tfgen.figures import Picture

random = np.random.default_rng(0)

# %% [markdown]
# ## One coin
#
# You toss a coin ten times and see seven heads. How biased is it?
#
# Describe the coin by one hidden number z, the log-odds of heads: the probability of heads is sigmoid(z). A fair coin
# has z = 0, and z may be any real number. Before you toss it you believe that most coins are roughly fair:
#
#     p(z)   = N(z; 0, 1)                                     prior
#     p(x|z) = sigmoid(z)^heads * (1 - sigmoid(z))^tails      likelihood of the tosses x
#     p(x,z) = p(x|z) p(z)                                    joint
#
# What you believe after the tosses is Bayes' rule. The awkward part of it is the number below the line:
#
#     p(z|x) = p(x,z) / p(x),    p(x) = integral of p(x,z) over z
#
# p(x) is the *evidence*: how probable your data are under the whole model. With one hidden number you can integrate on
# a grid.

# %%
heads, tails = 7, 3
z = np.linspace(-5, 5, 4001)
step = z[1] - z[0]

log_prior = norm.logpdf(z)
log_likelihood = heads * log_expit(z) + tails * log_expit(-z)
log_joint = log_likelihood + log_prior
log_evidence = logsumexp(log_joint) + np.log(step)
posterior = np.exp(log_joint - log_evidence)

mean = np.sum(z * posterior) * step
print(f"log p(x)                  {log_evidence:.4f} nats")
print(f"posterior mean of z       {mean:.3f}")
print(f"probability of heads      {np.sum(expit(z) * posterior) * step:.3f}, where the tosses alone say 0.7")
print(f"chance that it is biased towards heads  {np.sum(posterior[z > 0]) * step:.3f}")

# %% [markdown]
# **Before you look:** the tosses alone point at sigmoid(z) = 0.7, which is z = 0.85. Is the posterior's peak to the
# left or to the right of that?

# %% The prior, the likelihood and the posterior of the coin
figure = Picture(figsize=(7, 3), dpi=100, layout="constrained")
axes = figure.subplots()
axes.plot(z, np.exp(log_prior), label="prior p(z)", color="0.6")
axes.plot(z, np.exp(log_likelihood - log_likelihood.max()) * posterior.max(), "--", label="likelihood, rescaled")
axes.plot(z, posterior, label="posterior p(z|x)", linewidth=2)
axes.set(xlim=(-3, 4), xlabel="z, the log-odds of heads", ylabel="density")
axes.legend(frameon=False)
figure.saved("coin-posterior.png")

# %% [markdown]
# To the left: the prior pulls towards fair coins. Ten tosses are not much evidence against it.
#
# ## A bound in place of an integral
#
# Now pretend that the integral is out of reach, as it is when z has 25 dimensions. Choose a family of densities that
# you can handle, say normals q(z) = N(m, s^2), and look for the member closest to the posterior. For *any* q,
#
#     log p(x) = E_q[log p(x,z) - log q(z)]  +  KL(q(z) || p(z|x))
#                `-------- ELBO(q) -------'     `------ gap -----'
#
# The proof is one line: put p(x,z) = p(z|x) p(x) into the first term and the KL cancels. The KL is never negative, so
# the ELBO is a lower bound of the evidence: that is its name, *evidence lower bound*. And it contains only what you
# know: the joint, and your own q. Nothing has to be integrated except an average over q.
#
# Check the identity with three guesses:


# %%
def elbo(m, s):
    q = norm.pdf(z, m, s)
    return np.sum(q * (log_joint - norm.logpdf(z, m, s))) * step


def gap(m, s):
    q = norm.pdf(z, m, s)
    return np.sum(q * (norm.logpdf(z, m, s) - np.log(posterior))) * step


print("   m     s      ELBO      gap      sum")
for m, s in [(0.0, 1.0), (1.5, 0.3), (0.6, 0.6)]:
    print(f"{m:4.1f}  {s:4.1f}  {elbo(m, s):8.4f}  {gap(m, s):7.4f}  {elbo(m, s) + gap(m, s):7.4f}")
print(f"                         log p(x) {log_evidence:.4f}")

# %% [markdown]
# The sum is the same in every row. So *raising the ELBO and shrinking the gap are the same thing*, and you can do it
# without knowing either the evidence or the posterior.
#
# ## Rate and distortion
#
# Split the joint into its two factors and the ELBO gets the form in which this library prints it:
#
#     -ELBO = E_q[-log p(x|z)] + KL(q(z) || p(z))
#             distortion         rate
#
# The distortion says how badly a typical z of q explains the data. The rate says how far q has moved from the prior:
# what the data have told you, in nats. A narrow q at z = 0.85 explains the tosses well and pays a high rate. q = p(z)
# pays nothing and explains them badly. The best q is the compromise:


# %%
def rate(m, s):
    return (m**2 + s**2 - 1) / 2 - np.log(s)  # KL between two normals


def distortion(m, s):
    return -np.sum(norm.pdf(z, m, s) * log_likelihood) * step


ms, ss = np.linspace(-0.5, 1.7, 89), np.linspace(0.2, 1.3, 89)
surface = np.array([[elbo(m, s) for m in ms] for s in ss])
best_s, best_m = (
    values[i] for values, i in zip((ss, ms), np.unravel_index(surface.argmax(), surface.shape), strict=True)
)
print("                        rate  distortion    -ELBO")
for name, m, s in [("the prior", 0, 1), ("narrow, at 0.85", 0.85, 0.2), ("the best", best_m, best_s)]:
    print(f"{name:20}  {rate(m, s):6.3f}  {distortion(m, s):10.3f}  {rate(m, s) + distortion(m, s):7.4f}")
print(f"{'-log p(x)':20}  {-log_evidence:27.4f}")

# %% [markdown]
# The best normal comes within about a thousandth of a nat of the truth. It does not reach it: the posterior leans a
# little to the right, and no normal does.
#
# ## Two ways to find the slope
#
# To climb the ELBO you need its gradient, and with a network in place of a coin you will estimate it from random draws.
# There are two standard estimators for the derivative with respect to m:
#
#     score function:       (log p(x,z) - log q(z)) * d log q(z) / dm,                z ~ q
#     reparameterisation:   d/dm [log p(x,z) - log q(z)]  with z = m + s * eps,       eps ~ N(0, 1)
#
# Both are right on average. The second follows the slope of the joint, the first only learns how good each draw was.
#
# **Before you look:** by how much will their noise differ on this tiny problem?

# %% Histograms of one-draw gradient estimates: the score function spreads several times wider than reparameterisation
m, s = 0.0, 1.0
eps = random.standard_normal(20_000)
draws = m + s * eps
log_ratio = heads * log_expit(draws) + tails * log_expit(-draws) + norm.logpdf(draws) - norm.logpdf(draws, m, s)
score_function = log_ratio * (draws - m) / s**2
reparameterised = heads - (heads + tails) * expit(draws) - draws  # d log p(x,z) / dz; q's own part is 0 in m

figure = Picture(figsize=(7, 2.8), dpi=100, layout="constrained")
axes = figure.subplots()
bins = np.linspace(-35, 35, 141)
axes.hist(score_function, bins, alpha=0.6, label="score function", density=True)
axes.hist(reparameterised, bins, alpha=0.6, label="reparameterised", density=True)
axes.axvline(reparameterised.mean(), color="black", linewidth=1, label="the gradient")
axes.set(xlabel="one-draw estimate of d ELBO / dm", yticks=[])
axes.legend(frameon=False)
for name, values in [("score function", score_function), ("reparameterised", reparameterised)]:
    print(f"{name:16}  mean {values.mean():6.2f}  standard deviation {values.std():5.2f}")
figure.saved("coin-gradients.png")

# %% [markdown]
# The means agree. The variance is the square of the last column: that is how many times more draws the score function
# needs for the same accuracy. In 25 dimensions it is hopeless, and this is why VAEs write z = m + s * eps.
#
# ## Climbing
#
# One random draw per step, three lines of calculus, and a step size that falls. This is the whole training of a VAE,
# with two parameters in place of a million.

# %%
m, log_s = -0.4, np.log(1.2)
path = [(m, np.exp(log_s))]
for number in range(400):
    eps, s = random.standard_normal(), np.exp(log_s)
    slope = heads - (heads + tails) * expit(m + s * eps) - (m + s * eps)  # d log p(x,z) / dz at z = m + s * eps
    size = 0.04 / (1 + number / 100)
    m += size * slope
    log_s += size * (slope * s * eps + 1)  # the 1 is the entropy of q, which grows with log s
    path.append((m, np.exp(log_s)))
print(f"after {len(path) - 1} steps: m = {m:.2f}, s = {np.exp(log_s):.2f}; the best are {best_m:.2f} and {best_s:.2f}")
print(f"ELBO {elbo(m, np.exp(log_s)):.4f}, the best {surface.max():.4f}, log p(x) {log_evidence:.4f}")

# %% The ELBO as a landscape over m and s, with the noisy path of the ascent to its top
figure = Picture(figsize=(6, 3.6), dpi=100, layout="constrained")
axes = figure.subplots()
levels = surface.max() - np.array([3, 2, 1.5, 1, 0.7, 0.4, 0.2, 0.1, 0.03, 0.01])
axes.contour(ms, ss, surface, levels, cmap="viridis", linewidths=1)
axes.plot(*np.array(path).T, color="tab:red", linewidth=0.8)
axes.plot(best_m, best_s, "k+", markersize=10)
axes.set(xlabel="m", ylabel="s", title="ELBO(m, s), and the way up", xlim=(-0.5, 1.7), ylim=(0.2, 1.3))
figure.saved("coin-ascent.png")

# %% [markdown]
# ## A tighter bound for the price of more draws
#
# Draw K values of z instead of one, and average the *weights* before the logarithm:
#
#     L_K = E[log 1/K sum_k w_k],    w_k = p(x, z_k) / q(z_k),    z_k ~ q
#
# L_1 is the ELBO, L_K never falls with K, and it tends to log p(x). The worse q is, the longer it takes.
#
# **Before you look:** with the prior itself as q, how many draws bring the bound within a hundredth of a nat?


# %% The bound L_K against the number of draws K: both curves reach log p(x), the one with the better q at once
def bound(m, s, k, repeats=4000):
    draws = m + s * random.standard_normal((repeats, k))
    log_joint = heads * log_expit(draws) + tails * log_expit(-draws) + norm.logpdf(draws)
    return np.mean(logsumexp(log_joint - norm.logpdf(draws, m, s), axis=1) - np.log(k))


ks = [1, 2, 4, 8, 16, 32, 64, 128, 256]
from_prior, from_best = ([bound(m, s, k) for k in ks] for m, s in [(0, 1), (best_m, best_s)])
for k in (1, 16, 256):
    print(f"K = {k:3}   from the prior {from_prior[ks.index(k)]:.4f}   from the best q {from_best[ks.index(k)]:.4f}")
print(f"          log p(x)       {log_evidence:.4f}")

figure = Picture(figsize=(6, 3), dpi=100, layout="constrained")
axes = figure.subplots()
axes.plot(ks, from_prior, "o-", label="q = the prior")
axes.plot(ks, from_best, "o-", label="q = the best normal")
axes.axhline(log_evidence, color="black", linestyle="--", linewidth=1, label="log p(x)")
axes.set_xscale("log", base=2)
axes.set_xticks(ks, ks)
axes.set(xlabel="K, draws", ylabel="L_K, nats")
axes.legend(frameon=False)
figure.saved("coin-bound.png")

# %% [markdown]
# ## 784 coins
#
# Now let the data be a picture of 28 x 28 black and white pixels: 784 coins, each tossed once. Let z have 25
# dimensions, and let a network, the *decoder*, say the bias of every coin from z. Nothing else changes:
#
#     p(z)   = N(0, I)                                prior
#     p(x|z) = prod_i Bernoulli(x_i; decoder(z)_i)    likelihood: 784 coins
#     q(z|x) = N(m(x), s(x)^2)                        m and s by another network, the encoder
#
# One thing is new. For one coin we searched for m and s. For 60,000 pictures an *encoder* guesses both from the
# picture, which is called amortisation. Here is the -ELBO of one picture in NumPy, beside what the library says. The
# model is the VAE whose weights ship.

# %%
model = tfgen.load("vae")
dataset, note = data.load_or_embedded()  # MNIST, or small embedded digits where MNIST is not available
digits = dataset.test.binarised()[:50]
print(f"{dataset.name}: {digits.shape}, {digits.dtype}")

x = digits[:1]
m, s = (np.asarray(part, np.float64) for part in model.encode(x))
terms = []
for _ in range(500):
    p = np.asarray(model.decode(m + s * random.standard_normal(m.shape)), np.float64).clip(1e-7, 1 - 1e-7)
    terms.append(-np.sum(np.log(np.where(x, p, 1 - p))))
picture_rate = np.sum((m**2 + s**2 - 1) / 2 - np.log(s))
library = np.mean([-model.elbo(x, seed=seed).numpy()[0] for seed in range(200)])
print(f"distortion {np.mean(terms):.2f} + rate {picture_rate:.2f} = {np.mean(terms) + picture_rate:.2f} nats by hand")
print(f"                                {library:.2f} nats by model.elbo")

# %% [markdown]
# The same few lines, and the same number up to the noise of the draws. The rate can be looked at dimension by
# dimension: a dimension in which q equals the prior says nothing about this picture.
#
# **Before you look:** the model has 25 dimensions. How many of them do you think this digit uses?

# %% The rate of each of the 25 dimensions for one digit, beside the digit and five draws from its posterior
rates = np.sort(((m**2 + s**2 - 1) / 2 - np.log(s))[0])[::-1]
copies = model.decode(m + s * random.standard_normal((5, m.shape[1])))
figure = Picture(figsize=(8, 2.6), dpi=100, layout="constrained")
left, *rest = figure.subplots(1, 7, width_ratios=[3, 1, 1, 1, 1, 1, 1])
left.bar(np.arange(len(rates)), rates)
left.set(xlabel="dimension, sorted", ylabel="rate, nats")
for axes, image, title in zip(rest, [x[0], *copies], ["x", *["z ~ q(z|x)"] * 5], strict=True):
    axes.imshow(np.asarray(image, float)[..., 0], cmap="gray_r", vmin=0, vmax=1)
    axes.set_title(title, fontsize=8)
    axes.set_axis_off()
print(f"{np.sum(rates > 0.05)} dimensions have more than 0.05 nats, together {rates.sum():.1f}")
figure.saved("coin-rates.png")

# %% [markdown]
# ## The gap, taken apart
#
# For the coin you could compare with the truth. For pictures the truth is L_K with a large K. The gap between -ELBO and
# it has two causes: a normal cannot have the posterior's shape, and the encoder guesses m and s in a hurry. The second
# part you can measure: optimise m and s of each picture by gradient ascent, as for the coin, and see by how much the
# ELBO rises. The library calls this the likelihood *regret* of a picture and uses it to [find anomalies](anomalies.md).

# %%
neg_elbo = -np.mean([model.elbo(digits, seed=seed) for seed in range(20)])
nll = {k: -np.mean(model.log_likelihood(digits, k=k, seed=0)) for k in (1, 10, 100, 1000)}
hurry = np.mean(tfgen.tasks.anomaly_score(model, digits, score="regret"))
for k, value in nll.items():
    print(f"-L_K, K = {k:<5} {value:7.2f} nats per picture")
print(f"-ELBO           {neg_elbo:7.2f}")
print(f"gap             {neg_elbo - nll[1000]:7.2f}, of which the encoder's hurry {hurry:.2f}")

# %% [markdown]
# The encoder's hurry is the smaller part. The rest is shape: the true posterior of a picture is no normal with
# independent dimensions. A richer family of q closes that part: see [flows in the posterior and in the
# prior](flows.md).
#
# ## What to try next
#
# - Change the tosses to 70 heads and 30 tails. Does the gap of the best normal grow or shrink, and why?
# - Replace the prior by N(0, 3^2). Which of rate and distortion changes most at the best q?
# - Train a code of two dimensions, `python -m zoo.train vae --latent-dim 2`, and look at `figures/manifold.png` of the
#   run: every point of the plane is one set of 784 coins.
# - Read `elbo_terms` in `zoo/models/vae.py`: it is this page in five lines.
