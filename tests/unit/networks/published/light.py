"""The light systems of many parts as plain programs on their published tensors."""

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.unit.networks.published.distilling import blueprint, contrast
from tests.unit.networks.published.modulating import elementwise_norm, pooled
from tests.unit.networks.published.span import MEAN, branches, swift
from tests.unit.networks.published.weights import Weights


def nearest(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="nearest")


def mila(w: Weights, x: Tensor) -> Tensor:
    def norm(own: Weights, x: Tensor) -> Tensor:
        y = F.layer_norm(x.movedim(1, -1), (26,), own["pixel_norm.weight"], own["pixel_norm.bias"])
        return y.movedim(-1, 1)

    def local(own: Weights, z: Tensor, divisor: int) -> Tensor:
        height, width = (side // divisor for side in z.shape[-2:])
        tall, wide = z.shape[2] // height, z.shape[3] // width
        windows = z.unfold(2, z.shape[2] - (height - 1) * tall, tall).unfold(3, z.shape[3] - (width - 1) * wide, wide)
        m = own("dw_conv", pooled(z, divisor)) * own["alpha"] + windows.var((4, 5)) * own["belt"]
        return z * nearest(F.gelu(own("conv", m)), z)

    def modulate(own: Weights, x: Tensor) -> Tensor:
        first, y, short = own("project_in", x).chunk(3, 1)
        y1, y2 = F.gelu(own("linear.2", F.gelu(own("linear.0", y)))).chunk(2, 1)
        joined = torch.cat((y1 + local(own.at("sa1"), first, 7), y2 + local(own.at("sa2"), short, 5)), 1)
        return own("project_out", joined)

    def gate(own: Weights, x: Tensor) -> Tensor:
        x1, x2, x3, x4 = own("dwconv", own("project_in", x)).chunk(4, 1)
        return own("project_out", torch.cat((F.gelu(x2) * x1, F.gelu(x3) * x4), 1))

    f = y = w("to_feat", x)
    for number in range(6):
        own = w.at(f"feats.{number}")
        y = y + modulate(own.at("mvfmb"), norm(own, y))
        y = y + gate(own.at("sgfn"), norm(own, y))
    return F.pixel_shuffle(w("to_img.0", y + f), 4)


def reflected(w: Weights, name: str, x: Tensor, stride: int = 1) -> Tensor:
    """A blueprint separable convolution whose window sees the border mirrored."""
    own = w.at(name)
    return own("dw", F.pad(own("pw", x), (1, 1, 1, 1), mode="reflect"), stride=stride, padding=0)


def dispersed(w: Weights, parts: list[Tensor]) -> Tensor:
    """Chunks convolved by windows of their own, each with the result of the one before."""
    results: list[Tensor] = []
    for number, part in enumerate(parts, 1):
        given = part + results[-1] if results else part
        names = ["conv2_4.0", "conv2_4.1"] if number == 4 else [f"conv2_{number}"]
        results.append(F.gelu(w.several(names, given)))
    return torch.cat(results, 1)


def multi(w: Weights, x: Tensor, groups: int) -> Tensor:
    return F.gelu(dispersed(w, list(w("conv1", x).chunk(groups, 1))) + x)


def spread(x: Tensor, window: int) -> Tensor:
    padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
    return padded.unfold(2, window, 3).unfold(3, window, 3).flatten(4).var(-1)


def variance_maps(w: Weights, a: Tensor) -> tuple[Tensor, Tensor]:
    """The two pooled maps of the variance attentions."""
    first, second, third, fourth = (reflected(w, f"conv2_{k}", a, 2) for k in range(1, 5))
    p1 = F.max_pool2d(first, 5, 3, 1) + spread(fourth, 5)
    return p1, F.max_pool2d(second, 7, 3, 1) + spread(third, 7)


def contrasted(w: Weights, x: Tensor) -> Tensor:
    y = F.gelu(w("dwconv", x))
    return w["sigma.scale"] * (y - F.gelu(w("decompose", y))) + contrast(w.at("cca"), y) + x


def xuptboys(w: Weights, x: Tensor) -> Tensor:
    def variance(own: Weights, x: Tensor) -> Tensor:
        a = own("conv1", x)
        m1, m2 = variance_maps(own, a)
        e1 = multi(own.at("conv3_1"), F.relu(multi(own.at("conv_max_1"), m1, 3)), 3)
        e2 = multi(own.at("conv3_2"), F.relu(multi(own.at("conv_max_2"), m2, 3)), 3)
        total = sum(F.interpolate(e, x.shape[-2:], mode="bilinear") for e in (e1, e2))
        return x * own("conv4", total + own("conv_f", a)).sigmoid() + x

    def frequency(own: Weights, x: Tensor) -> Tensor:
        a, local = own("linear_0", F.normalize(x, dim=1)).chunk(2, 1)
        m = own("dwconv", pooled(a, 8)) * own["alpha"] + a.var((2, 3), keepdim=True) * own["belt"]
        h = a * nearest(F.gelu(own("conv0", m)), a)
        return own("linear_2", dispersed(own, list(local.chunk(3, 1))) + local + h) + x

    def feed(own: Weights, x: Tensor) -> Tensor:
        t = own("restormer_ffn.project_in", elementwise_norm(own, "norm4.body", x, 1e-5))
        t = own("restormer_ffn.dwconv1", F.pad(t, (0, 1, 2, 2)), padding=0)
        t1, t2 = own("restormer_ffn.dwconv2", F.pad(t, (2, 2, 0, 1)), padding=0).chunk(2, 1)
        return x + own("restormer_ffn.project_out", F.gelu(t1) * t2)

    def cell(own: Weights, x: Tensor, last: bool) -> Tensor:
        r, parts = x, []
        for k in (1, 2, 3):
            parts.append(F.gelu(own(f"c{k}_d", r)))
            r = F.gelu(multi(own.at(f"c{k}_r"), r, 4) + r)
        parts.append(F.gelu(reflected(own, "c4", r)))
        y = variance(own.at("esa.body.0"), own("c5", torch.cat(parts, 1)))
        y = (contrasted if last else frequency)(own.at("cca"), y)
        return feed(own.at("ea"), y) + x

    f = y = w("fea_conv", x - MEAN)
    results = []
    for number in (1, 2, 3):
        y = cell(w.at(f"B{number}"), y, False)
        results.append(y)
    y = F.gelu(cell(w.at("B4"), w("c1", torch.cat(results, 1)), True))
    return F.pixel_shuffle(w("upsampler.0", reflected(w, "c2", y) + f), 4) + MEAN


def gated(w: Weights, x: Tensor) -> Tensor:
    """Restormer's gated feed-forward network."""
    a, b = w("dwconv", w("project_in", x)).chunk(2, 1)
    return w("project_out", F.gelu(a) * b)


def hannahsr(w: Weights, x: Tensor) -> Tensor:
    def variance(own: Weights, x: Tensor) -> Tensor:
        a = own("conv1", x)
        maps = variance_maps(own, a)
        total = own("conv_f", a) + own("conv_f_3.eval_conv", a)
        for number, one in enumerate(maps, 1):
            e = reflected(own, f"conv3_{number}", F.gelu(reflected(own, f"conv_max_{number}", one)))
            total = total + F.interpolate(e, x.shape[-2:], mode="bilinear")
        return x * (own("conv4", total).sigmoid() - own["bias"])

    def attention(own: Weights, x: Tensor) -> Tensor:
        size, n = x.shape, own("qkv_dwconv", own("qkv", x))
        q, k, v = (part.reshape(1, 3, 8, -1) for part in n.chunk(3, 1))
        scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1) * own["temperature"]
        return own("project_out", (F.relu(scores) @ v).reshape(size))

    f = y = w("fea_conv.eval_conv", x - MEAN)
    for number in range(1, 5):
        own, r, parts = w.at(f"B{number}"), y, []
        for k in (1, 2, 3):
            parts.append(F.gelu(own(f"c{k}_d", r)))
            r = F.gelu(reflected(own, f"c{k}_r", r) + r)
        parts.append(F.gelu(own("c4", r)))
        z = variance(own.at("esa.body.0"), own("c5", torch.cat(parts, 1)))
        z, ea = contrasted(own.at("cca"), z), own.at("ea")
        z = z + attention(ea.at("restormer_attn"), elementwise_norm(ea, "norm3.body", z, 1e-5))
        y = z + gated(ea.at("restormer_ffn"), elementwise_norm(ea, "norm4.body", z, 1e-5)) + y
    r = w("res_2", w("res_1.eval_conv", x - MEAN))
    return F.pixel_shuffle(w("upsampler.0", r + f + y), 4) + MEAN


