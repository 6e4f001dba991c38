import numpy
import pytest
import spacy
import term_documents
from numpy.testing import assert_allclose, assert_array_equal
from spacy.language import Language

from spacy_bertsum import layout
from spacy_bertsum.layers.salience import FEATURES as LAYER_FEATURES
from spacy_bertsum.layers.salience import doc_salience, salience_layer
from spacy_bertsum.salience import FEATURES, salience

SCALES = term_documents.SCALE | {"word_probability": 20}


def column(features: numpy.ndarray, name: str) -> numpy.ndarray:
    """A feature in its natural unit."""
    return features[:, FEATURES.index(name)] / SCALES.get(name, 1)


def of_sentences(sentences: list[list[int]]) -> numpy.ndarray:
    words, lengths = term_documents.flatten(sentences)
    return salience(words, lengths, numpy.full(len(words), 5.0))


def dense(sentences: list[list[int]]) -> dict[str, numpy.ndarray]:
    """The same features over the whole matrix of similarities."""
    counts = term_documents.count(sentences)
    df = (counts > 0).sum(axis=0)
    idf = numpy.log(1 + (len(sentences) - df + 0.5) / (df + 0.5))
    probability = counts.sum(axis=0) / counts.sum()
    seen = counts.cumsum(axis=0) - counts > 0
    n_words, n_terms = counts.sum(axis=1), (counts > 0).sum(axis=1)
    return term_documents.dense_centrality(term_documents.weigh(counts, idf)) | {
        "word_probability": counts @ probability / numpy.maximum(n_words, 1),
        "new_words": ((counts > 0) & ~seen).sum(axis=1) / numpy.maximum(n_terms, 1),
    }


@pytest.mark.parametrize("seed", range(10))
def test_equal_to_dense_matrices(seed: int):
    sentences = term_documents.random_document(seed)
    features = of_sentences(sentences)
    for name, expected in dense(sentences).items():
        assert_allclose(column(features, name), expected, atol=1e-5, err_msg=name)


def test_position_and_length():
    features = of_sentences([[1, 2, 3], [4], [5, 6, 7, 8]])
    assert column(features, "is_first").tolist() == [1, 0, 0]
    assert column(features, "is_last").tolist() == [0, 0, 1]
    assert column(features, "reciprocal_rank") == pytest.approx([1, 1 / 2, 1 / 3])
    assert column(features, "position") == pytest.approx([0, 1 / 3, 2 / 3])
    assert column(features, "log_length") == pytest.approx(numpy.log([4, 2, 5]) / 3)
    relative = column(features, "relative_length")
    assert relative[1] < 0 < relative[0] < relative[2]
    assert column(features, "relative_length_of_previous").tolist() == [0, *relative[:-1]]
    assert column(features, "relative_length_of_next").tolist() == [*relative[1:], 0]
    assert column(features, "document_type_token_ratio").tolist() == [1, 1, 1]


def test_centrality_rank_orders_sentences():
    sentences = term_documents.random_document(0)
    features = of_sentences(sentences)
    ranks = column(features, "centrality_rank") * len(sentences)
    assert sorted(ranks.round()) == list(range(len(sentences)))
    centrality = column(features, "centrality")
    assert centrality[ranks.argsort()].tolist() == sorted(centrality)


@pytest.mark.parametrize("sentences", term_documents.EDGE_CASES, ids=str)
def test_finite_and_small_whatever_the_document(sentences: list[list[int]]):
    with numpy.errstate(all="raise", under="ignore"):
        features = of_sentences(sentences)
    term_documents.assert_finite_and_small(features, (len(sentences), len(FEATURES)))


def test_repeated_sentences_differ_in_position_alone():
    features = of_sentences([[1, 2, 3]] * 5)
    assert column(features, "centrality") == pytest.approx([1.0] * 5)
    assert column(features, "centrality_backward") == pytest.approx(numpy.arange(5) / 4, abs=1e-6)
    assert column(features, "new_words").tolist() == [1, 0, 0, 0, 0]


def test_ids_of_words_mean_nothing():
    sentences = term_documents.random_document(3)
    mapping = numpy.random.default_rng(3).permutation(500).tolist()
    renamed = [[mapping[word] for word in sentence] for sentence in sentences]
    assert_allclose(of_sentences(renamed), of_sentences(sentences), atol=1e-5)


def test_time_grows_linearly():
    term_documents.assert_linear_time(
        lambda words, lengths: salience(words, lengths, numpy.full(len(words), 5.0)), n_ids=10_000
    )


def test_layer_compares_words_without_case_and_punctuation(nlp: Language):
    doc = nlp("The new LIBRARY opens. It rains: a lot. \n \n The new library opens!")
    features = doc_salience(doc)
    assert features.shape == (3, len(LAYER_FEATURES))
    assert column(features, "first_similarity") == pytest.approx([1, 0, 1], abs=1e-6)
    assert column(features, "log_length") == pytest.approx(numpy.log([5, 5, 5]) / 3)


def test_layer_takes_pairs_of_chinese_characters_for_words():
    nlp = spacy.blank("zh")
    nlp.add_pipe("sentencizer")
    # The last sentence has the characters of the first, in reverse order: no word in common.
    doc = nlp("城市开放新图书馆。今天下大雨。新图书馆很美。馆书图新放开市城。")
    similarity = column(doc_salience(doc), "first_similarity")
    assert similarity[0] == pytest.approx(1)
    assert similarity[2] > 0.1
    assert similarity[1] == 0
    assert similarity[3] == 0


def test_layer_does_not_pair_words_across_sentences():
    nlp = spacy.blank("zh")
    nlp.add_pipe("sentencizer")
    features = doc_salience(nlp("新书。甲乙。新书。丙丁。"))
    assert column(features, "first_similarity") == pytest.approx([1, 0, 1, 0], abs=1e-6)


def test_layer_over_a_batch(nlp: Language):
    docs = [nlp.make_doc(""), nlp("One sentence."), nlp("Two sentences. Here they are.")]
    layer = salience_layer()
    features, backprop = layer(docs, is_train=True)
    assert layer.get_dim("nO") == len(LAYER_FEATURES) == len(FEATURES) + len(layout.FEATURES)
    assert [f.shape for f in features] == [(n, len(LAYER_FEATURES)) for n in (0, 1, 2)]
    for doc, f in zip(docs, features, strict=True):
        assert_array_equal(f, doc_salience(doc))
    assert backprop(features) == docs


def test_feature_names_are_unique():
    assert len(set(FEATURES)) == len(FEATURES)
