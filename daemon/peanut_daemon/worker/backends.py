"""The back ends that are loaded in this worker, and what they run on."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from peanut_daemon.deliverable import ChosenModel
from peanut_models.embedded.eraser import PropagationEraser
from peanut_models.embedded.masks import ClassicalMaskTracker
from peanut_models.embedded.upscaler import LanczosUpscaler
from peanut_models.errors import ModelNotFoundError, UnsupportedDeviceError, WeightsMissingError
from peanut_models.nof_eraser.true_pixels import true_pixels_first
from peanut_models.stages import Eraser, Upscaler
from peanut_models.tracking import MaskTracker, OneByOne
from peanut_models.zoo import ModelStore, card

Backend = TypeVar("Backend", MaskTracker, Eraser, Upscaler)

Precision = Literal["float32", "float16", "bfloat16"]

# Sizes of SAM 2.1 that correct what a sentence finds, best first.
CLICKS_BESIDE = ("base_plus", "large", "small", "tiny")

# Of the machine's memory, what a network may use on a CPU, where everything else runs too.
CPU_SHARE = 0.5

Device = tuple[str, str, int]
"""Name, description, memory in bytes or 0."""


class Backends:
    """One back end per stage, made when it is first asked for, and kept.

    Args:
        models_dir: where weights lie.
        device: what networks should run on, see `device_for`; looked up when one is loaded.
        found: what there is.
    """

    def __init__(self, models_dir: Path, device: str, found: tuple[Device, ...]) -> None:
        self._models = ModelStore(models_dir)
        self._device = device
        self._found = found
        self._loaded: dict[str, Any] = {}

    def tracker(self, model: ChosenModel) -> MaskTracker:
        """P-MASK as a request wants it."""
        if model.name == "embedded/masks":
            return self._kept(model.key, lambda: OneByOne(ClassicalMaskTracker()))
        if model.name.startswith(("sam2.0/", "sam2.1/")):
            return self._kept(model.key, lambda: self._clicks_tracker(model))
        if model.name.startswith(("samwise/", "grounding/")) or model.name == "sam3":
            return self._kept(model.key, lambda: self._text_tracker(model))
        raise _unknown(model.name)

    def eraser(
        self, model: ChosenModel, scale: int, upscaler: ChosenModel, sparse_stride: int = 1
    ) -> Eraser:
        """NOF-Eraser as a job wants it.

        Args:
            model: the back end.
            scale: a network works at this fraction of the source's size.
            upscaler: leads its pixels back.
            sparse_stride: a network fills every so many frames.
        """
        if model.name == "embedded/propagation":
            return self._kept(model.key, PropagationEraser)
        if model.name in ("e2fgvi", "e2fgvi_hq"):
            key = f"{model.key} every {sparse_stride}"
            network = self._kept(key, lambda: self._network_eraser(model, sparse_stride))
            back = self.upscaler(upscaler) if scale > 1 else None
            return true_pixels_first(network, scale=scale, upscaler=back)
        raise _unknown(model.name)

    def upscaler(self, model: ChosenModel) -> Upscaler:
        """UR-Net as a job wants it."""
        if model.name == "embedded/lanczos":
            return self._kept(model.key, LanczosUpscaler)
        if model.name.startswith("basicvsr_pp/"):
            return self._kept(model.key, lambda: self._network_upscaler(model))
        raise _unknown(model.name)

    def _clicks_tracker(self, model: ChosenModel) -> MaskTracker:
        # Here and not at the top: transformers takes seconds to import.
        from peanut_models.checkpoints import read_checkpoint
        from peanut_models.p_mask.build import clicks_tracker

        device, precision = self._for_masks()
        return clicks_tracker(read_checkpoint(self._weights(model)), device, precision)

    def _text_tracker(self, model: ChosenModel) -> MaskTracker:
        from peanut_models.checkpoints import read_checkpoint
        from peanut_models.p_mask.build import grounding_tracker, sam3_tracker, sentence_tracker

        device, precision = self._for_masks()
        clicks = self._clicks_beside()
        if model.name.startswith("samwise/"):
            words = self._models.path(card("roberta/tokenizer"))
            state = read_checkpoint(self._weights(model))
            return sentence_tracker(state, words, clicks, device, precision)
        if model.name == "sam3":
            return sam3_tracker(self._weights(model), clicks, device, precision)
        if clicks is None:
            raise WeightsMissingError(
                f"{model.name} finds boxes, which SAM 2.1 follows: get one of its sizes with "
                "peanut models pull sam2.1/base_plus"
            )
        return grounding_tracker(self._weights(model), clicks, device, precision)

    def _clicks_beside(self) -> MaskTracker | None:
        """The best tracker of clicks that is installed, for what a sentence does not say."""
        for size in CLICKS_BESIDE:
            installed = self._models.find(card(f"sam2.1/{size}"))
            if installed is not None:
                return self.tracker(ChosenModel(installed.model, installed.blob_sha256))
        return None

    def _for_masks(self) -> tuple[str, Precision]:
        """As the others, but in bfloat16 on a GPU, which SAM 2's own scripts run in."""
        device, precision = self._device_and_precision()
        return device, "bfloat16" if precision == "float16" else precision

    def _device_and_precision(self) -> tuple[str, Precision]:
        device = device_for(self._device, self._found)
        # On a GPU half the precision is a quarter of the time, and within a grey level.
        return device, "float16" if device.startswith("cuda") else "float32"

    def _network_eraser(self, model: ChosenModel, sparse_stride: int) -> Eraser:
        # Here and not at the top: most workers never load a network, and torch takes seconds.
        from peanut_models.checkpoints import read_checkpoint
        from peanut_models.nof_eraser.config import NetworkConfig, PredictorConfig
        from peanut_models.nof_eraser.convert import build_network, variant_of
        from peanut_models.nof_eraser.predictor import NofEraser

        device, precision = self._device_and_precision()
        published = read_checkpoint(self._weights(model))
        network = build_network(published, NetworkConfig(variant=variant_of(published)))
        config = PredictorConfig(precision=precision, sparse_stride=sparse_stride)
        return NofEraser(network.to(device), config)

    def _network_upscaler(self, model: ChosenModel) -> Upscaler:
        from peanut_models.checkpoints import read_checkpoint
        from peanut_models.ur_net.config import PredictorConfig
        from peanut_models.ur_net.convert import build_network
        from peanut_models.ur_net.predictor import UrNet

        device, precision = self._device_and_precision()
        network = build_network(read_checkpoint(self._weights(model)))
        host = int(CPU_SHARE * _host_memory_bytes()) or None
        config = PredictorConfig(
            precision=precision,
            memory_bytes=None if device.startswith("cuda") else host,
            host_bytes=host,
        )
        return UrNet(network.to(device), config)

    def _weights(self, model: ChosenModel) -> Path:
        """The stored weights, if they are still those that the job was planned with."""
        installed = self._models.require(card(model.name))
        if installed.blob_sha256 != model.weights:
            raise WeightsMissingError(
                f"the weights of {model.name} changed since the job was started (now "
                f"{installed.blob_sha256[:12]}, then {model.weights[:12]}): start a new job"
            )
        return self._models.path(card(model.name))

    def _kept(self, name: str, make: Callable[[], Backend]) -> Backend:
        if name not in self._loaded:
            self._loaded[name] = make()
        backend: Backend = self._loaded[name]
        return backend


