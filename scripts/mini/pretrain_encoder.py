"""Step `pretrain` of the embedded model: an encoder whose vectors carry meaning across languages.

It starts from the vectors of `embeddings` and learns from parallel sentences (`parallel.py`).
"""

import math
import time
from pathlib import Path

import numpy
import torch
import typer
from tqdm import tqdm
from transformers import AutoTokenizer, BertConfig, BertModel

from scripts.mini.common import get_device, save_checkpoint, seed_everything
from scripts.mini.parallel import MAX_LENGTH, Alignment, load_pairs, sentence_encoder
from spacy_bertsum.layers.heads import sinusoids
from spacy_bertsum.packing import SpecialIds

# Root mean square of the pieces' vectors at the start: five times that of positions and segments,
# so that what a piece means is not drowned by where it stands.
EMBEDDING_SCALE = 0.1


def build_encoder(
    vectors: numpy.ndarray, depth: int, n_heads: int, dropout: float, pad_token_id: int
) -> BertModel:
    vocab_size, width = vectors.shape
    config = BertConfig(
        vocab_size=vocab_size,
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=n_heads,
        intermediate_size=4 * width,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        max_position_embeddings=MAX_LENGTH,
        pad_token_id=pad_token_id,
    )
    encoder = BertModel(config, add_pooling_layer=False)
    vectors = vectors - vectors.mean(axis=0)
    scale = EMBEDDING_SCALE / vectors.std()
    encoder.embeddings.word_embeddings.weight.data = torch.from_numpy(vectors * scale)
    # Smooth positions, and queries that resemble keys: attention begins with its neighbourhood.
    positions = encoder.embeddings.position_embeddings.weight
    waves = sinusoids(len(positions), width, positions.device)
    positions.data = waves * config.initializer_range / waves.std()
    for layer in encoder.encoder.layer:
        attention = layer.attention.self
        attention.query.weight.data = attention.key.weight.data.clone()
    return encoder


def main(
    data: Path = typer.Argument(..., exists=True, file_okay=False, help="Data directory"),
    work: Path = typer.Argument(..., help="Holds tokenizer/ and vectors.npy, gets encoder/"),
    depth: int = 4,
    n_heads: int = 4,
    n_pairs: int = typer.Option(128, help="Sentence pairs in a batch"),
    steps: int = 2_000,
    max_minutes: float = typer.Option(math.inf, help="Finish within this time"),
    learning_rate: float = 5e-4,
    warmup: int = 100,
    save_every: int = 100,
    seed: int = 0,
) -> None:
    rng = seed_everything(seed)
    tokenizer = AutoTokenizer.from_pretrained(work / "tokenizer")
    pairs = load_pairs(data, work / "tokenizer", work / "pairs.pt")
    device = get_device()
    vectors = numpy.load(work / "vectors.npy")
    encoder = build_encoder(vectors, depth, n_heads, 0.0, tokenizer.pad_token_id).to(device)
    encode = sentence_encoder(encoder, SpecialIds.of(tokenizer))
    get_loss = Alignment(encode, pairs, n_pairs, rng)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=learning_rate, weight_decay=0.01)
    checkpoint = work / "pretrain.pt"
    step, elapsed = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=False)
        encoder.load_state_dict(state["encoder"])
        optimizer.load_state_dict(state["optimizer"])
        step, elapsed = state["step"], state["elapsed"]
        rng.setstate(state["rng"])

    start = time.time() - elapsed

    def get_done() -> float:
        """The share of steps, or of minutes, that are over."""
        return max(step / steps, (time.time() - start) / (60 * max_minutes))

    def save() -> None:
        # First: once the checkpoint says that all is done, nothing is written any more.
        encoder.save_pretrained(work / "encoder")
        tokenizer.save_pretrained(work / "encoder")
        save_checkpoint(
            checkpoint,
            encoder=encoder.state_dict(),
            optimizer=optimizer.state_dict(),
            step=step,
            elapsed=time.time() - start,
            rng=rng.getstate(),
        )

    losses, hits = [], []
    progress = tqdm(total=steps, initial=step, mininterval=10)
    while (done := get_done()) < 1:
        optimizer.param_groups[0]["lr"] = (
            learning_rate * min(1.0, (step + 1) / warmup) * max(0.02, 1 - done)
        )
        loss, retrieved = get_loss()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        step += 1
        losses.append(loss.item())
        hits.append(retrieved)
        progress.update()
        if step % 20 == 0:
            progress.write(
                f"step {step} loss {numpy.mean(losses[-20:]):.3f} "
                f"retrieval@1 {numpy.mean(hits[-20:]):.3f}"
            )
        if step % save_every == 0:
            save()
    if losses:
        save()


if __name__ == "__main__":
    typer.run(main)
