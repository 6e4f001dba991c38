"""Steps of training: a rate that rises and falls, a running mean of the weights, checkpoints."""

import math
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from scripts.mini.common import save_checkpoint
from scripts.mini.processes import ALONE, Processes

WEIGHT_DECAY = 0.01
# The learning rate falls in a line to this share of itself.
LAST_RATE = 0.02


class Training:
    """A run that can be stopped and goes on where it was.

    groups: Parameters and their rates, as an optimizer takes them.
    checkpoint: The file to resume from, if it is there, and to write to.
    average_decay: Of the running mean of the weights: what a single step learns from few documents
        is noise.
    processes: That share the work, each calling `run`.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        groups: list[dict[str, Any]],
        rng: random.Random,
        checkpoint: Path,
        *,
        steps: int,
        max_minutes: float = math.inf,
        warmup: int = 100,
        average_decay: float = 0.995,
        processes: Processes = ALONE,
    ):
        self.model = model
        self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(average_decay))
        self.optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)
        self.rates = [group["lr"] for group in groups]
        self.rng = rng
        self.checkpoint = checkpoint
        self.steps = steps
        self.max_minutes = max_minutes
        self.warmup = warmup
        self.processes = processes
        self.step, self.minutes = 0, 0.0
        if checkpoint.exists():
            self._resume()

    @property
    def done(self) -> float:
        """The share of steps, or of minutes, that are over."""
        return max(self.step / self.steps, self.minutes / self.max_minutes)

    def run(
        self,
        accumulate: Callable[[], float],
        evaluate: Callable[[torch.nn.Module], Any],
        *,
        evaluate_every: int,
        save_every: int,
    ) -> Any:
        """Train to the end.

        accumulate: Computes the gradients of a batch and returns its loss.
        evaluate: Given the mean of the weights.
        RETURNS: What evaluate said of the last. Only the first of several processes evaluates and
            saves; the others return None.
        """
        losses: list[float] = []
        standing = None
        is_first = self.processes.is_first
        progress = tqdm(total=self.steps, initial=self.step, mininterval=10, disable=not is_first)
        while self.done < 1:
            start = time.monotonic()
            losses.append(self._take_step(accumulate))
            minutes = self.minutes + (time.monotonic() - start) / 60
            self.minutes = self.processes.agree(minutes)
            progress.update()
            if not is_first:
                continue
            if self.step % evaluate_every == 0 or self.done >= 1:
                standing = evaluate(self.average.module)
                loss = float(numpy.mean(losses[-evaluate_every:]))
                progress.write(f"step {self.step} loss {loss:.4f} {standing}")
            if self.step % save_every == 0 or self.done >= 1:
                self._save()
        if is_first and standing is None:
            standing = evaluate(self.average.module)
        return standing

    def _take_step(self, accumulate: Callable[[], float]) -> float:
        factor = min(1.0, (self.step + 1) / self.warmup) * max(LAST_RATE, 1 - self.done)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.optimizer.zero_grad(set_to_none=True)
        self.model.train()
        loss = accumulate()
        self.processes.average_gradients(self.model)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        self.step += 1
        return loss

    def _save(self) -> None:
        save_checkpoint(
            self.checkpoint,
            model=self.model.state_dict(),
            average=self.average.state_dict(),
            optimizer=self.optimizer.state_dict(),
            step=self.step,
            minutes=self.minutes,
            rng=self.rng.getstate(),
        )

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=False)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.minutes = state["step"], state["minutes"]
        if self.processes.is_first:
            self.rng.setstate(state["rng"])
        else:
            # Not that of the first, nor once more what this process has begun with.
            self.rng.seed(f"{self.rng.random()} {self.step}")
