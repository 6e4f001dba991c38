"""Every family of encoder-decoders, from adding the component to loading the saved pipeline."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
from seq2seq_checkpoints import LANGS, MAX_POSITIONS, SEQ2SEQ_FAMILIES, make_seq2seq
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from transformers import LEDConfig, LEDForConditionalGeneration

from spacy_bertsum.abstractive import generation
from spacy_bertsum.abstractive.checkpoint import Checkpoint
from spacy_bertsum.abstractive.drafts import make_draft

ENGLISH = (
    "The town library opens a new reading room on Monday. Many people came to see it. "
    "They read until the evening. The mayor spoke about books and children."
)
GERMAN = "Die Bücherei der Stadt öffnet am Montag einen neuen Lesesaal. Viele Leute kamen."
ARCHITECTURE = "spacy-bertsum.Seq2Seq.v1"


@pytest.fixture(scope="session")
def seq2seq(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {f: make_seq2seq(f, tmp_path_factory.mktemp(f)) for f in SEQ2SEQ_FAMILIES}


def make(
    model: Any, *, target: str = "de", lang: str = "en", name: str = "bertsum_abs", **config: Any
) -> Language:
    """A pipeline whose extract is the first two sentences."""
    nlp = spacy.blank(lang)
    nlp.add_pipe("multilingual_sentencizer")
    nlp.add_pipe("first_two")
    model = {"name": str(model)} if isinstance(model, str | Path) else model
    config = {"model": {"@architectures": ARCHITECTURE, **model}, "target_lang": target, **config}
    nlp.add_pipe("bertsum_abs", name=name, config=config)
    return nlp


@Language.component("first_two")
def first_two(doc: Doc) -> Doc:
    doc.spans["summary"] = list(doc.sents)[:2]
    return doc


def generated(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """Record the ids that enter the encoder and those that come out."""
    calls = []
    real = generation.generate

    def spy(checkpoint: Any, direction: Any, rows: list, settings: Any) -> list[str]:
        model_generate = checkpoint.model.generate

        def record(**kwargs: Any) -> Any:
            output = model_generate(**kwargs)
            calls.append((kwargs["input_ids"].tolist(), output.tolist(), checkpoint.tokenizer))
            return output

        checkpoint.model.generate = record
        try:
            return real(checkpoint, direction, rows, settings)
        finally:
            del checkpoint.model.generate

    monkeypatch.setattr(generation, "generate", spy)
    return calls


@pytest.mark.parametrize("source", ["summary", "doc"])
@pytest.mark.parametrize("family", SEQ2SEQ_FAMILIES)
def test_writes_saves_and_loads(
    family: str, source: str, seq2seq: dict[str, Path], tmp_path: Path, monkeypatch: Any
):
    nlp = make(seq2seq[family], source=source, num_beams=2)
    nlp.initialize()
    expected = nlp(ENGLISH)
    assert isinstance(expected._.summary_de, str)
    assert expected._.summary_de
    assert len(expected.spans["summary_de"]) == (2 if source == "summary" else 4)
    nlp.to_disk(tmp_path / "saved")
    model = tmp_path / "saved" / "bertsum_abs" / "model" / "all"
    assert {"config.json", "model.safetensors", "tokenizer_config.json"} <= {
        p.name for p in model.iterdir()
    }
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    config = tmp_path / "saved" / "config.cfg"
    config.write_text(config.read_text().replace(str(seq2seq[family]), "/gone"))
    from_disk = spacy.load(tmp_path / "saved")
    assert from_disk(ENGLISH)._.summary_de == expected._.summary_de
    from_bytes = make("/gone", source=source, num_beams=2).from_bytes(nlp.to_bytes())
    doc = next(iter(from_bytes.pipe([ENGLISH])))
    assert doc._.summary_de == expected._.summary_de
    assert [s.text for s in doc._.summary_de_support] == [
        s.text for s in expected._.summary_de_support
    ]


@pytest.mark.parametrize(
    "family, source, target",
    [
        ("m2m", "__en__", "__fr__"),
        ("m2m_fast", "__en__", "__fr__"),
        ("nllb", "eng_Latn", "fra_Latn"),
        ("mbart50", "en_XX", "fr_XX"),
    ],
)
def test_language_tokens_are_used(
    family: str, source: str, target: str, seq2seq: dict[str, Path], monkeypatch: Any
):
    calls = generated(monkeypatch)
    make(seq2seq[family], target="fr")(ENGLISH)
    ((inputs, outputs, tokenizer),) = calls
    assert {row[0] for row in inputs} == {tokenizer.convert_tokens_to_ids(source)}
    assert {row[1] for row in outputs} == {tokenizer.convert_tokens_to_ids(target)}
    assert len(inputs) == 2, "a translator gets one sentence at a time"


def test_scripts_of_one_language(seq2seq: dict[str, Path], monkeypatch: Any):
    calls = generated(monkeypatch)
    for target in ("zh", "zh-Hant"):
        make(seq2seq["nllb"], target=target)(ENGLISH)
    first = [tokenizer.convert_ids_to_tokens(out[0][1]) for _, out, tokenizer in calls]
    assert first == ["zho_Hans", "zho_Hant"]


@pytest.mark.parametrize("target, is_copy", [("zh", True), ("zho_Hans", True), ("zh-Hant", False)])
def test_other_script_of_the_same_language_is_no_copy(
    seq2seq: dict[str, Path], target: str, is_copy: bool
):
    nlp = make(seq2seq["nllb"], target=target, lang="zh")
    doc = nlp("市长开了一个游泳池。它花了四百万欧元。纳税人支付了这笔钱。")
    support = doc._.get(nlp.get_pipe("bertsum_abs").cfg["summary_attr"] + "_support")
    assert (support[0].score == 1.0 and support[0].text in doc.text) == is_copy


@pytest.mark.parametrize(
    "lang, text, target, is_copy",
    [
        ("zh", "市长开了一个游泳池。", "zh-Hans", True),
        ("zh", "市長開了一個游泳池。", "zh-Hant", True),
        ("zh", "市長開了一個游泳池。", "zh-Hans", False),
        ("zh", "市長開了一個游泳池。", "zh", True),
        ("zh-Hans", "市长。", "zh-TW", False),
        ("zho", "市长开了一个游泳池。", "zho_Hans", True),
        ("zh-Hans", "市长。", "zh", True),
        ("sr", "Градоначелник је отворио базен.", "sr-Latn", False),
        ("sr", "Gradonačelnik je otvorio bazen.", "sr-Latn", True),
        ("sr", "Gradonačelnik je otvorio bazen.", "sr-Cyrl", False),
        ("ar", "افتتح العمدة المسبح.", "arb_Latn", False),
        ("de", "Das Bad öffnet.", "deu_Latn", True),
        ("deu_Latn", "Das Bad öffnet.", "de", True),
        ("ja", "市長がプールを開いた。", "ja-Jpan", True),
        ("de", "Das Bad öffnet.", "en", False),
    ],
)
def test_copied_in_the_same_script_alone(lang: str, text: str, target: str, is_copy: bool):
    doc = spacy.blank("xx").make_doc(text)
    doc.user_data["lang"] = lang
    doc.spans["summary"] = [doc[:]]
    cfg = {"source": "summary", "source_lang": None, "spans_key": "summary", "target_lang": target}
    assert make_draft(doc, cfg, "bertsum_abs").is_copy == is_copy


def test_language_that_is_none_changes_nothing(seq2seq: dict[str, Path]):
    nlp = make(seq2seq["nllb"], target="fr")
    nlp(ENGLISH)
    component = nlp.get_pipe("bertsum_abs")
    before = dict(component.cfg)
    with pytest.raises(ValueError, match="can't write the language 'xyz'"):
        component.target_lang = "xyz"
    assert component.cfg == before


@pytest.mark.parametrize(
    "family, target, first", [("mt5_crosslingual", "gd", 23), ("encoder_decoder", "fr", "<2fr>")]
)
def test_target_starts_the_decoder(
    family: str, target: str, first: Any, seq2seq: dict[str, Path], monkeypatch: Any
):
    calls = generated(monkeypatch)
    make(seq2seq[family], target=target)(ENGLISH)
    ((_, outputs, tokenizer),) = calls
    first = tokenizer.convert_tokens_to_ids(first) if isinstance(first, str) else first
    assert {row[0] for row in outputs} == {first}


def test_marian_with_several_targets(seq2seq: dict[str, Path], monkeypatch: Any):
    calls = generated(monkeypatch)
    make(seq2seq["marian_multi"], target="fr")(ENGLISH)
    ((inputs, _, tokenizer),) = calls
    assert {row[0] for row in inputs} == {tokenizer.convert_tokens_to_ids(">>fra<<")}


@pytest.mark.parametrize(
    "family, settings, config, expected",
    [
        ("t5", {}, {}, "translate English to German:"),
        ("t5", {}, {"source": "doc"}, "summarize:"),
        ("mt5", {"prefix": "from {source} to {target_name}: "}, {}, "from en to German:"),
    ],
)
def test_prefix(family, settings, config, expected, seq2seq, monkeypatch):
    calls = generated(monkeypatch)
    make({"name": str(seq2seq[family]), **settings}, **config)(ENGLISH)
    for inputs, _, tokenizer in calls:
        pieces = tokenizer(expected, add_special_tokens=False)["input_ids"]
        assert all(row[: len(pieces)] == pieces for row in inputs)


@pytest.mark.parametrize("target", ["cy", "xx"])
@pytest.mark.parametrize("family", [*LANGS, "t5", "mt5_crosslingual"])
def test_unsupported_target(family: str, target: str, seq2seq: dict[str, Path]):
    nlp = make(seq2seq[family], target=target)
    with pytest.raises(ValueError, match=r"can't write the language.*de"):
        nlp.initialize()


def test_unsupported_source_comes_before_any_work(seq2seq: dict[str, Path], monkeypatch: Any):
    calls = generated(monkeypatch)
    nlp = make(seq2seq["m2m_fast"], lang="xx")
    finnish = "Kaupungin kirjasto avaa uuden lukusalin maanantaina. Monet ihmiset tulivat."
    with pytest.raises(ValueError, match=r"can't read the language 'fi'.*de, en, fr, zh"):
        list(nlp.pipe([ENGLISH, finnish]))
    assert not calls


def test_mixed_stream(seq2seq: dict[str, Path], monkeypatch: Any):
    calls = generated(monkeypatch)
    nlp = make(seq2seq["m2m"], lang="xx", target="en")
    french = "La bibliothèque ouvre une nouvelle salle lundi. Beaucoup de gens sont venus."
    docs = list(nlp.pipe([ENGLISH, GERMAN, "", french, "..."]))
    langs = [doc.spans["summary_en"].attrs["source_lang"] for doc in docs]
    assert langs[:2] == ["en", "de"]
    assert langs[3] == "fr"
    assert docs[0]._.summary_en == ENGLISH[: ENGLISH.index(" They")]
    assert docs[2]._.summary_en == ""
    heads = {row[0] for inputs, _, _ in calls for row in inputs}
    tokenizer = calls[0][2]
    assert heads == set(tokenizer.convert_tokens_to_ids(["__de__", "__fr__"]))
    alone = nlp(GERMAN)
    assert alone._.summary_en == docs[1]._.summary_en


def test_document_in_the_target_language_is_summarized(seq2seq: dict[str, Path], monkeypatch: Any):
    calls = generated(monkeypatch)
    doc = make(seq2seq["m2m"], target="en", source="doc")(ENGLISH)
    assert calls
    assert doc._.summary_en


def test_several_targets(seq2seq: dict[str, Path], monkeypatch: Any):
    calls = generated(monkeypatch)
    nlp = make(seq2seq["nllb"])
    for target in ("fr", "zh-Hant"):
        nlp.add_pipe(
            "bertsum_abs",
            name=f"to_{target}",
            config={
                "target_lang": target,
                "model": {"@architectures": ARCHITECTURE, "name": str(seq2seq["nllb"])},
            },
        )
    doc = nlp(ENGLISH)
    first = [tokenizer.convert_ids_to_tokens(out[0][1]) for _, out, tokenizer in calls]
    assert first == ["deu_Latn", "fra_Latn", "zho_Hant"]
    assert all(
        isinstance(doc._.get(f"summary_{target}"), str) for target in ("de", "fr", "zh_Hant")
    )
    assert [span.text for span in doc.spans["summary_fr"]] == [
        span.text for span in doc.spans["summary"]
    ]


def test_table_of_pairs(seq2seq: dict[str, Path], tmp_path: Path):
    other = make_seq2seq("marian", tmp_path / "fr-de", seed=1)
    names = {"en-de": str(seq2seq["marian"]), "fr-de": str(other)}
    nlp = make({"names": names}, lang="xx")
    french = "La bibliothèque ouvre une nouvelle salle lundi. Beaucoup de gens sont venus."
    docs = list(nlp.pipe([ENGLISH, french]))
    assert docs[0]._.summary_de == make(seq2seq["marian"])(ENGLISH)._.summary_de
    assert docs[1]._.summary_de == make(other, lang="fr")(french)._.summary_de
    nlp.to_disk(tmp_path / "saved")
    assert spacy.load(tmp_path / "saved")(french)._.summary_de == docs[1]._.summary_de
    with pytest.raises(ValueError, match=r"'es' to 'de'.*en-de, fr-de"):
        nlp("La biblioteca abre una nueva sala de lectura el lunes. Vino mucha gente a verla.")


def test_name_pattern(tmp_path: Path):
    make_seq2seq("marian", tmp_path / "opus-en-de")
    nlp = make(f"{tmp_path}/opus-{{source}}-{{target}}")
    expected = nlp(ENGLISH)._.summary_de
    nlp.to_disk(tmp_path / "saved")
    loaded = spacy.load(tmp_path / "saved")
    assert loaded(ENGLISH)._.summary_de == expected
    doc = loaded.make_doc(GERMAN)
    doc.user_data["lang"] = "fr"
    with pytest.raises(ValueError, match="Pairs there are: en-de"):
        loaded(doc)


def test_windows_lose_nothing(seq2seq: dict[str, Path], monkeypatch: Any):
    calls = generated(monkeypatch)
    text = " ".join(f"The library opens a new room on day {i}." for i in range(60))
    nlp = make(seq2seq["mt5"], source="doc", merge="join")
    doc = nlp(text + " " + "people " * 150 + ".")
    read = [row for inputs, _, _ in calls for row in inputs]
    assert all(len(row) <= 64 for row in read)
    tokenizer = calls[0][2]
    decoded = " ".join(tokenizer.decode(row, skip_special_tokens=True) for row in read)
    assert decoded.count("library") == 60
    assert decoded.count("people") == 150
    assert len(doc.spans["summary_de"]) == 61


def write(monkeypatch: Any, texts: Callable[[int], str]) -> list[int]:
    """Have passages written by rote; the number of each call's is returned as they are made."""
    sizes: list[int] = []

    def generate(checkpoint: Any, direction: Any, rows: list, settings: Any) -> list[str]:
        sizes.append(len(rows))
        return [texts(len(row)) for row in rows]

    monkeypatch.setattr(generation, "generate", generate)
    return sizes


