"""Choose the documents to train on, to find the best model with, and to test on.

    python -m scripts.preprocess assets/corpus training/corpus --languages de,fr

reads the files ``NAME.LANG.SPLIT.jsonl`` (or ``.jsonl.xz``) of a directory and writes
``train.jsonl``, ``dev.jsonl`` and ``test.jsonl``. Records have ``id``, ``lang``, ``set``
(NAME.LANG), ``text``, ``summary`` and, where there were any, ``sents`` and ``labels``. They stay in
the order of the files: training shuffles them.

    python -m scripts.preprocess assets/corpus corpus --languages en --test-languages others

is for a zero-shot test, in the languages that were not trained on.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import srsly
import typer
from wasabi import msg

from scripts.corpora import Corpus, find_corpora

FIELDS = ("text", "summary", "sents", "labels")
ALL, OTHERS = "all", "others"
# What a set without dev gives up of its training documents.
DEV_SHARE = 0.1
MAX_DEV = 100


def read(corpus: Corpus) -> Iterator[dict[str, Any]]:
    """The documents of a set that have a text, and a summary or labels."""
    for number, raw in enumerate(corpus.read_raw(), start=1):
        text, summary = raw.get("text"), raw.get("summary")
        if isinstance(text, str) and text.strip() and (summary or raw.get("labels")):
            id_ = str(raw.get("id") or f"{corpus.name}-{corpus.split}-{number}")
            fields = {field: raw[field] for field in FIELDS if raw.get(field)}
            yield {"id": id_, "lang": corpus.lang, "set": corpus.name, **fields}


def read_all(corpora: Iterable[Corpus]) -> Iterator[dict[str, Any]]:
    for corpus in corpora:
        yield from read(corpus)


def count_dev(n_train: int) -> int:
    """How many of a set's training documents become dev: one at least, if another one is left."""
    return min(MAX_DEV, max(1, int(n_train * DEV_SHARE)), max(0, n_train - 1))


def sample(
    records: Iterable[dict[str, Any]], total: int, limit: int, seed: str
) -> Iterator[dict[str, Any]]:
    """At most `limit` of `total` records, drawn at random, in their order; 0 draws all."""
    drawn = range(total)
    if 0 < limit < total:
        drawn = set(random.Random(seed).sample(drawn, limit))
    return (record for i, record in enumerate(records) if i in drawn)


def write(path: Path, records: Iterable[dict[str, Any]]) -> Counter[str]:
    """Write records; the file appears when it is whole.

    RETURNS: Documents by set.
    RAISES: ValueError if there is no record.
    """
    part = path.with_name(path.name + ".part")
    counts: Counter[str] = Counter()
    with part.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(srsly.json_dumps(record) + "\n")
            counts[record["set"]] += 1
    if not counts:
        part.unlink()
        raise ValueError(f"{path.stem}: no document has a 'text' and a 'summary'")
    part.replace(path)
    return counts


