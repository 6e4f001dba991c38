"""Fetch public summarization corpora from the Hugging Face hub, through the library ``datasets``.

    python -m scripts.download xlsum assets/public --languages de,fr --limit 5000

writes ``xlsum.fr.train.jsonl``, ``xlsum.fr.dev.jsonl``, ``xlsum.fr.test.jsonl`` … into the
directory, as `scripts.preprocess` reads them. XL-Sum (Hasan et al. 2021) is CC BY-NC-SA 4.0, for
research only; MLSUM (Scialom et al. 2020) for non-commercial research only.
"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import srsly
import typer
from tqdm import tqdm
from wasabi import msg

# The hub's own conversion: newer versions of datasets do not run the scripts of these corpora.
REVISION = "refs/convert/parquet"
SPLITS = {"train": "train", "dev": "validation", "test": "test"}


@dataclass(frozen=True)
class Source:
    """A corpus on the hub, and what it calls the languages it has."""

    path: str
    configs: dict[str, str]


SOURCES = {
    "xlsum": Source(
        "csebuetnlp/xlsum",
        {
            "am": "amharic",
            "ar": "arabic",
            "az": "azerbaijani",
            "bn": "bengali",
            "cy": "welsh",
            "en": "english",
            "es": "spanish",
            "fa": "persian",
            "fr": "french",
            "gd": "scottish_gaelic",
            "gu": "gujarati",
            "ha": "hausa",
            "hi": "hindi",
            "id": "indonesian",
            "ig": "igbo",
            "ja": "japanese",
            "ko": "korean",
            "ky": "kyrgyz",
            "mr": "marathi",
            "my": "burmese",
            "ne": "nepali",
            "om": "oromo",
            "pa": "punjabi",
            "pcm": "pidgin",
            "ps": "pashto",
            "pt": "portuguese",
            "rn": "kirundi",
            "ru": "russian",
            "si": "sinhala",
            "so": "somali",
            "sr": "serbian_cyrillic",
            "sw": "swahili",
            "ta": "tamil",
            "te": "telugu",
            "th": "thai",
            "ti": "tigrinya",
            "tr": "turkish",
            "uk": "ukrainian",
            "ur": "urdu",
            "uz": "uzbek",
            "vi": "vietnamese",
            "yo": "yoruba",
            "zh": "chinese_simplified",
        },
    ),
    "mlsum": Source("reciTAL/mlsum", {"de": "de", "es": "es", "fr": "fr", "ru": "ru", "tr": "tu"}),
}


def open_split(source: Source, lang: str, split: str) -> Any:
    """The rows of one language and split, streamed.

    RAISES: OSError if the hub can't be reached.
    """
    from datasets import load_dataset

    return load_dataset(
        source.path,
        source.configs[lang],
        split=SPLITS[split],
        revision=REVISION,
        streaming=True,
    )


def write_split(rows: Any, path: Path, name: str, lang: str, limit: int | None) -> int:
    """Write rows as records; the file appears when it is whole. RETURNS: The number of records."""
    part = path.with_name(path.name + ".part")

    def records():
        progress = tqdm(islice(rows, limit), desc=path.name, unit=" documents", total=limit)
        for number, row in enumerate(progress):
            if row["text"].strip() and row["summary"].strip():
                id_ = str(row.get("id") or row.get("url") or number)
                record = {"id": f"{name}-{id_}", "lang": lang}
                yield record | {field: row[field] for field in ("title", "text", "summary")}

    path.parent.mkdir(parents=True, exist_ok=True)
    with part.open("w", encoding="utf-8") as file:
        count = sum(file.write(srsly.json_dumps(record) + "\n") > 0 for record in records())
    part.replace(path)
    return count


def main(
    name: str = typer.Argument(..., help=f"One of {', '.join(SOURCES)}"),
    output: Path = typer.Argument(..., file_okay=False, help="Directory for the JSONL files"),
    languages: str = typer.Option("", help="Codes such as de,fr; all that the corpus has if empty"),
    limit: int = typer.Option(0, help="Documents of each language and split; 0 for all", min=0),
) -> None:
    """Fetch a public corpus. Files that are there already are left as they are."""
    if name not in SOURCES:
        msg.fail(f"There is no corpus '{name}': choose one of {', '.join(SOURCES)}", exits=1)
    source = SOURCES[name]
    codes = [code.strip() for code in languages.split(",") if code.strip()] or list(source.configs)
    unknown = [code for code in codes if code not in source.configs]
    if unknown:
        known = ", ".join(source.configs)
        msg.fail(f"{name} has no {', '.join(unknown)}: its languages are {known}", exits=1)
    for lang in codes:
        for split in SPLITS:
            path = output / f"{name}.{lang}.{split}.jsonl"
            if path.exists():
                msg.info(f"{path} is there already")
                continue
            try:
                rows = open_split(source, lang, split)
                count = write_split(rows, path, name, lang, limit or None)
            except ImportError:
                msg.fail('datasets is not installed: pip install ".[data]"', exits=1)
            except OSError as error:
                msg.fail(
                    f"{source.path} can't be reached on the Hugging Face hub: check the network "
                    "(and HF_HUB_OFFLINE), then run this again; what is there is kept",
                    str(error),
                    exits=1,
                )
            msg.good(f"{path}: {count:,} documents")


if __name__ == "__main__":
    typer.run(main)