LONG = " ".join(f"The library opens a new room on day {i}." for i in range(60))


def test_partial_summaries_are_merged(seq2seq: dict[str, Path], monkeypatch: Any):
    write(monkeypatch, lambda n: "Die Halle öffnet.")
    doc = make(seq2seq["mt5"], source="doc")(LONG)
    assert doc._.summary_de == "Die Halle öffnet."
    assert len(doc.spans["summary_de"]) == 60
    joined = make(seq2seq["mt5"], source="doc", merge="join")(LONG)
    assert joined._.summary_de.count("Halle") > 5


def test_merging_ends_where_it_gets_no_shorter(seq2seq: dict[str, Path], monkeypatch: Any):
    sizes = write(monkeypatch, lambda n: "Die Halle öffnet heute. " * 6)
    doc = make(seq2seq["mt5"], source="doc")(LONG)
    assert doc._.summary_de.count("Halle") >= 12
    assert sum(sizes) < 100


def test_documents_are_merged_each_for_itself(seq2seq: dict[str, Path], monkeypatch: Any):
    write(monkeypatch, lambda n: "Die Halle öffnet.")
    nlp = make(seq2seq["mt5"], source="doc")
    short, long, empty = nlp.pipe(["The mayor spoke to many people.", LONG, ""])
    assert short._.summary_de == long._.summary_de == "Die Halle öffnet."
    assert [span.text for span in short.spans["summary_de"]] == ["The mayor spoke to many people."]
    assert empty._.summary_de == ""


