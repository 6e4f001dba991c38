from time import process_time

import numpy
import pytest
import spacy
from spacy.language import Language

from spacy_bertsum import layout
from spacy_bertsum.layers.salience import FEATURES as LAYER_FEATURES
from spacy_bertsum.layers.salience import doc_salience, salience_layer
from spacy_bertsum.salience import FEATURES, salience

SCALE = {"centroid_similarity": 2, "word_probability": 20}
SCALE |= dict.fromkeys(("centrality", "centrality_forward", "centrality_backward"), 10)
SCALE |= dict.fromkeys(("first_similarity", "previous_similarity", "next_similarity"), 3)


def column(features: numpy.ndarray, name: str) -> numpy.ndarray:
    """A feature in its natural unit."""
    return features[:, FEATURES.index(name)] / SCALE.get(name, 1)


def random_document(seed: int, n: int = 30) -> list[list[int]]:
    """Sentences of word ids, some of them empty, words by Zipf's law."""
    rng = numpy.random.default_rng(seed)
    return [(rng.zipf(1.5, size=length) % 500).tolist() for length in rng.integers(0, 20, size=n)]


def of_sentences(sentences: list[list[int]]) -> numpy.ndarray:
    words = numpy.array([word for sentence in sentences for word in sentence], dtype="i8")
    lengths = numpy.array([len(sentence) for sentence in sentences], dtype="i8")
    return salience(words, lengths, numpy.full(len(words), 5.0))


def dense(sentences: list[list[int]]) -> dict[str, numpy.ndarray]:
    """The same features over the whole matrix of similarities."""
    n = len(sentences)
    vocabulary = sorted({word for sentence in sentences for word in sentence})
    counts = numpy.array([[s.count(word) for word in vocabulary] for s in sentences], dtype="d")
    df = (counts > 0).sum(axis=0)
    tf = numpy.where(counts > 0, 1 + numpy.log(numpy.maximum(counts, 1)), 0)
    tfidf = tf * numpy.log(1 + (n - df + 0.5) / (df + 0.5))
    norms = numpy.linalg.norm(tfidf, axis=1, keepdims=True)
    tfidf = numpy.divide(tfidf, norms, out=numpy.zeros_like(tfidf), where=norms > 0)
    similarity = tfidf @ tfidf.T
    others = similarity - numpy.diag(numpy.diag(similarity))
    degree = similarity.sum(axis=1)
    has_words = degree > 0
    transition = numpy.eye(n)
    transition[has_words] = similarity[has_words] / degree[has_words, None]
    rank = numpy.full(n, 1 / n)
    for _ in range(10):
        rank = 0.15 / n + 0.85 * transition.T @ rank
    centroid = tfidf.sum(axis=0)
    neighbours = numpy.diag(similarity, k=1)
    probability = counts.sum(axis=0) / counts.sum()
    seen = counts.cumsum(axis=0) - counts > 0
    n_words, n_terms = counts.sum(axis=1), (counts > 0).sum(axis=1)
    return {
        "centrality": others.sum(axis=1) / (n - 1),
        "centrality_forward": numpy.triu(others).sum(axis=1) / (n - 1),
        "centrality_backward": numpy.tril(others).sum(axis=1) / (n - 1),
        "lexrank": numpy.log(rank * n + 1e-3),
        "centroid_similarity": tfidf @ centroid / numpy.linalg.norm(centroid),
        "first_similarity": similarity[0],
        "previous_similarity": numpy.append(0.0, neighbours),
        "next_similarity": numpy.append(neighbours, 0.0),
        "word_probability": counts @ probability / numpy.maximum(n_words, 1),
        "new_words": ((counts > 0) & ~seen).sum(axis=1) / numpy.maximum(n_terms, 1),
    }


@pytest.mark.parametrize("seed", range(10))
def test_equal_to_dense_matrices(seed: int):
    sentences = random_document(seed)
    features = of_sentences(sentences)
    for name, expected in dense(sentences).items():
        numpy.testing.assert_allclose(column(features, name), expected, atol=1e-5, err_msg=name)


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
    sentences = random_document(0)
    features = of_sentences(sentences)
    ranks = column(features, "centrality_rank") * len(sentences)
    assert sorted(ranks.round()) == list(range(len(sentences)))
    centrality = column(features, "centrality")
    assert centrality[ranks.argsort()].tolist() == sorted(centrality)


@pytest.mark.parametrize(
    "sentences",
    [
        [],
        [[]],
        [[1]],
        [[1, 1, 2]],
        [[1], [1]],
        [[1], [2]],
        [[], []],
        [[], [1], []],
        [[1, 2, 3]] * 50,
        [[1]] * 3000,
    ],
    ids=str,
)
def test_finite_and_small_whatever_the_document(sentences: list[list[int]]):
    with numpy.errstate(all="raise", under="ignore"):
        features = of_sentences(sentences)
    assert features.shape == (len(sentences), len(FEATURES))
    assert features.dtype == numpy.float32
    assert numpy.isfinite(features).all()
    assert (abs(features) < 30).all()


def test_repeated_sentences_differ_in_position_alone():
    features = of_sentences([[1, 2, 3]] * 5)
    assert column(features, "centrality") == pytest.approx([1.0] * 5)
    assert column(features, "centrality_backward") == pytest.approx(numpy.arange(5) / 4, abs=1e-6)
    assert column(features, "new_words").tolist() == [1, 0, 0, 0, 0]


def test_ids_of_words_mean_nothing():
    sentences = random_document(3)
    mapping = numpy.random.default_rng(3).permutation(500).tolist()
    renamed = [[mapping[word] for word in sentence] for sentence in sentences]
    numpy.testing.assert_allclose(of_sentences(renamed), of_sentences(sentences), atol=1e-5)


def test_time_grows_linearly():
    def document(n: int) -> tuple[numpy.ndarray, ...]:
        words = numpy.random.default_rng(0).zipf(1.3, size=20 * n) % 10_000
        return words, numpy.full(n, 20), numpy.full(20 * n, 5.0)

    def seconds(arrays: tuple[numpy.ndarray, ...]) -> float:
        start = process_time()
        salience(*arrays)
        return process_time() - start

    short, long = document(4000), document(32_000)
    # In turns, so that whatever else runs on the machine slows both.
    times = [(seconds(short), seconds(long)) for _ in range(7)]
    of_short, of_long = map(min, zip(*times, strict=True))
    assert of_long < 12 * of_short


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
        numpy.testing.assert_array_equal(f, doc_salience(doc))
    assert backprop(features) == docs


def test_feature_names_are_unique():
    assert len(set(FEATURES)) == len(FEATURES)
