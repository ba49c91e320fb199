"""One job from the first frame to the last. The order matters: the model is judged, lowered, budgeted and compiled
before the data key is read, so that no row is in memory while a stranger's graph is being parsed."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .canary import check_rows_apart
from .config import Config, parse_config
from .envelope import open_part, open_piece
from .features import RowsBuilder
from .frames import CHECKPOINT, CONFIG, END, GRAPH, KEY, SEED, TOKENIZER, WEIGHTS, FrameReader, FrameWriter
from .journal import Journal
from .lower import Lowered, lower
from .metric import Measurement, measure, prepare_metric
from .moments import fit, standardise
from .optimise import prepare, train
from .private_stream import SEED_BYTES
from .private_train import prepare_private, train_private
from .refusal import Reason, Refused, reject_model
from .safetensors import Floats, read_safetensors, write_safetensors
from .sealed_rows import AnyRows
from .spool import Spool
from .stopwatch import ends_after
from .stored import bytes_of_rows, record_of
from .text import Tokenizers, check_vocabularies, digests_of, read_tokenizer, with_largest_ids
from .warm import Limits

_PROGRESS_SECONDS = 0.25

Progress = Callable[[int, int], None]
# A compiled run: rows, the secret seed of a private run, who hears of progress, where it begins and who keeps it.
Run = Callable[[AnyRows, bytes, Progress, Journal], dict[str, Floats]]
_NO_LIMITS = Limits()


@dataclass(frozen=True)
class Prepared:
    """A model that was judged and compiled: what is left needs rows."""

    first_weights: Mapping[str, Floats]
    run: Run
    metric: Measurement | None = None


def run_job(frames: FrameReader, answers: FrameWriter, limits: Limits = _NO_LIMITS) -> None:
    """:raises Refused: with the reason that the `E` frame carries"""
    config = parse_config(frames.expect(CONFIG))
    graph, weights = frames.expect(GRAPH), frames.expect(WEIGHTS)
    bodies = {digest: frames.expect(TOKENIZER) for digest in digests_of(config)}
    with ends_after(limits.prepare_cpu_seconds, lambda: answers.error(Reason.MODEL_TOO_LARGE)):
        tokenizers = {digest: read_tokenizer(body, digest) for digest, body in bodies.items()}
        config = with_largest_ids(config, tokenizers)
        spooled = bytes_of_rows(config) > limits.rows_bytes
        job = _prepare(config, graph, weights, tokenizers, spooled)
    data_key = frames.expect(KEY)
    seed = b"" if config.privacy is None else _seed(frames.expect(SEED))
    begin = frames.expect(CHECKPOINT) if limits.resumes else None
    journal = Journal(begin, limits.checkpoint_seconds, answers.checkpoint if limits.checkpoint_seconds else None)
    record = record_of(config)
    spool = Spool(limits.spool, record.bytes) if spooled else None
    rows = _read_rows(config, tokenizers, data_key, frames, spool)
    held_out = None
    if job.metric is not None:
        spool = None if spool is None else Spool(limits.spool, record.bytes, spool.end)
        held_out = _read_rows(job.metric.config, tokenizers, data_key, frames, spool)
    frames.expect(END)
    moments = fit(config, rows, seed)
    standardise(config, rows, moments)
    tensors = job.run(rows, seed, _paced(answers.progress), journal)
    answers.result(write_safetensors(tensors))
    if moments is not None:
        answers.moments(moments.noised)
    if job.metric is not None and held_out is not None:
        standardise(job.metric.config, held_out, moments)
        answers.metric(*measure(job.metric, {**job.first_weights, **tensors}, held_out, seed))
    answers.numbers(config.epochs, config.rows)


def _prepare(config: Config, graph: bytes, weights: bytes, tokenizers: Tokenizers, spooled: bool) -> Prepared:
    if hashlib.sha256(graph).hexdigest() != config.graph_digest:
        raise reject_model("graph: digest")
    if hashlib.sha256(weights).hexdigest() != config.weights_digest:
        raise reject_model("weights: digest")
    tensors = read_safetensors(weights)
    lowered = lower(graph, tensors, config)
    check_vocabularies(config, tokenizers, lowered.row.output_shape)
    prepared = _compiled(lowered, tensors, config, spooled)
    # Behind the budgets: it runs the graph.
    check_rows_apart(lowered, tensors, config)
    return prepared


def _compiled(lowered: Lowered, tensors: Mapping[str, Floats], config: Config, spooled: bool) -> Prepared:
    if config.privacy is None:
        trainer = prepare(lowered.row, tensors, config, spooled)
        return Prepared(tensors, lambda rows, _seed, progress, journal: train(trainer, rows, progress, journal))
    private = prepare_private(lowered.row, tensors, config, config.privacy, spooled)
    wanted, held_out = config.privacy.metric, config.held_out
    metric = None
    if wanted is not None and held_out is not None:
        metric = prepare_metric(lowered.row, tensors, config.of_held_out(held_out), wanted)
    return Prepared(
        tensors,
        lambda rows, seed, progress, journal: train_private(private, rows, seed, progress, journal),
        metric,
    )


def _seed(body: bytes) -> bytes:
    if len(body) != SEED_BYTES:
        raise Refused(Reason.TRAINER_FAILED, "seed length")
    return body


def _read_rows(
    config: Config, tokenizers: Tokenizers, data_key: bytes, frames: FrameReader, spool: Spool | None
) -> AnyRows:
    builder = RowsBuilder(config, tokenizers, spool)
    for piece in frames.pieces(config.pieces):
        if piece.chosen is None:
            builder.add(open_piece(data_key, piece.header, piece.chunks))
        else:
            builder.add(open_part(data_key, piece.header, piece.chosen, piece.chunks))
    return builder.build()


def _paced(send: Progress) -> Progress:
    """Lets progress through by the clock, so that the number of frames says nothing but how long the run took."""
    due = time.monotonic()

    def progress(step: int, of: int) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due or step == of:
            due = now + _PROGRESS_SECONDS
            send(step, of)

    return progress