def test_translations_are_not_merged(seq2seq: dict[str, Path], monkeypatch: Any):
    write(monkeypatch, lambda n: "Die Halle öffnet.")
    assert make(seq2seq["m2m"], source="doc")(LONG)._.summary_de.count("Halle") > 5
    assert make(seq2seq["marian"], source="doc")(LONG)._.summary_de.count("Halle") > 5
    with pytest.raises(ValueError, match='Set merge = "join"'):
        make(seq2seq["marian"], source="doc", merge="rewrite")(LONG)
    with pytest.raises(ValueError, match="merge must be one of auto, join, rewrite"):
        make(seq2seq["mt5"], merge="twice")


def test_support_is_kept_with_the_document(seq2seq: dict[str, Path]):
    nlp = make(seq2seq["m2m"], min_support=-1)
    doc = nlp(ENGLISH)
    sents = [sent.text for sent in doc.sents]
    assert doc._.summary_de_support
    for item in doc._.summary_de_support:
        assert item.is_supported is True
        assert item.text in doc._.summary_de
        assert {span.text for span in item.spans} <= set(sents[:2])
    strict = make(seq2seq["m2m"], min_support=1)(ENGLISH)
    assert not any(item.is_supported for item in strict._.summary_de_support)
    (kept,) = DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab)
    assert [tuple(i[:1]) for i in kept._.summary_de_support] == [
        tuple(i[:1]) for i in doc._.summary_de_support
    ]
    assert kept._.summary_de == doc._.summary_de


