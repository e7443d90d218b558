"""Systems that modulate features by pooled or far-reaching gates, as plain programs on their published tensors."""

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.unit.networks.published.span import MEAN
from tests.unit.networks.published.weights import Weights


def pooled(x: Tensor, divisor: int) -> Tensor:
    return F.adaptive_max_pool2d(x, (x.shape[2] // divisor, x.shape[3] // divisor))


def enlarged(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=4, mode="bilinear")


def vpeg_o(w: Weights, x: Tensor) -> Tensor:
    y = w("to_feat", x)
    for number in range(6):
        own, ffn = w.at(f"feats.{number}.conv1"), w.at(f"feats.{number}.conv2")
        x0, x1 = own("conv1", y), own("conv2", y)
        p = own("conv3", own("dwconv", pooled(x0, 8)) + x0.var((2, 3), keepdim=True))
        g = F.gelu(F.interpolate(p, x0.shape[-2:], mode="bilinear")) * x0
        z = own("out", F.gelu(torch.cat((x1, g), 1)))
        y = ffn("conv2", F.gelu(ffn("conv1", z))) + y
    return F.pixel_shuffle(w("to_img.0", y), 4) + enlarged(x)


def mixed(w: Weights, x: Tensor, *, divisor: int, leaf: str) -> Tensor:
    """The networks of mmSR and MiSR."""
    y = w(f"to_feat{leaf}", x)
    for number in range(6):
        own, ffn = w.at(f"feats.{number}.conv1"), w.at(f"feats.{number}.conv2")
        z = own(f"proj{leaf}", y)
        if "conv5_proj.weight" in own:
            z = z + own("conv6_proj", own("conv5_proj", y))
        x0, x1 = z[:, :12], z[:, 12:]
        p = own("dwconv", pooled(x0, divisor))
        g = F.gelu(F.interpolate(p, x0.shape[-2:], mode="bilinear")) * x0
        z = own(f"out{leaf}", F.gelu(torch.cat((x1, g), 1)))
        y = ffn(f"conv2{leaf}", F.gelu(ffn(f"conv1{leaf}", z))) + y
    return F.pixel_shuffle(w(f"to_img.0{leaf}", y), 4) + enlarged(x)


def yg(w: Weights, x: Tensor) -> Tensor:
    def gated(own: Weights, x: Tensor) -> Tensor:
        a, b = F.gelu(own("pw1", F.normalize(x, dim=1))).chunk(2, 1)
        large = own("LKA35.1", own("LKA35.0", a), dilation=(1, 3))
        large = own("LKA35.3", own("LKA35.2", large), dilation=(3, 1))
        near = F.gelu(own("conv_1", own("conv_0", a) * b))
        return torch.cat((near, own("pw2", large * b)), 1)

    f = y = w("fea_conv", x)
    for number in range(8):
        own, z = w.at(f"feats.{number}"), y
        for k in (1, 2, 3):
            z = gated(own.at(f"VA{k}"), z)
        y = z + y
        y = own("VSD.conv_1", F.gelu(own("VSD.conv_0", y))) + y
    return F.pixel_shuffle(w("upsampler.0", y + f), 4)


def elementwise_norm(w: Weights, name: str, x: Tensor, eps: float = 1e-6) -> Tensor:
    mean, var = x.mean(1, keepdim=True), x.var(1, correction=0, keepdim=True)
    weight, bias = w[f"{name}.weight"].view(-1, 1, 1), w[f"{name}.bias"].view(-1, 1, 1)
    return (x - mean) / (var + eps).sqrt() * weight + bias


def separable(w: Weights, x: Tensor, dilation: int, first: int = 0) -> Tensor:
    """Four one-dimensional windows, across and down, the last two dilated."""
    x = w.several([str(first), str(first + 1)], x)
    return w(str(first + 3), w(str(first + 2), x, dilation=(1, dilation)), dilation=(dilation, 1))


def megastudy(w: Weights, x: Tensor) -> Tensor:
    def attend(own: Weights, x: Tensor) -> Tensor:
        n = elementwise_norm(own, "norm", x)
        parts = F.gelu(own("a.0", n)).chunk(4, 1)
        windows = [separable(own.at(f"a.2.dwconv_LSKA_{k}"), part, step) for k, step, part in _reaches(parts)]
        return own("proj", torch.cat((parts[0], *windows), 1) * own("v", n))

    def mix(own: Weights, x: Tensor) -> Tensor:
        z = F.gelu(own("fc1", elementwise_norm(own, "norm", x)))
        return own("fc2", z + F.gelu(own("pos", z)))

    f = y = w("conv_first", x - MEAN)
    for group, layers in enumerate((2, 3, 2)):
        own = w.at(f"layers.{group}")
        for number in range(layers):
            layer = own.at(f"blocks.{number}")
            y = y + layer["layer_scale_1"].view(-1, 1, 1) * attend(layer.at("attn"), y)
            y = y + layer["layer_scale_2"].view(-1, 1, 1) * mix(layer.at("mlp"), y)
        y = own("conv", y) + y
    own = w.at("conv_after_body")
    u = F.gelu(own("conv0.0", elementwise_norm(w, "norm", y)))
    v = own("att.4", separable(own.at("att"), u, 3))
    return F.pixel_shuffle(w("upsample.0", own("conv1", u * v) + f), 4) + MEAN


def _reaches(parts: tuple[Tensor, ...]) -> list[tuple[int, int, Tensor]]:
    return [(11, 2, parts[1]), (23, 3, parts[2]), (35, 3, parts[3])]
