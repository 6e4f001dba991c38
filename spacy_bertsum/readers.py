"""The reader ``spacy-bertsum.JsonlCorpus.v1``: documents with summaries, as training needs them."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from spacy.language import Language
from spacy.training import Example

from .sources import DocBins, Jsonl, Source

JSONL = ".jsonl"
DOCBIN = ".spacy"


def create_jsonl_corpus(
    path: str | Path | None,
    lang: str | None = None,
    shuffle: bool = True,
    seed: int = 0,
    temperature: float = 1.0,
    limit: int = 0,
) -> "JsonlCorpus":
    """Create a reader for training and development documents. See the class for the settings."""
    if path is None:
        raise ValueError(
            "The corpus has no path: give one in the config or on the command line, for example "
            "--paths.train train.jsonl --paths.dev dev.jsonl"
        )
    return JsonlCorpus(
        path, lang=lang, shuffle=shuffle, seed=seed, temperature=temperature, limit=limit
    )


class JsonlCorpus:
    """Documents with summaries, read one at a time in another order on every pass.

    Reads the records that ``python -m spacy bertsum convert`` reads, and makes the same gold
    documents, except that sentences are those of the pipeline that it is called with: what it will
    see of a document in training. It also reads what that command writes, and any .spacy file.

    JSONL is checked once, when the reader is made. Kept in memory are the place of each record, its
    language, and, after the first pass, the offsets of its sentences and which are gold, so the
    oracle runs once for each document. A .spacy file is kept in memory as it was stored.

    Every pass has as many examples as there are documents. The order depends on the seed and the
    number of the pass alone. With ``[training] max_epochs = -1``, spaCy starts a pass for each
    epoch; with any other value it takes one and keeps all of its examples.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        lang: str | None = None,
        shuffle: bool = True,
        seed: int = 0,
        temperature: float = 1.0,
        limit: int = 0,
    ) -> None:
        """Find the documents.

        path: A .jsonl or .spacy file, or a directory with files of one of these kinds.
        lang: Language code of documents that have none; None for that of the pipeline, or, if this
            is "xx", the one found for each.
        shuffle: False keeps the order of the files, as in development.
        temperature: How the languages share a pass: by n^(1/temperature), n the number of a
            language's documents. 1 is every document once. Above, those of small languages come
            several times a pass, and those of large ones once in several passes.
        limit: Read the first documents only; 0 for all.
        RAISES: ValueError if a setting is out of its range, there are no documents, or a record is
            bad, with its file and line.
        """
        if temperature < 1:
            raise ValueError(f"'temperature' must be 1 or more, not {temperature}")
        if temperature != 1 and not shuffle:
            raise ValueError("A 'temperature' above 1 repeats documents: it needs shuffle = true")
        if limit < 0:
            raise ValueError(f"'limit' must be 0 (all documents) or more, not {limit}")
        self.path = Path(path)
        self.shuffle = shuffle
        self.seed = seed
        self.temperature = temperature
        self._epoch = 0
        files = _find_files(self.path)
        source = Jsonl if files[0].suffix == JSONL else DocBins
        self._source: Source = source(files, lang, limit, need_langs=temperature != 1)
        if not len(self):
            raise ValueError(f"There are no documents in '{path}'")

    def __len__(self) -> int:
        return len(self._source.langs)

    def set_epoch(self, epoch: int) -> None:
        """Make this the number, from 0, of the next pass, on which its order depends."""
        self._epoch = epoch

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Start the next pass.

        nlp: The pipeline whose tokenizer and sentence boundaries count.
        YIELDS: Examples, of which the predicted documents are only tokenized.
        """
        epoch, self._epoch = self._epoch, self._epoch + 1
        order: Sequence[int] = range(len(self))
        if self.shuffle:
            order = draw(self._source.langs, self.temperature, self.seed, epoch)
        return self._source.read(nlp, order)


def draw(langs: Sequence[str], temperature: float, seed: int, epoch: int) -> list[int]:
    """Which documents make a pass, in which order.

    A language goes through all of its documents before any comes again, over the end of a pass too.

    langs: The language of each document.
    RETURNS: As many indices of documents.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for i, lang in enumerate(langs):
        groups[lang].append(i)
    drawn: list[int] = []
    for (lang, group), share in zip(groups.items(), _shares(groups, temperature), strict=True):
        for place in range(epoch * share, (epoch + 1) * share):
            cycle, i = divmod(place, len(group))
            if i == 0 or place == epoch * share:
                shuffled = random.Random(f"{seed} {lang} {cycle}").sample(group, len(group))
            drawn.append(shuffled[i])
    random.Random(f"{seed} {epoch}").shuffle(drawn)
    return drawn


def _shares(groups: dict[str, list[int]], temperature: float) -> list[int]:
    """How many documents of a pass are in each language: whole numbers, by largest remainder."""
    total = sum(map(len, groups.values()))
    weights = [len(group) ** (1 / temperature) for group in groups.values()]
    exact = [total * weight / sum(weights) for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: shares[i] - exact[i])
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return shares


def _find_files(path: Path) -> list[Path]:
    """The files of a corpus, all of one kind, sorted."""
    if not path.exists():
        raise ValueError(f"There is no file or directory '{path}'")
    if path.is_file():
        files = [path]
    else:
        files = sorted(
            file
            for file in path.rglob("*")
            if file.is_file()
            and file.suffix in (JSONL, DOCBIN)
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        )
    kinds = {file.suffix for file in files}
    if not kinds or not kinds <= {JSONL, DOCBIN}:
        raise ValueError(
            f"'{path}' is no {JSONL} or {DOCBIN} file and no directory of such files: "
            "python -m spacy bertsum convert reads CSV, Parquet and compressed files"
        )
    if len(kinds) > 1:
        raise ValueError(
            f"The directory '{path}' has both {JSONL} and {DOCBIN} files: which ones are the "
            "corpus? Put them into directories of their own"
        )
    return files
