"""The pipelines that commands work with."""

import dataclasses
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from weasel.util.hashing import get_checksum, get_hash

from ..about import __version__
from ..language import LANG, detect_language
from ..sentencizer import MULTIPLE, MultilingualSentencizer

FACTORY = "bertsum"
SENTENCIZER = "multilingual_sentencizer"
# The model that comes with the package.
EMBEDDED = "xx_bertsum_mini"
TOKENIZER = {"@tokenizers": "spacy-bertsum.MultilingualTokenizer.v1"}
# Characters of the longest document. spaCy's own limit is there for parser and NER, which need
# 1 GB for 100,000; a document of this length needs as much at most, in a script of short tokens.
MAX_LENGTH = 5_000_000


def make_pipeline(model: dict[str, Any] | None = None, lang: str | None = None) -> Language:
    """A pipeline for texts in any language.

    model: The config of the model; None: that which comes with the package.
    lang: The language of all texts; None: that of each is detected.
    """
    nlp = spacy.blank("xx", config={"nlp": {"tokenizer": TOKENIZER}})
    nlp.max_length = MAX_LENGTH
    nlp.add_pipe(SENTENCIZER, config={"lang": lang})
    nlp.add_pipe(FACTORY, config={} if model is None else {"model": model})
    return nlp


def load_pipeline(model: str) -> Language:
    """Load a pipeline that has a component bertsum.

    RAISES: ValueError if it has none, OSError if there is no such pipeline.
    """
    nlp = spacy.load(model)
    get_bertsum(nlp)
    if {"parser", "ner"}.isdisjoint(nlp.pipe_factories.values()):
        nlp.max_length = max(nlp.max_length, MAX_LENGTH)
    return nlp


def get_bertsum(nlp: Language) -> Any:
    """The component bertsum of a pipeline, whatever its name there.

    RAISES: ValueError if there is none.
    """
    for name, component in nlp.pipeline:
        if nlp.get_pipe_meta(name).factory == FACTORY:
            return component
    raise ValueError(
        f"The pipeline has no component '{FACTORY}', only {', '.join(nlp.pipe_names) or 'none'}: "
        f"add one by nlp.add_pipe('{FACTORY}') and save it, or leave out --model"
    )


def hash_settings(nlp: Language, **options: Any) -> str:
    """What changes with whatever the results of a command depend on beside its documents.

    nlp: What `make_pipeline` or `load_pipeline` returned.
    options: Those of the command that the pipeline does not know.
    """
    # torch is imported for the pipeline, if for anything.
    from ..pretrained import find_model

    model = get_checksum(nlp.path or find_model(EMBEDDED))
    selection = dataclasses.asdict(get_bertsum(nlp).selection)
    return get_hash([__version__, model, selection, options])


def make_doc(nlp: Language, text: str, lang: str | None = None) -> Doc:
    """Tokenize a text and find out its language, which `spacy_bertsum.language.get_lang` returns.

    Where the language is given and the pipeline has a multilingual_sentencizer, the sentences are
    set here: the component leaves them so, and has no other way to know this of a single text.

    lang: Language code of the text; None for that of the pipeline. "xx" detects it.
    RAISES: ValueError if the text is longer than the pipeline takes.
    """
    if len(text) > nlp.max_length:
        raise ValueError(
            f"The text has {len(text):,} characters, more than the {nlp.max_length:,} that the "
            "pipeline takes (nlp.max_length): divide it into several documents"
        )
    doc = nlp.make_doc(text)
    if lang and SENTENCIZER in nlp.pipe_factories.values():
        MultilingualSentencizer(lang=lang)(doc)
    lang = lang or doc.lang_
    doc.user_data[LANG] = detect_language(text) if lang in MULTIPLE else lang
    return doc