def vpeg_c(w: Weights, x: Tensor) -> Tensor:
    def local(own: Weights, x: Tensor) -> Tensor:
        u, parts = x, []
        for k in (1, 2, 3):
            parts.append(F.gelu(own(f"conv{k}", u)))
            u = F.gelu(own.several([f"dwconv{k}.0", f"dwconv{k}.1"], u) + u)
        parts.append(F.gelu(own("conv4", u)))
        return own("conv5", torch.cat(parts, 1))

    def spatial(own: Weights, x: Tensor) -> Tensor:
        a = own("conv1", F.normalize(x, dim=1))
        p = own("dwconv", pooled(a, 8)) + a.var((2, 3), keepdim=True)
        return own("conv3", a * nearest(F.gelu(own("conv2", p)), a)) + x

    def attention(own: Weights, x: Tensor) -> Tensor:
        y1, y2 = own("project_in", x).chunk(2, 1)
        q, v = (part.flatten(2) for part in (own("dwconv", y1) * y2).chunk(2, 1))
        scores = own["temperature"] * F.normalize(q, dim=-1) @ F.normalize(v, dim=-1).transpose(1, 2)
        return own("project_out", (scores.softmax(-1) @ v).reshape(x.shape))

    def channel(own: Weights, x: Tensor) -> Tensor:
        x = x + attention(own.at("global_channel"), elementwise_norm(own, "norm1.body", x, 1e-5))
        return x + gated(own.at("ffn"), elementwise_norm(own, "norm2.body", x, 1e-5))

    f = y = w("to_feat", x - MEAN)
    results = []
    for number in range(1, 7):
        own = w.at(f"B{number}")
        z = spatial(own.at("spatial_attn"), local(own.at("local_handle"), y))
        y = channel(own.at("channel_attn"), z) + y
        results.append(y)
    y = local(w.at("fuse.2"), F.gelu(w("fuse.0", torch.cat(results, 1)))) + f
    y = F.pixel_shuffle(w("to_img.0", y), 4)
    for number in (1, 3, 5, 7):
        y = w(f"refine.{number}", F.gelu(y))
    return y + MEAN


