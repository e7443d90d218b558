"""What an exported file does besides being a network: enlarge pictures.

Its functions are lifted; Pillow is imported only where a picture is read.
"""

import ctypes
from pathlib import Path

import torch
from torch import Tensor, nn


@torch.inference_mode()
def enlarge(network: nn.Module, image: Tensor, scale: int, *, tile: int = 512, margin: int = 32) -> Tensor:
    """Enlarge (1, 3, H, W) in [0, 1], tile by tile where it is large; tiles overlap, so that no seams show.

    The tiles are moved to where the network is, and their results back.
    """
    device = next((tensor.device for tensor in (*network.parameters(), *network.buffers())), image.device)
    height, width = image.shape[-2:]
    if height * width <= 2 * tile * tile:
        tile = max(height, width)
    result = image.new_empty(1, 3, scale * height, scale * width)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            above, before = min(top, margin), min(left, margin)
            part = image[..., top - above : top + tile + margin, left - before : left + tile + margin]
            part = network(part.to(device)).to(image.device)[..., scale * above :, scale * before :]
            place = result[..., scale * top : scale * (top + tile), scale * left : scale * (left + tile)]
            place.copy_(part[..., : place.shape[-2], : place.shape[-1]])
    return result


def enlarge_file(network: nn.Module, source: Path, target: Path, scale: int) -> None:
    """Enlarge a picture, grey or coloured; transparency is enlarged by bicubic interpolation."""
    from PIL import Image, ImageOps

    with Image.open(source) as opened:
        picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith("I"):
        picture = picture.convert("I").point(lambda value: value / 257).convert("L")  # 16 bits
    transparent = picture.has_transparency_data
    mode = ("L" if picture.mode in ("L", "LA") else "RGB") + ("A" if transparent else "")
    pixels = torch.frombuffer(bytearray(picture.convert("RGB").tobytes()), dtype=torch.uint8)
    image = pixels.view(1, picture.height, picture.width, 3).permute(0, 3, 1, 2).float() / 255
    enlarged = (enlarge(network, image, scale)[0].clamp(0, 1) * 255).round().to(torch.uint8)
    enlarged = enlarged.permute(1, 2, 0).contiguous()
    size = scale * picture.width, scale * picture.height
    result = Image.frombytes("RGB", size, ctypes.string_at(enlarged.data_ptr(), enlarged.numel()))
    if transparent:
        result.putalpha(picture.convert("RGBA").getchannel("A").resize(size, Image.Resampling.BICUBIC))
    flat = target.suffix.lower() in (".jpg", ".jpeg")
    result.convert(mode.removesuffix("A") if flat else mode).save(target)
