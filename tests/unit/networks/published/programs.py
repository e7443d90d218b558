"""Every system that has a program, by name."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from tests.unit.networks.published import attending, distilling, light, modulating, span
from tests.unit.networks.published.weights import Weights

Program = Callable[[Weights, Tensor], Tensor]

PROGRAMS: dict[str, Program] = {
    "EFDN": distilling.efdn,
    "EMSR": span.scaled_six,
    "XiaomiMM": span.xiaomimm,
    "ShannonLab": partial(span.tsr, extra=3, joint="conv_2.eval_conv"),
    "TSSR": partial(span.tsr, extra=3, joint="conv_2"),
    "Davinci": span.scaled_six,
    "SRCB": span.scaled_six,
    "Rochester": span.rochester,
    "mbga": span.mbga,
    "IESR": distilling.iesr,
    "ASR": distilling.asr,
    "VPEG_O": modulating.vpeg_o,
    "mmSR": partial(modulating.mixed, divisor=16, leaf=""),
    "ChanSR": distilling.chansr,
    "Pixel_Alchemists": distilling.pixel_alchemists,
    "MiSR": partial(modulating.mixed, divisor=8, leaf=".eval_conv"),
    "LZ": span.lz,
    "Z6": distilling.z6,
    "TACO_SR": span.taco,
    "AIOT_AI": span.aiot,
    "JNU620": distilling.jnu620,
    "LVGroup_HFUT": span.lvgroup,
    "SVM": distilling.svm,
    "YG": modulating.yg,
    "NanoSR": span.nanosr,
    "MegastudyEdu_Vision_AI": modulating.megastudy,
    "EagleSR": distilling.eaglesr,
    "SylabSR": distilling.sylabsr,
    "DepthIBN": distilling.depthibn,
    "IVL": distilling.ivl,
    "MILA": light.mila,
    "XUPTBoys": light.xuptboys,
    "HannahSR": light.hannahsr,
    "VPEG_C": light.vpeg_c,
    "AiMF_SR": light.aimf,
    "CUIT_HTTP": light.cuit,
    "Cidaut_AI": light.cidaut,
    "NJUPCA": light.njupca,
    "BVIVSR": attending.bvivsr,
    "GXZY_AI": attending.gxzy,
    "SCMSR": attending.scmsr,
    "IPCV": attending.ipcv,
    "X-L": attending.x_l,
    "Quantum_Res": attending.quantum,
}
