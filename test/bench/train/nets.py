"""The nets of the training bench, in PyTorch, and as many rows as a round takes."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Cnn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c1, self.g1 = nn.Conv2d(1, 16, 3, padding=1), nn.GroupNorm(4, 16)
        self.c2, self.g2 = nn.Conv2d(16, 32, 3, padding=1), nn.GroupNorm(8, 32)
        self.out = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(torch.relu(self.g1(self.c1(x))), 2)
        x = F.max_pool2d(torch.relu(self.g2(self.c2(x))), 2)
        return self.out(torch.flatten(x, 1))


class Residual(nn.Module):
    """A block of a ResNet, with groups in the place of the batch to normalise over."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.c1, self.g1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.GroupNorm(8, outputs)
        self.c2, self.g2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.GroupNorm(8, outputs)
        self.beside = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.g2(self.c2(torch.relu(self.g1(self.c1(x)))))
        return torch.relu(y + self.beside(x))


def resnet() -> nn.Module:
    blocks = [Residual(3, 32, 1), Residual(32, 64, 2), Residual(64, 128, 2)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.o = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.f1, self.f2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.qkv(self.n1(x)).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        x = x + self.o(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.f2(F.gelu(self.f1(self.n2(x))))


class Transformer(nn.Module):
    def __init__(self, words: int = 128, places: int = 64, width: int = 64) -> None:
        super().__init__()
        self.embed, self.positions = nn.Embedding(words, width), nn.Parameter(torch.randn(places, width) * 0.02)
        self.b1, self.b2, self.out = Block(width, 4), Block(width, 4), nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.b2(self.b1(self.embed(x) + self.positions)).mean(1))


def mlp(*sizes: int) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@dataclass(frozen=True)
class Net:
    make: Callable[[], nn.Module]
    rows: Callable[[int], Tensor]
    classes: int
    batch: int


NETS = {
    "mlp-6k": Net(lambda: mlp(30, 64, 64, 2), lambda n: torch.randn(n, 30), 2, 256),
    "cnn-6k": Net(Cnn, lambda n: torch.randn(n, 1, 8, 8), 10, 256),
    "resnet-300k": Net(resnet, lambda n: torch.randn(n, 3, 16, 16), 10, 64),
    "transformer-112k": Net(Transformer, lambda n: torch.randint(0, 128, (n, 64)), 2, 64),
    "mlp-670k": Net(lambda: mlp(784, 512, 512, 10), lambda n: torch.randn(n, 784), 10, 256),
}
