"""transformers' SAM 3 network and session, made fit for clips of any length.

What later frames do not read is dropped, instances that are taken back are paired rightly, and the
operators that would be fetched at run time are our own.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, Integer, UInt8
from torch import Tensor
from transformers import Sam3VideoModel
from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoInferenceSession


class Session(Sam3VideoInferenceSession):
    """transformers' session for a clip whose length is known, though its frames come one by one."""

    def __init__(self, count: int, device: torch.device) -> None:
        super().__init__(
            inference_device=device,
            inference_state_device=device,
            video_storage_device=device,
            dtype=torch.float32,
        )
        self._count = count
        self.last_seen: dict[int, int] = {}
        self.taken_back: set[int] = set()

    @property
    def num_frames(self) -> int:
        """Of the clip; the memory's encoding of time depends on it."""
        return self._count


def forget(session: Session, k: int, model: Any, gone_frames: int) -> None:
    """Drop after frame `k` what the next frames do not read.

    The published code keeps all of it. Results differ from its in two cases only: of more than
    `max_object_pointers_in_encoder` (16) confirmed frames of an instance, at most one in 16, the
    older ones' pointers are no longer read; and an instance that has been gone for `gone_frames`
    comes back by the detector alone.
    """
    for number in list(session.obj_ids):
        if k - session.last_seen.setdefault(number, k) >= gone_frames:
            session.remove_object(number)
            for by_number in (
                session.unmatched_frame_inds,
                session.trk_keep_alive,
                session.obj_first_frame_idx,
                session.obj_id_to_score,
                session.last_seen,
            ):
                by_number.pop(number, None)
            for pair in [p for p in session.overlap_pair_to_frame_inds if number in p]:
                del session.overlap_pair_to_frame_inds[pair]
    for history in session.output_dict_per_obj.values():
        _forget_outputs(history, k + 1, model.tracker_model.config)
    for by_frame in (
        session.suppressed_obj_ids,
        session.obj_id_to_tracker_score_frame_wise,
        *session.frames_tracked_per_obj.values(),
        *session.mask_inputs_per_obj.values(),
    ):
        by_frame.clear()
    # Only whether they are so many matters.
    for frames in session.unmatched_frame_inds.values():
        del frames[: -model.hotstart_unmatch_thresh]
    for frames in session.overlap_pair_to_frame_inds.values():
        del frames[: -model.hotstart_dup_thresh]


def _forget_outputs(history: dict[str, dict[int, Any]], following: int, config: Any) -> None:
    """Of one instance's frames, keep what frame `following` and later ones read."""
    confirmed, others = history["cond_frame_outputs"], history["non_cond_frame_outputs"]
    pointers, memories = config.max_object_pointers_in_encoder, config.num_maskmem
    for rank, index in enumerate(sorted(confirmed, reverse=True)):
        if rank >= pointers:
            del confirmed[index]
            continue
        near = following - index < memories or rank < config.max_cond_frame_num
        _lighten(confirmed[index], near=near or config.max_cond_frame_num == -1)
    for index in list(others):
        if following - index >= max(pointers, memories):
            del others[index]
        else:
            _lighten(others[index], near=following - index < memories)


def _lighten(output: dict[str, Any], *, near: bool) -> None:
    for name in ("pred_masks", "high_res_masks"):
        output.pop(name, None)
    for name in ("maskmem_features", "maskmem_pos_enc"):
        memory = output.pop(name, None)
        if memory is not None and near:
            # A part of what was made for all instances at once would keep all of it.
            whole = memory.untyped_storage().nbytes() == memory.nbytes
            output[name] = memory if whole else memory.clone()


class Network(Sam3VideoModel):  # type: ignore[no-untyped-call]  # theirs, on subclassing
    """transformers' network, right also on frames where an instance is taken back."""

    def build_outputs(
        self,
        inference_session: Any,
        det_out: Any,
        tracker_low_res_masks_global: Float[Tensor, "n h w"],
        tracker_update_plan: Any,
        reconditioned_obj_ids: Any = None,
    ) -> Any:
        """See the base: it pairs the masks with the instances that are left, by position."""
        removed = set(tracker_update_plan["obj_ids_newly_removed"])
        masks = tracker_low_res_masks_global
        if removed and len(masks):
            new = tracker_update_plan["new_det_obj_ids"]
            before = sorted(removed.union(inference_session.obj_ids).difference(new))
            masks = masks[[j for j, number in enumerate(before) if number not in removed]]
        return super().build_outputs(
            inference_session, det_out, masks, tracker_update_plan, reconditioned_obj_ids
        )


class Operators:
    """The operators that transformers has no code for itself."""

    @staticmethod
    def generic_nms(
        ious: Float[Tensor, "n n"],
        scores: Float[Tensor, " n"],
        threshold: float,
        *,
        use_iou_matrix: bool = True,
    ) -> Int[Tensor, " k"]:
        """Indices of those that no better one overlaps by more than the threshold."""
        overlaps = (ious > threshold).cpu()
        kept: list[int] = []
        for j in scores.argsort(descending=True).tolist():
            if not any(overlaps[j, better] for better in kept):
                kept.append(j)
        return torch.tensor(kept, dtype=torch.int64, device=ious.device)

    @staticmethod
    def cc_2d(
        masks: UInt8[Tensor, "n 1 h w"], *, get_counts: bool = True
    ) -> tuple[Integer[Tensor, "n 1 h w"], Integer[Tensor, "n 1 h w"]]:
        """Connected parts (by sides and corners), and at each pixel how large its part is."""
        labels, counts = [], []
        for mask in masks[:, 0].cpu().numpy():
            _, label, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
            labels.append(label)
            counts.append(stats[label, cv2.CC_STAT_AREA])
        parts, sizes = (torch.from_numpy(np.stack(each)[:, None]) for each in (labels, counts))
        return parts.to(masks.device), sizes.to(masks.device)
