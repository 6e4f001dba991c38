"""Pruning attention heads, and dropping layers, that add little to what passes by them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..layers.bert import Bert

_PROJECTIONS = ("query", "key", "value")


def prune_heads(encoder: Bert, share: float, run: Callable[[], Any]) -> list[list[int]]:
    """Remove the heads whose outputs are smallest.

    The measure is the mean length of what a head adds to the sum that it shares with the others
    (Kobayashi et al. 2020), beside that of the whole sum; each layer keeps a head at least.

    encoder: Changed in place.
    share: Of all heads, 0 to 1.
    run: Called to run the encoder over windows.
    RETURNS: For each layer the heads that are gone, counted from 0.
    """
    sizes = measure_heads(encoder, run)
    ranked = sorted((size, i, head) for i, row in enumerate(sizes) for head, size in enumerate(row))
    left = round(share * len(ranked))
    gone: list[list[int]] = [[] for _ in sizes]
    for _, i, head in ranked:
        if left and len(gone[i]) + 1 < len(sizes[i]):
            gone[i].append(head)
            left -= 1
    for layer, heads in zip(encoder.encoder.layer, gone, strict=True):
        _remove_heads(layer, sorted(heads))
    _note_pruned(encoder, gone)
    return [sorted(heads) for heads in gone]


def measure_heads(encoder: Bert, run: Callable[[], Any]) -> list[list[float]]:
    """The mean length of what each head of each layer adds, as a share of its layer's sum."""
    layers = encoder.encoder.layer
    sums = [torch.zeros(layer.n_heads) for layer in layers]

    def observe(i: int) -> Callable:
        def hook(dense: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            n_heads = layers[i].n_heads
            context = inputs[0].view(len(inputs[0]), n_heads, -1)
            weight = dense.weight.view(len(dense.weight), n_heads, -1)
            added = torch.stack(
                [(context[:, h] @ weight[:, h].T).norm(dim=1).mean() for h in range(n_heads)]
            )
            sums[i] += (added / output.norm(dim=1).mean()).cpu()

        return hook

    with _hooks([layer.attention.output.dense for layer in layers], observe):
        run()
    return [row.tolist() for row in sums]


def drop_layers(encoder: Bert, n: int, run: Callable[[], Any]) -> list[int]:
    """Remove the layers whose output is most like their input (by cosine; Men et al. 2024).

    The last layer stays, whose output the head was trained on.

    encoder: Changed in place.
    RETURNS: The layers that are gone, counted from 0.
    RAISES: ValueError if fewer than one would be left.
    """
    check_depth(encoder, n)
    layers = encoder.encoder.layer
    likeness = measure_layers(encoder, run)[:-1]
    gone = sorted(sorted(range(len(likeness)), key=lambda i: -likeness[i])[:n])
    kept = [i for i in range(len(layers)) if i not in gone]
    pruned = encoder.config.pruned_heads
    encoder.config.pruned_heads = {
        str(new): pruned[str(old)] for new, old in enumerate(kept) if str(old) in pruned
    }
    encoder.encoder["layer"] = nn.ModuleList([layers[i] for i in kept])
    encoder.config.num_hidden_layers = len(kept)
    return gone


def check_depth(encoder: Bert, n: int) -> None:
    """Raise ValueError if an encoder does not have so many layers to drop."""
    depth = len(encoder.encoder.layer)
    if not 0 <= n < depth:
        raise ValueError(f"Can't drop {n} of {depth} layers: name a number from 0 to {depth - 1}")


def measure_layers(encoder: Bert, run: Callable[[], Any]) -> list[float]:
    """The mean cosine between input and output of each layer."""
    cosines: list[list[float]] = [[] for _ in encoder.encoder.layer]

    def observe(i: int) -> Callable:
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            cosine = torch.nn.functional.cosine_similarity(inputs[0], output, dim=1)
            cosines[i].append(cosine.mean().item())

        return hook

    with _hooks(list(encoder.encoder.layer), observe):
        run()
    return [sum(values) / max(len(values), 1) for values in cosines]


@contextmanager
def _hooks(modules: list[nn.Module], make: Callable[[int], Callable]) -> Iterator[None]:
    handles = [module.register_forward_hook(make(i)) for i, module in enumerate(modules)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _remove_heads(layer: nn.Module, heads: list[int]) -> None:
    if not heads:
        return
    projections, output = layer.attention["self"], layer.attention.output
    size = projections.query.out_features // layer.n_heads
    kept = [h for h in range(layer.n_heads) if h not in heads]
    rows = torch.cat([torch.arange(h * size, (h + 1) * size) for h in kept])
    for name in _PROJECTIONS:
        old = projections[name]
        projections[name] = _make_linear(old.weight[rows.to(old.weight.device)], old.bias[rows])
    old = output.dense
    output["dense"] = _make_linear(old.weight[:, rows.to(old.weight.device)], old.bias)
    layer.n_heads = len(kept)


def _make_linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight = nn.Parameter(weight.detach().clone())
    layer.bias = nn.Parameter(bias.detach().clone())
    return layer


def _note_pruned(encoder: Bert, gone: list[list[int]]) -> None:
    """Keep count in the config, in the numbers of the heads that the encoder began with."""
    pruned = dict(encoder.config.pruned_heads)
    for i, heads in enumerate(gone):
        before = pruned.get(str(i), [])
        numbers = [h for h in range(encoder.config.num_attention_heads) if h not in before]
        if heads:
            pruned[str(i)] = sorted([*before, *(numbers[h] for h in heads)])
    encoder.config.pruned_heads = pruned
