"""Systems written once more as plain programs, from the descriptions that were published, beside their networks."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.language import load_architecture
from nas.networks import Network, build

Take = Callable[[], Any]
MEAN = torch.tensor((0.4488, 0.4371, 0.4040)).view(3, 1, 1).double()


def leaves(module: nn.Module) -> Iterator[nn.Module]:
    """Modules with weights of their own, in the order in which they were made."""
    if any(True for _ in module.parameters(recurse=False)):
        yield module
        return
    for child in module.children():
        yield from leaves(child)


def several(x: Tensor, count: int, take: Take) -> Tensor:
    for _ in range(count):
        x = take()(x)
    return x


def yg(x: Tensor, take: Take) -> Tensor:
    def gated(x: Tensor) -> Tensor:
        widen, near, point, first, second, third, fourth, last = (take() for _ in range(8))
        a, b = F.gelu(widen(x / x.norm(dim=1, keepdim=True))).chunk(2, 1)
        large = last(fourth(third(second(first(a)))) * b)
        return torch.cat((F.gelu(point(near(a) * b)), large), 1)

    y = head = take()(x)
    for _ in range(8):
        y = gated(gated(gated(y))) + y
        first, second = take(), take()
        y = second(F.gelu(first(y))) + y
    return F.pixel_shuffle(take()(y + head), 4)


def megastudy(x: Tensor, take: Take) -> Tensor:
    def layer_norm(x: Tensor) -> Tensor:
        own = take()
        y = F.layer_norm(x.permute(0, 2, 3, 1), (48,), own.weight, own.bias, 1e-6)
        return y.permute(0, 3, 1, 2)

    def attend(x: Tensor) -> Tensor:
        n = layer_norm(x)
        parts = F.gelu(take()(n)).chunk(4, 1)
        y = torch.cat((parts[0], *(several(part, 4, take) for part in parts[1:])), 1)
        y = take()(n) * y
        y = several(y, 1, take)
        scaled: Tensor = y * take().scale
        return scaled

    def mix(x: Tensor) -> Tensor:
        n = layer_norm(x)
        widen, depthwise, back = (take() for _ in range(3))
        z = F.gelu(widen(n))
        y: Tensor = back(z + F.gelu(depthwise(z))) * take().scale
        return y

    y = head = take()(x - MEAN)
    for layers in (2, 3, 2):
        for _ in range(layers):
            y = y + attend(y)
            y = y + mix(y)
        y = take()(y) + y
    n = layer_norm(y)
    u = F.gelu(take()(n))
    v = several(u, 5, take)
    y = take()(u * v) + head
    return F.pixel_shuffle(take()(y), 4) + MEAN


def taco(x: Tensor, take: Take) -> Tensor:
    y = head = take()(x)
    for _ in range(4):
        squeeze, strided, expand = (take() for _ in range(3))
        gate = expand(strided(F.max_pool2d(squeeze(y), 7, 3))).sigmoid()
        a = F.interpolate(gate, y.shape[-2:], mode="bilinear") * y[:, :1].sigmoid() * y
        first, second, third = (take() for _ in range(3))
        tap = F.silu(first(a))
        y = third(F.silu(second(tap))) + a
    z = take()(y)
    fused = several(torch.cat((head, y, tap, z), 1), 2, take)
    image = x.repeat_interleave(16, dim=1)
    return F.pixel_shuffle(fused + image, 4)


def esa(u: Tensor, take: Take) -> Tensor:
    squeeze, strided, *pooled, carry, expand = (take() for _ in range(7))
    a = squeeze(u)
    p = pooled[0](F.max_pool2d(strided(a), 7, 3))
    p = pooled[2](F.relu(pooled[1](F.relu(p))))
    gate: Tensor = expand(F.interpolate(p, a.shape[-2:], mode="bilinear") + carry(a)).sigmoid()
    return u * gate


def svm(x: Tensor, take: Take) -> Tensor:
    y = take()(x).clamp(0, 1)
    for _ in range(9):
        u = several(F.relu(several(y, 2, take)), 2, take)
        e = esa(u, take)
        y = y + several(torch.cat((e, cca(u, take)), 1), 1, take)
    last, anchor = take(), take()
    return F.pixel_shuffle((last(y) + anchor(x)).clamp(0, 1), 4)


def aiot(x: Tensor, take: Take) -> Tensor:
    def gct(y: Tensor, own: Any) -> Tensor:
        e = own.alpha * (y.pow(2).sum((2, 3), keepdim=True) + 1e-5).sqrt()
        n = own.gamma / (e.pow(2).mean(1, keepdim=True) + 1e-5).sqrt()
        gated: Tensor = y * (1 + torch.tanh(e * n + own.beta))
        return gated

    y = head = take()(x - MEAN)
    outputs = []
    for _ in range(6):
        first, second, third, last, *others = (take() for _ in range(6))
        tap = first(y)
        u = F.silu(gct(tap, others[0]))
        u = F.silu(gct(second(u), others[1]))
        v = gct(third(u), last)
        outputs.append((v + y) * (v.sigmoid() - 0.5))
        y = outputs[-1]
    q = torch.cat((head, take()(y), outputs[0], tap), 1)
    means = q.mean((2, 3))[:, None]
    s = take()(means).sigmoid()[:, 0, :, None, None]
    return F.pixel_shuffle(several(q + q * s, 2, take), 4)


def vpeg(x: Tensor, take: Take) -> Tensor:
    y = take()(x)
    for _ in range(6):
        seen, others, depthwise, mix, last, widen, back = (take() for _ in range(7))
        x0, x1 = seen(y), others(y)
        p = depthwise(F.adaptive_max_pool2d(x0, (x.shape[2] // 8, x.shape[3] // 8)))
        p = mix(p + x0.var((2, 3), keepdim=True))
        g = F.gelu(F.interpolate(p, x.shape[2:], mode="bilinear")) * x0
        z = last(F.gelu(torch.cat((x1, g), 1)))
        y = back(F.gelu(widen(z))) + y
    return F.pixel_shuffle(take()(y), 4) + F.interpolate(x, scale_factor=4, mode="bilinear")


def cca(x: Tensor, take: Take) -> Tensor:
    squeeze, expand = take(), take()
    s = x.std((2, 3), correction=0, keepdim=True) + x.mean((2, 3), keepdim=True)
    gate: Tensor = expand(F.relu(squeeze(s))).sigmoid()
    return x * gate


def involution(x: Tensor, take: Take) -> Tensor:
    reduce, norm, span = (take() for _ in range(3))
    weights = span(F.relu(norm(reduce(x)))).view(1, 3, 1, 9, -1)
    windows = F.unfold(x, 3, padding=1).view(1, 3, 16, 9, -1)
    total: Tensor = (windows * weights).sum(3)
    return total.view(x.shape)


def depthibn(x: Tensor, take: Take) -> Tensor:
    def act(x: Tensor) -> Tensor:
        return F.leaky_relu(x, 0.05)

    outputs = [head := several(x, 2, take)]
    for kinds in ("SSS", "SSS", "SVS", "SVS", "VSV", "VSV"):
        y = outputs[-1]
        refines: list[list[Any]] = [[take() for _ in range(3)] for _ in (*kinds, "S")]
        branches, fusion = [take() for _ in range(3)], take()
        parts = []
        for kind, refine, branch in zip(kinds, refines, branches, strict=False):
            parts.append(act(branch(y)))
            own = iter(refine)
            refined = several(y, 3, own.__next__) if kind == "S" else involution(y, own.__next__)
            y = act(refined + y)
        parts.append(act(several(y, 3, iter(refines[3]).__next__)))
        outputs.append(cca(fusion(torch.cat(parts, 1)), take))
    fused = act(take()(torch.cat(outputs[1:], 1)))
    return F.pixel_shuffle(several(several(fused, 2, take) + head, 1, take), 4)


PROGRAMS = {
    "VPEG_O": vpeg,
    "DepthIBN": depthibn,
    "YG": yg,
    "MegastudyEdu_Vision_AI": megastudy,
    "TACO_SR": taco,
    "SVM": svm,
    "AIOT_AI": aiot,
}


def network(name: str) -> Network:
    made = build(load_architecture(f"system:{name}")).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.1)
    return made


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_network_does_what_was_published(name: str) -> None:
    made, x = network(name), torch.rand(1, 3, 25, 34, dtype=torch.float64)
    order = leaves(made)
    expected = PROGRAMS[name](x, lambda: next(order))
    assert next(order, None) is None
    assert expected.std() > 1e-6
    assert torch.allclose(made(x), expected, rtol=1e-9, atol=1e-12)
