"""Edits in the journal. Every method commits before it returns."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

from peanut_daemon.edits.model import (
    Approval,
    Box,
    Edit,
    MaskFrame,
    PaintedMask,
    Point,
    Prompt,
    Target,
    matte_hash,
)
from peanut_daemon.errors import EditNotFoundError, NotApprovedError
from peanut_daemon.media import ClipInfo
from peanut_models.ranges import FrameRange


class EditStore:
    """All edits of one daemon."""

    def __init__(
        self, database: sqlite3.Connection, clock: Callable[[], float] = time.time
    ) -> None:
        self._db = database
        self._clock = clock

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

    def set_prompts(self, edit_id: str, target: Target) -> None:
        """Replace all that was said about a target; its masks and the approval fall with it."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "DELETE FROM targets WHERE edit_id = ? AND id = ?", (edit_id, target.id)
            )
            self._db.execute(
                "INSERT INTO targets VALUES (?, ?, ?)", (edit_id, target.id, target.name)
            )
            self._db.executemany(
                "INSERT INTO prompts VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (edit_id, target.id, position, *_prompt_row(prompt))
                    for position, prompt in enumerate(target.prompts)
                ],
            )
            self._db.execute("DELETE FROM approvals WHERE edit_id = ?", (edit_id,))

    def put_mask(self, edit_id: str, mask: MaskFrame) -> None:
        """Store one mask, replacing an earlier one of that frame."""
        self._db.execute(
            "INSERT OR REPLACE INTO masks VALUES (?, ?, ?, ?, ?)",
            (edit_id, mask.target_id, mask.frame_index, mask.png, mask.confidence),
        )

    def masks(
        self, edit_id: str, frame_range: FrameRange, target_id: str = ""
    ) -> Iterator[MaskFrame]:
        """Stored masks of a range in order of frames; of all targets unless one is named."""
        rows = self._db.execute(
            "SELECT * FROM masks WHERE edit_id = ? AND frame_index >= ? AND frame_index < ? "
            "AND (? = '' OR target_id = ?) ORDER BY frame_index, target_id",
            (edit_id, frame_range.start, frame_range.end, target_id, target_id),
        )
        for row in rows:
            yield MaskFrame(
                target_id=row["target_id"],
                frame_index=row["frame_index"],
                png=row["png"],
                confidence=row["confidence"],
            )

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
        masks = list(self.masks(edit_id, edit.frame_range))
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
        return Edit(
            id=row["id"],
            clip=ClipInfo.from_dict(json.loads(row["clip"])),
            frame_range=FrameRange(row["range_start"], row["range_end"]),
            otio=row["otio"],
            targets=self._targets(row["id"]),
            approval=self._approval(row["id"]),
            created_at=row["created_at"],
        )

    def _targets(self, edit_id: str) -> tuple[Target, ...]:
        rows = self._db.execute(
            "SELECT id, name, (SELECT count(*) FROM masks WHERE masks.edit_id = targets.edit_id "
            "AND masks.target_id = targets.id) AS mask_frames FROM targets WHERE edit_id = ? "
            "ORDER BY rowid",
            (edit_id,),
        )
        return tuple(
            Target(
                id=row["id"],
                name=row["name"],
                prompts=self._prompts(edit_id, row["id"]),
                mask_frames=row["mask_frames"],
            )
            for row in rows.fetchall()
        )

    def _prompts(self, edit_id: str, target_id: str) -> tuple[Prompt, ...]:
        rows: Sequence[sqlite3.Row] = self._db.execute(
            "SELECT * FROM prompts WHERE edit_id = ? AND target_id = ? ORDER BY position",
            (edit_id, target_id),
        ).fetchall()
        return tuple(_prompt(row) for row in rows)

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


def _prompt_row(prompt: Prompt) -> tuple[int, str, str, bytes | None]:
    match prompt:
        case Point():
            numbers = [prompt.x_px, prompt.y_px, prompt.positive]
            return prompt.frame_index, "point", json.dumps(numbers), None
        case Box():
            numbers = [prompt.x0_px, prompt.y0_px, prompt.x1_px, prompt.y1_px]
            return prompt.frame_index, "box", json.dumps(numbers), None
        case PaintedMask():
            return prompt.frame_index, "mask", "[]", prompt.png


def _prompt(row: sqlite3.Row) -> Prompt:
    frame_index, numbers = row["frame_index"], json.loads(row["numbers"])
    if row["kind"] == "mask":
        return PaintedMask(frame_index=frame_index, png=row["png"])
    if row["kind"] == "point":
        x, y, positive = numbers
        return Point(frame_index=frame_index, x_px=x, y_px=y, positive=positive)
    x0, y0, x1, y1 = numbers
    return Box(frame_index=frame_index, x0_px=x0, y0_px=y0, x1_px=x1, y1_px=y1)
