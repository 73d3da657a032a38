"""The back ends that are loaded in this worker, and how each is made."""

from __future__ import annotations

import gc
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar

from peanut_daemon.deliverable import ChosenModel, WeightsFile
from peanut_daemon.worker import timing
from peanut_daemon.worker.devices import Device, device_for, host_memory_bytes
from peanut_daemon.worker.residency import Residency, Resident
from peanut_daemon.worker.store import facts_of
from peanut_models.cascade import SeamRemover
from peanut_models.embedded.eraser import PropagationEraser
from peanut_models.embedded.masks import ClassicalMaskTracker
from peanut_models.embedded.upscaler import BAND_PX, LanczosUpscaler
from peanut_models.errors import ModelNotFoundError, WeightsMissingError
from peanut_models.nof_eraser.true_pixels import true_pixels_first
from peanut_models.stages import Eraser, Upscaler
from peanut_models.tracking import MaskTracker, OneByOne
from peanut_models.zoo import ModelStore, card

logger = logging.getLogger(__name__)

Backend = TypeVar("Backend", MaskTracker, Eraser, Upscaler)

Precision = Literal["float32", "float16", "bfloat16"]

# Sizes of SAM 2.1 that correct what a sentence finds, best first.
CLICKS_BESIDE = ("base_plus", "large", "small", "tiny")

# Of the machine's memory, what a network may use on a CPU, where everything else runs too.
CPU_SHARE = 0.5

# Of a device's memory, what loaded models may have together; the rest is for what they compute.
MODELS_SHARE = 0.5


