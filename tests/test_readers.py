import json
import random
import sys
import tracemalloc
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config, registry

from spacy_bertsum import sources
from spacy_bertsum.language import get_lang
from spacy_bertsum.readers import JsonlCorpus, draw

CNN = Path(__file__).parent.parent / "configs" / "cnn.cfg"
GERMAN = (
    "Die Brücke ist seit Montag wieder offen. Der Umbau dauerte elf Wochen und kostete viel Geld."
)


def record(i, n_sents=3, **fields):
    numbers = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    name = " ".join(numbers[int(digit)] for digit in str(i))
    text = " ".join(f"Report {name} has a part about subject {j}." for j in range(n_sents))
    summary = f"Subject {i % n_sents} of report {name}."
    return {"id": i, "text": text, "summary": summary, **fields}


def write(path, records):
    lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def texts(examples):
    return [example.reference.text for example in examples]


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "train.jsonl", [record(i, lang="en") for i in range(10)])


@pytest.fixture
def in_order(path):
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_registered():
    create = registry.readers.get("spacy-bertsum.JsonlCorpus.v1")
    with pytest.raises(ValueError, match=r"has no path: .* --paths.train"):
        create(path=None)


def test_examples(path, nlp):
    example = next(JsonlCorpus(path, shuffle=False)(nlp))
    gold, predicted = example.reference, example.predicted
    assert next(gold.sents).text == "Report zero has a part about subject 0."
    assert [span.start for span in gold.spans["summary"]] == [0]
    assert (gold._.summary, get_lang(gold)) == ("Subject 0 of report zero.", "en")
    assert predicted.text == gold.text
    assert not predicted.has_annotation("SENT_START")
    assert (dict(predicted.spans), predicted._.summary) == ({}, None)


def test_order_of_the_file(path, in_order, nlp):
    corpus = JsonlCorpus(path, shuffle=False)
    assert texts(corpus(nlp)) == texts(corpus(nlp)) == in_order


def test_every_pass_has_every_document_in_another_order(path, in_order, nlp):
    corpus = JsonlCorpus(path, seed=1)
    first, second = texts(corpus(nlp)), texts(corpus(nlp))
    assert sorted(first) == sorted(second) == sorted(in_order)
    assert len({tuple(order) for order in (first, second, in_order)}) == 3
    again, other = JsonlCorpus(path, seed=1), JsonlCorpus(path, seed=2)
    assert texts(again(nlp)) == first != texts(other(nlp))


def test_order_is_a_matter_of_seed_and_epoch_alone(path, nlp):
    corpus = JsonlCorpus(path)
    passes = [texts(corpus(nlp)) for _ in range(3)]
    random.seed(5)
    corpus.set_epoch(1)
    assert [texts(corpus(nlp)), texts(corpus(nlp))] == passes[1:]
    list(islice(corpus(nlp), 3))  # a pass that is broken off counts like any other
    corpus.set_epoch(0)
    assert texts(corpus(nlp)) == passes[0]


def test_limit(path, in_order, nlp):
    assert texts(JsonlCorpus(path, shuffle=False, limit=4)(nlp)) == in_order[:4]


def test_directory(tmp_path, nlp):
    (tmp_path / "more").mkdir()
    write(tmp_path / "b.jsonl", [record(2), "", record(3)])
    write(tmp_path / "more" / "c.jsonl", [record(4)])
    write(tmp_path / "a.jsonl", [record(1)])
    (tmp_path / "notes.txt").write_text("no document")
    found = texts(JsonlCorpus(tmp_path, lang="en", shuffle=False)(nlp))
    assert found == [record(i)["text"] for i in (1, 2, 3, 4)]


def test_language_of_documents_without_one(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"text": GERMAN, "summary": "Die Brücke ist offen."}])
    [example] = JsonlCorpus(path)(spacy.blank("xx"))
    assert get_lang(example.reference) == "de"
    [example] = JsonlCorpus(path, lang="nds")(spacy.blank("xx"))
    assert get_lang(example.reference) == "nds"


def test_bad_records_are_named_before_training(tmp_path):
    write(tmp_path / "a.jsonl", [record(1), "", "{not json", record(2)])
    write(tmp_path / "b.jsonl", [record(3), {"text": "A."}, *["[]"] * 20])
    with pytest.raises(ValueError) as error:
        JsonlCorpus(tmp_path)
    lines = str(error.value).splitlines()
    assert "bertsum convert" in lines[0]
    assert lines[1].startswith(f"{tmp_path / 'a.jsonl'}:3: Not JSON")
    assert lines[2].startswith(f"{tmp_path / 'b.jsonl'}:2: Expected a summary")
    assert (len(lines), lines[-1]) == (12, "and 12 more")


