"""From DeAOT's published file to a tracker in the worker, and what its card refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support import deaot
from support.p_mask_stub import RED, ScriptedClip

from peanut_daemon.deliverable import ChosenModel
from peanut_daemon.worker.backends import Backends
from peanut_models.deaot.config import NetworkConfig
from peanut_models.errors import InvalidInputError
from peanut_models.ranges import FrameRange
from peanut_models.stages import MaskPrompt
from peanut_models.tracking import TargetMask, TargetPrompts
from peanut_models.zoo import ModelStore, card
from peanut_models.zoo.install import add

CARD = card("deaot/r50_l")


def published_file(folder: Path, config: NetworkConfig) -> Path:
    path = folder / "R50_DeAOTL_PRE_YTB_DAV.pth"
    torch.save({"state_dict": deaot.seeded_checkpoint(deaot.published_shapes(config))}, path)
    return path


def test_the_published_file_becomes_the_workers_tracker(tmp_path: Path):
    installed = add(ModelStore(tmp_path / "m"), CARD, published_file(tmp_path, NetworkConfig()))
    backends = Backends(tmp_path / "m", "cpu", (("cpu", "a processor", 2**34),))
    tracker = backends.tracker(ChosenModel(CARD.name, installed.blob_sha256))
    clip = ScriptedClip(2, {RED: lambda t: (4 + 3 * t, 6)})
    target = TargetPrompts(
        target_id="red",
        frames=FrameRange(0, 2),
        prompts=(MaskPrompt(frame_index=0, mask=clip.truth(RED, 0)),),
    )
    found = list(tracker.track(clip, [target]))
    assert [e.tracked.frame_index for e in found if isinstance(e, TargetMask)] == [0, 1]


def test_a_smaller_ones_file_is_not_taken_for_it(tmp_path: Path):
    with pytest.raises(InvalidInputError, match="mobilenet_v2"):
        add(ModelStore(tmp_path / "m"), CARD, published_file(tmp_path, deaot.SMALL))
