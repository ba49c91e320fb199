"""Measures a model that came back from a Weighbridge recipe, on rows of a CSV file, with NumPy alone.

    python examples/evaluate.py --weights weights.safetensors --job declaration.json --data examples/digits-heldout.csv

Prints {"accuracy": ..., "rows": ..., "correct": ...}. It knows what a buyer knows: `declaration.json` says how columns become
numbers, and the recipe (src/training/recipes) says what the layers called net.0, net.2, ... do. Where a recipe froze
some of its weights (lora; the transformer's table of columns), --initial names the file that holds them, which
`weighbridge train --save-model` wrote.
"""

import argparse
import csv
import json
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Weights = dict[str, Floats]

# Of the transformer: no shape tells it.
HEADS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy of a trained recipe on the rows of a CSV file.")
    parser.add_argument("--weights", type=Path, required=True, help="weights.safetensors")
    parser.add_argument("--initial", type=Path, help="initial.safetensors, if not every tensor was trained")
    parser.add_argument("--job", type=Path, required=True, help="declaration.json, which came with the weights")
    parser.add_argument("--features", type=Path, help="fitted-features.json, if columns were standardised")
    parser.add_argument("--data", type=Path, required=True, help="CSV file with a header")
    options = parser.parse_args()
    job = json.loads(options.job.read_text())
    if options.features is not None:
        job["features"] = json.loads(options.features.read_text())
    if any(feature["kind"] == "standardise" for parts in job["features"].values() for feature in parts):
        parser.error("columns were standardised: give --features fitted-features.json, which came with the weights")
    with options.data.open(newline="") as file:
        rows = list(csv.DictReader(file))
    classes = [str(word) for word in job["label"]["classes"]]
    labels = np.array([classes.index(row[job["label"]["column"]]) for row in rows])
    trained = read_safetensors(options.weights.read_bytes())
    weights = trained if options.initial is None else read_safetensors(options.initial.read_bytes()) | trained
    forward = transformer if "encoder.norm.weight" in weights else sequential
    try:
        logits = forward(weights, features(job, rows))
    except (KeyError, ValueError):
        if options.initial is not None:
            raise
        parser.error("some weights were frozen and did not come back: give --initial, which train --save-model wrote")
    correct = int((logits.argmax(axis=1) == labels).sum())
    print(json.dumps({"accuracy": correct / len(rows), "rows": len(rows), "correct": correct}))


def read_safetensors(data: bytes) -> Weights:
    """https://github.com/huggingface/safetensors: u64 header length, JSON header, data."""
    start = 8 + int.from_bytes(data[:8], "little")
    out = {}
    for name, entry in json.loads(data[8:start]).items():
        begin, end = entry["data_offsets"]
        out[name] = np.frombuffer(data[start + begin : start + end], "<f4").reshape(entry["shape"])
    return out


def features(job: dict, rows: list[dict[str, str]]) -> Floats:
    """The declared transforms, in order; shaped as the graph's input."""
    parts = []
    [graph_input] = job["inputs"]
    for feature in job["features"][graph_input["name"]]:
        cells = [row[feature["column"]] for row in rows]
        if feature["kind"] == "scale":
            numbers = np.array([[float(cell)] for cell in cells])
            parts.append((numbers - feature["min"]) / (feature["max"] - feature["min"]))
        else:
            words = [str(word) for word in feature["vocabulary"]]
            parts.append(np.array([[cell == word for word in words] for cell in cells]))
    return np.concatenate(parts, axis=1).astype(np.float32).reshape(len(rows), *graph_input["shape"])


def sequential(weights: Weights, x: Floats) -> Floats:
    """The layers with weights in order; ReLU between them, and a pool of two after each convolution."""
    indices = sorted({int(name.split(".")[1]) for name in weights})
    for index in indices:
        weight, bias = weights[f"net.{index}.weight"], weights[f"net.{index}.bias"]
        if f"net.{index}.lora_A" in weights:
            weight = weight + weights[f"net.{index}.lora_B"] @ weights[f"net.{index}.lora_A"]
        if weight.ndim == 4:
            x = pool(np.maximum(convolve(x, weight, bias), 0))
        else:
            x = x.reshape(len(x), -1) @ weight.T + bias
            x = x if index == indices[-1] else np.maximum(x, 0)
    return x


def convolve(x: Floats, weight: Floats, bias: Floats) -> Floats:
    """Kernel three, padding one: the output has the size of the input."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None]


def pool(x: Floats) -> Floats:
    """Maximum of each two by two; an odd last row or column falls away."""
    height, width = x.shape[2] // 2, x.shape[3] // 2
    cut = x[:, :, : height * 2, : width * 2]
    return cut.reshape(*x.shape[:2], height, 2, width, 2).max(axis=(3, 5))


def transformer(weights: Weights, x: Floats) -> Floats:
    """A token a column; blocks of attention and MLP with the norm in front; the mean of the tokens; a linear head."""
    x = x[:, :, None] * weights["embed.weight"]
    x = weights["embed.columns"] @ x if "embed.columns" in weights else x
    x = x + weights["embed.bias"]
    blocks = sorted({name.split(".")[2] for name in weights if name.startswith("encoder.layers.")}, key=int)
    for block in blocks:
        of = {name.removeprefix(f"encoder.layers.{block}."): weight for name, weight in weights.items()}
        x = x + attention(of, normalised(of, "norm1", x))
        hidden = normalised(of, "norm2", x) @ of["linear1.weight"].T + of["linear1.bias"]
        x = x + gelu(hidden) @ of["linear2.weight"].T + of["linear2.bias"]
    return normalised(weights, "encoder.norm", x).mean(axis=1) @ weights["head.weight"].T + weights["head.bias"]


def attention(weights: Weights, x: Floats) -> Floats:
    rows, columns, width = x.shape
    projected = x @ weights["self_attn.in_proj_weight"].T + weights["self_attn.in_proj_bias"]
    # Three of rows, heads, columns, width / heads.
    query, key, value = projected.reshape(rows, columns, 3, HEADS, width // HEADS).transpose(2, 0, 3, 1, 4)
    scores = query @ key.swapaxes(2, 3) / math.sqrt(width // HEADS)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = (shares / shares.sum(axis=-1, keepdims=True)) @ value
    joined = mixed.swapaxes(1, 2).reshape(rows, columns, width)
    return joined @ weights["self_attn.out_proj.weight"].T + weights["self_attn.out_proj.bias"]


def normalised(weights: Weights, name: str, x: Floats) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return centred / deviation * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def gelu(x: Floats) -> Floats:
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


if __name__ == "__main__":
    main()