@pytest.mark.parametrize(
    "settings, reason",
    [
        ({"temperature": 0.5}, "'temperature' must be 1 or more"),
        ({"temperature": 2, "shuffle": False}, "needs shuffle = true"),
        ({"limit": -1}, "'limit' must be 0"),
    ],
)
def test_settings_out_of_range(path, settings, reason):
    with pytest.raises(ValueError, match=reason):
        JsonlCorpus(path, **settings)


def test_paths_that_are_no_corpus(tmp_path):
    with pytest.raises(ValueError, match="There is no file or directory"):
        JsonlCorpus(tmp_path / "train.jsonl")
    with pytest.raises(ValueError, match=r"no \.jsonl or .spacy file"):
        JsonlCorpus(tmp_path)
    with pytest.raises(ValueError, match="There are no documents"):
        JsonlCorpus(write(tmp_path / "train.jsonl", [""]))
    with pytest.raises(ValueError, match="bertsum convert reads CSV"):
        JsonlCorpus(write(tmp_path / "train.csv", ["text,summary"]))
    (tmp_path / "train.spacy").touch()
    with pytest.raises(ValueError, match=r"both .jsonl and .spacy"):
        JsonlCorpus(tmp_path)


def test_text_longer_than_the_pipeline_takes(path, nlp):
    nlp.max_length = 50
    with pytest.raises(ValueError, match=r"train.jsonl:\d+: The text has .* more than the 50"):
        next(JsonlCorpus(path)(nlp))


def test_file_that_changes(path, nlp):
    corpus = JsonlCorpus(path)
    path.write_text("gone", encoding="utf-8")
    with pytest.raises(ValueError, match="has changed since"):
        list(corpus(nlp))


def test_oracle_runs_once_for_each_document(path, nlp, monkeypatch):
    corpus = JsonlCorpus(path, shuffle=False)

    def gold():
        return [
            (
                [s.start for s in eg.reference.sents],
                [s.start for s in eg.reference.spans["summary"]],
            )
            for eg in corpus(nlp)
        ]

    first = gold()
    monkeypatch.setattr(sources, "find_gold", None)
    assert gold() == first


def test_texts_are_not_kept(tmp_path, nlp):
    """What a reader holds depends on the number of documents and sentences, not on the texts."""
    sizes = []
    for n_chars in (100, 40_000):
        records = [{"text": "a" * n_chars + f" {i}.", "summary": "1 2 3"} for i in range(200)]
        path = write(tmp_path / f"{n_chars}.jsonl", records)
        list(JsonlCorpus(path, lang="en", limit=1)(nlp))
        tracemalloc.start()
        corpus = JsonlCorpus(path, lang="en")
        for _ in range(2):
            with nlp.memory_zone():
                assert sum(1 for _ in corpus(nlp)) == 200
        sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert sizes[1] - sizes[0] < 200_000


LANGS = ["de"] * 900 + ["sw"] * 90 + ["yo"] * 10


def test_temperature_one_takes_every_document_once():
    for epoch in range(3):
        assert sorted(draw(LANGS, 1.0, seed=0, epoch=epoch)) == list(range(1000))


@pytest.mark.parametrize("temperature", [1.5, 3.3, 1e9])
def test_temperature_shares_a_pass_among_languages(temperature):
    weights = {lang: n ** (1 / temperature) for lang, n in Counter(LANGS).items()}
    counts = Counter(LANGS[i] for i in draw(LANGS, temperature, seed=0, epoch=0))
    assert counts.total() == 1000
    for lang, weight in weights.items():
        assert abs(counts[lang] - 1000 * weight / sum(weights.values())) <= 1


def test_documents_of_a_language_come_equally_often():
    seen = Counter()
    for epoch in range(7):
        drawn = draw(LANGS, 3.3, seed=0, epoch=epoch)
        seen.update(drawn)
        for lang in ("de", "sw", "yo"):
            counts = [seen[i] for i, name in enumerate(LANGS) if name == lang]
            assert max(counts) - min(counts) <= 1
    assert draw(LANGS, 3.3, seed=0, epoch=6) == drawn != draw(LANGS, 3.3, seed=1, epoch=6)


