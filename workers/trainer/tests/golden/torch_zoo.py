"""Ordinary PyTorch models as buyers write them, small, each with its inputs, its label and the loss that it is trained
with. make_zoo.py exports and trains them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

ROWS = 24
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Entry:
    make: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Tensor, ...]]
    target: Callable[[tuple[Tensor, ...]], Tensor]
    label: dict[str, Any]
    loss: dict[str, Any]
    optimiser: dict[str, Any]
    schedule: dict[str, Any]


class ConvNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AvgPool2d(2)
        )
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).flatten(1))


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.GroupNorm(2, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.GroupNorm(2, outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + self.skip(x))


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(Residual(8, 8, 1), Residual(8, 16, 2))
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(self.blocks(self.stem(x))).flatten(1))


class UNet(nn.Module):
    """Both ways up: a transposed convolution and an interpolation."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.down1, self.down2 = self._block(1, width), self._block(width, 2 * width)
        self.middle = self._block(2 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2)
        self.merge2, self.merge1 = self._block(4 * width, 2 * width), self._block(3 * width, width)
        self.head = nn.Conv2d(width, 3, 1)

    @staticmethod
    def _block(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(2, outputs), nn.SiLU())

    def forward(self, x: Tensor) -> Tensor:
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.middle(F.max_pool2d(b, 2))
        d = self.merge2(torch.cat([self.up2(c), b], 1))
        return self.head(self.merge1(torch.cat([F.interpolate(d, scale_factor=2.0, mode="nearest"), a], 1)))


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.embed, self.core = nn.Embedding(20, 8), kind(8, 12, batch_first=True)
        self.head = nn.Linear(12, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.core(self.embed(tokens))[0][:, -1])


