"""Whether explanations name what counts, and what the model goes by.

    python -m benchmarks.explanations

For the best sentence of each text in assets/sample, written for this project. Deletion: of the
words of the sentence, or of the other sentences, the fifth with the highest weights is taken out;
the further the sentence's logit falls, the better the explanation. Beside it the fifth with the
lowest weights, and what a fifth by chance does.
"""

import math
import time
from pathlib import Path

import numpy
import typer
from spacy.language import Language
from spacy.tokens import Doc
from tqdm import tqdm

from benchmarks.page import describe_run, publish
from benchmarks.quality.model import build_pipeline
from benchmarks.queries import read_documents
from spacy_bertsum.explanations.explain import METHODS, explain, make_variants

ROOT = Path(__file__).parent.parent
SHARE = 0.2
N_BY_CHANCE = 20
PARTS = {"words": "words of the sentence", "sentences": "other sentences"}


def measure_deletion(
    nlp: Language, doc: Doc, sentence: int, of: str, n_samples: int
) -> dict[str, float]:
    """How far the logit falls when parts are taken out, and the seconds of each explanation."""
    variants = make_variants(nlp, doc, sentence, of)
    n_parts = len(variants.names)
    n_taken = math.ceil(SHARE * n_parts)
    rng = numpy.random.default_rng(0)
    taken = {f"chance {i}": rng.permutation(n_parts)[:n_taken] for i in range(N_BY_CHANCE)}
    found, weights = {}, {}
    for method in METHODS:
        start = time.perf_counter()
        explanation = explain(nlp, doc, sentence, of=of, method=method, n_samples=n_samples)
        found[f"{method} s"] = time.perf_counter() - start
        weights[method] = numpy.array([part.weight for part in explanation.parts])
        order = numpy.argsort(weights[method])
        taken[method], taken[f"{method} lowest"] = order[-n_taken:], order[:n_taken]
    present = numpy.ones((1 + len(taken), n_parts), dtype=bool)
    for row, parts in zip(present[1:], taken.values(), strict=True):
        row[parts] = False
    logits = variants.score(present)
    falls = dict(zip(taken, logits[0] - logits[1:], strict=True))
    chance = [falls.pop(name) for name in list(falls) if name.startswith("chance")]
    agreement = numpy.corrcoef(weights["shap"], weights["lime"])[0, 1]
    return {**found, **falls, "chance": float(numpy.mean(chance)), "agreement": agreement}


def format_deletion(results: dict[str, list[dict[str, float]]]) -> str:
    lines = [
        "| parts | explanations | SHAP's highest | LIME's highest | by chance | SHAP's lowest | "
        "LIME's lowest | correlation of SHAP and LIME | seconds, SHAP | seconds, LIME |",
        "| --- " * 10 + "|",
    ]
    for of, rows in results.items():
        means = {name: numpy.mean([row[name] for row in rows]) for name in rows[0]}
        cells = [
            *(f"{means[name]:.2f}" for name in ("shap", "lime", "chance")),
            *(f"{means[name]:.2f}" for name in ("shap lowest", "lime lowest", "agreement")),
            *(f"{means[name]:.1f}" for name in ("shap s", "lime s")),
        ]
        lines.append(f"| {PARTS[of]} | {len(rows)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def measure_features(nlp: Language, doc: Doc) -> dict[str, numpy.ndarray]:
    """SHAP's weights of each kind of features for all sentences."""
    n_sents = len(list(doc.sents))
    found = [explain(nlp, doc, i, of="features", method="shap").parts for i in range(n_sents)]
    names = [part.text for part in found[0]]
    weights = numpy.array([[part.weight for part in parts] for parts in found])
    return dict(zip(names, weights.T, strict=True))


def format_features(found: list[dict[str, numpy.ndarray]]) -> str:
    columns = {name: numpy.concatenate([one[name] for one in found]) for name in found[0]}
    total = sum(numpy.abs(weights).mean() for weights in columns.values())
    lines = ["| features | mean of the weight's size | share |", "| --- | --- | --- |"]
    for name, weights in sorted(columns.items(), key=lambda item: -numpy.abs(item[1]).mean()):
        size = numpy.abs(weights).mean()
        lines.append(f"| {name} | {size:.2f} | {size / total:.2f} |")
    return "\n".join(lines)


def main(
    model: str = typer.Option("xx_bertsum_mini", help="Model name, model directory or pipeline"),
    n_samples: int = typer.Option(200, help="Variants for each explanation"),
    output: Path | None = typer.Option(None, help="Markdown file for the tables"),
) -> None:
    nlp = build_pipeline(model)
    deletions: dict[str, list[dict[str, float]]] = {of: [] for of in PARTS}
    features = []
    for text in tqdm(read_documents(ROOT / "assets" / "sample").values(), desc="texts"):
        doc = nlp(text)
        features.append(measure_features(nlp, doc))
        best = int(doc._.summary_scores.argmax())
        for of in PARTS:
            deletions[of].append(measure_deletion(nlp, doc, best, of, n_samples))
    n_sents = sum(len(one["meaning"]) for one in features)
    text = (
        f"# Explanations: {model}\n\n"
        f"{describe_run(('torch', 'transformers', 'shap', 'lime'))}. Command: "
        f"`python -m benchmarks.explanations --n-samples {n_samples}`\n\n"
        f"By how much the logit of the best sentence of a text falls, on average, when a fifth of "
        f"the parts are taken out; {n_samples} variants for each explanation:\n\n"
        f"{format_deletion(deletions)}\n\n"
        f"What the logits of all {n_sents} sentences of {len(features)} texts come from, by SHAP; "
        "what is taken away is replaced by the mean of the document. Features of the document as a "
        f"whole are not among them:\n\n{format_features(features)}\n"
    )
    publish(text, output)


if __name__ == "__main__":
    typer.run(main)
