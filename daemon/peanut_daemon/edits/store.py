"""Edits in the journal. Every method commits before it returns."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator

from peanut_daemon.edits.model import Approval, Edit, MaskFrame, matte_hash
from peanut_daemon.edits.targets import TargetStore
from peanut_daemon.errors import EditNotFoundError, NotApprovedError
from peanut_daemon.media import ClipInfo
from peanut_models.ranges import FrameRange


class EditStore:
    """All edits of one daemon.

    Attributes:
        targets: their targets, prompts and masks.
    """

    def __init__(
        self, database: sqlite3.Connection, clock: Callable[[], float] = time.time
    ) -> None:
        self._db = database
        self._clock = clock
        self.targets = TargetStore(database)

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

    def delete(self, edit_id: str) -> None:
        """Remove an edit with its prompts, masks and jobs."""
        self.get(edit_id)
        self._db.execute("DELETE FROM edits WHERE id = ?", (edit_id,))

    def masks(
        self, edit_id: str, frame_range: FrameRange, target_id: str = ""
    ) -> Iterator[MaskFrame]:
        """Masks of a range in order of frames; of all targets unless one is named."""
        return self.targets.masks(edit_id, frame_range, target_id)

    def approve(self, edit_id: str, grow_px: int, feather_px: int) -> Approval:
        """Freeze a copy of all masks as the edit's matte.

        Raises:
            NotApprovedError: there is no target, or one has frames without a mask.
        """
        edit = self.get(edit_id)
        if not edit.targets:
            raise NotApprovedError(
                f"edit {edit_id} has no target, so there is no matte to approve: give prompts first"
            )
        for target in edit.targets:
            if target.mask_frames < len(edit.frame_range):
                raise NotApprovedError(
                    f"target {target.id!r} of edit {edit_id} has masks on {target.mask_frames} of "
                    f"{len(edit.frame_range)} frames: let the tracking finish first"
                )
        masks = list(self.targets.masks(edit_id, edit.frame_range))
        approval = Approval(
            matte_hash=matte_hash(masks, grow_px, feather_px),
            grow_px=grow_px,
            feather_px=feather_px,
            approved_at=self._clock(),
        )
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT OR IGNORE INTO mattes VALUES (?, ?, ?, ?)",
                [(approval.matte_hash, m.frame_index, m.target_id, m.png) for m in masks],
            )
            self._db.execute(
                "INSERT OR REPLACE INTO approvals VALUES (?, ?, ?, ?, ?)",
                (edit_id, approval.matte_hash, grow_px, feather_px, approval.approved_at),
            )
        return approval

    def matte(self, matte_hash: str, frame_range: FrameRange) -> dict[int, list[bytes]]:
        """The frozen masks of a matte: PNGs by frame."""
        rows = self._db.execute(
            "SELECT frame_index, png FROM mattes WHERE matte_hash = ? AND frame_index >= ? "
            "AND frame_index < ? ORDER BY frame_index, target_id",
            (matte_hash, frame_range.start, frame_range.end),
        )
        masks: dict[int, list[bytes]] = {}
        for row in rows:
            masks.setdefault(row["frame_index"], []).append(row["png"])
        return masks

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
            approved_at=row["approved_at"],
        )
