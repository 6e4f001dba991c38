"""Which 8-bit integers: ours, torch's dynamic quantization or onnxruntime's, against float32.

    python -m benchmarks.int8 --output benchmarks/results/int8.md

The encoder alone, on windows of equal length, in turns. The embedded model's encoder, and encoders
with random weights in the shapes of MiniLM-L6 and of four layers of XLM-R base. onnxruntime takes
part where it is installed (pip install onnx onnxruntime).
"""

import copy
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy
import torch
import typer
from torch import Tensor, nn
from tqdm import tqdm
from transformers import AutoModel

from benchmarks.page import LIBRARIES, describe_run, publish
from spacy_bertsum.layers.bert import Bert
from spacy_bertsum.layers.checkpoints import load_checkpoint, to_transformers
from spacy_bertsum.layers.int8 import quantize
from spacy_bertsum.pretrained import MODELS

SHAPES = {"MiniLM-L6": (384, 12, 6), "XLM-R base, 4 of 12 layers": (768, 12, 4)}
VOCABULARY = 5_000
ONNX = ("onnx", "onnxruntime")
# Pieces that enter the encoder at once.
MAX_BATCH_TOKENS = 2048

Run = Callable[[Tensor], Tensor]


def make_encoders() -> dict[str, Bert]:
    torch.manual_seed(0)
    embedded, _ = load_checkpoint(MODELS / "xx_bertsum_mini" / "encoder")
    encoders = {"embedded": embedded}
    for name, (width, n_heads, n_layers) in SHAPES.items():
        encoder = encoders[name] = Bert(
            {
                "model_type": "bert",
                "vocab_size": VOCABULARY,
                "hidden_size": width,
                "num_attention_heads": n_heads,
                "num_hidden_layers": n_layers,
                "intermediate_size": 4 * width,
                "max_position_embeddings": 512,
            }
        )
        for parameter in encoder.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)
    return {name: encoder.eval() for name, encoder in encoders.items()}


def run_ours(encoder: Bert) -> Run:
    def run(ids: Tensor) -> Tensor:
        lengths = [ids.shape[1]] * len(ids)
        rows = torch.arange(ids.numel())
        return encoder(ids.flatten(), None, lengths, rows, lengths)

    return run


def run_transformers(model: nn.Module) -> Run:
    return lambda ids: model(input_ids=ids).last_hidden_state.flatten(0, 1)


def make_ours(encoder: Bert, ids: Tensor) -> Run:
    result = copy.deepcopy(encoder)
    run = run_ours(result)
    quantize(result, lambda: run(ids))
    return run


def make_dynamic(model: nn.Module) -> Run:
    with warnings.catch_warnings():
        # They say that torch gives this kind of quantization up.
        warnings.simplefilter("ignore")
        settings = torch.ao.quantization.per_channel_dynamic_qconfig
        result = torch.ao.quantization.quantize_dynamic(model, {nn.Linear: settings})
    return run_transformers(result)


def make_onnx(model: nn.Module, ids: Tensor, threads: int) -> Run:
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    class Exported(nn.Module):
        def __init__(self):
            super().__init__()
            # The optimizer knows attention by this form.
            config = copy.deepcopy(model.config)
            self.model = AutoModel.from_config(config, attn_implementation="eager").eval()
            self.model.load_state_dict(model.state_dict(), strict=False)

        def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor):
            return self.model(input_ids, attention_mask, token_type_ids).last_hidden_state

    names = ("input_ids", "attention_mask", "token_type_ids")
    axes = {name: {0: "windows", 1: "pieces"} for name in (*names, "vectors")}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain, fused, int8 = (str(Path(folder) / name) for name in ("plain", "fused", "int8"))
        torch.onnx.export(
            Exported(),
            (ids, torch.ones_like(ids), torch.zeros_like(ids)),
            plain,
            input_names=list(names),
            output_names=["vectors"],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
        config = model.config
        optimizer.optimize_model(
            plain, "bert", config.num_attention_heads, config.hidden_size, opt_level=0
        ).save_model_to_file(fused)
        quantize_dynamic(
            fused,
            int8,
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": 1},
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(int8, options)

    def run(ids: Tensor) -> Tensor:
        mask = numpy.ones(ids.shape, "i8")
        inputs = (ids.numpy(), mask, numpy.zeros_like(mask))
        (vectors,) = session.run(None, dict(zip(names, inputs, strict=True)))
        return torch.from_numpy(vectors).flatten(0, 1)

    return run


def measure_rates(runs: dict[str, Run], ids: Tensor, rounds: int) -> dict[str, list[float]]:
    """Pieces a second of each in each round."""
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run(ids)
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            for _ in range(3):
                run(ids)
            rates[name].append(3 * ids.numel() / (time.perf_counter() - start))
    return rates


def compare(encoder: Bert, length: int, threads: int, rounds: int) -> list[list[str]]:
    """For each kind of numbers its name, pieces a second, and the ratio and cosine to float32."""
    n_pieces = min(encoder.config.vocab_size, VOCABULARY)
    generator = torch.Generator().manual_seed(0)
    shape = (max(1, MAX_BATCH_TOKENS // length), length)
    ids = torch.randint(5, n_pieces, shape, generator=generator)
    model = to_transformers(encoder).eval()
    model.pooler = None
    runs = {
        "float32": run_ours(encoder),
        "float32, transformers": run_transformers(model),
        "int8, ours": make_ours(encoder, ids),
        "int8, torch's dynamic": make_dynamic(model),
    }
    if all(map(find_spec, ONNX)):
        runs["int8, onnxruntime's dynamic"] = make_onnx(model, ids, threads)
    with torch.inference_mode():
        expected = runs["float32"](ids)
        rates = measure_rates(runs, ids, rounds)
        cosines = {
            name: nn.functional.cosine_similarity(run(ids), expected).mean().item()
            for name, run in runs.items()
        }
    base = numpy.array(rates["float32"])
    return [
        [name, f"{numpy.median(r):,.0f}", f"{numpy.median(r / base):.2f}", f"{cosines[name]:.4f}"]
        for name, r in ((name, numpy.array(values)) for name, values in rates.items())
    ]


def main(
    lengths: list[int] = typer.Option([256, 128], "--length", help="Pieces of a window"),
    rounds: int = 7,
    threads: int = 2,
    output: Path | None = typer.Option(None, help="Markdown file for the table"),
) -> None:
    torch.set_num_threads(threads)
    lines = ["| encoder | window | numbers | pieces/s | × float32 | cosine |", "| --- " * 6 + "|"]
    for name, encoder in tqdm(make_encoders().items(), desc="encoders"):
        for length in lengths:
            for row in compare(encoder, length, threads, rounds):
                lines.append("| " + " | ".join([name, str(length), *row]) + " |")
    libraries = [name for name in (*LIBRARIES, *ONNX) if find_spec(name)]
    text = (
        "# Encoders in 8-bit integers\n\n"
        f"{describe_run(libraries)}, {torch.backends.cpu.get_cpu_capability()}, {threads} threads. "
        f"Medians of {rounds} rounds in turns; cosine: of the vectors to those in float32, the "
        "mean over pieces. All but the embedded encoder have random weights. Command: "
        f"`python -m benchmarks.int8 --rounds {rounds} --threads {threads}`"
        "\n\n" + "\n".join(lines) + "\n"
    )
    publish(text, output)


if __name__ == "__main__":
    typer.run(main)
