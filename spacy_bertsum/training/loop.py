"""The training loop: spaCy's, with checkpoints, on one or several processes."""

import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training.loop import (
    DIR_MODEL_BEST,
    DIR_MODEL_LAST,
    create_before_to_disk_callback,
    create_evaluation_callback,
    subdivide_batch,
    update_meta,
)
from spacy.util import registry, resolve_dot_names
from thinc.api import Config, fix_random_seed, set_gpu_allocator
from wasabi import Printer

from . import randomness
from .batches import Batch, Batches
from .checkpoint import Checkpoint, Progress, checksum_corpus, replace_directory
from .distributed import Processes
from .parameters import Parameters


class Training:
    """One training of a pipeline.

    It does what spaCy's ``spacy.training.loop.train`` does, with the same config, but:

    - The order of the documents in an epoch depends on the seed and the epoch alone, and not on
      the random numbers drawn before. Everything else is the same, up to the last bit.
    - After each evaluation it writes a checkpoint, from which another process goes on.
      Uninterrupted or not, training gives the same weights (on a GPU, nearly).
    - When it fails, ``model-last`` stays that of the last evaluation: the weights of an update
      that failed are of no use.
    - It refuses to train where no score could select the best model.
    - On several processes each takes a batch of its own for every step, the gradients are
      averaged, and the first process evaluates, logs and writes.

    nlp: An initialized pipeline.
    config: Its config, as `checkpoint.fill` gives it: what the checkpoint is for.
    output: Directory for ``model-best`` and ``model-last``.
    checkpoint: Where training goes on from, if it exists, and what it writes.
    processes: Those that train together.
    use_gpu: The GPU, set up already, or -1 for the CPU.
    stdout, stderr: What the logger writes to; by default where everything goes.
    """

    def __init__(
        self,
        nlp: Language,
        config: Config,
        output: Path,
        checkpoint: Checkpoint,
        *,
        processes: Processes,
        use_gpu: int = -1,
        stdout: IO | None = None,
        stderr: IO | None = None,
    ):
        self.nlp = nlp
        self.config = config
        self.output = output
        self.checkpoint = checkpoint
        self.processes = processes
        self.stdout = sys.stdout if stdout is None else stdout
        self.stderr = sys.stderr if stderr is None else stderr
        config = nlp.config.interpolate()
        training = config["training"]
        if training["seed"] is not None:
            fix_random_seed(training["seed"] + processes.rank)
        if use_gpu >= 0 and training["gpu_allocator"]:
            set_gpu_allocator(training["gpu_allocator"])
        log_file = find_log_file(self.config)
        if log_file is not None and processes.is_first:
            # The logger would not touch a file that is there. It will be written again as a whole.
            log_file.unlink(missing_ok=True)
        self.settings = registry.resolve(training, schema=ConfigSchemaTraining)
        names = [self.settings["train_corpus"], self.settings["dev_corpus"]]
        train_corpus, dev_corpus = resolve_dot_names(config, names)
        self.optimizer = self.settings["optimizer"]
        self.parameters = Parameters(nlp, self.settings["frozen_components"])
        self.progress = self._read_progress(training["seed"])
        self.batches = Batches(
            nlp,
            train_corpus,
            self.settings["batcher"],
            max_epochs=self.settings["max_epochs"],
            seed=self.progress.seed,
            batcher_counts="@schedules" in str(training["batcher"]),
        )
        if processes.is_first and next(iter(dev_corpus(nlp)), None) is None:
            raise ValueError(
                f"The dev corpus ({training['dev_corpus']}) has no documents: nothing could select "
                "the best model."
            )
        self.evaluate = create_evaluation_callback(nlp, dev_corpus, self.settings["score_weights"])
        self._restore()

    def _read_progress(self, seed: int | None) -> Progress:
        """The checkpoint's progress, or a new one."""
        progress = None
        if self.processes.is_first:
            if self.checkpoint.exists():
                progress, _ = self.checkpoint.read()
            else:
                progress = Progress(
                    seed=random.randrange(2**32) if seed is None else seed,
                    corpus=checksum_corpus(self.config),
                )
        return self.processes.broadcast(progress)

    def _restore(self) -> None:
        """Bring pipeline, optimizer and random numbers to where the progress is."""
        progress, processes = self.progress, self.processes
        n_examples = self.batches.n_examples
        if progress.step < 0:
            progress.n_examples = n_examples
            weights = processes.broadcast_tensors(self.parameters.get_weights())
            if not processes.is_first:
                self.parameters.set_weights(weights)
            return
        if progress.n_examples != n_examples:
            raise ValueError(
                f"The training corpus had {progress.n_examples} documents when the checkpoint was "
                f"written, and has {n_examples} now. Restore it, or start afresh with --overwrite."
            )
        tensors = self.checkpoint.read_tensors() if processes.is_first else {}
        for group in processes.broadcast(list(tensors)):
            tensors[group] = processes.broadcast_tensors(tensors.get(group, {}))
        self.parameters.set_weights(tensors.pop("weights"))
        self.parameters.set_tables(self.optimizer, tensors)
        self.parameters.set_counts(self.optimizer, progress.counts)
        self.parameters.set_scales(progress.scales)
        for _ in range(progress.step + 1):
            self.optimizer.step_schedules()
        fallback_seed = progress.seed + progress.step + processes.rank
        if processes.rank < len(progress.random):
            state = progress.random[processes.rank]
            randomness.set_state(state, fallback_seed=fallback_seed)
        else:
            fix_random_seed(fallback_seed)

    def run(self) -> None:
        """Train to the end.

        An error passes through after a note that says how to go on.
        """
        log_step, finalize_logger = self._start_log()
        saved = self.progress.step
        try:
            for is_evaluated in self._steps():
                if is_evaluated:
                    info = self._evaluate()
                    self._save_pipeline(info)
                    log_step(info)
                    self._save_checkpoint()
                    saved = self.progress.step
                else:
                    log_step(None)
            # Steps after the last evaluation, or the end of the last epoch.
            self._save_pipeline()
            self._save_checkpoint()
        except BaseException:
            self._write("warn", f"Stopped in step {self.progress.step + 1}.")
            if saved >= 0:
                self._write("info", f"The same command goes on after step {saved}.")
            raise
        finally:
            finalize_logger()
        self._write("good", "Saved pipeline to output directory", self.output / DIR_MODEL_LAST)

    def _steps(self) -> Iterator[bool]:
        """Update step by step, and tell of each whether an evaluation is due."""
        progress, settings = self.progress, self.settings
        start = time.monotonic() - progress.seconds
        groups = self.batches.groups(
            self.processes.size, epoch=progress.epoch, start=progress.batch
        )
        for epoch, n_batches, group in groups:
            self._update(group[self.processes.rank], progress.step + 1, epoch)
            progress.step += 1
            progress.epoch, progress.batch = epoch, n_batches
            progress.words += sum(len(example) for batch in group for example in batch)
            progress.seconds = time.monotonic() - start
            yield progress.step % settings["eval_frequency"] == 0
            if progress.why_finished(settings):
                return
        progress.epoch, progress.batch = settings["max_epochs"], 0

    def _update(self, batch: Batch, step: int, epoch: int) -> None:
        settings = self.settings
        if settings["before_update"]:
            settings["before_update"](self.nlp, {"step": step, "epoch": epoch})
        for part in subdivide_batch(batch, settings["accumulate_gradient"]):
            self.nlp.update(
                part,
                drop=settings["dropout"],
                losses=self.progress.losses,
                sgd=False,
                exclude=settings["frozen_components"],
                annotates=settings["annotating_components"],
            )
        self.processes.average_gradients(self.parameters)
        for component in self.parameters.components.values():
            component.finish_update(self.optimizer)
        self.optimizer.step_schedules()

    def _evaluate(self) -> dict[str, Any]:
        """Evaluate in the first process, and add the result to the progress in all of them.

        RETURNS: What loggers are told of a step.
        """
        progress = self.progress
        result = None
        if self.processes.is_first:
            with self.nlp.use_params(self.optimizer.averages):
                result = self.evaluate()
        score, scores = self.processes.broadcast(result)
        weights = self.settings["score_weights"]
        selecting = [name for name, weight in weights.items() if weight]
        if selecting and scores.keys().isdisjoint(selecting):
            raise ValueError(
                f"The dev corpus ({self.settings['dev_corpus']}) gives none of the scores that "
                f"select the best model ({', '.join(selecting)}): its documents have no gold data."
            )
        by_process = self.processes.gather(progress.losses)
        losses = {
            name: float(sum(losses[name] for losses in by_process)) / len(by_process)
            for name in progress.losses
        }
        row = {
            "epoch": progress.epoch,
            "step": progress.step,
            "score": score,
            "other_scores": {name: scores[name] for name in weights if name in scores},
            "losses": losses,
            "seconds": int(progress.seconds),
            "words": progress.words,
        }
        progress.evaluations.append(row)
        progress.losses = {}
        return {**row, "other_scores": scores, "checkpoints": self._results()}

    def _results(self) -> list[tuple[float, int]]:
        return [(row["score"], row["step"]) for row in self.progress.evaluations]

    def _start_log(self) -> tuple[Callable, Callable]:
        """Set up the logger. It is told again what it was told before training stopped."""
        if not self.processes.is_first:
            return lambda info: None, lambda: None
        settings = self.settings
        self._write("info", f"Pipeline: {self.nlp.pipe_names}")
        if settings["frozen_components"]:
            self._write("info", f"Frozen components: {settings['frozen_components']}")
        if settings["annotating_components"]:
            names = settings["annotating_components"]
            self._write("info", f"Set annotations on update for: {names}")
        self._write("info", f"Initial learn rate: {self.optimizer.learn_rate}")
        with self.nlp.select_pipes(disable=settings["frozen_components"]):
            log_step, finalize = settings["logger"](self.nlp, self.stdout, self.stderr)
        if is_console_logger(self.config):
            results = self._results()
            for i, row in enumerate(self.progress.evaluations, start=1):
                log_step({**row, "checkpoints": results[:i]})
        return log_step, finalize

    def _save_pipeline(self, info: dict[str, Any] | None = None) -> None:
        """Write model-last and, if this evaluation is as good as any, model-best."""
        if not self.processes.is_first:
            return
        last = self.output / DIR_MODEL_LAST
        if info is not None:
            with self.nlp.select_pipes(disable=self.settings["frozen_components"]):
                update_meta(self.settings, self.nlp, info)
            info["output_path"] = str(last)
        before_to_disk = create_before_to_disk_callback(self.settings["before_to_disk"])
        with self.nlp.use_params(self.optimizer.averages):
            replace_directory(last, before_to_disk(self.nlp).to_disk)
        if info is not None and info["score"] == self.progress.best[0]:
            replace_directory(self.output / DIR_MODEL_BEST, partial(shutil.copytree, last))

    def _save_checkpoint(self) -> None:
        """Write the checkpoint: last of all, since it says that everything else is done."""
        progress = self.progress
        progress.random = self.processes.gather(randomness.get_state())
        if not self.processes.is_first:
            return
        progress.losses = {name: float(loss) for name, loss in progress.losses.items()}
        progress.counts = self.parameters.get_counts(self.optimizer)
        progress.scales = self.parameters.get_scales()
        tensors = self.parameters.get_tables(self.optimizer)
        tensors["weights"] = self.parameters.get_weights()
        self.checkpoint.write(progress, self.config, tensors)

    def _write(self, style: str, *texts: Any) -> None:
        if self.processes.is_first:
            print(getattr(Printer(no_print=True), style)(*texts), file=self.stdout, flush=True)


def is_console_logger(config: Config) -> bool:
    """Whether the logger is spaCy's own, which only writes rows to the console and a file."""
    return config["training"]["logger"].get("@loggers", "").startswith("spacy.ConsoleLogger.")


def find_log_file(config: Config) -> Path | None:
    """The file that spaCy's own logger writes, if any."""
    file = config["training"]["logger"].get("output_file")
    return Path(file) if file and is_console_logger(config) else None
