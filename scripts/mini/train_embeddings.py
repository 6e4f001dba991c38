"""Step `embeddings` of the embedded model: vectors for the pieces, aligned across languages.

word2vec (Mikolov et al. 2013) on running text and on parallel sentences. A sentence and its
translation are shuffled into one pseudo-bilingual sentence (Vulić & Moens 2015), so that a piece
and its translations get each other as context: minutes of CPU time put 18 languages into one space
before the encoder sees its first batch.
"""

import lzma
import random
from collections.abc import Iterator
from pathlib import Path

import numpy
import typer
from gensim.models import Word2Vec
from tqdm import tqdm
from transformers import AutoTokenizer, PreTrainedTokenizerFast

BATCH_LINES = 5_000


def read_lines(path: Path) -> Iterator[str]:
    with lzma.open(path, "rt", encoding="utf-8") as file_:
        for line in file_:
            if line := line.strip():
                yield line


def encode(tokenizer: PreTrainedTokenizerFast, lines: list[str]) -> list[list[int]]:
    return tokenizer(lines, add_special_tokens=False, verbose=False)["input_ids"]


def write_corpus(
    data: Path, tokenizer: PreTrainedTokenizerFast, path: Path, mono_chars: int, seed: int
) -> None:
    """Write piece ids, a sentence or a pair a line: the form gensim reads with all cores."""
    rng = random.Random(seed)
    with path.open("w", encoding="ascii") as out:

        def write(rows: list[list[int]]) -> None:
            out.writelines(" ".join(map(str, row)) + "\n" for row in rows if len(row) > 1)

        for mono in tqdm(sorted((data / "text" / "mono").glob("*.txt.xz")), desc="running text"):
            lines, budget = list(read_lines(mono)), mono_chars
            rng.shuffle(lines)
            for start in range(0, len(lines), BATCH_LINES):
                batch = lines[start : start + BATCH_LINES]
                write(encode(tokenizer, batch))
                budget -= sum(map(len, batch))
                if budget <= 0:
                    break
        for pairs in tqdm(sorted((data / "text" / "parallel").glob("*.tsv.xz")), desc="parallel"):
            rows = [line.split("\t")[1:3] for line in read_lines(pairs)]
            rows = [row for row in rows if len(row) == 2]
            english = encode(tokenizer, [row[0] for row in rows])
            other = encode(tokenizer, [row[1] for row in rows])
            for left, right in zip(english, other, strict=True):
                merged = left + right
                rng.shuffle(merged)
                write([merged])


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    tokenizer_path: Path = typer.Argument(..., exists=True, help="Directory of the tokenizer"),
    output: Path = typer.Argument(..., help="Where to save the vectors (.npy)"),
    width: int = 256,
    window: int = 8,
    epochs: int = 3,
    mono_chars: int = typer.Option(5_000_000, help="Characters of running text per language"),
    workers: int = 2,
    seed: int = 0,
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_path)
    corpus = output.with_suffix(".corpus.txt")
    if not corpus.exists():
        partial = corpus.with_suffix(".partial")
        write_corpus(data, tokenizer, partial, mono_chars, seed)
        partial.rename(corpus)
    model = Word2Vec(
        corpus_file=str(corpus),
        vector_size=width,
        window=window,
        min_count=1,
        sample=1e-4,
        negative=8,
        epochs=epochs,
        workers=workers,
        seed=seed,
    )
    rng = numpy.random.default_rng(seed)
    vectors = rng.normal(size=(len(tokenizer), width)).astype("f")
    for word, i in model.wv.key_to_index.items():
        vectors[int(word)] = model.wv.vectors[i]
    vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
    numpy.save(output, vectors)
    print(f"{len(model.wv)} of {len(tokenizer)} pieces seen, vectors in {output}")


if __name__ == "__main__":
    typer.run(main)
