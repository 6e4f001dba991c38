"""Features that weigh word pieces by how rare they are in texts at large."""

from pathlib import Path

import numpy
import pytest
import term_documents
from checkpoints import WIDTH
from numpy.testing import assert_allclose, assert_array_equal
from spacy.language import Language
from spacy.tokens import Doc
from transformers import AutoTokenizer

from spacy_bertsum.architectures import build_bertsum_transformer, build_sentence_encoder
from spacy_bertsum.layers.transformer import get_shim
from spacy_bertsum.surprisal import FEATURES, surprisal, weigh_pieces

SCALES = {f"surprisal_{name}": scale for name, scale in term_documents.SCALE.items()}
SCALES |= {"surprisal": 0.2, "document_surprisal": 0.2, "document_mean_surprisal_centrality": 10}
# The first piece and every tenth tell nothing.
WEIGHTS = numpy.arange(term_documents.N_IDS) % 10 / 2


def column(features: numpy.ndarray, name: str) -> numpy.ndarray:
    """A feature in its natural unit."""
    return features[:, FEATURES.index(name)] / SCALES.get(name, 1)


def of_sentences(sentences: list[list[int]], weights: numpy.ndarray = WEIGHTS) -> numpy.ndarray:
    return surprisal(*term_documents.flatten(sentences), weights)


def dense(sentences: list[list[int]]) -> dict[str, numpy.ndarray]:
    """The same features over the whole matrix of similarities."""
    counts = term_documents.count(sentences)
    told = counts @ WEIGHTS
    weighted = term_documents.weigh(counts, WEIGHTS)
    central = term_documents.dense_centrality(weighted)
    is_new = (counts > 0) & (counts.cumsum(axis=0) == counts)
    whole = {
        "document_surprisal": told.sum() / counts.sum(),
        "document_mean_surprisal_centrality": central["centrality"].mean(),
    }
    return {f"surprisal_{name}": values for name, values in central.items()} | {
        "surprisal": told / numpy.maximum(counts.sum(axis=1), 1),
        "relative_surprisal": numpy.log((told + 5) / (told.mean() + 5)),
        "surprisal_new": (weighted * is_new).sum(axis=1)
        / numpy.maximum(weighted.sum(axis=1), 1e-9),
        **{name: numpy.full(len(sentences), value) for name, value in whole.items()},
    }


@pytest.mark.parametrize("seed", range(10))
def test_equal_to_dense_matrices(seed: int):
    sentences = term_documents.random_document(seed)
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


@pytest.mark.parametrize("sentences", term_documents.EDGE_CASES, ids=str)
def test_finite_and_small_whatever_the_document(sentences: list[list[int]]):
    with numpy.errstate(all="raise", under="ignore"):
        features = of_sentences(sentences)
    term_documents.assert_finite_and_small(features, (len(sentences), len(FEATURES)))


def test_time_grows_linearly():
    term_documents.assert_linear_time(
        lambda pieces, lengths: surprisal(pieces, lengths, WEIGHTS), n_ids=len(WEIGHTS)
    )


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