def _unknown(name: str) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"model {name!r} has a card but this worker cannot load it: choose another profile"
    )


def devices() -> tuple[Device, ...]:
    """What models can run on, best first.

    PyTorch is only asked where a driver is present: importing it takes seconds, which every
    restart of the worker would pay.
    """
    cpu = ("cpu", platform.processor() or platform.machine(), _host_memory_bytes())
    if sys.platform != "darwin" and not _has_cuda_driver():
        return (cpu,)
    import torch

    found = []
    for k in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(k)
        found.append((f"cuda:{k}", properties.name, int(properties.total_memory)))
    if torch.backends.mps.is_available():
        found.append(("mps", "Apple GPU", 0))
    return (*found, cpu)


def device_for(wanted: str, found: tuple[Device, ...]) -> str:
    """The device that networks run on.

    Args:
        wanted: `auto`, or a name as PyTorch spells it.
        found: what there is, best first.

    Raises:
        UnsupportedDeviceError: there is no such device.
    """
    names = [name for name, _, _ in found]
    if wanted == "auto":
        return names[0]
    matching = [name for name in names if name == wanted or name.split(":")[0] == wanted]
    if not matching:
        raise UnsupportedDeviceError(
            f"setting device is {wanted!r}, but this machine has {', '.join(names)}: "
            "choose one of these, or auto"
        )
    return matching[0]


def _has_cuda_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _host_memory_bytes() -> int:
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 0