def split_list(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def by_language(corpora: list[Corpus], languages: Iterable[str]) -> list[Corpus]:
    return [corpus for corpus in corpora if corpus.lang in languages]


def get_languages(corpora: list[Corpus]) -> list[str]:
    return sorted({corpus.lang for corpus in corpora})


def find_sets(data: Path, sets: list[str]) -> dict[str, list[Corpus]]:
    """The sets of each split: those asked for by NAME.LANG, or by NAME in all its languages.

    RAISES: ValueError if there is no such set, or none at all.
    """
    found = {split: find_corpora(data, split) for split in ("train", "dev", "test")}
    names = sorted({corpus.name for corpora in found.values() for corpus in corpora})
    if not names:
        raise ValueError(f"{data} has no files NAME.LANG.SPLIT.jsonl, SPLIT train, dev or test")
    if sets == [ALL]:
        return found
    known = {*names, *(name.rpartition(".")[0] for name in names)}
    if unknown := sorted(set(sets) - known):
        raise ValueError(f"No such set: {', '.join(unknown)}. There are {', '.join(names)}")
    return {
        split: [c for c in corpora if {c.name, c.name.rpartition(".")[0]} & set(sets)]
        for split, corpora in found.items()
    }


def choose_languages(wanted: list[str], corpora: list[Corpus], split: str) -> list[str]:
    """Check languages against those that there are documents in.

    RAISES: ValueError if one of them has none.
    """
    known = get_languages(corpora)
    if not known:
        raise ValueError(f"There are no {split} documents: name their file NAME.LANG.{split}.jsonl")
    if missing := sorted({*wanted} - {*known, ALL}):
        raise ValueError(
            f"No {split} documents in {', '.join(missing)}. There are some in {', '.join(known)}"
        )
    return known if ALL in wanted else wanted


def choose_test_languages(wanted: str, seen: list[str], corpora: list[Corpus]) -> list[str]:
    """The languages to test in: those seen in training, others, all, or a list of codes."""
    known = get_languages(corpora)
    if wanted == OTHERS:
        chosen = [lang for lang in known if lang not in seen]
        if not chosen:
            raise ValueError(
                f"All languages are trained on: {', '.join(seen)}. Choose some of them"
            )
        return chosen
    # A language may come without test documents, as long as nobody asked for them.
    return choose_languages(
        split_list(wanted) or [lang for lang in seen if lang in known], corpora, "test"
    )


def preprocess(
    data: Path,
    output: Path,
    *,
    languages: str = ALL,
    test_languages: str = "",
    sets: str = ALL,
    train_limit: int = 0,
    seed: int = 0,
) -> None:
    """Write the three files and print what is in them; see `main` for the arguments.

    RAISES: ValueError if a split would have no documents.
    """
    found = find_sets(data, split_list(sets))
    seen = choose_languages(split_list(languages), found["train"], "train")
    tested = choose_test_languages(test_languages, seen, found["test"])
    train, dev = by_language(found["train"], seen), by_language(found["dev"], seen)
    with_dev = {corpus.name for corpus in dev}
    totals = {corpus.name: sum(1 for _ in read(corpus)) for corpus in train}
    held_out = {name: count_dev(n) for name, n in totals.items() if name not in with_dev}

    def read_train() -> Iterator[dict[str, Any]]:
        for corpus in train:
            n = totals[corpus.name] - held_out.get(corpus.name, 0)
            yield from sample(islice(read(corpus), n), n, train_limit, f"{seed} {corpus.name}")

    def read_dev() -> Iterator[dict[str, Any]]:
        yield from read_all(dev)
        for corpus in train:
            if n := held_out.get(corpus.name):
                yield from islice(read(corpus), totals[corpus.name] - n, None)

    output.mkdir(parents=True, exist_ok=True)
    counts = {
        "train": write(output / "train.jsonl", read_train()),
        "dev": write(output / "dev.jsonl", read_dev()),
        "test": write(output / "test.jsonl", read_all(by_language(found["test"], tested))),
    }
    names = sorted({name for split in counts.values() for name in split})
    rows = [(name, *(split[name] for split in counts.values())) for name in names]
    footer = ("documents", *(split.total() for split in counts.values()))
    msg.table(
        rows, header=("set", *counts), footer=footer, divider=True, aligns=("l", "r", "r", "r")
    )
    for name, n in held_out.items():
        msg.info(f"{name} has no dev: the last {n} of its {totals[name]} train documents are dev")
    msg.good(f"{output}: trained on {', '.join(seen)}; tested in {', '.join(tested)}")


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    output: Path = typer.Argument(..., file_okay=False, help="Directory for the three files"),
    languages: str = typer.Option(ALL, help="To train on: codes such as de,fr, or all"),
    test_languages: str = typer.Option(
        "",
        help="To test in: codes, all, or others, those not trained on. By default the languages "
        "trained on",
    ),
    sets: str = typer.Option(ALL, help="NAME or NAME.LANG of sets such as sample.de, or all"),
    train_limit: int = typer.Option(0, min=0, help="Most training documents of a set; 0 for all"),
    seed: int = typer.Option(0, help="Draws the training documents where there is a limit"),
) -> None:
    try:
        preprocess(
            data,
            output,
            languages=languages,
            test_languages=test_languages,
            sets=sets,
            train_limit=train_limit,
            seed=seed,
        )
    except ValueError as error:
        msg.fail("Nothing was prepared", str(error), exits=1)


if __name__ == "__main__":
    typer.run(main)
