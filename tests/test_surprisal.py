"""Features that weigh word pieces by how rare they are in texts at large."""

from pathlib import Path
from time import process_time

import numpy
import pytest
from checkpoints import WIDTH
from numpy.testing import assert_allclose, assert_array_equal
from spacy.language import Language
from spacy.tokens import Doc
from transformers import AutoTokenizer

from spacy_bertsum.architectures import build_bertsum_transformer, build_sentence_encoder
from spacy_bertsum.layers.transformer import get_shim
from spacy_bertsum.surprisal import FEATURES, surprisal, weigh_pieces

SCALE = {"surprisal": 0.2, "document_surprisal": 0.2, "surprisal_centroid_similarity": 2}
SCALE |= dict.fromkeys([n for n in FEATURES if "centrality" in n and "rank" not in n], 10)
SCALE |= {f"surprisal_{name}_similarity": 3 for name in ("first", "previous", "next")}
# Of pieces 0 to 499: the first and every tenth tell nothing.
WEIGHTS = numpy.arange(500) % 10 / 2


def column(features: numpy.ndarray, name: str) -> numpy.ndarray:
    """A feature in its natural unit."""
    return features[:, FEATURES.index(name)] / SCALE.get(name, 1)


def of_sentences(sentences: list[list[int]], weights: numpy.ndarray = WEIGHTS) -> numpy.ndarray:
    pieces = numpy.array([piece for sentence in sentences for piece in sentence], dtype="i8")
    return surprisal(pieces, numpy.array([len(s) for s in sentences], dtype="i8"), weights)


def dense(sentences: list[list[int]]) -> dict[str, numpy.ndarray]:
    """The same features over the whole matrix of similarities."""
    n = len(sentences)
    counts = numpy.array([numpy.bincount(s, minlength=500) if s else [0] * 500 for s in sentences])
    told = counts @ WEIGHTS
    sizes = counts.sum(axis=1)
    weighted = numpy.where(counts > 0, 1 + numpy.log(numpy.maximum(counts, 1)), 0) * WEIGHTS
    norms = numpy.linalg.norm(weighted, axis=1, keepdims=True)
    unit = numpy.divide(weighted, norms, out=numpy.zeros_like(weighted), where=norms > 0)
    similarity = unit @ unit.T
    others = similarity - numpy.diag(numpy.diag(similarity))
    centroid = unit.sum(axis=0)
    neighbours = numpy.diag(similarity, k=1)
    sums = weighted.sum(axis=1)
    is_new = (counts > 0) & (counts.cumsum(axis=0) == counts)
    return {
        "surprisal": told / numpy.maximum(sizes, 1),
        "relative_surprisal": numpy.log((told + 5) / (told.mean() + 5)),
        "surprisal_centrality": others.sum(axis=1) / (n - 1),
        "surprisal_centrality_forward": numpy.triu(others).sum(axis=1) / (n - 1),
        "surprisal_centrality_backward": numpy.tril(others).sum(axis=1) / (n - 1),
        "surprisal_centroid_similarity": unit @ centroid / numpy.linalg.norm(centroid),
        "surprisal_first_similarity": similarity[0],
        "surprisal_previous_similarity": numpy.append(0.0, neighbours),
        "surprisal_next_similarity": numpy.append(neighbours, 0.0),
        "surprisal_new": (weighted * is_new).sum(axis=1) / numpy.maximum(sums, 1e-9),
        "document_surprisal": numpy.full(n, told.sum() / sizes.sum()),
        "document_mean_surprisal_centrality": numpy.full(n, others.sum() / (n - 1) / n),
    }


@pytest.mark.parametrize("seed", range(10))
def test_equal_to_dense_matrices(seed: int):
    rng = numpy.random.default_rng(seed)
    sentences = [(rng.zipf(1.5, size=k) % 500).tolist() for k in rng.integers(0, 20, size=30)]
    features = of_sentences(sentences)
    for name, expected in dense(sentences).items():
        assert_allclose(column(features, name), expected, atol=1e-5, err_msg=name)


