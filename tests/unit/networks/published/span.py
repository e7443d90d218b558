"""Systems of the SPAN family as plain programs on their published tensors."""

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.unit.networks.published.weights import Weights

MEAN = torch.tensor((0.4488, 0.4371, 0.4040), dtype=torch.float64).view(3, 1, 1)


def swift(y: Tensor, x: Tensor) -> Tensor:
    return (y + x) * (y.sigmoid() - 0.5)


def block(w: Weights, x: Tensor, leaf: str = ".eval_conv") -> tuple[Tensor, Tensor]:
    """A SPAB and its tap."""
    tap = F.silu(w(f"c1_r{leaf}", x))
    return swift(w(f"c3_r{leaf}", F.silu(w(f"c2_r{leaf}", tap))), x), tap


def blocks(w: Weights, x: Tensor, names: list[str]) -> tuple[Tensor, Tensor, Tensor]:
    """A run of SPABs: the last result, the first one, and the last tap."""
    first, tap = block(w.at(names[0]), x)
    last = first
    for name in names[1:]:
        last, tap = block(w.at(name), last)
    return last, first, tap


def six(w: Weights, x: Tensor) -> Tensor:
    head = w("conv_1.eval_conv", x)
    last, first, tap = blocks(w, head, [f"block_{i}" for i in range(1, 7)])
    joined = torch.cat((head, w("conv_2.eval_conv", last), first, tap), 1)
    return F.pixel_shuffle(w("upsampler.0", w("conv_cat", joined)), 4)


def scaled_six(w: Weights, x: Tensor) -> Tensor:
    return six(w, (x - MEAN) * 255)


def branches(w: Weights, name: str, x: Tensor) -> Tensor:
    """SPAN's training form of a 3x3 convolution, branch by branch."""
    own = w.at(name)
    inside = own("conv.1", own("conv.0", F.pad(x, (1, 1, 1, 1))), padding=0)
    return own("conv.2", inside) + own("sk", x)


def lvgroup(w: Weights, x: Tensor) -> Tensor:
    def branched_block(name: str, x: Tensor) -> tuple[Tensor, Tensor]:
        tap = F.silu(branches(w, f"{name}.c1_r", x))
        return swift(branches(w, f"{name}.c3_r", F.silu(branches(w, f"{name}.c2_r", tap))), x), tap

    head = branches(w, "conv_1", x - MEAN)
    first, tap = branched_block("block_1", head)
    last = first
    for number in range(2, 7):
        last, tap = branched_block(f"block_{number}", last)
    joined = torch.cat((head, branches(w, "conv_2", last), first, tap), 1)
    return F.pixel_shuffle(w("upsampler.0", w("conv_cat", joined)), 4)


def xiaomimm(w: Weights, x: Tensor) -> Tensor:
    own = w.at("block_1")
    first = own("c3_r.eval_conv", own.several(["c1_r.eval_conv", "c2_r.eval_conv"], x, F.silu))
    last, _, _ = blocks(w, first, [f"block_{i}" for i in range(2, 6)])
    joined = torch.cat((w("conv_near", x), last, first), 1)
    return F.pixel_shuffle(w("conv_2.eval_conv", w("conv_cat", joined)), 4)


def rochester(w: Weights, x: Tensor) -> Tensor:
    head = w("conv_1.eval_conv", (x - MEAN) * 255)
    last, first, tap = blocks(w, head, [f"block_{i}" for i in range(1, 7)])
    z = w("conv_2.eval_conv", last) + 1e-5 * w("block_7.c1_r.eval_conv", last)
    return F.pixel_shuffle(w("upsampler.0", w("conv_cat", torch.cat((head, z, first, tap), 1))), 4)


def mbga(w: Weights, x: Tensor) -> Tensor:
    head = w("conv_1.eval_conv", x)
    fifth, first, _ = blocks(w, head, [f"block_{i}" for i in range(1, 6)])
    own = w.at("teacher_block_seq")
    last = swift(own("c2_r.eval_conv", F.silu(own("c1_r.eval_conv", fifth))), fifth)
    joined = torch.cat((head, w("tea_conv_2.eval_conv", last), first, last), 1)
    return F.pixel_shuffle(w("tea_upsampler.0.eval_conv", w("tea_conv_cat", joined)), 4)