def test_support_by_the_encoder_of_bertsum(seq2seq: dict[str, Path], monkeypatch: Any):
    nlp = spacy.blank("en")
    nlp.add_pipe("multilingual_sentencizer")
    nlp.add_pipe("bertsum", config={"n_sents": 2})
    model = {"@architectures": ARCHITECTURE, "name": str(seq2seq["marian"])}
    nlp.add_pipe("bertsum_abs", config={"model": model, "target_lang": "de"})
    doc = nlp(ENGLISH)
    assert doc._.summary
    assert all(-1 <= item.score <= 1 for item in doc._.summary_de_support)
    monkeypatch.setattr(
        generation, "generate", lambda c, d, rows, s: ["The mayor spoke."] * len(rows)
    )
    for item in nlp(ENGLISH)._.summary_de_support:
        assert item.score is not None


def test_support_is_unknown_where_the_checkpoint_cannot_read_what_it_wrote(seq2seq):
    doc = make(seq2seq["marian"])(ENGLISH)
    assert {(i.score, i.is_supported) for i in doc._.summary_de_support} == {(None, None)}


def test_out_of_memory_halves_the_batch(seq2seq: dict[str, Path], monkeypatch: Any):
    text = " ".join(f"The library opens on day {i}." for i in range(7))
    nlp = make(seq2seq["m2m"])
    nlp.remove_pipe("first_two")
    docs = [nlp.get_pipe("multilingual_sentencizer")(nlp.make_doc(text)) for _ in range(2)]
    for doc in docs:
        doc.spans["summary"] = list(doc.sents)
    expected = nlp.get_pipe("bertsum_abs")(docs[0])._.summary_de
    real, sizes = generation.generate, []

    def scarce(checkpoint: Any, direction: Any, rows: list, settings: Any) -> list[str]:
        sizes.append(len(rows))
        if len(rows) > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return real(checkpoint, direction, rows, settings)

    monkeypatch.setattr(generation, "generate", scarce)
    assert nlp.get_pipe("bertsum_abs")(docs[1])._.summary_de == expected
    assert sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]

    def none_left(*args: Any) -> list[str]:
        raise MemoryError

    monkeypatch.setattr(generation, "generate", none_left)
    with pytest.raises(MemoryError, match="num_beams"):
        nlp.get_pipe("bertsum_abs")(docs[1])


