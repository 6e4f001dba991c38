"""A rule tokenizer that also reads scripts written without spaces between words.

It is spaCy's own ``Tokenizer`` with the rules of the pipeline's language and more infix rules, so
it keeps every character of a text and serializes like any other tokenizer.
"""

import re
from collections.abc import Callable

from spacy.lang.tokenizer_exceptions import URL_PATTERN
from spacy.language import Language
from spacy.pipeline.sentencizer import Sentencizer
from spacy.tokenizer import Tokenizer
from spacy.util import compile_infix_regex, compile_prefix_regex, compile_suffix_regex

# Letters and signs of the scripts that put no space between words; not their digits.
UNSPACED = (
    r"\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    r"\u0e81-\u0ece\u0edc-\u0edf"  # Lao
    r"\u1000-\u103f\u104c-\u108f\u109a-\u109f\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"  # Burmese
    r"\u1780-\u17d3\u17d7\u17dc\u17dd"  # Khmer
    r"\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Hiragana, Katakana
    r"\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c"  # Han: iteration marks, numerals
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"  # Han
)

# Vowel signs, tone marks and the like: they belong to the character before them.
TRAILING = (
    r"\u0300-\u036f\u20d0-\u20ff\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef"  # any script
    r"\u0e30-\u0e3a\u0e45\u0e47-\u0e4e"  # Thai
    r"\u0eb0-\u0ebc\u0ec8-\u0ece"  # Lao
    r"\u102b-\u103e\u1056-\u1059\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074"  # Burmese
    r"\u1082-\u108d\u108f\u109a-\u109d\ua9e5\uaa7b-\uaa7d"
    r"\u17b4-\u17d3\u17dd"  # Khmer
    r"\u3099\u309a\uff9e\uff9f"  # Kana voicing
)

# Vowels written before their consonant (Thai, Lao) and signs that stack the next consonant under
# the last one (Burmese, Khmer): they belong to the character after them.
LEADING = r"\u0e40-\u0e44\u0ec0-\u0ec4\u1039\u17d2"

# Punctuation that is a token of its own wherever it stands. ".", "!" and "?" are not here: they
# are parts of numbers, abbreviations and addresses.
PUNCT = "".join(re.escape(char) for char in set(Sentencizer.default_punct_chars) - set(".!?")) + (
    r"\u05c3\u060c\u061b"  # Hebrew, Arabic
    r"\u0e5a\u0e5b\u0f0d-\u0f11\u0f14\u17d4-\u17d6\u17d8-\u17da"  # Thai, Tibetan, Khmer
    r"\u1361-\u1368"  # Ethiopic
    r"\u3001-\u3004\u3008-\u3020\u3030\u303d\u30fb"  # CJK
    r"\ufe10-\ufe1f\ufe30-\ufe6f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"  # CJK forms
)

# Punctuation of other scripts, cut off where it touches an unspaced one.
_BORROWED = r"[()\[\]{}<>\"'.,:;!?“”‘’—…·]"
_LETTER = r"[^\W\d_]"

INFIXES = [
    rf"(?<=[{UNSPACED}])(?<![{LEADING}])(?![{TRAILING}])",
    rf"(?<![{LEADING}])(?![{TRAILING}])(?=[{UNSPACED}])",
    rf"(?<=[{PUNCT}])(?![{TRAILING}])",
    rf"(?=[{PUNCT}])",
    rf"(?<=[{UNSPACED}]{_BORROWED})",
    rf"(?={_BORROWED}[{UNSPACED}])",
    rf"(?<=[!?])(?={_LETTER})",
    rf"(?<={_LETTER})(?=[!?]+{_LETTER})",
    r"(?<=[\u0f0b\u0f0c])",  # Tibetan: the mark between syllables ends a token
]

# Stands before all other infixes, so that none of them cuts an address inside unspaced text.
_URL = r"(?:https?://|www\.)[!-~]*[A-Za-z0-9/]"

# spaCy's pattern takes any letter for a part of a host name, and so whole sentences for addresses;
# and it needs time in the square of the length.
_URL_MATCH = re.compile(rf"(?=[!-~]{{1,2000}}$)(?:{URL_PATTERN})").match

# A run of this many symbols is one token. Cut off one by one, as spaCy does, the time they take
# grows with the square of their number: 7 seconds for 10,000 exclamation marks.
_LONG_RUN = r"(?:[^\w\s]|_){64,}"


def create_multilingual_tokenizer() -> Callable[[Language], Tokenizer]:
    """Create the factory of a tokenizer for texts in any script.

    The tokenizer starts from the rules of the pipeline's language, as spaCy's default one does.
    On top of them Han, Hiragana, Katakana, Thai, Lao, Khmer and Burmese give one token per
    character together with its vowel signs and tone marks, Tibetan one token per syllable, and
    sentence punctuation of every script is a token of its own even between two letters. Latin
    words, numbers and web addresses inside such texts stay whole, and so do Korean words.

    RETURNS: Builds the tokenizer for a pipeline.
    """

    def tokenizer_factory(nlp: Language) -> Tokenizer:
        defaults = nlp.Defaults
        prefixes = [_LONG_RUN, *(defaults.prefixes or ())]
        suffixes = [rf"(?<![^\w\s])(?<!_){_LONG_RUN}", *(defaults.suffixes or ())]
        infixes = [_URL, *(defaults.infixes or ()), *INFIXES]
        return Tokenizer(
            nlp.vocab,
            rules=defaults.tokenizer_exceptions,
            prefix_search=compile_prefix_regex(prefixes).search,
            suffix_search=compile_suffix_regex(suffixes).search,
            infix_finditer=compile_infix_regex(infixes).finditer,
            token_match=defaults.token_match,
            url_match=_URL_MATCH if defaults.url_match else None,
        )

    return tokenizer_factory
