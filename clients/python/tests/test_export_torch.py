"""The PyTorch door. Real: PyTorch, its exporter, the onnx checker, ONNX Runtime. Skipped, aloud, where they are not installed:
they take 5 GB, so `npm test` does not bring them (clients/python/README.md says how to run these)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weighbridge as wb
from weighbridge.results import merged

torch = pytest.importorskip("torch", reason="PyTorch is not installed: the export of PyTorch models is NOT tested here")
onnx = pytest.importorskip("onnx", reason="onnx is not installed: the export of PyTorch models is NOT tested here")
pytest.importorskip("onnxscript", reason="onnxscript is not installed: the export of PyTorch models is NOT tested here")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: the export is NOT tested here")

from torch import nn  # noqa: E402

import zoo  # noqa: E402


def unpack(model_file: wb.ModelFile, folder: Path) -> Path:
    (folder / "weights.safetensors").write_bytes(model_file.weights)
    (folder / "graph.onnx").write_bytes(model_file.graph)
    return folder / "graph.onnx"


@pytest.mark.parametrize("name", zoo.ZOO)
def test_exports_what_pytorch_computes(name: str, tmp_path: Path) -> None:
    """The pair opens in stock tools, and says the same as the module."""
    module, inputs = zoo.make(name)
    model_file = wb.export(module, inputs)
    graph = unpack(model_file, tmp_path)
    onnx.checker.check_model(str(graph), full_check=True)
    session = ort.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    feeds = {value.name: given.numpy() for value, given in zip(session.get_inputs(), inputs, strict=True)}
    (answer,) = session.run(None, feeds)
    expected = module.eval()(*inputs).detach().numpy()
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5)
    assert [declared["shape"] for declared in model_file.template["inputs"]] == [list(one.shape[1:]) for one in inputs]


@pytest.mark.parametrize("name", zoo.ZOO)
def test_what_comes_back_loads_strictly(name: str) -> None:
    """Trained tensors over the first ones, ties and buffers restored, into a module that started elsewhere."""
    module, inputs = zoo.make(name)
    model_file = wb.ModelFile.from_bytes(wb.export(module, inputs).to_bytes())
    trained = {key: model_file.initial[key] + np.float32(1) for key in model_file.trainable}
    torch.manual_seed(1)
    fresh = zoo.ZOO[name][0]()
    fresh.load_state_dict({key: torch.tensor(value) for key, value in merged(model_file, trained).items()}, strict=True)
    before, after = module.state_dict(), fresh.state_dict()
    moved = {key for key, parameter in module.named_parameters(remove_duplicate=False) if parameter.requires_grad}
    for key, value in before.items():
        assert torch.equal(after[key], value + 1 if key in moved else value), key


def test_marks_frozen_parameters(tmp_path: Path) -> None:
    module, inputs = zoo.make("lora")
    assert wb.export(module, inputs).trainable == ["a", "b", "out.bias", "out.weight"]
    head_only = wb.export(module, inputs, frozen=["a", "b"], path=tmp_path / "head.wbm")
    assert head_only.trainable == ["out.bias", "out.weight"]
    assert wb.ModelFile.load(tmp_path / "head.wbm") == head_only
    with pytest.raises(wb.WeighbridgeError, match="no parameter or module 'c'"):
        wb.export(module, inputs, frozen=["c"])
    with pytest.raises(wb.WeighbridgeError, match="no parameter is left"):
        wb.export(module, inputs, frozen=["a", "b", "out"])


def test_keeps_ties() -> None:
    module, inputs = zoo.make("gpt")
    model_file = wb.export(module, inputs)
    ((alias, kept),) = model_file.tied.items()
    assert {alias, kept} == {"embed.weight", "head.weight"}
    assert kept in model_file.trainable
    assert alias not in model_file.trainable


def test_keeps_dropout_whatever_mode_the_module_is_in() -> None:
    module = zoo.Encoder(0.1)
    module.eval()
    module.encode.layers[0].train()
    modes = [part.training for part in module.modules()]
    graph = onnx.load_from_string(wb.export(module, zoo.ids(99, 4, 12)).graph)
    assert sum(node.op_type == "Dropout" for node in graph.graph.node) >= 6
    assert [part.training for part in module.modules()] == modes


def test_tells_nothing_of_the_buyers_machine() -> None:
    graph = wb.export(*zoo.make("cnn")).graph
    for word in (b"torch", b"/", b".py", b"zoo", b"pkg."):
        assert word not in graph.replace(b"weights.safetensors", b""), word


def test_takes_one_row_for_an_example() -> None:
    module, (inputs,) = zoo.make("mlp")
    assert wb.export(module, inputs[:1]).template == wb.export(module, (inputs,)).template


class Centred(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(30, 2)

    def forward(self, x: Any) -> Any:
        return self.out(x - x.mean(0))


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out, self.never = nn.Linear(30, 2), nn.Linear(3, 3)

    def forward(self, x: Any) -> Any:
        return self.out(x)


class TwoAnswers(Unused):
    def forward(self, x: Any) -> Any:
        return self.out(x), x


class Branches(Unused):
    def forward(self, x: Any) -> Any:
        return self.out(x) if float(x.sum()) > 0 else self.out(-x)


class AsksItsRows(Unused):
    def forward(self, x: Any) -> Any:
        return self.out(x) if bool((x == x).all()) else x


class BatchInShape(Unused):
    def forward(self, x: Any) -> Any:
        return self.out(x).reshape(-1)


class FixedBatch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(30, 2)
        self.offset = nn.Parameter(torch.zeros(4, 2))

    def forward(self, x: Any) -> Any:
        return self.out(x) + self.offset[: x.shape[0]] if x.shape[0] <= 4 else self.out(x)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (lambda: nn.Sequential(nn.Linear(30, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)), "mixes the rows"),
        (Centred, "rows-mix"),
        (Unused, "does not use never"),
        (TwoAnswers, "one tensor"),
        (Branches, "rows-mix|cannot export"),
        (BatchInShape, "no batch in front"),
        (FixedBatch, "rows-mix"),
        (lambda: nn.Linear(30, 2).half(), "float16"),
        (lambda: nn.Linear(30, 2).double(), "float64"),
    ],
)
def test_refuses(module: Any, message: str) -> None:
    made = module()
    dtype = next(made.parameters()).dtype
    with pytest.raises(wb.WeighbridgeError, match=message) as caught:
        wb.export(made, torch.randn(4, 30, dtype=dtype))
    assert caught.value.code == "MODEL_REJECTED"


@pytest.mark.parametrize(
    "module",
    [Centred, lambda: nn.Sequential(nn.Unflatten(1, (3, 10)), nn.TransformerEncoderLayer(10, 2, 8), nn.Flatten())],
)
def test_rows_that_see_one_another_are_seen_in_examples_that_are_all_equal(module: Any) -> None:
    with pytest.raises(wb.WeighbridgeError, match="rows-mix"):
        wb.export(module(), torch.zeros(2, 30))


def test_a_model_that_takes_other_numbers_than_drawn_ones_is_exported() -> None:
    one_word = nn.Sequential(nn.Embedding(1, 4), nn.Flatten(), nn.Linear(12, 2))
    assert wb.export(one_word, torch.zeros(2, 3, dtype=torch.long)).trainable


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (torch.zeros(2, 5), "does not take these example inputs: .*shapes"),
        ({"x": torch.zeros(2, 30)}, "does not take these example inputs"),
        (None, "does not take these example inputs"),
        ((torch.zeros(2, 30), torch.zeros(2, 30)), "does not take these example inputs"),
    ],
)
def test_examples_that_the_model_does_not_take(inputs: Any, message: str) -> None:
    with pytest.raises(wb.WeighbridgeError, match=message) as caught:
        wb.export(Unused(), inputs)
    assert caught.value.code == "BAD_INPUT"


def test_numbers_as_numpy_makes_them_are_taken() -> None:
    assert wb.export(nn.Linear(3, 2), np.zeros((2, 3))).template["inputs"][0]["dtype"] == "float32"


def test_says_what_is_wrong_with_a_model_and_not_how_far_the_exporter_came(tmp_path: Path) -> None:
    spoilt = nn.Linear(30, 2)
    spoilt.weight.data[0, 0] = torch.nan
    spaced = nn.Sequential()
    spaced.add_module("first layer", nn.Linear(30, 2))
    for module, message in (
        (spoilt, "^weight holds a value that is not finite"),
        (spaced, "'first layer.weight' cannot be the name of a tensor"),
        (torch.compile(nn.Linear(30, 2)), "torch.compile made"),
        (nn.Linear(30, 2_500_000), "has 295 MiB, at most 256"),
        (AsksItsRows, "data-dependent"),
    ):
        with pytest.raises(wb.WeighbridgeError, match=message) as caught:
            wb.export(module if isinstance(module, nn.Module) else module(), torch.randn(4, 30))
        assert caught.value.code == "MODEL_REJECTED"
        assert "\x1b" not in str(caught.value)
    with pytest.raises(wb.WeighbridgeError, match="cannot be written") as caught:
        wb.export(nn.Linear(30, 2), torch.randn(4, 30), path=tmp_path / "none" / "m.wbm")
    assert caught.value.code == "BAD_INPUT"


def test_an_unused_parameter_may_be_frozen() -> None:
    torch.manual_seed(0)
    model_file = wb.export(Unused(), torch.randn(4, 30), frozen=["never"])
    assert "never.weight" in model_file.initial
    assert model_file.trainable == ["out.bias", "out.weight"]


def stock_export(module: Any, inputs: tuple[Any, ...], path: Path, **options: Any) -> Path:
    given: dict[str, Any] = {"dynamo": True, "dynamic_shapes": ({0: torch.export.Dim("batch")},), "verbose": False, **options}
    torch.onnx.export(module, inputs, str(path), **given)
    return path


def test_a_stock_default_export_is_refused_because_it_merges(tmp_path: Path) -> None:
    """The trap itself: if PyTorch stops merging, this test says so."""
    module, inputs = zoo.make("cnn")
    stock = stock_export(module.eval(), inputs, tmp_path / "stock.onnx")
    held = {tensor.name for tensor in onnx.load(str(stock)).graph.initializer}
    assert not set(module.state_dict()) <= held
    with pytest.raises(wb.WeighbridgeError, match="merged, renamed or dropped"):
        wb.from_onnx(stock, state_dict=module.state_dict())


def test_a_stock_export_with_a_fixed_batch_is_refused(tmp_path: Path) -> None:
    module, inputs = zoo.make("mlp")
    stock = stock_export(module, inputs, tmp_path / "stock.onnx", dynamic_shapes=None, optimize=False)
    with pytest.raises(wb.WeighbridgeError, match="batch of input x is fixed at 4"):
        wb.from_onnx(stock, state_dict=module.state_dict())


def test_a_stock_export_that_is_still_the_model_is_taken_with_a_warning(tmp_path: Path) -> None:
    module, inputs = zoo.make("mlp")
    stock = stock_export(module, inputs, tmp_path / "stock.onnx", optimize=False)
    with pytest.warns(UserWarning, match="no Dropout"):
        model_file = wb.from_onnx(stock, state_dict=module.state_dict(), path=tmp_path / "m.wbm")
    assert model_file.trainable == sorted(module.state_dict())
    moved = {name: value + 1 for name, value in module.state_dict().items()}
    with pytest.raises(wb.WeighbridgeError, match="changed net"):
        wb.from_onnx(stock, state_dict=moved)


def test_what_is_no_model_at_all() -> None:
    with pytest.raises(wb.WeighbridgeError, match="cannot be exported"):
        wb.export(io.BytesIO(), torch.randn(2, 2))