class Backends:
    """One back end per stage, made when it is first asked for, and kept for a while.

    Args:
        models_dir: where weights lie.
        device: what networks should run on, see `device_for`; looked up when one is loaded.
        found: what there is.
        keep_alive_s: how long an unused one stays, see `Residency`.
        host_bytes: memory that this worker may use; 0: the machine's.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        models_dir: Path,
        device: str,
        found: tuple[Device, ...],
        *,
        keep_alive_s: float = -1,
        host_bytes: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._models = ModelStore(models_dir)
        self._device = device
        self._found = found
        self._host_bytes = host_bytes
        self._residency = Residency(
            keep_alive_s=keep_alive_s, room_bytes=self._room_bytes, clock=clock
        )

    def residents(self) -> tuple[Resident, ...]:
        """What is loaded."""
        return self._residency.residents()

    def end_of_task(self) -> None:
        """What the task used is idle from now on."""
        self._residency.end_of_task()

    def evict_expired(self) -> bool:
        """Unload what was not used for long; say whether there was any."""
        return _freed(self._residency.evict_expired())

    def next_expiry_s(self) -> float | None:
        """Seconds until `evict_expired` has something to do; None: nothing yet."""
        return self._residency.next_expiry_s()

    def free(self) -> bool:
        """Unload what the task in hand does not use, and empty the caches of the devices.

        Returns:
            Whether a model was unloaded.
        """
        evicted = _freed(self._residency.evict_idle())
        empty_caches()
        return evicted

    def tracker(self, model: ChosenModel) -> MaskTracker:
        """P-MASK as a request wants it."""
        if model.name == "embedded/masks":
            return self._kept(model, lambda: OneByOne(ClassicalMaskTracker()))
        if model.name.startswith(("sam2.0/", "sam2.1/")):
            return self._kept(model, lambda: self._clicks_tracker(model))
        if model.name.startswith("deaot/"):
            return self._kept(model, lambda: self._deaot_tracker(model))
        if model.name.startswith(("samwise/", "grounding/")) or model.name == "sam3":
            beside = self._clicks_beside()
            return self._kept(
                model,
                lambda: self._text_tracker(model, self.tracker(beside) if beside else None),
                needs=[beside.key] if beside else [],
            )
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
            return self._kept(model, PropagationEraser)
        if model.name in ("e2fgvi", "e2fgvi_hq"):
            key = f"{model.key} every {sparse_stride}"
            network = self._kept(model, lambda: self._network_eraser(model, sparse_stride), key=key)
            back = self.upscaler(upscaler) if scale > 1 else None
            return true_pixels_first(network, scale=scale, upscaler=back)
        raise _unknown(model.name)

    def upscaler(self, model: ChosenModel, *, tight: bool = False) -> Upscaler:
        """UR-Net as a job wants it; `tight` with half the tile, which changes no pixel."""
        key = f"{model.key} tight" if tight else model.key
        if model.name == "embedded/lanczos":
            band_px = BAND_PX // 2 if tight else BAND_PX
            return self._kept(model, lambda: LanczosUpscaler(band_px), key=key)
        if model.name.startswith("basicvsr_pp/"):
            return self._kept(model, lambda: self._network_upscaler(model, tight=tight), key=key)
        raise _unknown(model.name)

    def seam_remover(self, weights: WeightsFile | None) -> SeamRemover | None:
        """The seam step as a job wants it; None where it has no weights.

        Raises:
            WeightsMissingError: they are gone or changed since the job was started.
        """
        if weights is None:
            return None
        from peanut_models.ur_net.seam import SeamSuppressor, load_seam_step

        if not weights.path.is_file() or facts_of(weights.path)[1] != weights.sha256:
            raise WeightsMissingError(
                f"the seam step's weights {weights.path} are gone or changed since the job was "
                "started: put them back or start a new job"
            )
        device, _ = self._device_and_precision()
        return SeamSuppressor(load_seam_step(weights.path).to(device))

    def _clicks_tracker(self, model: ChosenModel) -> MaskTracker:
        # Here and not at the top: transformers takes seconds to import.
        from peanut_models.checkpoints import read_checkpoint
        from peanut_models.p_mask.build import clicks_tracker

        device, precision = self._for_masks()
        return clicks_tracker(read_checkpoint(self._weights(model)), device, precision)

    def _deaot_tracker(self, model: ChosenModel) -> MaskTracker:
        from peanut_models.checkpoints import read_checkpoint
        from peanut_models.deaot.config import PredictorConfig
        from peanut_models.deaot.convert import build_network
        from peanut_models.deaot.predictor import DeaotTracker

        device, precision = self._for_masks()
        network = build_network(read_checkpoint(self._weights(model)))
        return DeaotTracker(network.to(device), PredictorConfig(precision=precision))

    def _text_tracker(self, model: ChosenModel, clicks: MaskTracker | None) -> MaskTracker:
        from peanut_models.checkpoints import read_checkpoint
        from peanut_models.p_mask.build import grounding_tracker, sam3_tracker, sentence_tracker

        device, precision = self._for_masks()
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

    def _clicks_beside(self) -> ChosenModel | None:
        """The best model for clicks that is installed, for what a sentence does not say."""
        for size in CLICKS_BESIDE:
            installed = self._models.find(card(f"sam2.1/{size}"))
            if installed is not None:
                return ChosenModel(installed.model, installed.blob_sha256)
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

    def _network_upscaler(self, model: ChosenModel, *, tight: bool) -> Upscaler:
        import torch

        from peanut_models.checkpoints import read_checkpoint
        from peanut_models.ur_net.config import PredictorConfig
        from peanut_models.ur_net.convert import build_network
        from peanut_models.ur_net.predictor import UrNet

        device, precision = self._device_and_precision()
        network = build_network(read_checkpoint(self._weights(model)))
        host = int(CPU_SHARE * (self._host_bytes or host_memory_bytes())) or None
        memory = None if device.startswith("cuda") else host
        config = PredictorConfig(precision=precision, memory_bytes=memory, host_bytes=host)
        if tight:
            free = torch.cuda.mem_get_info(device)[0] if memory is None else memory
            tile = (config.tile_px or 0) // 2 or None
            config = replace(config, memory_bytes=free // 2, tile_px=tile)
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

    def _kept(
        self,
        model: ChosenModel,
        make: Callable[[], Backend],
        *,
        key: str = "",
        needs: Sequence[str] = (),
    ) -> Backend:
        with timing.step("load"):
            return self._residency.get(
                key or model.key,
                make,
                name=model.name,
                device=device_for(self._device, self._found) if model.weights else "cpu",
                size_bytes=_bytes_in(self._weights(model)) if model.weights else 0,
                needs=needs,
            )

    def _room_bytes(self, device: str) -> int:
        memory = next((size for name, _, size in self._found if name == device), 0)
        return int(MODELS_SHARE * (memory or host_memory_bytes()))


def _unknown(name: str) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"model {name!r} has a card but this worker cannot load it: choose another profile"
    )


def empty_caches() -> None:
    """Give the memory back that freed models and results still hold."""
    gc.collect()
    # Only where it was imported: a worker that never loaded a network has no caches either.
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch is not None and torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _freed(evicted: Sequence[Resident]) -> bool:
    if not evicted:
        return False
    logger.info("unloaded %s", ", ".join(resident.name for resident in evicted))
    empty_caches()
    return True


def _bytes_in(weights: Path) -> int:
    """Size of a file of weights, or of all files of a folder of them."""
    files = weights.rglob("*") if weights.is_dir() else [weights]
    return sum(file.stat().st_size for file in files if file.is_file())
