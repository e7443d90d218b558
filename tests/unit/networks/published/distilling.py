"""Systems with enhanced spatial attention or distillation as plain programs on their published tensors."""

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.unit.networks.published.span import blocks
from tests.unit.networks.published.weights import Weights


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.05)


def esa(w: Weights, x: Tensor, third: str = "conv3") -> Tensor:
    a = w("conv1", x)
    b = w(third, F.max_pool2d(w("conv2", a, stride=2, padding=0), 7, 3))
    b = F.interpolate(b, x.shape[-2:], mode="bilinear")
    around = w("conv_f", a) if "conv_f.weight" in w else a
    return x * w("conv4", b + around).sigmoid()


def full_esa(w: Weights, x: Tensor) -> Tensor:
    a = w("conv1", x)
    b = F.relu(w("conv_max", F.max_pool2d(w("conv2", a, stride=2, padding=0), 7, 3)))
    b = w("conv3_", F.relu(w("conv3", b)))
    b = F.interpolate(b, x.shape[-2:], mode="bilinear")
    return x * w("conv4", b + w("conv_f", a)).sigmoid()


def contrast(w: Weights, x: Tensor) -> Tensor:
    """Channel attention on standard deviation plus mean."""
    s = x.var((2, 3), correction=0, keepdim=True).sqrt() + x.mean((2, 3), keepdim=True)
    return x * w("conv_du.2", F.relu(w("conv_du.0", s))).sigmoid()


def blueprint(w: Weights, name: str, x: Tensor) -> Tensor:
    own = w.at(name)
    return own("dw", own.several([leaf for leaf in ("pw", "pw1", "pw2") if f"{leaf}.weight" in own], x))


def efdn(w: Weights, x: Tensor) -> Tensor:
    def cell(own: Weights, x: Tensor) -> Tensor:
        a1 = F.prelu(own("conv1.conv1x1", x), own["conv1.act.weight"])
        a2 = F.prelu(own("conv2.rep_conv", a1), own["conv2.act.weight"])
        a3 = F.prelu(own("conv3.rep_conv", a2), own["conv3.act.weight"])
        branches = [own(f"branch.{number}", a) for number, a in enumerate((x, a1, a2, a3))]
        return full_esa(own.at("att"), own("fuse", torch.cat(branches, 1))) + x

    f = w("head", x)
    o1 = cell(w.at("cells.0"), f)
    o2 = cell(w.at("cells.1"), o1)
    o3 = cell(w.at("cells.2"), w("local_fuse.0", torch.cat((o1, o2), 1)))
    o4 = cell(w.at("cells.3"), w("local_fuse.1", torch.cat((o2, o3), 1)))
    g = w("local_fuse.2", torch.cat((o2, o4), 1))
    return F.pixel_shuffle(w("tail.0", g + f), 4).clamp(0, 1)


def ivl(w: Weights, x: Tensor) -> Tensor:
    def attended(o: Tensor) -> Tensor:
        return o * (o.sigmoid() - 0.5)

    def cell(own: Weights, x: Tensor) -> Tensor:
        o1 = own("conv0", x)
        o2 = F.prelu(own("conv2.rep_conv", o1), own["conv2.act.weight"])
        o3 = F.prelu(own("conv3.rep_conv", o2), own["conv3.act.weight"])
        branches = [own(f"branch.{number}", o) for number, o in enumerate((o1, attended(o2), attended(o3)))]
        return own("fuse", torch.cat(branches, 1)) + x

    f = w("head", x)
    o1 = cell(w.at("cells.0"), f)
    o2 = cell(w.at("cells.1"), o1)
    o3 = cell(w.at("cells.2"), w("local_fuse.0", torch.cat((o1, o2), 1)))
    o4 = cell(w.at("cells.3"), w("local_fuse.1", torch.cat((o2, o3), 1)))
    g = w("local_fuse.2", torch.cat((o2, o4), 1)) + f
    return F.pixel_shuffle(F.prelu(w("tail.0.rep_conv", g), w["tail.0.act.weight"]), 4).clamp(0, 1)


