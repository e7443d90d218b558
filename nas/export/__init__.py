"""Networks as files that stand by themselves."""

from nas.export.pytorch import export_pytorch

__all__ = ["export_pytorch"]