def test_common_pieces_make_no_sentences_alike():
    common, rare = 10, 19
    alike, unlike = [[rare, 11], [rare, 12], [13]], [[common, 11], [common, 12], [13]]
    assert column(of_sentences(alike), "surprisal_first_similarity")[1] > 0.5
    assert column(of_sentences(unlike), "surprisal_first_similarity")[1] == 0


def test_central_is_what_shares_rare_pieces():
    # As many pieces in common with the others, but those of the first are common ones.
    features = of_sentences([[11, 12, 30], [18, 19, 40], [11, 18, 50], [12, 19, 60]])
    centrality = column(features, "surprisal_centrality")
    assert centrality[1] > centrality[0]
    assert column(features, "surprisal_centrality_rank")[1] > 0


@pytest.mark.parametrize(
    "sentences",
    [[], [[]], [[1]], [[10], [20]], [[1, 1, 2]], [[], []], [[], [1], []], [[1, 2]] * 50],
    ids=str,
)
def test_finite_and_small_whatever_the_document(sentences: list[list[int]]):
    with numpy.errstate(all="raise", under="ignore"):
        features = of_sentences(sentences)
    assert features.shape == (len(sentences), len(FEATURES))
    assert features.dtype == numpy.float32
    assert numpy.isfinite(features).all()
    assert (abs(features) < 30).all()


def test_time_grows_linearly():
    def document(n: int) -> tuple[numpy.ndarray, ...]:
        return numpy.random.default_rng(0).zipf(1.3, size=20 * n) % 500, numpy.full(n, 20), WEIGHTS

    def seconds(arrays: tuple[numpy.ndarray, ...]) -> float:
        start = process_time()
        surprisal(*arrays)
        return process_time() - start

    short, long = document(4000), document(32_000)
    # In turns, so that whatever else runs on the machine slows both.
    times = [(seconds(short), seconds(long)) for _ in range(7)]
    of_short, of_long = map(min, zip(*times, strict=True))
    assert of_long < 12 * of_short


def test_rare_pieces_weigh_more(checkpoints: dict[str, Path]):
    tokenizer = AutoTokenizer.from_pretrained(checkpoints["xlmr"])
    weights = weigh_pieces(tokenizer)
    assert weights.shape == (len(tokenizer),)
    assert weights.min() == 0 < weights.max()
    assert not weights[tokenizer.all_special_ids].any()
    assert not weights[tokenizer.convert_tokens_to_ids([".", ","])].any()


def test_tokenizer_that_knows_no_probabilities(checkpoints: dict[str, Path], docs: list[Doc]):
    layer = build_sentence_encoder(
        build_bertsum_transformer(str(checkpoints["bert"])), surprisal=True
    )
    with pytest.raises(ValueError, match=r"type WordPiece .* leave surprisal = true out"):
        layer.initialize(X=docs)


def test_beside_the_vectors_of_an_encoder(checkpoints: dict[str, Path], docs: list[Doc]):
    def build(surprisal: bool):
        transformer = build_bertsum_transformer(str(checkpoints["xlmr"]))
        layer = build_sentence_encoder(transformer, "mean", surprisal=surprisal)
        layer.initialize(X=docs)
        return layer

    plain, layer = build(False), build(True)
    assert layer.get_dim("nO") == plain.get_dim("nO") + len(FEATURES) == WIDTH + len(FEATURES)
    rows, backprop = layer.begin_update(docs)
    tokenizer = get_shim(layer.layers[0]).tokenizer
    for doc, row, vectors in zip(docs, rows, plain.predict(docs), strict=True):
        assert_allclose(row[:, :WIDTH], vectors, atol=1e-5)
        sents = [sent.text for sent in doc.sents]
        ids = tokenizer(sents, add_special_tokens=False)["input_ids"] if sents else []
        assert_array_equal(row[:, WIDTH:], of_sentences(ids, weigh_pieces(tokenizer)))
    assert backprop(rows) == docs


def test_no_document_at_all(checkpoints: dict[str, Path], nlp: Language):
    transformer = build_bertsum_transformer(str(checkpoints["xlmr"]))
    layer = build_sentence_encoder(transformer, surprisal=True)
    layer.initialize(X=[nlp("One sentence.")])
    assert layer.predict([]) == []
    assert layer.predict([nlp.make_doc("")])[0].shape == (0, WIDTH + len(FEATURES))