def test_saves_where_it_was_loaded_from(seq2seq: dict[str, Path], tmp_path: Path):
    nlp = make(seq2seq["m2m"])
    expected = nlp(ENGLISH)._.summary_de
    nlp.to_disk(tmp_path / "saved")
    for _ in range(2):
        loaded = spacy.load(tmp_path / "saved")
        loaded.to_disk(tmp_path / "saved")
        assert loaded(ENGLISH)._.summary_de == expected


def test_pipeline_saved_before_its_checkpoint_was_loaded(seq2seq, tmp_path: Path):
    nlp = make(seq2seq["m2m"])
    nlp.to_disk(tmp_path / "saved")
    assert spacy.load(tmp_path / "saved")(ENGLISH)._.summary_de == nlp(ENGLISH)._.summary_de


def test_several_processes(seq2seq: dict[str, Path]):
    nlp = make(seq2seq["m2m"])
    expected = [doc._.summary_de for doc in nlp.pipe([ENGLISH] * 4)]
    docs = nlp.pipe([ENGLISH] * 4, n_process=2, batch_size=2)
    assert [doc._.summary_de for doc in docs] == expected


def test_generation_settings_reach_the_model(seq2seq: dict[str, Path], monkeypatch: Any):
    calls = generated(monkeypatch)
    make(seq2seq["m2m"], max_length=7, min_length=7, num_beams=1)(ENGLISH)
    ((_, outputs, _),) = calls
    assert {len(row) for row in outputs} == {7}