def test_temperature_over_files(tmp_path, nlp):
    write(tmp_path / "a.jsonl", [record(i, lang="en") for i in range(16)])
    write(tmp_path / "b.jsonl", [record(i, lang="fi") for i in range(4)])
    corpus = JsonlCorpus(tmp_path, temperature=2.0)
    langs = Counter(get_lang(example.reference) for _ in range(3) for example in corpus(nlp))
    assert langs == {"en": 39, "fi": 21}


def make_docbin(path, nlp, langs):
    records = [record(i, lang=lang) for i, lang in enumerate(langs)]
    corpus = JsonlCorpus(write(path.parent / "temporary.jsonl", records), shuffle=False)
    docs = [example.reference for example in corpus(nlp)]
    DocBin(docs=[*docs, Doc(nlp.vocab)], store_user_data=True).to_disk(path)
    (path.parent / "temporary.jsonl").unlink()


def test_docbin(tmp_path, nlp):
    make_docbin(tmp_path / "a.spacy", nlp, ["en"] * 9)
    make_docbin(tmp_path / "b.spacy", nlp, ["fi"])
    other = spacy.blank("en")
    examples = list(JsonlCorpus(tmp_path, shuffle=False)(other))
    assert texts(examples) == [record(i)["text"] for i in (*range(9), 0)]
    gold = examples[1].reference
    assert [span.start for span in gold.spans["summary"]] == [list(gold.sents)[1].start]
    assert gold._.summary == "Subject 1 of report one."
    assert [get_lang(example.reference) for example in examples] == ["en"] * 9 + ["fi"]
    assert not examples[1].predicted.has_annotation("SENT_START")
    assert Counter(texts(JsonlCorpus(tmp_path)(other))) == Counter(texts(examples))
    assert texts(JsonlCorpus(tmp_path)(other)) != texts(examples)
    assert len(JsonlCorpus(tmp_path, limit=3)) == 3
    shared = JsonlCorpus(tmp_path, temperature=2.0)(other)
    assert Counter(get_lang(eg.reference) for eg in shared) == {"en": 8, "fi": 2}


def test_docbin_without_languages(tmp_path, nlp):
    DocBin(docs=[nlp("A. B.")]).to_disk(tmp_path / "a.spacy")
    [example] = JsonlCorpus(tmp_path, lang="de")(nlp)
    assert get_lang(example.reference) == "de"
    with pytest.raises(ValueError, match="don't say their language"):
        JsonlCorpus(tmp_path, temperature=2.0)
    assert len(JsonlCorpus(tmp_path, temperature=2.0, lang="de")) == 1


@pytest.fixture
def config(tmp_path, path):
    reader = {"@readers": "spacy-bertsum.JsonlCorpus.v1"}
    overrides = {
        "components.bertsum.model.tok2vec.tok2vec.width": 16,
        "components.bertsum.model.tok2vec.tok2vec.depth": 1,
        "components.bertsum.model.tok2vec.tok2vec.embed_size": 100,
        "components.bertsum.n_sents": 1,
        "training.max_steps": 4,
        "training.eval_frequency": 2,
        "training.batcher.size": 100,
        "training.logger": {"@loggers": "spacy.ConsoleLogger.v1"},
        "corpora.train": {**reader, "path": str(path), "temperature": 2.0},
        "corpora.dev": {**reader, "path": str(path), "shuffle": False},
    }
    config = load_config(CNN)
    for name, value in overrides.items():
        *sections, key = name.split(".")
        section = config
        for part in sections:
            section = section[part]
        section[key] = value
    return config


@pytest.mark.parametrize("max_epochs", [-1, 0])
def test_training(config, max_epochs, tmp_path):
    config["training"]["max_epochs"] = max_epochs
    (tmp_path / "out").mkdir()
    nlp, best = train(init_nlp(config), tmp_path / "out", stdout=sys.stdout, stderr=sys.stderr)
    assert nlp.meta["performance"]["rouge_1"] > 0
    assert spacy.load(best).meta["performance"]["bertsum_loss"] > 0


def test_bad_development_data_stop_training_before_it_begins(config, tmp_path):
    config["corpora"]["dev"]["path"] = str(write(tmp_path / "dev.jsonl", [record(1), "oops"]))
    with pytest.raises(ValueError, match=r"dev\.jsonl:2: Not JSON"):
        init_nlp(config)
