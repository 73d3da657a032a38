"""A sentence to masks through the daemon, with the published network at its full size.

The weights are seeded noise, so the masks are too: it is the road that is shown. Takes minutes and
several gigabytes, so it runs only where the command line asks for it by `-m slow`.
"""

from pathlib import Path

import pytest
from safetensors.torch import save_file
from support import samwise
from support.daemon import RunningDaemon

from peanut.v1 import edits_pb2
from peanut_client import frame_range
from peanut_daemon.media import mask_from_png
from peanut_models.p_mask.config import NetworkConfig
from peanut_models.zoo import ModelStore, card

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

CLIP = Path(__file__).parents[2].parent / "shared" / "clips" / "real-cups" / "video.mp4"
FRAMES = 3


@pytest.fixture(scope="module", autouse=True)
def _asked_for(request: pytest.FixtureRequest) -> None:
    asked = request.config.getoption("-m")
    if "slow" not in asked or "not slow" in asked:
        pytest.skip("takes minutes and 6 GB: run it with -m slow")
    if not CLIP.is_file():
        pytest.skip(f"no evaluation clip beside the checkout: {CLIP.name}")


def install(store: ModelStore, folder: Path) -> None:
    """The seeded network and a tokenizer of single bytes, as if they had been added."""
    config = NetworkConfig()
    state = samwise.checkpoint(samwise.published_shapes(config), samwise.VISIBLE)
    tensors = {name: tensor.contiguous().clone() for name, tensor in state.items()}
    weights = card("samwise/mevis")
    store.put(weights, folder / "seeded.pth", lambda part: save_file(tensors, part), "0")
    store.put_folder(card("roberta/tokenizer"), samwise.byte_tokenizer(folder / "words"))


def test_a_sentence_becomes_masks_of_every_frame(tmp_path):
    install(ModelStore(tmp_path / "data" / "models"), tmp_path)
    with RunningDaemon(tmp_path / "data") as daemon, daemon.client() as client:
        edit = client.create_edit(str(CLIP), frame_range(0, FRAMES))
        words = edits_pb2.Prompt(text=edits_pb2.TextPrompt(text="the cup that moves"))
        target = edits_pb2.Target(id="1", prompts=[words])
        masks = [
            response.mask
            for response in client.track_masks(edit.id, [target], p_mask="samwise/mevis")
            if response.HasField("mask")
        ]
        approval = client.approve_masks(edit.id, grow_px=0, feather_px=0)
    assert sorted(mask.frame_index for mask in masks) == list(range(FRAMES))
    assert all(mask_from_png(mask.png).ndim == 2 for mask in masks)
    assert approval.matte_hash