def aimf(w: Weights, x: Tensor) -> Tensor:
    def expert(own: Weights, a: Tensor, b: Tensor) -> Tensor:
        scores = F.linear(a.mean((2, 3)), own["gate.body.2.weight"]).softmax(1)
        weight, chosen = scores.max(1)
        one = own.at(f"experts.{int(chosen)}")
        return a + weight * one("linear_final", one("linear1", a) * one("linear2", b))

    def spatial(own: Weights, x: Tensor) -> Tensor:
        deep = own.at("deep_feature")
        a, b = deep("proj1", x).chunk(2, 1)
        size = (a.shape[2] // 8, a.shape[3] // 8)
        s = deep("dw_conv1", F.adaptive_avg_pool2d(a, size)) + deep("dw_conv2", F.adaptive_max_pool2d(a, size))
        a = a * nearest(F.gelu(deep("pwconv_xa", s)), a)
        b = F.gelu(deep.several(["dwconv3", "pwconv"], b))
        return own("proj_out", expert(own.at("moe"), own("proj_xa", a), own("proj_xb", b)))

    def depth(own: Weights, x: Tensor) -> Tensor:
        a, b = F.gelu(own("proj1", x)).chunk(2, 1)
        return own("proj2", b * F.gelu(own.several(["conv.0", "conv.1"], a)))

    f = y = w("shallow", x - MEAN)
    for number in range(9):
        own = w.at(f"feature_extractor.{number}")
        y = y + spatial(own.at("spatial.block"), elementwise_norm(own, "spatial.norm1", y))
        y = y + depth(own.at("depth.block1"), elementwise_norm(own, "depth.norm1", y))
    y = w("conv3x3", elementwise_norm(w, "norm", y) + f)
    return F.pixel_shuffle(w("upsampler.0", y), 4) + MEAN


def cuit(w: Weights, x: Tensor) -> Tensor:
    def windows(own: Weights, x: Tensor) -> Tensor:
        half, rest = x[:, :28], x[:, 28:]
        half = half + own("pws.0", half) + own("pws.1", half) + own("pws.2", half)
        return F.gelu(own("pd", torch.cat((half, rest), 1)))

    def scaled(own: Weights, u: Tensor) -> Tensor:
        height, width = u.shape[-2:]
        tall, wide = -(-height // 5), -(-width // 5)
        factors = own["conv2.convs.0.0.weight"].view(28, 5, 5)
        map_ = factors.repeat_interleave(tall, 1).repeat_interleave(wide, 2)
        return u * map_[:, :height, :width]

    def changed(own: Weights, part: Tensor) -> Tensor:
        u = F.leaky_relu(own("conv1", part), 0.2)
        u = F.leaky_relu(scaled(own, u) + own["conv2.biasw"].view(1, 28, 1, 1) + u, 0.2)
        return own("conv3", u) + part

    def frequency(own: Weights, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(x, norm="ortho")
        mixed = torch.complex(changed(own, spectrum.real), changed(own, spectrum.imag))
        image: Tensor = torch.fft.irfft2(mixed, s=x.shape[-2:], norm="ortho")
        return x * image

    x = x - MEAN
    f = y = blueprint(w, "first_conv", torch.cat((x, x, x, x), 1))
    results = []
    for number in range(8):
        own, r, parts = w.at(f"body.{number}"), y, []
        for k in (1, 2, 3):
            parts.append(F.gelu(own(f"c{k}d", r)))
            r = windows(own.at(f"c{k}r"), r)
        parts.append(F.gelu(blueprint(own, "c4", r)))
        z = own("c6", frequency(own.at("dfab"), own("c5", torch.cat(parts, 1))))
        y = F.layer_norm(z.movedim(1, -1), (56,), own["norm.weight"], own["norm.bias"]).movedim(-1, 1) + y
        results.append(y)
    y = blueprint(w, "c2", F.gelu(w("c1", torch.cat(results, 1)))) + f
    return F.pixel_shuffle(w("upsampler.0", y), 4) + MEAN


def cidaut(w: Weights, x: Tensor) -> Tensor:
    def partial(own: Weights, name: str, x: Tensor) -> Tensor:
        count = own[f"{name}.partial_conv3.weight"].shape[0]
        return torch.cat((own(f"{name}.partial_conv3", x[:, :count]), x[:, count:]), 1)

    def inverted(own: Weights, x: Tensor) -> Tensor:
        return own("project", own("depthwise", F.channel_shuffle(own("expand", x), 2))) + x

    def edges(own: Weights, f: Tensor) -> Tensor:
        o = F.silu(inverted(own.at("c2_r"), F.silu(inverted(own.at("c1_r"), f))))
        s = f + own["omega"] * o
        gx, gy = (F.conv2d(s, own[f"swt.kernel_{axis}"].repeat(64, 1, 1, 1), padding=1, groups=64) for axis in "xy")
        size = (gx**2 + gy**2 + 1e-6).sqrt()
        e = own["alpha"] * partial(own, "pconv1", gx) + own["beta"] * partial(own, "pconv2", gy)
        e = partial(own, "pconv4", e + own["gamma"] * partial(own, "pconv3", size))
        return own("concatandproyect", torch.cat((own("c3_r", e * s), s, f), 1))

    def gate(own: Weights, x: Tensor) -> Tensor:
        u = own("PWConv1", own("DWConv1", x))
        first, second = partial(own, "PConv1", F.channel_shuffle(u, 64)).chunk(2, 1)
        return own["alpha"] * partial(own, "Pconv2", first * second) + partial(own, "Pconv3", x)

    def attention(own: Weights, x: Tensor) -> Tensor:
        a = own("PWConv1", x)
        b = F.max_pool2d(F.channel_shuffle(own("conv2", a, stride=2, padding=0), 16), 7, 3)
        b = F.interpolate(partial(own, "PConv1", b), a.shape[-2:], mode="bilinear")
        return x * own("PWConv2", own["alpha"] * b + partial(own, "PConv2", a)).sigmoid()

    f = w("conv_init", x)
    y = edges(w.at("eswrb"), f)
    for number in (1, 2):
        own = w.at(f"block_{number}")
        y = attention(own.at("Eesa"), gate(own.at("IRB2"), F.leaky_relu(gate(own.at("IRB1"), y), 0.05)))
    return F.pixel_shuffle(w("upsampler.0", w["omega"] * y + f), 4)


def njupca(w: Weights, x: Tensor) -> Tensor:
    def mined(own: Weights, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        spectrum = torch.fft.rfft2(x, norm="ortho")
        parts = torch.stack((spectrum.real, spectrum.imag), 2).flatten(1, 2)
        rows, columns = torch.arange(height) - height // 2, torch.arange(parts.shape[-1]) - width // 2
        distance = (rows[:, None] ** 2 + columns**2).double().sqrt()
        low, middle = distance <= min(height, width) // 8, distance <= min(height, width) // 4
        masks = {"low": low, "mid": middle & ~low, "high": ~middle}
        total = sum(own(f"conv_{name}", parts * mask) for name, mask in masks.items())
        bn = own.at("bn")
        normal = total * own["alpha"] + parts
        normal = F.batch_norm(normal, bn["running_mean"], bn["running_var"], bn["weight"], bn["bias"])
        weights = own("weight.0", normal).softmax(1)
        experts = own("fdc", own("fpe", normal)).view(1, 4, 96, *normal.shape[-2:])
        mixed = F.gelu((weights[:, :, None] * experts).sum(1)).view(1, 48, 2, *normal.shape[-2:])
        spectrum = torch.complex(mixed[:, :, 0], mixed[:, :, 1])
        image: Tensor = torch.fft.irfft2(spectrum, s=(height, width), norm="ortho")
        return image

    head = y = branches(w, "conv_1", (x - MEAN) * 255)
    results = []
    for number in range(1, 7):
        tap = F.silu(branches(w, f"block_{number}.c1_r", y))
        u = F.silu(branches(w, f"block_{number}.c2_r", tap))
        y = swift(branches(w, f"block_{number}.c3_r", u), y) + mined(w.at(f"freblock_{number}"), y)
        results.append(y)
    joined = torch.cat((head, branches(w, "conv_2", y), results[0], tap), 1)
    return F.pixel_shuffle(w("upsampler.0", w("conv_cat", joined)), 4)
