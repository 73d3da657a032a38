"""DeAOT against what the published networks and engine gave for the same weights and clips."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import deaot, seeded
from support.deaot import Case

from peanut_models.deaot.attention import Memory, window
from peanut_models.deaot.config import NetworkConfig, PredictorConfig, network_size
from peanut_models.deaot.engine import Propagation, at_network_size, prepared
from peanut_models.deaot.network import Block, Encoded, Looked

R50 = NetworkConfig()


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("r50_deaotl", R50),
        ("deaott", NetworkConfig(encoder="mobilenet_v2", blocks=1)),
        ("deaots", NetworkConfig(encoder="mobilenet_v2", blocks=2)),
        ("deaotl", NetworkConfig(encoder="mobilenet_v2", blocks=3)),
    ],
)
def test_the_published_names_and_shapes_are_ours(name: str, config: NetworkConfig):
    assert deaot.published_shapes(config) == deaot.recorded_keys(f"{name}.keys.json")


def test_sizes_follow_the_published_rule():
    rows = deaot.facts()["sizes"]["rows"]
    assert rows
    for height, width, *wanted in rows:
        assert network_size(height, width) == tuple(wanted)


def tokens_first(x: torch.Tensor) -> torch.Tensor:
    """As the published code lays its sequences out: tokens, batch, channels."""
    return x.transpose(0, 1)


def noise(name: str, shape: tuple[int, ...], scale: float = 1.0) -> torch.Tensor:
    """Recorded as tokens, batch, channels; here batch first."""
    drawn = torch.from_numpy((scale * seeded.normal(f"unit.{name}", shape)).astype(np.float32))
    return drawn.transpose(0, 1) if len(shape) == 3 else drawn.flatten(2).transpose(1, 2)


def unit_memories() -> tuple[Memory, Memory]:
    long = Memory(
        noise("long_k", (480, 1, 128), 1.5),
        noise("long_v", (480, 1, 512), 0.6),
        noise("long_id_v", (480, 1, 512), 0.6),
    )
    short = Memory(
        noise("short_k", (1, 128, 12, 20), 1.5),
        noise("short_v", (1, 512, 12, 20), 0.6),
        noise("short_id_v", (1, 512, 12, 20), 0.6),
    )
    return long, short


def test_blocks_attentions_and_the_identity_bank_match_one_by_one():
    network, case, grid = deaot.seeded_network(R50), Case("units"), (12, 20)
    visual, identity = noise("tgt", (240, 1, 256), 1.5), noise("tgt_id", (240, 1, 256), 1.5)
    embedded, memories = noise("id_emb", (240, 1, 256)), unit_memories()
    with torch.inference_mode():
        for k in (0, 1):
            block = network.blocks[k]
            assert isinstance(block, Block)
            given = identity if k else None
            looked = block.look(visual, given)
            memory = block.remember(looked, embedded)
            for mode, pair in (("ref", (memory, memory)), ("prop", memories)):
                for name, x in zip(
                    ("vis", "id"), block(visual, given, looked, pair, grid), strict=True
                ):
                    case.check(f"{mode}_l{k}_{name}", tokens_first(x))
        for name, x in zip(("k", "v", "id_v"), memory, strict=True):
            case.check(f"ref_l1_mem_{name}", tokens_first(x))
        assert looked.identity is not None
        case.check("ref_l1_curr_id", tokens_first(looked.identity))
        query, gate = noise("q", (240, 1, 128), 1.5), noise("u", (240, 1, 1024), 0.6)
        case.check("long_out", tokens_first(block.long(query, memories[0], gate, grid)))
        case.check("short_out", tokens_first(block.short(query, memories[1], gate, grid)))
        weights = windowed(block.short.weights(query, memories[1].key, grid), grid)
        case.check("short_att", weights[None])
        own = block.itself(noise("s_vis", (240, 1, 256)), noise("s_id", (240, 1, 256)), grid)
        case.check("self_out", tokens_first(own))
        bank = network.identify(torch.from_numpy(ellipses(10, 97, 129))[None])
        case.check("id_emb_97x129_10obj", bank.transpose(1, 2).reshape(1, 256, 7, 9))
    assert case.compared == case.names


def windowed(weights: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """Weights between all places as the published code has them: by entry of the window."""
    entry, outside = window(grid)
    found = torch.zeros(len(weights), weights.shape[1], 225)
    found.scatter_add_(2, entry[None], weights.masked_fill(outside, 0))
    return found.transpose(1, 2)


def ellipses(count: int, height: int, width: int) -> np.ndarray:
    """The recorded label map: ellipses numbered from 1 in rows of four, later ones on top."""
    y, x = np.mgrid[0:height, 0:width]
    labels, rows = np.zeros((height, width), np.int64), -(-count // 4)
    for i in range(count):
        r, c = divmod(i, 4)
        cy, cx = (2 * r + 1) * height // (2 * rows), (2 * c + 1) * width // 8
        ry, rx = max(height // (3 * rows), 4), max(width // 12, 4)
        inside = (y - cy) ** 2 * rx * rx + (x - cx) ** 2 * ry * ry <= ry * ry * rx * rx
        labels[inside] = i + 1
    return labels


def encoded(network: deaot.DeaotNetwork, image: np.ndarray) -> Encoded:
    return network.encode(prepared(image, 1040))


def test_every_stage_of_a_reference_and_a_propagated_frame_matches():
    network, case = deaot.seeded_network(R50), Case("frame1")
    labels = torch.from_numpy(case.stored["label0_u8"].astype(np.int64))
    hooked: dict[str, torch.Tensor] = {}
    parts = {
        "gpm_final": network.norm,
        "dec_conv_in": network.decoder.first,
        "dec_conv_16x": network.decoder.sixteenth,
        "dec_conv_8x": network.decoder.eighth,
        "dec_conv_4x": network.decoder.quarter,
        **{f"gpm{k}": block for k, block in enumerate(network.blocks)},
    }

    def keep(name: str):
        return lambda module, given, result: hooked.update({name: result})

    with torch.inference_mode():
        first, second = (encoded(network, image) for image in case.stored["clip_u8"])
        embedded = network.identify(labels[None])
        case.check("id_emb0", tokens_first(embedded))
        memories = network.refer(first, embedded)
        for k, memory in enumerate(memories):
            for name, x in zip(("k", "v", "id_v"), memory, strict=True):
                case.check(f"mem0_l{k}_{name}", tokens_first(x))
        case.check("input1", prepared(case.stored["clip_u8"][1], 1040))
        for name, x in zip(("4x", "8x", "16x"), second.levels[:3], strict=True):
            case.check(f"enc_{name}", x)
        case.check("enc_proj", second.tokens.transpose(1, 2).reshape(1, 256, *second.grid))
        handles = [part.register_forward_hook(keep(name)) for name, part in parts.items()]
        logits, seen = network.propagate(second, memories, memories)
        for handle in handles:
            handle.remove()
        case.check("logit4_raw", logits)
        case.check("gpm_final", hooked["gpm_final"].permute(2, 0, 1))
        for name in ("dec_conv_in", "dec_conv_16x", "dec_conv_8x", "dec_conv_4x"):
            case.check(name, hooked[name])
        for k in range(3):
            case.check(f"gpm{k}_vis", tokens_first(hooked[f"gpm{k}"][0]))
            case.check(f"gpm{k}_id", tokens_first(hooked[f"gpm{k}"][1]))
        run = Propagation(network, PredictorConfig(), 2)
        run.refer(first, labels, 2)
        found = run.step(second, (113, 161))
        case.check("logit_out", found.logits[:, :3])
        case.check("mask", found.labels)
        left = network.remember(seen, network.identify(found.labels[None]))[2].id_value
        case.check("short1_l2_id_v", left.transpose(1, 2).reshape(1, 512, 8, 11))
    assert case.compared == case.names


CLIPS = {
    "seq5": (R50, PredictorConfig(memory_gap=2), 2),
    "seq7": (R50, PredictorConfig(), 2),
    "seq5_deaott": (deaot.SMALL, PredictorConfig(memory_gap=2), 2),
    "multi12": (R50, PredictorConfig(), 12),
}


@pytest.mark.parametrize("name", CLIPS)
def test_a_whole_clip_through_the_engine_matches(name: str):
    config, settings, targets = CLIPS[name]
    network, case = deaot.seeded_network(config), Case(name)
    source = case.stored if "clip_u8" in case.stored else Case("seq5").stored
    labels = torch.from_numpy(source["label0_u8"].astype(np.int64))
    run, size, long_tokens = Propagation(network, settings, targets), labels.shape, []
    with torch.inference_mode():
        for t, image in enumerate(source["clip_u8"]):
            frame = encoded(network, image)
            ours: dict[str, torch.Tensor | np.ndarray] = {}
            if t == 0:
                ours["input0"] = prepared(image, 1040)
                ours["label0_in"] = at_network_size(labels, frame)
                ours |= {f"enc{k}_t0": x for k, x in enumerate(frame.levels)}
                long_tokens.append(run.kept_tokens)
                run.refer(frame, labels, targets)
            else:
                long_tokens.append(run.kept_tokens)
                found = run.step(frame, (size[0], size[1]))
                run.remember(frame, found.labels)
                ours[f"logit4_t{t}"] = found.quarter[:1, :3]
                ours |= {
                    f"logit4_t{t}_g{g}": found.quarter[g : g + 1, : 11 - 8 * g] for g in (0, 1)
                }
                ours[f"logit_t{t}"], ours[f"merged_t{t}"] = (
                    found.logits[:, :3],
                    found.logits[:, :13],
                )
                ours[f"mask_t{t}"] = found.labels
                ours[f"mask_in_t{t}"] = at_network_size(found.labels, frame)
                ours["merged_channels"] = np.array([found.logits.shape[1]])
            for key in ours.keys() & case.names:
                case.check(key, ours[key])
    if "long_tokens" in case.names:
        case.check("long_tokens", np.array(long_tokens))
    assert case.compared == case.names


def test_an_object_that_is_added_on_a_later_frame_matches():
    """Of this case there are the logits' means and norms; the clip is the start of another's."""
    network, case, clip = deaot.seeded_network(R50), Case("add"), Case("seq7").stored
    run, tokens = Propagation(network, PredictorConfig(), 2), []
    labels = torch.from_numpy((clip["label0_u8"] == 1).astype(np.int64))
    # The second ellipse, where it has moved to by the third frame.
    y, x = np.mgrid[0:113, 0:161]
    second = (y - 58) ** 2 * 26**2 + (x - 116) ** 2 * 37**2 <= 37**2 * 26**2
    with torch.inference_mode():
        for t, image in enumerate(clip["clip_u8"][:4]):
            frame = encoded(network, image)
            if t == 0:
                run.refer(frame, labels, 1)
                continue
            found = run.step(frame, (113, 161))
            case.check(f"logit_t{t}", found.logits[:, : 2 if t < 3 else 3])
            labels = found.labels.clone()
            if t == 2:
                labels[torch.from_numpy(second)] = 2
                run.refer(frame, labels, 2)
            else:
                run.remember(frame, labels)
            tokens.append(run.kept_tokens)
    assert tokens == [88, 176, 176]


def test_a_look_is_the_same_for_query_and_memory():
    """The published code takes query and key from one projection."""
    block = deaot.seeded_network(R50).blocks[1]
    looked = block.look(noise("tgt", (240, 1, 256)), noise("tgt_id", (240, 1, 256)))
    assert isinstance(looked, Looked)
    assert block.remember(looked, noise("id_emb", (240, 1, 256))).key is looked.key
