"""Edits in the journal. Every method commits before it returns."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

from peanut_daemon.edits.changes import Changes, EditChanged
from peanut_daemon.edits.model import (
    Approval,
    Edit,
    FrozenMask,
    MaskFrame,
    check_shape,
    matte_hash,
)
from peanut_daemon.edits.targets import TargetStore
from peanut_daemon.errors import EditNotFoundError, LimitExceededError, NotApprovedError
from peanut_daemon.journal.database import Journal
from peanut_daemon.media import ClipInfo
from peanut_models.errors import FrameRangeError
from peanut_models.matte import EFFECT_FEATHER_PX, TargetKind
from peanut_models.ranges import FrameRange

# Each is drawn at four times its size.
MAX_SHOWN_FRAMES = 16


class EditStore:
    """All edits of one daemon.

    Attributes:
        targets: their targets, prompts and masks.
        changes: tells listeners what changes.
    """

    def __init__(self, database: Journal, clock: Callable[[], float] = time.time) -> None:
        self._db = database
        self._clock = clock
        self.changes = Changes()
        self.targets = TargetStore(database, self.changes)

    def create(self, clip: ClipInfo, frame_range: FrameRange, otio: str = "") -> Edit:
        """Store a new edit without targets."""
        edit_id = uuid.uuid4().hex[:12]
        self._db.execute(
            "INSERT INTO edits VALUES (?, ?, ?, ?, ?, ?)",
            (
                edit_id,
                json.dumps(clip.to_dict()),
                frame_range.start,
                frame_range.end,
                otio,
                self._clock(),
            ),
        )
        return self.get(edit_id)

    def get(self, edit_id: str) -> Edit:
        """Return one edit, or raise EditNotFoundError."""
        row = self._db.execute("SELECT * FROM edits WHERE id = ?", (edit_id,)).fetchone()
        if row is None:
            raise EditNotFoundError(
                f"no edit has the id {edit_id!r}: list the edits to see their ids"
            )
        return self._edit(row)

    def all(self) -> list[Edit]:
        """Every edit, newest first."""
        rows = self._db.execute("SELECT * FROM edits ORDER BY created_at DESC, rowid DESC")
        return [self._edit(row) for row in rows.fetchall()]

    def count(self) -> int:
        """How many there are."""
        return int(self._db.execute("SELECT count(*) FROM edits").fetchone()[0])

    def delete(self, edit_id: str) -> None:
        """Remove an edit with its prompts, masks and jobs."""
        self.get(edit_id)
        self._db.execute("DELETE FROM edits WHERE id = ?", (edit_id,))
        self.changes.tell(EditChanged(edit_id))

    def masks(
        self, edit_id: str, frame_range: FrameRange, target_id: str = ""
    ) -> Iterator[MaskFrame]:
        """Masks of a range in order of frames; of all targets unless one is named."""
        return self.targets.masks(edit_id, frame_range, target_id)

    def counted_masks(self, edit: Edit, frame_range: FrameRange) -> dict[int, list[FrozenMask]]:
        """The masks by frame, as they are now, of the targets that count for the matte."""
        kinds = {t.id: t.kind or TargetKind.OBJECT for t in edit.targets if t.enabled}
        found: dict[int, list[FrozenMask]] = {}
        for mask in self.masks(edit.id, frame_range):
            if mask.target_id in kinds:
                frozen = FrozenMask(mask.png, kinds[mask.target_id])
                found.setdefault(mask.frame_index, []).append(frozen)
        return found

    def frames_to_show(self, edit: Edit, wanted: Sequence[int]) -> dict[int, list[FrozenMask]]:
        """Masks that count, of the wanted frames, or of three spread over the range.

        Raises:
            FrameRangeError: a frame is not in the edit's range.
            LimitExceededError: too many are wanted.
            NotApprovedError: a frame has no mask of some target that counts.
        """
        if len(wanted) > MAX_SHOWN_FRAMES:
            raise LimitExceededError(
                f"{len(wanted)} frames are wanted in one picture: {MAX_SHOWN_FRAMES} at most"
            )
        first, last = edit.frame_range.start, edit.frame_range.end - 1
        shown: dict[int, list[FrozenMask]] = {}
        counted = sum(target.enabled for target in edit.targets)
        for k in wanted or sorted({first, (first + last) // 2, last}):
            if k not in edit.frame_range:
                raise FrameRangeError(
                    f"frame {k} is outside the edit's range {edit.frame_range}: ask for frames of "
                    "the edit"
                )
            shown[k] = self.counted_masks(edit, FrameRange(k, k + 1)).get(k, [])
            if not counted or len(shown[k]) < counted:
                raise NotApprovedError(
                    f"frame {k} of edit {edit.id} has masks of {len(shown[k])} of {counted} "
                    "targets: give prompts and let the tracking finish"
                )
        return shown

    def approve(
        self,
        edit_id: str,
        grow_px: int,
        feather_px: int,
        refine_px: int = 0,
        effect_feather_px: int = EFFECT_FEATHER_PX,
    ) -> Approval:
        """Freeze a copy of all masks of the enabled targets as the edit's matte.

        Raises:
            InvalidRequestError: a setting is out of bounds.
            NotApprovedError: there is no such target, or one has frames without a mask.
        """
        shape = check_shape(
            {
                "grow_px": grow_px,
                "feather_px": feather_px,
                "refine_px": refine_px,
                "effect_feather_px": effect_feather_px,
            }
        )
        edit = self.get(edit_id)
        counted = {target.id: target for target in edit.targets if target.enabled}
        if not counted:
            raise NotApprovedError(
                f"edit {edit_id} has no target, so there is no matte to approve: give prompts first"
                if not edit.targets
                else f"all targets of edit {edit_id} are left out: let one count for the matte"
            )
        kinds = {target.id: target.kind or TargetKind.OBJECT for target in counted.values()}
        if all(kind is TargetKind.HOLDOUT for kind in kinds.values()):
            raise NotApprovedError(
                f"all targets of edit {edit_id} are holdouts, so nothing would be removed: give "
                "prompts for what must go"
            )
        for target in counted.values():
            if target.mask_frames < len(edit.frame_range):
                raise NotApprovedError(
                    f"target {target.id!r} of edit {edit_id} has masks on {target.mask_frames} of "
                    f"{len(edit.frame_range)} frames: let the tracking finish first"
                )
        masks = [m for m in self.masks(edit_id, edit.frame_range) if m.target_id in counted]
        approval = Approval(
            matte_hash=matte_hash(masks, kinds, shape),
            grow_px=grow_px,
            feather_px=feather_px,
            refine_px=refine_px,
            effect_feather_px=effect_feather_px,
            approved_at=self._clock(),
        )
        with self._db.transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO mattes (matte_hash, frame_index, target_id, png, kind) "
                "VALUES (?, ?, ?, ?, ?)",
                [
                    (approval.matte_hash, m.frame_index, m.target_id, m.png, kinds[m.target_id])
                    for m in masks
                ],
            )
            self._db.execute(
                "INSERT OR REPLACE INTO approvals (edit_id, matte_hash, grow_px, feather_px, "
                "refine_px, effect_feather_px, approved_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    edit_id,
                    approval.matte_hash,
                    grow_px,
                    feather_px,
                    refine_px,
                    effect_feather_px,
                    approval.approved_at,
                ),
            )
        self.changes.tell(EditChanged(edit_id))
        return approval

    def matte(self, matte_hash: str, frame_range: FrameRange) -> dict[int, list[FrozenMask]]:
        """The frozen masks of a matte by frame."""
        rows = self._db.execute(
            "SELECT frame_index, png, kind FROM mattes WHERE matte_hash = ? AND frame_index >= ? "
            "AND frame_index < ? ORDER BY frame_index, target_id",
            (matte_hash, frame_range.start, frame_range.end),
        )
        masks: dict[int, list[FrozenMask]] = {}
        for row in rows:
            frozen = FrozenMask(row["png"], TargetKind(row["kind"]))
            masks.setdefault(row["frame_index"], []).append(frozen)
        return masks

    def approved(self) -> dict[str, str]:
        """Hash of the approved matte by edit, of the edits that have one."""
        rows = self._db.execute("SELECT edit_id, matte_hash FROM approvals")
        return {row["edit_id"]: row["matte_hash"] for row in rows}

    def forget_unused_mattes(self) -> None:
        """Drop frozen masks that neither an approval nor a job refers to any more."""
        self._db.execute(
            "DELETE FROM mattes WHERE matte_hash NOT IN (SELECT matte_hash FROM approvals "
            "UNION SELECT json_extract(settings, '$.matte_hash') FROM jobs)"
        )

    def _edit(self, row: sqlite3.Row) -> Edit:
        frame_range = FrameRange(row["range_start"], row["range_end"])
        return Edit(
            id=row["id"],
            clip=ClipInfo.from_dict(json.loads(row["clip"])),
            frame_range=frame_range,
            otio=row["otio"],
            targets=self.targets.of_edit(row["id"], frame_range),
            approval=self._approval(row["id"]),
            created_at=row["created_at"],
        )

    def _approval(self, edit_id: str) -> Approval | None:
        row = self._db.execute("SELECT * FROM approvals WHERE edit_id = ?", (edit_id,)).fetchone()
        if row is None:
            return None
        return Approval(
            matte_hash=row["matte_hash"],
            grow_px=row["grow_px"],
            feather_px=row["feather_px"],
            refine_px=row["refine_px"],
            effect_feather_px=row["effect_feather_px"],
            approved_at=row["approved_at"],
        )
