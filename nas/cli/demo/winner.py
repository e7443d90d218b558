"""The winner as files: unpacked, compared with the searched network, and tried on photographs."""

import io
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from nas import networks
from nas.cli.demo.service import ServiceError
from nas.evaluate.quality.bicubic import upscale
from nas.evaluate.quality.data import ImageSet
from nas.evaluate.quality.metrics import psnr_db
from nas.language import load_architecture
from nas.store import Store, architectures, blobs, qualities

RUN = """
import sys, torch
sys.path.insert(0, sys.argv[1])
import model
network = model.load(sys.argv[1] + "/weights.safetensors").eval()
with torch.inference_mode():
    torch.save(network(torch.load(sys.argv[2])), sys.argv[3])
"""
"""What anybody would write who was given the folder: nothing of ours is imported."""


@dataclass(frozen=True)
class Restored:
    """One validation photograph, reduced and enlarged again."""

    name: str
    psnr_db: float
    bicubic_psnr_db: float


def unpack(data: bytes, folder: Path) -> list[Path]:
    """Write the files of an export flat into ``folder``."""
    written = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for item in archive.infolist():
            if not item.is_dir():
                written.append(folder / Path(item.filename).name)
                written[-1].write_bytes(archive.read(item))
    return written


def searched(database: str, architecture_hash: str) -> networks.Network:
    """The network as the search trained it: its architecture and weights from the store."""
    with Store(database) as store, store.reading() as session:
        document = architectures.get(session, architecture_hash).document
        trained = [one for one in qualities.of_architecture(session, architecture_hash) if one.weights]
        data = blobs.get(session, str(trained[-1].weights))
    from safetensors.torch import load

    return networks.build(load_architecture(document), weights=load(data))


def largest_difference(network: networks.Network, folder: Path, images: ImageSet) -> float:
    """Between the searched network and the exported file in a process of its own, over the validation images."""
    worst = 0.0
    for pair in images.validation:
        image = pair.lr.permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            worst = max(worst, float((network(image) - exported_output(folder, image)).abs().max()))
    return worst


def exported_output(folder: Path, image: Tensor) -> Tensor:
    """What the exported file makes of an image, (1, 3, h, w) in [0, 1]."""
    asked, answered = folder / "asked.pt", folder / "answered.pt"
    torch.save(image, asked)
    try:
        ran([sys.executable, "-c", RUN, str(folder), str(asked), str(answered)])
        output: Tensor = torch.load(answered)
    finally:
        asked.unlink()
        answered.unlink(missing_ok=True)
    return output


def restored(folder: Path, images: ImageSet) -> list[Restored]:
    """Enlarge every validation image by ``python model.py IN.png OUT.png`` and judge the written pictures."""
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    found = []
    for pair in images.validation:
        low, high = pictures / f"{pair.name}-small.png", pictures / f"{pair.name}.png"
        Image.fromarray(pair.lr.numpy()).save(low)
        ran([sys.executable, str(folder / "model.py"), str(low), str(high)])
        floor = torch.from_numpy(upscale(pair.lr.numpy(), images.scale))
        found.append(Restored(pair.name, psnr_db(picture(high), pair.hr), psnr_db(floor, pair.hr)))
    return found


def picture(path: Path) -> Tensor:
    """A picture as (H, W, 3) uint8."""
    with Image.open(path) as opened:
        width, height = opened.size
        data = bytearray(opened.convert("RGB").tobytes())
    return torch.frombuffer(data, dtype=torch.uint8).view(height, width, 3)


def ran(command: list[str]) -> None:
    """Run a command that must succeed."""
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if result.returncode:
        words = result.stderr.strip().splitlines() or ["nothing"]
        raise ServiceError(f"{' '.join(command[:2])} ended with status {result.returncode}: {words[-1]}")
