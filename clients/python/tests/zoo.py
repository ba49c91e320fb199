"""Ordinary PyTorch modules as a buyer would write them. Imported only where PyTorch is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 2))

    def forward(self, x: Any) -> Any:
        return self.net(x)


class Cnn(nn.Module):
    """GroupNorm: its scales start equal, so the default export merges those of one size."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.g1 = nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(4, 16)
        self.c2, self.g2 = nn.Conv2d(16, 16, 3, padding=1), nn.GroupNorm(4, 16)
        self.out = nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(F.relu(self.g1(self.c1(x))), 2)
        x = F.max_pool2d(F.relu(self.g2(self.c2(x))), 2)
        return self.out(torch.flatten(x, 1))


class Lstm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.lstm, self.out = nn.Embedding(50, 16), nn.LSTM(16, 24, batch_first=True), nn.Linear(24, 2)

    def forward(self, x: Any) -> Any:
        return self.out(self.lstm(self.embed(x))[0][:, -1])


class Encoder(nn.Module):
    """With a padding mask made of the ids, and dropout."""

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout, batch_first=True, norm_first=True)
        self.embed, self.at = nn.Embedding(100, 32), nn.Parameter(torch.randn(12, 32) * 0.02)
        self.encode = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(32, 3)

    def forward(self, x: Any) -> Any:
        padding = x == 0
        kept = (~padding).unsqueeze(-1).float()
        y = self.encode(self.embed(x) + self.at, src_key_padding_mask=padding)
        return self.out((y * kept).sum(1) / kept.sum(1).clamp(min=1))


class Gpt(nn.Module):
    """Tied head, causal attention, an integer buffer in its state."""

    positions: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.at = nn.Embedding(96, 32), nn.Embedding(16, 32)
        self.norm, self.qkv, self.proj = nn.LayerNorm(32), nn.Linear(32, 96), nn.Linear(32, 32)
        self.head = nn.Linear(32, 96, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("positions", torch.arange(16))

    def forward(self, ids: Any) -> Any:
        x = self.embed(ids) + self.at(self.positions)
        batch, length, width = x.shape
        parts = [part.view(batch, length, 4, width // 4).transpose(1, 2) for part in self.qkv(self.norm(x)).split(width, 2)]
        y = F.scaled_dot_product_attention(*parts, is_causal=True).transpose(1, 2).reshape(batch, length, width)
        return self.head(x + self.proj(y))


class Lora(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(30, 64)
        self.base.requires_grad_(False)
        self.a, self.b = nn.Parameter(torch.randn(4, 30) * 0.02), nn.Parameter(torch.randn(64, 4) * 0.02)
        self.out = nn.Linear(64, 2)

    def forward(self, x: Any) -> Any:
        return self.out(torch.tanh(self.base(x) + F.linear(F.linear(x, self.a), self.b) * 2))


class Table(nn.Module):
    """Two inputs: numbers, and words by their position."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.ModuleList(nn.Embedding(size, 8) for size in (7, 12))
        self.norm, self.out = nn.LayerNorm(5), nn.Linear(21, 2)

    def forward(self, numbers: Any, words: Any) -> Any:
        parts = [embed(words[:, k]) for k, embed in enumerate(self.words)]
        return self.out(torch.cat([*parts, self.norm(numbers)], 1))


def ids(high: int, *shape: int) -> Any:
    return torch.randint(0, high, shape)


#: A module, and inputs with a batch in front.
ZOO: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[Any, ...]]]] = {
    "mlp": (Mlp, lambda: (torch.randn(4, 30),)),
    "cnn": (Cnn, lambda: (torch.randn(4, 1, 8, 8),)),
    "lstm": (Lstm, lambda: (ids(50, 4, 10),)),
    "encoder": (lambda: Encoder(0.0), lambda: (ids(99, 4, 12),)),
    "gpt": (Gpt, lambda: (ids(96, 4, 16),)),
    "lora": (Lora, lambda: (torch.randn(4, 30),)),
    "table": (Table, lambda: (torch.randn(4, 5), ids(7, 4, 2))),
}


def make(name: str) -> tuple[nn.Module, tuple[Any, ...]]:
    torch.manual_seed(0)
    build, inputs = ZOO[name]
    return build(), inputs()
