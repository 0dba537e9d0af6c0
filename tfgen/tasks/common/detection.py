"""How well scores tell anomalies from normal images: AUROC and average precision, with bootstrap errors."""

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

RESAMPLES = 100
METRICS = {
    "auroc": "area under the ROC curve, 0.5 by chance; higher is better",
    "aupr": "average precision, the area under precision against recall with anomalies as positives; higher is better",
}


def auroc(normal, strange) -> float:
    """The probability that an anomaly's score is higher than a normal image's, of scores [N] and [M]."""
    return float(roc_auc_score(*_labelled(normal, strange)))


def measures(normal, strange, seed: int = 0) -> dict:
    """{"auroc": (value, standard error), "aupr": ...}; the errors are of resampling both sets with replacement."""
    random = np.random.default_rng(seed)
    areas = []
    for _ in range(RESAMPLES):
        parts = (random.choice(scores, len(scores)) for scores in (normal, strange))
        labels, scores = _labelled(*parts)
        areas.append((roc_auc_score(labels, scores), average_precision_score(labels, scores)))
    labels, scores = _labelled(normal, strange)
    values = roc_auc_score(labels, scores), average_precision_score(labels, scores)
    errors = np.std(areas, 0, ddof=1)
    return {name: (float(value), float(error)) for name, value, error in zip(METRICS, values, errors, strict=True)}


def _labelled(normal, strange) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat([0, 1], [len(normal), len(strange)])
    return labels, np.concatenate([normal, strange])