def iesr(w: Weights, x: Tensor) -> Tensor:
    f = y = w("conv_1.eval_conv", x)
    for number in range(1, 5):
        own, long = w.at(f"block_{number}"), number in (1, 4)
        names = ["c1_r", "c2_r", "c3_r"] if long else ["c1_r", "c3_r"]
        u = own.several([f"{name}.eval_conv" for name in names], y, F.silu)
        y = esa(own.at("esa"), own("c5", u + y if long else u))
    return F.pixel_shuffle(w("upsampler.0.eval_conv", w("conv_2.eval_conv", y) + f), 4)


def asr(w: Weights, x: Tensor) -> Tensor:
    f = y = w("conv_1.eval_conv", x)
    for number in range(1, 5):
        own = w.at(f"block_{number}")
        u = own.several([f"c{k}_r.eval_conv" for k in (1, 2, 3)], y, F.silu)
        y = esa(own.at("esa"), own("c5", u + y), "conv3.eval_conv")
    return F.pixel_shuffle(w("upsampler.0.eval_conv", w("conv_2", y) + f), 4)


def chansr(w: Weights, x: Tensor) -> Tensor:
    f = y = w("head", x)
    for number in range(8):
        own = w.at(f"blocks.{number}")
        u = F.prelu(own("eec1.rep_conv", y), own["eec1.act.weight"])
        y = esa(own.at("esa"), own("eec2.rep_conv", u))
    return F.pixel_shuffle(w("tail", w("conv1x1", y) + f), 4)


def jnu620(w: Weights, x: Tensor) -> Tensor:
    f = y = w("conv_1", x)
    for number in range(1, 5):
        own = w.at(f"block_{number}")
        u = own.several([f"c{k}_r.rbr_reparam" for k in (1, 2, 3)], y, lambda z: leaky(leaky(z)))
        y = esa(own.at("esa"), own("c5", u + y))
    return F.pixel_shuffle(w("upsampler.0", w("conv_2", y) + f), 4)


def pixel_alchemists(w: Weights, x: Tensor) -> Tensor:
    def cell(own: Weights, x: Tensor) -> Tensor:
        u = own.several(["conv1", "conv2"], x[:, :30], F.leaky_relu)
        v = own.several(["conv3", "conv4"], u, F.leaky_relu)
        return esa(own.at("esa"), own("c5", torch.cat((x[:, 30:], u, v), 1)))

    f = w("conv_first", x)
    o1 = cell(w.at("b1"), f)
    o2 = cell(w.at("b2"), o1)
    o3 = cell(w.at("b3"), o2) + o2
    o4 = cell(w.at("b4"), o3) + o1
    return F.pixel_shuffle(w("conv_last", w("conv_tail", o4) + f), 4)


def sylabsr(w: Weights, x: Tensor) -> Tensor:
    own = w.at("model")
    for _ in range(2):
        f = y = own("conv1", x)
        for number in range(3):
            part = own.at(f"blocks.{number}")
            u = part.several([f"RRRBs.{k}.conv_fused" for k in range(3)], y, leaky)
            y = esa(part.at("esa"), part("conv", u + y), "conv3.conv_fused")
        x = F.pixel_shuffle(own("conv_up", own("conv2", y) + f), 2)
    return x


def z6(w: Weights, x: Tensor) -> Tensor:
    y0 = F.gelu(w("head.conv3x3", x))
    spans = [Weights(w.tensors, f"backbone_span.{number}.0.") for number in range(2)]
    renamed = {
        f"{number}.c{k}_r.eval_conv.{leaf}": span[f"c{k}_r.conv3x3.{leaf}"]
        for number, span in enumerate(spans)
        for k in (1, 2, 3)
        for leaf in ("weight", "bias")
    }
    b2, b1, tap = blocks(Weights(renamed), y0, ["0", "1"])
    t = F.gelu(w("transition.1.conv3x3", w("transition.0", torch.cat((y0, b1, b2, tap), 1))))
    y = z = F.gelu(w("input_conv1.conv3x3", t + y0))
    for number in range(2):
        own = w.at(f"backbone_esa.{number}")
        z = full_esa(own.at("2"), own.several(["0.conv3x3", "1.conv3x3"], z, F.gelu))
    return F.pixel_shuffle(w("input_conv2.conv3x3", z + y), 4)


