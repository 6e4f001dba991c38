"""Step 3 of the embedded model: an encoder whose sentence vectors carry meaning across languages.

Contrastive training on parallel sentences (as in LaBSE; Feng et al. 2022), in the form in which
the summarizer will use the encoder: many sentences to a window, a [CLS] before each, the mean of a
sentence's pieces close to that of its translation and far from every other in the batch.
"""

import lzma
import math
import time
from pathlib import Path

import numpy
import torch
import typer
from tqdm import tqdm
from transformers import AutoTokenizer, BertConfig, BertModel

from scripts.mini.common import (
    encode_sentences,
    get_device,
    save_checkpoint,
    seed_everything,
)
from spacy_bertsum.layers.heads import sinusoids
from spacy_bertsum.packing import SpecialIds, pack

MAX_PIECES = 64
# Root mean square of the pieces' vectors at the start: five times that of positions and segments,
# so that what a piece means is not drowned by where it stands.
EMBEDDING_SCALE = 0.1


def load_pairs(data: Path, tokenizer_path: Path, cache: Path) -> dict[str, list[tuple]]:
    """Piece ids of all sentence pairs by language."""
    if cache.exists():
        return torch.load(cache, weights_only=False)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_path)

    def encode(texts: list[str]) -> list[numpy.ndarray]:
        rows = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        return [numpy.array(row[:MAX_PIECES], dtype="u2") for row in rows]

    pairs = {}
    for path in tqdm(sorted((data / "text" / "parallel").glob("*.tsv.xz")), desc="pairs"):
        with lzma.open(path, "rt", encoding="utf-8") as file_:
            rows = [line.rstrip("\n").split("\t")[1:3] for line in file_]
        rows = [row for row in rows if len(row) == 2 and all(len(text) > 12 for text in row)]
        left, right = encode([r[0] for r in rows]), encode([r[1] for r in rows])
        pairs[path.name.split(".")[0]] = list(zip(left, right, strict=True))
    torch.save(pairs, cache)
    return pairs


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
        max_position_embeddings=512,
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


def contrast(left: torch.Tensor, right: torch.Tensor, temperature: float) -> torch.Tensor:
    """InfoNCE in both directions: row i of one side belongs to row i of the other."""
    normalize, cross_entropy = torch.nn.functional.normalize, torch.nn.functional.cross_entropy
    logits = normalize(left, dim=-1) @ normalize(right, dim=-1).T / temperature
    target = torch.arange(len(left), device=left.device)
    return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2


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
    temperature: float = 0.05,
    save_every: int = 100,
    seed: int = 0,
) -> None:
    rng = seed_everything(seed)
    tokenizer = AutoTokenizer.from_pretrained(work / "tokenizer")
    special = SpecialIds.of(tokenizer)
    pairs = load_pairs(data, work / "tokenizer", work / "pairs.pt")
    langs = sorted(pairs)
    device = get_device()
    vectors = numpy.load(work / "vectors.npy")
    encoder = build_encoder(vectors, depth, n_heads, 0.0, tokenizer.pad_token_id).to(device)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=learning_rate, weight_decay=0.01)
    checkpoint = work / "pretrain.pt"
    step, elapsed = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=False)
        encoder.load_state_dict(state["encoder"])
        optimizer.load_state_dict(state["optimizer"])
        step, elapsed = state["step"], state["elapsed"]
        rng.setstate(state["rng"])

    def vectors_of(sentences: list[numpy.ndarray]) -> torch.Tensor:
        """The vectors of sentences, packed in random order, 4 to 24 together."""
        order = list(range(len(sentences)))
        rng.shuffle(order)
        size = rng.randint(4, 24)
        docs = [order[i : i + size] for i in range(0, len(order), size)]
        packed = pack(
            [[sentences[i] for i in doc] for doc in docs], special, max_length=512, overlap=0
        )
        with torch.autocast(device.type, dtype=torch.bfloat16):
            vectors = encode_sentences(encoder, packed, 4096)
        return vectors[torch.from_numpy(numpy.argsort(order)).to(device)]

    def save() -> None:
        save_checkpoint(
            checkpoint,
            encoder=encoder.state_dict(),
            optimizer=optimizer.state_dict(),
            step=step,
            elapsed=time.time() - start,
            rng=rng.getstate(),
        )
        encoder.save_pretrained(work / "encoder")
        tokenizer.save_pretrained(work / "encoder")

    start, losses, hits = time.time() - elapsed, [], []
    progress = tqdm(total=steps, initial=step, mininterval=10)
    done = step / steps
    while done < 1:
        optimizer.param_groups[0]["lr"] = (
            learning_rate * min(1.0, (step + 1) / warmup) * max(0.02, 1 - done)
        )
        # Two languages to a batch: negatives in the same language are the hard ones.
        batch = [
            pair for lang in rng.sample(langs, 2) for pair in rng.sample(pairs[lang], n_pairs // 2)
        ]
        left = vectors_of([pair[0] for pair in batch])
        right = vectors_of([pair[1] for pair in batch])
        loss = contrast(left, right, temperature)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        step += 1
        done = max(step / steps, (time.time() - start) / (60 * max_minutes))
        losses.append(loss.item())
        nearest = (left @ (right / right.norm(dim=-1, keepdim=True)).T).argmax(1).cpu()
        hits.append((nearest == torch.arange(len(batch))).float().mean().item())
        progress.update()
        if step % 20 == 0:
            progress.write(
                f"step {step} loss {numpy.mean(losses[-20:]):.3f} "
                f"retrieval@1 {numpy.mean(hits[-20:]):.3f}"
            )
        if step % save_every == 0:
            save()
    save()


if __name__ == "__main__":
    typer.run(main)