class Encoder(nn.Module):
    """nn.TransformerEncoder with a padding mask and a mean over what is no padding."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(20, 16), nn.Parameter(torch.randn(10, 16) * 0.1)
        layer = nn.TransformerEncoderLayer(16, 4, 32, dropout, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        padding = tokens == 0
        x = self.layers(self.embed(tokens) + self.place, src_key_padding_mask=padding)
        kept = (~padding).unsqueeze(-1).to(x.dtype)
        return self.head((x * kept).sum(1) / kept.sum(1).clamp(min=1))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        parts = self.qkv(self.norm1(x)).split(width, 2)
        q, k, v = (part.view(rows, length, self.heads, width // self.heads).transpose(1, 2) for part in parts)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(rows, length, width)
        x = x + self.out(y)
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Gpt(nn.Module):
    """Decoder only, with the head tied to the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(24, 16), nn.Embedding(12, 16)
        self.blocks = nn.ModuleList(Block(16, 4) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 24, bias=False)
        self.head.weight = self.wte.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class VisionTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, 4)
        self.token, self.place = nn.Parameter(torch.zeros(1, 1, 16)), nn.Parameter(torch.randn(1, 5, 16) * 0.1)
        layer = nn.TransformerEncoderLayer(16, 4, 32, 0.0, F.gelu, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.place
        return self.head(self.norm(self.layers(x)[:, 0]))


class TabTransformer(nn.Module):
    """Two inputs: numbers, and categories by embeddings of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.embeds = nn.ModuleList(nn.Embedding(size, 8) for size in (4, 6, 3))
        layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(5)
        self.head = nn.Sequential(nn.Linear(3 * 8 + 5, 16), nn.SELU(), nn.Linear(16, 2))

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        x = torch.stack([embed(categories[:, k]) for k, embed in enumerate(self.embeds)], 1)
        return self.head(torch.cat([self.layers(x).flatten(1), self.norm(numbers)], 1))


class LowRank(nn.Module):
    """LoRA (arXiv:2106.09685): the layer itself is frozen."""

    def __init__(self, base: nn.Linear, rank: int = 2) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.a = nn.Parameter(torch.randn(rank, base.in_features) * 0.1)
        self.b = nn.Parameter(torch.randn(base.out_features, rank) * 0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + F.linear(F.linear(x, self.a), self.b) * 2.0


class Drop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.drop, self.down = nn.Linear(6, 32), nn.Dropout(0.3), nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.drop(F.relu(self.up(x))))


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 3))


def _embedding() -> nn.Module:
    return nn.Sequential(nn.Embedding(20, 8), nn.Flatten(), nn.Tanh(), nn.Linear(8 * 6, 2))


def _floats(*shape: int) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: (torch.randn(ROWS, *shape),)


def _tokens(high: int, length: int, low: int = 0) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: (torch.randint(low, high, (ROWS, length)),)


def _padded() -> tuple[Tensor, ...]:
    tokens = torch.randint(1, 20, (ROWS, 10))
    lengths = torch.randint(4, 11, (ROWS, 1))
    lengths[0] = 0  # an empty text
    return (torch.where(torch.arange(10) < lengths, tokens, 0),)


def _classes(count: int) -> tuple[Callable[[Any], Tensor], dict[str, Any], dict[str, Any]]:
    label = {"kind": "class", "column": "y", "classes": list(range(count))}
    return lambda _x: torch.randint(0, count, (ROWS,)), label, {"name": "cross-entropy"}


def _numbers(count: int) -> tuple[Callable[[Any], Tensor], dict[str, Any]]:
    columns = [{"column": f"y{k}", "min": 0, "max": 1} for k in range(count)]
    return lambda _x: torch.randn(ROWS, count), {"kind": "numbers", "columns": columns}


def _binary(count: int) -> tuple[Callable[[Any], Tensor], dict[str, Any], dict[str, Any]]:
    columns = [{"column": f"y{k}", "positive": 1} for k in range(count)]
    return (
        lambda _x: torch.randint(0, 2, (ROWS, count)).float(),
        {"kind": "binary", "columns": columns},
        {"name": "bce"},
    )


def _map() -> tuple[Callable[[Any], Tensor], dict[str, Any], dict[str, Any]]:
    label = {"kind": "class-map", "column": "y", "shape": [8, 8], "classes": 3}
    return lambda _x: torch.randint(0, 3, (ROWS, 8, 8)), label, {"name": "cross-entropy"}


_NEXT = lambda x: x[0], {"kind": "tokens", "input": "tokens", "pad": None}, {"name": "next-token"}
_SGD = {"name": "sgd", "learningRate": 0.05, "momentum": 0.9, "nesterov": False, "weightDecay": 0}
_NESTEROV = {"name": "sgd", "learningRate": 0.02, "momentum": 0.8, "nesterov": True, "weightDecay": 0.01}
_BETAS = {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-6}
_ADAM = {"name": "adam", "learningRate": 0.003, "weightDecay": 0.01, **_BETAS}
_ADAMW = {"name": "adamw", "learningRate": 0.003, "weightDecay": 0.1, **_BETAS}
_CONSTANT = {"name": "constant"}
_COSINE = {"name": "cosine", "warmupSteps": 0, "finalFraction": 0.1}
_LINEAR = {"name": "linear", "warmupSteps": 5, "finalFraction": 0.0}
_STEP = {"name": "step", "everySteps": 6, "factor": 0.5}

ZOO: dict[str, Entry] = {
    "mlp": Entry(_mlp, _floats(6), *_classes(3), _SGD, _CONSTANT),
    "mlp-mse": Entry(_mlp, _floats(6), *_numbers(3), {"name": "mse"}, _NESTEROV, _STEP),
    "mlp-huber": Entry(_mlp, _floats(6), *_numbers(3), {"name": "huber", "delta": 0.5}, _ADAM, _COSINE),
    "mlp-bce": Entry(_mlp, _floats(6), *_binary(3), _ADAMW, _LINEAR),
    "cnn": Entry(ConvNet, _floats(1, 8, 8), *_classes(4), _SGD, _CONSTANT),
    "resnet-groupnorm": Entry(ResNet, _floats(3, 8, 8), *_classes(5), _SGD, _CONSTANT),
    "u-net": Entry(UNet, _floats(1, 8, 8), *_map(), _SGD, _COSINE),
    "lstm": Entry(lambda: Recurrent(nn.LSTM), _tokens(20, 7), *_classes(2), _SGD, _CONSTANT),
    "gru": Entry(lambda: Recurrent(nn.GRU), _tokens(20, 7), *_classes(2), _SGD, _CONSTANT),
    "transformer-encoder": Entry(Encoder, _padded, *_classes(3), _ADAMW, _LINEAR),
    "gpt-tied": Entry(Gpt, _tokens(24, 12), *_NEXT, _ADAMW, _COSINE),
    "vit": Entry(VisionTransformer, _floats(3, 8, 8), *_classes(4), _ADAM, _CONSTANT),
    "embedding": Entry(_embedding, _tokens(20, 6), *_classes(2), _SGD, _CONSTANT),
    "tab-transformer": Entry(
        TabTransformer,
        lambda: (torch.randn(ROWS, 5), torch.stack([torch.randint(0, size, (ROWS,)) for size in (4, 6, 3)], 1)),
        *_classes(2),
        _ADAM,
        _CONSTANT,
    ),
    "dropout": Entry(Drop, _floats(6), *_classes(3), _SGD, _CONSTANT),
    "lora": Entry(
        lambda: nn.Sequential(LowRank(nn.Linear(6, 16)), nn.Tanh(), LowRank(nn.Linear(16, 3))),
        _floats(6),
        *_classes(3),
        _SGD,
        _CONSTANT,
    ),
}
