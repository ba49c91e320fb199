"""A run that goes on from a checkpoint ends in the same bits as one that was never interrupted."""

import io
import struct
from typing import Any

import numpy as np
import pytest

from models import adam, declaration, linear_model, linear_weights, sgd
from pieces import job_frames, parquet
from private_cases import SEED, made_of, some_rows
from test_job import answers
from weighbridge_trainer.frames import FrameReader, FrameWriter
from weighbridge_trainer.job import run_job
from weighbridge_trainer.journal import Journal
from weighbridge_trainer.private_train import prepare_private, train_private
from weighbridge_trainer.refusal import Reason, Refused
from weighbridge_trainer.warm import Limits

GRAPH, WEIGHTS = linear_model(), linear_weights()
EVERY_DISPATCH = 1e-9


def piece() -> bytes:
    x = np.random.default_rng(0).random((50, 3))
    columns: dict[str, Any] = {f"c{k}": x[:, k] for k in range(3)}
    return parquet({**columns, "label": (x[:, 0] > 0.5).astype(int)})


def run(begin: bytes | None = None, seconds: float = EVERY_DISPATCH, **change: Any) -> list[tuple[bytes, bytes]]:
    data = job_frames(declaration(GRAPH, WEIGHTS, **change), GRAPH, WEIGHTS, [piece()], rows=50, begin=begin)
    out = io.BytesIO()
    run_job(
        FrameReader(io.BytesIO(data)), FrameWriter(out), Limits(checkpoint_seconds=seconds, resumes=begin is not None)
    )
    return answers(out.getvalue())


def of(kind: bytes, said: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [body for got, body in said if got == kind]


def step_of(state: bytes) -> int:
    return int(struct.unpack_from(">I", state)[0])


@pytest.mark.parametrize("optimiser", [sgd(0.1, 0.9), adam(0.01)])
def test_plain(optimiser: dict[str, Any]) -> None:
    whole = run(optimiser=optimiser, epochs=4)
    kept = of(b"Z", whole)
    assert len(kept) == 4
    resumed = run(kept[1], optimiser=optimiser, epochs=4)
    assert of(b"R", resumed) == of(b"R", whole)
    assert of(b"Z", resumed) == kept[2:]
    assert min(struct.unpack(">II", body)[0] for body in of(b"P", resumed)) > step_of(kept[1])


def test_from_its_very_end() -> None:
    whole = run(epochs=2)
    assert of(b"R", run(of(b"Z", whole)[-1], epochs=2)) == of(b"R", whole)


def test_private(monkeypatch: pytest.MonkeyPatch) -> None:
    """Same seed, same step: what comes is what would have come, noise included."""
    monkeypatch.setattr("weighbridge_trainer.private_train._MAX_SEGMENT_STEPS", 3)
    made, rows = made_of("mlp"), some_rows()
    program, weights, config = made
    assert config.privacy is not None
    privacy = config.privacy

    def trained(journal: Journal) -> tuple[dict[str, Any], list[int]]:
        steps: list[int] = []
        trainer = prepare_private(program, weights, config, privacy)
        return train_private(trainer, rows, SEED, lambda step, _of: steps.append(step), journal), steps

    kept: list[bytes] = []
    whole, all_steps = trained(Journal(None, EVERY_DISPATCH, kept.append))
    resumed, steps = trained(Journal(kept[1]))
    assert steps == all_steps[2:]
    assert {name: values.tobytes() for name, values in resumed.items()} == {
        name: values.tobytes() for name, values in whole.items()
    }


def test_nothing_is_given_away_unless_it_was_asked_for_or_before_it_is_time() -> None:
    assert of(b"Z", run(seconds=0)) == []
    assert of(b"Z", run(seconds=3_600)) == []


@pytest.mark.parametrize("change", [lambda state: state + b"0", lambda state: state[:-1], lambda _state: b""])
def test_a_state_of_another_form_is_refused(change: Any) -> None:
    state = of(b"Z", run())[0]
    with pytest.raises(Refused) as refused:
        run(change(state))
    assert refused.value.reason is Reason.TRAINER_FAILED
