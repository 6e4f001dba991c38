"""Why a sentence has the score that it has: LIME and SHAP."""

from .explain import explain
from .explanation import Explanation, Part

__all__ = ["Explanation", "Part", "explain"]
