"""``python -m spacy bertsum train``: training that resumes, on one or several processes."""

import logging
import shutil
from pathlib import Path
from typing import Annotated, Any

from click import NoSuchOption
from spacy import util
from spacy.cli._util import (
    import_code,
    parse_config_overrides,
    setup_gpu,
    show_validation_error,
)
from spacy.training.initialize import init_nlp
from spacy.training.loop import DIR_MODEL_BEST, DIR_MODEL_LAST, clean_output_dir
from thinc.api import Config
from typer import Argument, BadParameter, Context, Exit, Option
from wasabi import Printer

CHECKPOINT = "checkpoint"
# The command takes any setting of the config as an option, as spacy train does.
CONTEXT_SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}


def train_cli(
    ctx: Context,
    config_path: Annotated[
        Path,
        Argument(metavar="CONFIG", help="Path to config file", exists=True, allow_dash=True),
    ],
    output: Annotated[
        Path,
        Option(
            "--output",
            "--output-path",
            "-o",
            help="Directory for the trained pipeline and the checkpoint",
            file_okay=False,
        ),
    ],
    code_path: Annotated[
        Path | None,
        Option("--code", "-c", help="Python file with registered functions to import", exists=True),
    ] = None,
    verbose: Annotated[
        bool, Option("--verbose", "-V", "-VV", help="Display more information for debugging")
    ] = False,
    use_gpu: Annotated[
        int,
        Option("--gpu-id", "-g", help="GPU ID or -1 for CPU. Under torchrun, 0 gives each its own"),
    ] = -1,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Start afresh, whatever is in the output directory")
    ] = False,
) -> None:
    """
    Train a pipeline as spacy train does, with the same config and the same
    overrides (--training.max_steps 500). A checkpoint is written after each
    evaluation, and the same command goes on from it. A finished training goes on
    with a higher max_steps, max_epochs or patience.

    On several GPUs or machines, start it with torchrun:

    torchrun --nproc-per-node 2 -m spacy bertsum train CONFIG --output DIR --gpu-id 0
    """
    if verbose:
        util.logger.setLevel(logging.DEBUG)
    try:
        overrides = parse_config_overrides(ctx.args)
    except NoSuchOption as error:
        raise BadParameter(str(error)) from error
    import_code(code_path)
    try:
        train(config_path, output, use_gpu=use_gpu, overwrite=overwrite, overrides=overrides)
    except KeyboardInterrupt:
        raise Exit(130) from None


def train(
    config_path: Path,
    output: Path,
    *,
    use_gpu: int = -1,
    overwrite: bool = False,
    overrides: dict[str, Any] = util.SimpleFrozenDict(),  # noqa: B008
) -> None:
    """Train a pipeline from the output directory's checkpoint on, or from the start.

    config_path: A config that spacy train takes.
    output: Directory for ``model-best``, ``model-last`` and the checkpoint.
    use_gpu: The GPU, or -1 for the CPU; under torchrun any number of 0 or more means that each
        process takes its own.
    overwrite: Start afresh.
    overrides: Settings by their dotted names.
    """
    # torch is imported here: spaCy imports this module for every command of its own.
    from ..training.checkpoint import Checkpoint, fill
    from ..training.distributed import join, local_gpu
    from ..training.loop import Training

    use_gpu = local_gpu(use_gpu)
    with join(use_gpu) as processes:
        msg = Printer(no_print=not processes.is_first)
        setup_gpu(use_gpu, silent=not processes.is_first)
        with show_validation_error(config_path):
            config = util.load_config(config_path, overrides=overrides, interpolate=False)
            filled = fill(config)
        checkpoint = Checkpoint(output / CHECKPOINT)
        finished = None
        if processes.is_first:
            try:
                finished = _prepare(output, checkpoint, filled, overwrite=overwrite)
            except (ValueError, OSError) as error:
                msg.fail("Can't train")
                print(error)
                raise Exit(1) from None
        finished = processes.broadcast(finished)
        if finished:
            msg.good(finished)
            return
        msg.info(f"Saving to output directory: {output}")
        msg.divider("Initializing pipeline")
        with show_validation_error(config_path, hint_fill=False):
            nlp = init_nlp(config, use_gpu=use_gpu)
        msg.good("Initialized pipeline")
        training = Training(
            nlp,
            filled,
            output,
            checkpoint,
            processes=processes,
            use_gpu=use_gpu,
        )
        msg.divider("Training pipeline")
        training.run()


def _prepare(output: Path, checkpoint: Any, config: Config, *, overwrite: bool) -> str | None:
    """Make sure that training can start, or go on, in the output directory.

    RETURNS: If there is nothing left to do, a text that says so.
    """
    from ..training.checkpoint import checksum_corpus, find_changes, restore_directory
    from ..training.loop import find_log_file

    log_file = find_log_file(config)
    if overwrite:
        shutil.rmtree(checkpoint.path, ignore_errors=True)
    elif checkpoint.exists():
        progress, old_config = checkpoint.read()
        if changes := find_changes(old_config, config):
            raise ValueError(
                f"The checkpoint in {checkpoint.path} is from a training with other settings:\n"
                + "\n".join(changes)
                + "\nRestore them, choose another directory, or start afresh with --overwrite."
            )
        if progress.corpus != checksum_corpus(config):
            raise ValueError(
                f"The training corpus is not that of the checkpoint in {checkpoint.path}. Restore "
                "it, choose another directory, or start afresh with --overwrite."
            )
        for name in (DIR_MODEL_BEST, DIR_MODEL_LAST):
            restore_directory(output / name)
        if setting := progress.why_finished(config["training"]):
            score, step = progress.best
            return (
                f"Training in {output} is finished: {setting} was reached in step {progress.step}; "
                f"the best score was {score:.4f} in step {step}. Raise training.{setting} to go "
                "on, or start afresh with --overwrite."
            )
        return None
    elif log_file is not None and log_file.is_file() and log_file.stat().st_size:
        raise ValueError(
            f"{log_file} is the log of another training: move it away, set "
            "training.logger.output_file to another file, or use --overwrite."
        )
    output.mkdir(parents=True, exist_ok=True)
    clean_output_dir(output)
    return None
