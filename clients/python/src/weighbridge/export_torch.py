"""A PyTorch module to a model file. The stock default export is wrong for training in six ways; each is met here.

- It merges parameters that start equal (two norms share one weight and would train as one): exported unoptimised.
- In eval mode Dropout is gone from the graph: exported in train mode.
- A batch that is not declared free becomes a number: declared free.
- A tied weight keeps one of its names: the others are written down in `tied`.
- Notes hold file paths and source lines of this machine: stripped.
- BatchNorm comes out as its inference form: refused, as is every model whose rows see one another.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from .canary import ROWS, assert_rows_apart, drawn_rows, first_line, refused_examples
from .errors import WeighbridgeError, missing_package, model_rejected
from .model_file import ModelFile
from .onnx_profile import OPSET, declared_inputs, into_profile, load_onnx
from .quiet import quiet
from .tensors import Array

#: Colours of a terminal, which PyTorch puts into its errors.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def export_torch(module: Any, inputs: tuple[Any, ...], frozen: list[str]) -> ModelFile:
    """See :func:`weighbridge.export`."""
    torch = _load_torch()
    load_onnx()
    _refuse_what_cannot_train(torch, module)
    examples = tuple(_with_batch(torch, module, example) for example in inputs)
    with _mode(module, training=False), torch.no_grad(), _stirred(torch, module):
        _canary(torch, module, examples)
    with _mode(module, training=True):
        exported = _run_exporter(torch, module, examples)
    in_graph = {tensor.name for tensor in exported.graph.initializer}
    state, tied = _state_of(module, in_graph)
    _compare_with_state(exported, state)
    trainable = sorted({tied.get(name, name) for name in _trainable(module, frozen)})
    _refuse_lost(trainable, in_graph)
    graph, weights = into_profile(exported, state)
    template = {
        "trainable": trainable,
        "tied": dict(sorted(tied.items())),
        "inputs": declared_inputs(exported),
    }
    return ModelFile.build(template, graph, weights)


def _load_torch() -> Any:
    try:
        import onnxscript  # noqa: F401 (what torch's exporter runs on)
        import torch
    except ImportError as error:
        raise missing_package(f"The package {error.name}", "torch") from error
    return torch


def _refuse_what_cannot_train(torch: Any, module: Any) -> None:
    if hasattr(module, "_orig_mod"):
        raise model_rejected(
            "the model is one that torch.compile made",
            "Export what it was made of (model._orig_mod), which also takes what comes back.",
        )
    batch_norms = torch.nn.modules.batchnorm._BatchNorm
    for name, part in module.named_modules():
        if isinstance(part, batch_norms) and not isinstance(part, torch.nn.modules.instancenorm._InstanceNorm):
            raise model_rejected(
                f"{name or 'the model'} is a {type(part).__name__}: it mixes the rows of a batch",
                "Use GroupNorm or LayerNorm instead.",
            )
    for name, value in module.state_dict().items():
        if (value.is_floating_point() and value.dtype != torch.float32) or value.is_complex():
            raise model_rejected(f"{name} is {value.dtype}, only float32 is trained", "Convert the model with .float().")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise model_rejected(
                f"{name} holds a value that is not finite",
                "Start from finite numbers; in a mask, use a large negative one in place of -inf.",
            )


def _with_batch(torch: Any, module: Any, example: Any) -> Any:
    """At least two rows, where the model is: the exporter takes a batch of one for a constant."""
    try:
        tensor = torch.as_tensor(example)
    except (TypeError, ValueError, RuntimeError) as error:
        raise refused_examples(error) from error
    if tensor.dtype == torch.float64:  # what NumPy makes
        tensor = tensor.float()
    device = next((parameter.device for parameter in module.parameters()), tensor.device)
    tensor = tensor.to(device)
    if tensor.dim() == 0:
        raise model_rejected("an example input has no batch in front", "Give inputs of shape [batch, ...].")
    return tensor if tensor.shape[0] >= 2 else torch.cat([tensor, tensor])


def _canary(torch: Any, module: Any, examples: tuple[Any, ...]) -> None:
    """With the given rows, and with drawn ones if the model takes them."""
    try:
        _compare(torch, module, [_distinct_rows(torch, example) for example in examples])
    except WeighbridgeError:
        raise
    except Exception as error:
        raise refused_examples(error) from error
    # A model that wants other numbers than these (a table of one word, a root) has shown its rows above.
    with contextlib.suppress(ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
        _compare(torch, module, [_drawn_rows(torch, example) for example in examples])


def _compare(torch: Any, module: Any, rows: list[Any]) -> None:
    together = module(*rows)
    if not isinstance(together, torch.Tensor):
        raise model_rejected("the model does not answer with one tensor", "Return the logits alone from forward.")
    if together.dim() == 0 or together.shape[0] != ROWS:
        raise model_rejected("the model's output has no batch in front", "Return one result a row.")
    alone = torch.cat([module(*(row[k : k + 1] for row in rows)) for k in range(ROWS)])
    assert_rows_apart(together.cpu().numpy(), alone.cpu().numpy())


def _distinct_rows(torch: Any, example: Any) -> Any:
    """Three rows that differ, made of the given ones, so that every number stays one that the model can take."""
    picks = [k % example.shape[0] for k in range(ROWS)]
    rows = example[picks].clone()
    if rows.is_floating_point():
        rows = rows * torch.linspace(0.5, 1.0, ROWS, device=rows.device).reshape(-1, *[1] * (rows.dim() - 1))
    return rows


def _drawn_rows(torch: Any, example: Any) -> Any:
    dtype = str(example.dtype).removeprefix("torch.")
    return torch.from_numpy(drawn_rows(example.shape[1:], dtype)).to(example.device)


def _run_exporter(torch: Any, module: Any, examples: tuple[Any, ...]) -> Any:
    batch = torch.export.Dim("batch")
    shapes = tuple({0: batch} for _ in examples)
    try:
        with quiet():
            program = torch.onnx.export(
                module,
                examples,
                dynamo=True,
                optimize=False,
                opset_version=OPSET,
                dynamic_shapes=shapes,
                verbose=False,
            )
    except WeighbridgeError:
        raise
    except Exception as error:
        # What torch.onnx says itself is how far it came; why, its cause says.
        cause = error.__cause__ or error
        raise model_rejected(
            f"PyTorch cannot export this model: {_COLOURS.sub('', first_line(cause))}",
            "Make forward free of data-dependent control flow and of sizes that depend on the batch.",
        ) from error
    return program.model_proto


def _state_of(module: Any, in_graph: set[str]) -> tuple[dict[str, Array], dict[str, str]]:
    """The state by name with each tensor once, under the name that the graph has for it, and the other names of tied ones."""
    entries = module.state_dict(keep_vars=True)
    names: dict[int, list[str]] = {}
    for name, value in entries.items():
        if not hasattr(value, "detach"):
            raise model_rejected(f"{name} of the model's state is not a tensor", "Keep tensors alone in the state.")
        names.setdefault(id(value), []).append(name)
    state: dict[str, Array] = {}
    tied: dict[str, str] = {}
    for same in names.values():
        kept = next((name for name in same if name in in_graph), same[0])
        state[kept] = entries[kept].detach().cpu().numpy().copy()
        tied.update({name: kept for name in same if name != kept})
    return state, tied


def _trainable(module: Any, frozen: list[str]) -> list[str]:
    named = dict(module.named_parameters(remove_duplicate=False))
    for name in frozen:
        if not any(_is_within(parameter, name) for parameter in named):
            raise model_rejected(f"frozen: the model has no parameter or module {name!r}", "Use names of its state_dict.")
    return [
        name
        for name, parameter in named.items()
        if parameter.requires_grad and not any(_is_within(name, other) for other in frozen)
    ]


def _is_within(parameter: str, name: str) -> bool:
    return parameter == name or parameter.startswith(f"{name}.")


def _refuse_lost(trainable: list[str], in_graph: set[str]) -> None:
    if not trainable:
        raise model_rejected("no parameter is left to train", "Leave requires_grad on for at least one.")
    lost = [name for name in trainable if name not in in_graph]
    if lost:
        raise model_rejected(
            f"the exported graph does not use {', '.join(lost[:5])}{' and others' if len(lost) > 5 else ''}",
            "Freeze what forward does not use (frozen=[...]), or delete it.",
        )


def _compare_with_state(exported: Any, state: dict[str, Array]) -> None:
    """Every parameter that the graph holds is one of the model's, with its shape and its values; none was merged or lost."""
    onnx = load_onnx()
    for tensor in exported.graph.initializer:
        own = state.get(tensor.name)
        if own is None:
            continue
        if tuple(tensor.dims) != own.shape:
            raise model_rejected(f"the export changed the shape of {tensor.name}: {list(tensor.dims)}")
        value = onnx.numpy_helper.to_array(tensor)
        if value.tobytes() != own.tobytes():
            raise model_rejected(f"the export changed the values of {tensor.name}")


@contextlib.contextmanager
def _stirred(torch: Any, module: Any) -> Iterator[None]:
    """Parameters with a little noise, and as they were afterwards: what starts at zero hides what it does to other rows."""
    before = [(parameter, parameter.detach().clone()) for parameter in module.parameters()]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for parameter, _ in before:
            parameter.add_(torch.randn(parameter.shape).to(parameter), alpha=0.05)
    try:
        yield
    finally:
        for parameter, value in before:
            parameter.copy_(value)


@contextlib.contextmanager
def _mode(module: Any, *, training: bool) -> Iterator[None]:
    """Every part as it was, afterwards."""
    before = [(part, part.training) for part in module.modules()]
    module.train(training)
    try:
        yield
    finally:
        for part, was in before:
            part.training = was
