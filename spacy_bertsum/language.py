"""Which language a text is in."""

from spacy.tokens import Doc

# Where a document keeps its language, if that is not the pipeline's.
LANG = "lang"
# Enough to tell a language, and classified in about a millisecond.
SAMPLE_CHARS = 1000


def detect_language(text: str) -> str:
    """Detect the language of a text by its first 1,000 characters, with py3langid.

    The first call loads the classifier, which takes about a second; it needs no network.

    text: The text, in one of the classifier's 140 languages.
    RETURNS: An ISO 639 code such as "de"; "und" where there is no letter to go by.
    """
    sample = text.strip()[:SAMPLE_CHARS]
    if not any(map(str.isalpha, sample)):
        return "und"
    import py3langid

    return py3langid.classify(sample)[0]


def get_lang(doc: Doc) -> str:
    """The language of a document: its own, in ``doc.user_data["lang"]``, or its pipeline's."""
    return doc.user_data.get(LANG) or doc.lang_