@pytest.mark.parametrize("family, limit", [("t5", None), ("m2m", MAX_POSITIONS)])
def test_longest_text_is_that_of_the_setting(
    family: str, limit: int | None, seq2seq: dict[str, Path], monkeypatch: Any
):
    calls = generated(monkeypatch)
    make(seq2seq[family], max_length=limit or 1100, min_length=limit or 1100, num_beams=1)(ENGLISH)
    assert {len(row) for _, outputs, _ in calls for row in outputs} == {limit or 1100}
    if limit:
        with pytest.raises(ValueError, match=f"at most {limit}.*not {limit + 1}"):
            make(seq2seq[family], max_length=limit + 1)(ENGLISH)
        assert len(calls) == 1


def test_longest_text_without_a_setting(seq2seq: dict[str, Path]):
    t5, m2m = (Checkpoint.load(seq2seq[family]) for family in ("t5", "m2m"))
    direction = m2m.direction("en", "de")
    assert direction.is_translation
    assert m2m.default_output(direction, 10) == 52
    assert m2m.default_output(direction, 60) == MAX_POSITIONS
    assert t5.default_output(direction, 600) == 1024


def test_positions_of_leds_decoder():
    sizes = {"vocab_size": 8, "d_model": 8, "encoder_layers": 1, "decoder_layers": 1}
    sizes |= {"encoder_attention_heads": 1, "decoder_attention_heads": 1, "attention_window": 2}
    sizes |= {"max_encoder_position_embeddings": 16, "max_decoder_position_embeddings": 12}
    led = object.__new__(Checkpoint)
    led.model = LEDForConditionalGeneration(LEDConfig(**sizes))
    assert led.max_output() == 12


def test_warning_says_which_limit_ended_a_text(seq2seq: dict[str, Path], monkeypatch: Any):
    messages = []
    monkeypatch.setattr(
        generation.logger, "warning", lambda text, *values: messages.append(text % values)
    )
    for limit in (7, MAX_POSITIONS):
        make(seq2seq["m2m"], max_length=limit, min_length=limit, num_beams=1)(ENGLISH)
    assert [text.partition("too early: ")[2][:24] for text in messages] == [
        "raise max_length",
        "the checkpoint can write",
    ]


def test_special_tokens_in_a_text_are_text(seq2seq: dict[str, Path], monkeypatch: Any):
    calls = generated(monkeypatch)
    make(seq2seq["m2m"])("He wrote </s> and __fr__ on the wall.")
    ((inputs, _, tokenizer),) = calls
    assert inputs[0].count(tokenizer.eos_token_id) == 1
    assert tokenizer.convert_tokens_to_ids("__fr__") not in inputs[0]


@pytest.mark.parametrize(
    "config, message",
    [
        ({"source": "both"}, "source must be one of"),
        ({"unit": "word"}, "unit must be one of"),
        ({"num_beams": 0}, "num_beams must be"),
        ({"min_length": 9, "max_length": 3}, "min_length = 9 is more"),
        ({"min_support": 2}, "min_support must be"),
        ({"summary_attr": "summary"}, "keeps the extract"),
    ],
)
def test_bad_settings(config: dict, message: str):
    with pytest.raises(ValueError, match=message):
        make("/nowhere", **config)


def test_missing_parts_say_what_to_do(seq2seq: dict[str, Path]):
    nlp = make(seq2seq["m2m"])
    nlp.remove_pipe("first_two")
    with pytest.raises(ValueError, match=r'nlp.add_pipe\("bertsum"\)'):
        nlp(ENGLISH)
    with pytest.raises(ValueError, match="Can't load the encoder-decoder '/nowhere'"):
        make("/nowhere").initialize()
    with pytest.raises(ValueError, match="either a name or names"):
        make({})
    with pytest.raises(ValueError, match="at most 64"):
        make({"name": str(seq2seq["m2m"]), "max_length": 1000})(ENGLISH)
