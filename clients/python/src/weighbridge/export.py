"""`weighbridge.export`: a live model to a model file. Picks the way by the kind of the model."""

from __future__ import annotations

import os
from typing import Any

from .errors import bad_input
from .model_file import ModelFile


def export(
    model: Any,
    example_inputs: Any,
    *,
    params: Any = None,
    path: str | os.PathLike[str] | None = None,
    frozen: list[str] | None = None,
) -> ModelFile:
    """Turns a model into the file that Weighbridge trains.

    :param model: a `torch.nn.Module`, a Flax module (NNX or Linen), a Keras model on the JAX backend, or a function
        ``f(params, *inputs)`` of JAX
    :param params: the parameters of a function, or the variables of a Linen module; the others have their own
    :param example_inputs: one input, or a tuple of them, each with a batch in front. Only shapes and types matter, and
        that the numbers are ones that the model can take.
    :param path: where to write the `.wbm`; nowhere by default.
    :param frozen: names of parameters (or of modules) that training leaves alone, beside those with
        ``requires_grad=False``. The returned file of a training then lacks them, unless it is asked for all.
    :raises WeighbridgeError: MODEL_REJECTED, saying what of the model cannot be trained, and what to use instead
    """
    inputs = tuple(example_inputs) if isinstance(example_inputs, tuple | list) else (example_inputs,)
    kind = kind_of(model)
    if kind == "torch":
        from .export_torch import export_torch

        model_file = export_torch(model, inputs, frozen or [])
    elif kind is not None:
        from .export_jax import export_jax
        from .jax_models import source_of

        model_file = export_jax(source_of(kind, model, params, len(inputs)), inputs, frozen or [])
    else:
        raise bad_input(
            f"a {type(model).__name__} cannot be exported",
            "Give a torch.nn.Module, a Flax module, a Keras model, or a JAX function and its params.",
        )
    if path is not None:
        model_file.save(path)
    return model_file


def kind_of(model: Any) -> str | None:
    """`torch`, `flax`, `keras` or `jax`. By where its classes come from: neither framework is imported to find out."""
    roots = {cls.__module__.split(".")[0] for cls in type(model).__mro__}
    # Keras may stand on torch: what it says of itself comes first.
    found = next((name for name in ("keras", "flax", "torch") if name in roots), None)
    return "jax" if found is None and callable(model) else found