def nanosr(w: Weights, x: Tensor) -> Tensor:
    head = y = w("conv_1.conv", (x - MEAN) * 255)
    results = []
    for number in range(1, 7):
        own = w.at(f"block_{number}")
        h = own("feature_extractor.conv", y)
        tap = F.silu(own("pixel_attention.conv_1.conv", h))
        y = swift(own("pixel_attention.conv_3.conv", F.silu(own("pixel_attention.conv_2.conv", tap))), h)
        results.append(y)
    joined = torch.cat((head, w("conv_2.conv", y), results[0], tap), 1)
    return F.pixel_shuffle(w("upsampler.0", w("conv_cat", joined)), 4)


def lz(w: Weights, x: Tensor) -> Tensor:
    def factored(own: Weights, name: str, x: Tensor) -> Tensor:
        return own(f"{name}.1", own(f"{name}.0", x))

    head = y = w("head", x)
    for number in range(5):
        own = w.at(f"body.{number}")
        u = F.silu(factored(own, "td_2", F.silu(factored(own, "td_1", y))))
        y = swift(factored(own, "td_3", u), y)
    return F.pixel_shuffle(w("tail.0", w("fuse", y) + head), 4)


def aiot(w: Weights, x: Tensor) -> Tensor:
    def gct(own: Weights, x: Tensor) -> Tensor:
        e = own["alpha"] * (x.pow(2).sum((2, 3), keepdim=True) + 1e-5).sqrt()
        n = own["gamma"] / (e.pow(2).mean(1, keepdim=True) + 1e-5).sqrt()
        return x * (1 + (e * n + own["beta"]).tanh())

    head = y = w("conv_1.eval_conv", x - MEAN)
    results = []
    for number in range(1, 7):
        own = w.at(f"block_{number}")
        tap = own("c1_r.eval_conv", y)
        u = F.silu(gct(own.at("gct1"), tap))
        u = F.silu(gct(own.at("gct2"), own("c2_r.eval_conv", u)))
        y = swift(gct(own.at("gct3"), own("c3_r.eval_conv", u)), y)
        results.append(y)
    q = torch.cat((head, w("conv_2.eval_conv", y), results[0], tap), 1)
    gate = F.conv1d(q.mean((2, 3))[:, None], w["conv.weight"], padding=2).sigmoid()[:, 0, :, None, None]
    return F.pixel_shuffle(w("upsampler.0", w("conv_cat", q + q * gate)), 4)


def taco(w: Weights, x: Tensor) -> Tensor:
    def important(own: Weights, x: Tensor) -> Tensor:
        inside = own("body.2", F.max_pool2d(own("body.0", x), 7, 3), stride=2)
        gate = F.interpolate(own("body.3", inside).sigmoid(), x.shape[-2:], mode="bilinear")
        return gate * x[:, :1].sigmoid() * x

    head = y = w("conv_1.eval_conv", x)
    for number in range(4):
        own = w.at(f"blocks.{number}")
        a = important(own.at("attn"), y)
        tap = F.silu(own("c1_r.eval_conv", a))
        y = own("c3_r.eval_conv", F.silu(own("c2_r.eval_conv", tap))) + a
    joined = torch.cat((head, y, tap, w("conv_2.eval_conv", y)), 1)
    enlarged = x.repeat_interleave(16, dim=1)
    return F.pixel_shuffle(w("tail.eval_conv", w("conv_cat", joined)) + enlarged, 4)


def tsr(w: Weights, x: Tensor, *, extra: int, joint: str) -> Tensor:
    """ShannonLab and TSSR; ``extra`` is the place of the extra convolution."""
    names = ["c1_r", "c2_r", "c3_r"]
    names.insert(extra, "_extern_conv_block.0")
    head = y = w("conv_1.eval_conv", x)
    for number in range(4):
        y = y + w.at(f"blocks.{number}").several([f"{name}.eval_conv" for name in names], y, F.silu)
    return F.pixel_shuffle(w("upsampler.0", w(joint, y) + head), 4)
