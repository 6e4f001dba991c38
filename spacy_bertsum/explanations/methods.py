"""LIME and SHAP, by the libraries of their authors: what parts add to the score of a whole."""

from collections.abc import Callable

import numpy
from thinc.types import Floats1d

# Which parts variants have, bool, (variants, parts) → the score of each.
Score = Callable[[numpy.ndarray], Floats1d]
# Of LIME's kernel, in hundredths of cosine distance: what the authors take for text.
_KERNEL_WIDTH = 25.0
# LIME's own, 1, is meant for 5,000 variants: on the few that there is time for it shrinks weights.
_RIDGE = 1e-3


def shap_weights(
    score: Score, n_parts: int, n_samples: int, seed: int
) -> tuple[float, Floats1d, None]:
    """Shapley values (Lundberg & Lee 2017): what a part adds, the mean over all orders in which
    parts can come together. Exact where n_samples is enough for all variants, else by permutations.

    n_samples: Most variants to score; at least one order, forth and back, is looked at.
    RETURNS: The score without any part, and what each part adds; together the score of the whole.
    """
    import shap

    def get_scores(rows: numpy.ndarray) -> numpy.ndarray:
        return score(rows.astype(bool))

    background = shap.maskers.Independent(numpy.zeros((1, n_parts)))
    if 2**n_parts <= n_samples:
        explainer = shap.ExactExplainer(get_scores, background)
    else:
        explainer = shap.PermutationExplainer(get_scores, background, seed=seed)
    values = explainer(
        numpy.ones((1, n_parts)), max_evals=max(n_samples, 2 * n_parts + 1), silent=True
    )
    return float(numpy.ravel(values.base_values)[0]), values.values[0], None


def lime_weights(
    score: Score, n_parts: int, n_samples: int, seed: int
) -> tuple[float, Floats1d, float]:
    """A linear model of the scores of variants at random, those close to the whole before others
    (Ribeiro et al. 2016). Variants and kernel are those that LIME has for text.

    RETURNS: The intercept, the weight of each part, and R² of the model.
    """
    from lime.lime_base import LimeBase
    from sklearn.linear_model import Ridge

    rng = numpy.random.default_rng(seed)
    present = numpy.ones((n_samples, n_parts), dtype=bool)
    for row in present[1:]:
        row[rng.choice(n_parts, rng.integers(1, n_parts + 1), replace=False)] = False
    # Between ones everywhere and ones in some places the cosine is the root of their share.
    distances = 100 * (1 - numpy.sqrt(present.mean(axis=1)))
    base = LimeBase(_kernel, random_state=numpy.random.RandomState(seed))
    intercept, pairs, fit, _ = base.explain_instance_with_data(
        present.astype("f8"),
        score(present)[:, None],
        distances,
        label=0,
        num_features=n_parts,
        feature_selection="none",
        model_regressor=Ridge(_RIDGE, random_state=seed),
    )
    weights = numpy.zeros(n_parts)
    for part, weight in pairs:
        weights[part] = weight
    return float(intercept), weights, float(fit)


def _kernel(distances: numpy.ndarray) -> numpy.ndarray:
    return numpy.sqrt(numpy.exp(-(distances**2) / _KERNEL_WIDTH**2))
