"""Our pipelines, and the bare encoder, as the benchmarks of speed time them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import spacy
import torch
from spacy.language import Language
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_bertsum.cli.pipelines import FACTORY, make_pipeline
from spacy_bertsum.compression.pipeline import Compression, compress
from spacy_bertsum.layers.bert import Bert
from spacy_bertsum.layers.checkpoints import to_transformers
from spacy_bertsum.layers.transformer import get_shim, pieces_of

# Windows that enter the bare encoder together, at most this many pieces.
MAX_BATCH_TOKENS = 4096


def build_embedded(name: str = "xx_bertsum_mini", mixed_precision: bool = False) -> Language:
    architecture = "spacy-bertsum.Pretrained.v1"
    model = {"@architectures": architecture, "name": name, "mixed_precision": mixed_precision}
    return make_pipeline(model, "en")


def build_around(checkpoint: str | Path) -> Language:
    """BERTSUM around an encoder, with a head that has not been trained: speed does not ask."""
    fix_random_seed(0)
    nlp = make_pipeline(
        {
            "@architectures": "spacy-bertsum.BertSum.v1",
            "tok2vec": {
                "@architectures": "spacy-bertsum.SentenceEncoder.v1",
                "transformer": {
                    "@architectures": "spacy-bertsum.BertSumTransformer.v1",
                    "name": str(checkpoint),
                    "max_length": 256,
                    "overlap": 0,
                },
            },
            "head": {"@architectures": "spacy-bertsum.InterSentenceTransformer.v1", "n_heads": 4},
        },
        "en",
    )
    doc = nlp.make_doc("One sentence.")
    doc.spans["summary"] = [doc[:]]
    nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc)])
    return nlp


def to_int8(nlp: Language) -> Language:
    """The pipeline as ``bertsum compress --quantize int8`` leaves it, loaded again."""
    for _ in compress(nlp, Compression(int8=True)):
        pass
    with tempfile.TemporaryDirectory() as folder:
        nlp.to_disk(folder)
        return spacy.load(folder)


class BareEncoder:
    """What a pipeline is measured against: the forward pass of transformers' own model over the
    word pieces of the texts, made beforehand, in windows of the pipeline's length without overlap
    or padding.

    n_pieces: Of all texts.
    """

    def __init__(self, nlp: Language, texts: Sequence[str]):
        transformer = nlp.get_pipe(FACTORY).encoder.layers[0]
        shim = get_shim(transformer)
        encoder = shim._model.encoder
        self.model = to_transformers(encoder).eval()
        if isinstance(encoder, Bert):
            self.model.pooler = None
        with nlp.select_pipes(disable=[FACTORY]):
            packed = pieces_of(transformer, list(nlp.pipe(texts))).packed
        pieces = torch.cat([torch.from_numpy(ids) for ids in packed.input_ids])
        self.n_pieces = len(pieces)
        length = max(map(len, packed.input_ids))
        windows = pieces[: len(pieces) // length * length].view(-1, length)
        self.batches = [*windows.split(max(1, MAX_BATCH_TOKENS // length))]
        rest = pieces[windows.numel() :]
        self.batches += [rest.unsqueeze(0)] if len(rest) else []

    def run(self) -> None:
        with torch.inference_mode():
            for batch in self.batches:
                self.model(input_ids=batch)