def eaglesr(w: Weights, x: Tensor) -> Tensor:
    def gelu_esa(own: Weights, x: Tensor) -> Tensor:
        a = own("conv1", x)
        v = own("conv2.dw", own("conv2.pw", a), stride=2, padding=0)
        v = F.gelu(blueprint(own, "conv_max", F.max_pool2d(v, 7, 3)))
        v = blueprint(own, "conv3_", F.gelu(blueprint(own, "conv3", v)))
        v = F.interpolate(v, x.shape[-2:], mode="bilinear")
        return x * own("conv4", v + own("conv_f", a)).sigmoid()

    f = y = blueprint(w, "fea_conv", torch.cat((x, x, x, x), 1))
    results = []
    for number in range(1, 9):
        own, r, parts = w.at(f"B{number}"), y, []
        for k in (1, 2, 3):
            parts.append(F.gelu(own(f"c{k}_d", r)))
            r = F.gelu(blueprint(own, f"c{k}_r", r) + r)
        parts.append(F.gelu(blueprint(own, "c4", r)))
        y = contrast(own.at("cca"), gelu_esa(own.at("esa"), own("c5", torch.cat(parts, 1)))) + y
        results.append(y)
    joined = F.gelu(w("c1", torch.cat(results, 1)))
    return F.pixel_shuffle(w("upsampler.upsampleOneStep.0", blueprint(w, "c2", joined) + f), 4)


def depthibn(w: Weights, x: Tensor) -> Tensor:
    def involution(own: Weights, x: Tensor) -> Tensor:
        bn = own.at("conv1.bn")
        seen = own("conv1.conv", x)
        seen = F.batch_norm(seen, bn["running_mean"], bn["running_var"], bn["weight"], bn["bias"])
        count, _, height, width = x.shape
        kernels = own("conv2.conv", F.relu(seen)).view(count, 3, 1, 9, height, width)
        around = F.unfold(x, 3, padding=1).view(count, 3, 16, 9, height, width)
        return (kernels * around).sum(3).view_as(x)

    f = y = blueprint(w, "fea_conv", x)
    results = []
    for number in range(1, 7):
        own, r, parts = w.at(f"B{number}"), y, []
        for k in (1, 2, 3):
            parts.append(leaky(own(f"c{k}_d", r)))
            refine = own.at(f"c{k}_r")
            r = leaky((blueprint(own, f"c{k}_r", r) if "pw1.weight" in refine else involution(refine, r)) + r)
        parts.append(leaky(blueprint(own, "c4", r)))
        y = contrast(own.at("cca"), own("c5", torch.cat(parts, 1)))
        results.append(y)
    joined = leaky(w("c.0", torch.cat(results, 1)))
    return F.pixel_shuffle(w("upsampler.0", blueprint(w, "LR_conv", joined) + f), 4)


def svm(w: Weights, x: Tensor) -> Tensor:
    y = w("cnn.0", x).clamp(0, 1)
    for number in range(2, 11):
        own = w.at(f"cnn.{number}")
        t = F.relu(own.several(["c1_r.0", "c1_r.1"], y))
        u = own.several(["c2_r.0", "c2_r.1"], t)
        y = y + own("conv_merge", torch.cat((full_esa(own.at("esa"), u), contrast(own.at("cca"), u)), 1))
    return F.pixel_shuffle((w("conv_last", y) + w("anchor.net", x)).clamp(0, 1), 4)
