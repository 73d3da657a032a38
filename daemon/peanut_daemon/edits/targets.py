"""Targets in the journal: prompts and masks by revision. Every method commits before it returns.

Each change of a target's prompts makes a revision. A frame's mask is the newest one up to the
target's current revision, so undo and redo only move a number and every mask is back bit by bit.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace

from peanut_daemon.edits.changes import Changes, EditChanged, MasksMoved, MaskStored
from peanut_daemon.edits.corrections import affected
from peanut_daemon.edits.model import Box, MaskFrame, PaintedMask, Point, Prompt, Target, Text
from peanut_daemon.errors import NothingToUndoError
from peanut_daemon.journal.database import Journal
from peanut_models.matte import TargetKind
from peanut_models.ranges import FrameRange

# Changes that can be taken back; older masks are thrown away.
KEPT_REVISIONS = 32

_CURRENT = """
    SELECT * FROM masks AS m
    WHERE m.edit_id = :edit AND m.frame_index >= :start AND m.frame_index < :end
    AND (:target = '' OR m.target_id = :target)
    AND m.revision = (
        SELECT max(x.revision) FROM masks AS x JOIN targets AS t
        ON t.edit_id = x.edit_id AND t.id = x.target_id
        WHERE x.edit_id = m.edit_id AND x.target_id = m.target_id
        AND x.frame_index = m.frame_index AND x.revision <= t.revision
    )
"""


class TargetStore:
    """All targets of one daemon's edits."""

    def __init__(self, database: Journal, changes: Changes) -> None:
        self._db = database
        self._changes = changes

    def of_edit(self, edit_id: str, frame_range: FrameRange) -> tuple[Target, ...]:
        """The targets of an edit in the order in which they were made."""
        rows = self._db.execute(
            "SELECT id FROM targets WHERE edit_id = ? ORDER BY rowid", (edit_id,)
        ).fetchall()
        found = (self.find(edit_id, row["id"], frame_range) for row in rows)
        return tuple(target for target in found if target is not None)

    def find(self, edit_id: str, target_id: str, frame_range: FrameRange) -> Target | None:
        """One target; None if the edit has no such."""
        row = self._db.execute(
            "SELECT *, (SELECT max(revision) FROM prompts AS p WHERE p.edit_id = t.edit_id "
            "AND p.target_id = t.id) AS last FROM targets AS t WHERE edit_id = ? AND id = ?",
            (edit_id, target_id),
        ).fetchone()
        if row is None:
            return None
        pending = self.pending(edit_id, target_id)
        return Target(
            id=target_id,
            name=row["name"],
            prompts=self._prompts(edit_id, target_id, row["revision"]),
            enabled=bool(row["enabled"]),
            mask_frames=len(self._masked(edit_id, target_id, frame_range) - pending),
            revision=row["revision"],
            last_revision=row["revision"] if row["last"] is None else row["last"],
            kind=TargetKind(row["kind"]),
        )

    def revise(self, edit_id: str, target: Target, frame_range: FrameRange) -> Target:
        """Replace all that was said about a target, as a new revision; the approval falls.

        Masks that the change cannot affect stay; the others are pending until `put_mask` or
        `settle`. What was taken back before can be redone no more. The same prompts again change
        nothing but name and kind.
        """
        old = self.find(edit_id, target.id, frame_range)
        kind = target.kind or (old and old.kind) or TargetKind.OBJECT
        if old is not None and old.prompts == target.prompts:
            with self._db.transaction():
                self._db.execute(
                    "UPDATE targets SET name = ?, kind = ? WHERE edit_id = ? AND id = ?",
                    (target.name, kind.value, edit_id, target.id),
                )
                if kind is not old.kind:
                    self._withdraw_approval(edit_id)
            self._changes.tell(EditChanged(edit_id))
            return replace(old, name=target.name, kind=kind)
        if old is None:
            revision, pending = 0, frozenset(frame_range)
        else:
            revision = old.revision + 1
            pending = affected(frame_range, old.prompts, target.prompts)
            pending |= self.pending(edit_id, target.id)
            pending |= set(frame_range) - self._masked(edit_id, target.id, frame_range)
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO targets (edit_id, id, name, revision, kind) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (edit_id, id) DO UPDATE SET name = excluded.name, "
                "revision = excluded.revision, kind = excluded.kind",
                (edit_id, target.id, target.name, revision, kind.value),
            )
            self._forget(edit_id, target.id, revision)
            self._db.executemany(
                "INSERT INTO prompts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (edit_id, target.id, revision, position, *_prompt_row(prompt))
                    for position, prompt in enumerate(target.prompts)
                ],
            )
            self._db.executemany(
                "INSERT INTO pending_masks VALUES (?, ?, ?, ?)",
                [(edit_id, target.id, revision, k) for k in sorted(pending)],
            )
            self._withdraw_approval(edit_id)
        self._changes.tell(EditChanged(edit_id))
        revised = self.find(edit_id, target.id, frame_range)
        assert revised is not None
        return revised

    def move(self, edit_id: str, target_id: str, steps: int, frame_range: FrameRange) -> Target:
        """Take changes back (`steps` below 0) or make them again; the approval falls.

        Raises:
            NothingToUndoError: there is no such revision any more, or no such target.
        """
        target = self.find(edit_id, target_id, frame_range)
        if target is None:
            raise NothingToUndoError(
                f"edit {edit_id} has no target {target_id!r}: get the edit to see its targets"
            )
        wanted = target.revision + steps
        known = self._db.execute(
            "SELECT count(*) FROM prompts WHERE edit_id = ? AND target_id = ? AND revision = ?",
            (edit_id, target_id, wanted),
        ).fetchone()[0]
        if not known:
            what = "undo" if steps < 0 else "redo"
            raise NothingToUndoError(
                f"nothing to {what} on target {target_id!r}: it is at revision {target.revision} "
                f"of {target.last_revision}, and the last {KEPT_REVISIONS} are kept"
            )
        with self._db.transaction():
            self._db.execute(
                "UPDATE targets SET revision = ? WHERE edit_id = ? AND id = ?",
                (wanted, edit_id, target_id),
            )
            self._withdraw_approval(edit_id)
        self._changes.tell(MasksMoved(edit_id, target_id))
        self._changes.tell(EditChanged(edit_id))
        moved = self.find(edit_id, target_id, frame_range)
        assert moved is not None
        return moved

    def enable(self, edit_id: str, target_id: str, enabled: bool) -> None:
        """Let a target count for the matte, or leave it out of it; the approval falls."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE targets SET enabled = ? WHERE edit_id = ? AND id = ?",
                (enabled, edit_id, target_id),
            )
            self._withdraw_approval(edit_id)
        self._changes.tell(EditChanged(edit_id))

    def remove(self, edit_id: str, target_id: str) -> None:
        """Forget a target with its prompts and masks; the approval falls."""
        with self._db.transaction():
            self._db.execute(
                "DELETE FROM targets WHERE edit_id = ? AND id = ?", (edit_id, target_id)
            )
            self._withdraw_approval(edit_id)
        self._changes.tell(MasksMoved(edit_id, target_id))
        self._changes.tell(EditChanged(edit_id))

    def put_mask(self, edit_id: str, mask: MaskFrame) -> None:
        """Store the mask of a frame for the target's current revision."""
        with self._db.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO masks SELECT edit_id, id, ?, revision, ?, ?, ? "
                "FROM targets WHERE edit_id = ? AND id = ?",
                (mask.frame_index, mask.png, mask.confidence, mask.doubt, edit_id, mask.target_id),
            )
            self._resolve(
                edit_id, mask.target_id, FrameRange(mask.frame_index, mask.frame_index + 1)
            )
        self._changes.tell(MaskStored(edit_id, mask))

    def settle(self, edit_id: str, target_id: str, frames: FrameRange) -> None:
        """Frames that keep the masks they have: the change does not reach them."""
        self._resolve(edit_id, target_id, frames)
        self._changes.tell(EditChanged(edit_id))

    def masks(
        self, edit_id: str, frame_range: FrameRange, target_id: str = ""
    ) -> Iterator[MaskFrame]:
        """Masks of a range in order of frames; of all targets unless one is named."""
        rows = self._db.execute(
            f"{_CURRENT} ORDER BY m.frame_index, m.target_id",
            {
                "edit": edit_id,
                "target": target_id,
                "start": frame_range.start,
                "end": frame_range.end,
            },
        )
        for row in rows:
            yield MaskFrame(
                target_id=row["target_id"],
                frame_index=row["frame_index"],
                png=row["png"],
                confidence=row["confidence"],
                doubt=row["doubt"],
            )

    def before(self, edit_id: str, target_id: str, frames: FrameRange) -> dict[int, bytes]:
        """PNGs of the masks that held before the last change of the prompts.

        Not those of frames that were still to be computed then: they follow from older prompts.
        """
        rows = self._db.execute(
            "SELECT m.frame_index, m.png FROM masks AS m JOIN targets AS t "
            "ON t.edit_id = m.edit_id AND t.id = m.target_id "
            "WHERE m.edit_id = :edit AND m.target_id = :target "
            "AND m.frame_index >= :start AND m.frame_index < :end AND m.revision < t.revision "
            "AND NOT EXISTS (SELECT 1 FROM pending_masks AS p WHERE p.edit_id = m.edit_id AND "
            "p.target_id = m.target_id AND p.revision = t.revision - 1 "
            "AND p.frame_index = m.frame_index) ORDER BY m.revision",
            {"edit": edit_id, "target": target_id, "start": frames.start, "end": frames.end},
        )
        return {row["frame_index"]: row["png"] for row in rows}

    def begun(self, edit_id: str, target_id: str) -> frozenset[int]:
        """Frames whose mask was computed for the current prompts: by a pass that was cut off."""
        rows = self._db.execute(
            "SELECT m.frame_index FROM masks AS m JOIN targets AS t ON t.edit_id = m.edit_id "
            "AND t.id = m.target_id AND m.revision = t.revision "
            "WHERE m.edit_id = ? AND m.target_id = ?",
            (edit_id, target_id),
        )
        return frozenset(row["frame_index"] for row in rows.fetchall())

    def pending(self, edit_id: str, target_id: str) -> frozenset[int]:
        """Frames whose mask does not follow from the current prompts yet."""
        rows = self._db.execute(
            "SELECT frame_index FROM pending_masks AS p JOIN targets AS t ON t.edit_id = p.edit_id "
            "AND t.id = p.target_id AND t.revision = p.revision "
            "WHERE p.edit_id = ? AND p.target_id = ?",
            (edit_id, target_id),
        )
        return frozenset(row["frame_index"] for row in rows.fetchall())

    def _masked(self, edit_id: str, target_id: str, frame_range: FrameRange) -> frozenset[int]:
        rows = self._db.execute(
            "SELECT DISTINCT m.frame_index FROM masks AS m JOIN targets AS t ON "
            "t.edit_id = m.edit_id AND t.id = m.target_id AND m.revision <= t.revision "
            "WHERE m.edit_id = ? AND m.target_id = ? AND m.frame_index >= ? AND m.frame_index < ?",
            (edit_id, target_id, frame_range.start, frame_range.end),
        )
        return frozenset(row["frame_index"] for row in rows.fetchall())

    def _resolve(self, edit_id: str, target_id: str, frames: FrameRange) -> None:
        self._db.execute(
            "DELETE FROM pending_masks WHERE edit_id = ? AND target_id = ? AND frame_index >= ? "
            "AND frame_index < ? AND revision = "
            "(SELECT revision FROM targets AS t WHERE t.edit_id = ? AND t.id = ?)",
            (edit_id, target_id, frames.start, frames.end, edit_id, target_id),
        )

    def _forget(self, edit_id: str, target_id: str, revision: int) -> None:
        """Drop what was undone before this revision, and what is too old to go back to."""
        key = (edit_id, target_id)
        for table in ("prompts", "masks", "pending_masks"):
            self._db.execute(
                f"DELETE FROM {table} WHERE edit_id = ? AND target_id = ? AND revision >= ?",
                (*key, revision),
            )
        oldest = revision - KEPT_REVISIONS
        for table in ("prompts", "pending_masks"):
            self._db.execute(
                f"DELETE FROM {table} WHERE edit_id = ? AND target_id = ? AND revision < ?",
                (*key, oldest),
            )
        self._db.execute(
            "DELETE FROM masks AS m WHERE edit_id = ? AND target_id = ? AND revision < ("
            "SELECT max(x.revision) FROM masks AS x WHERE x.edit_id = m.edit_id "
            "AND x.target_id = m.target_id AND x.frame_index = m.frame_index AND x.revision <= ?)",
            (*key, oldest),
        )

    def _withdraw_approval(self, edit_id: str) -> None:
        self._db.execute("DELETE FROM approvals WHERE edit_id = ?", (edit_id,))

    def _prompts(self, edit_id: str, target_id: str, revision: int) -> tuple[Prompt, ...]:
        rows: Sequence[sqlite3.Row] = self._db.execute(
            "SELECT * FROM prompts WHERE edit_id = ? AND target_id = ? AND revision = ? "
            "ORDER BY position",
            (edit_id, target_id, revision),
        ).fetchall()
        return tuple(_prompt(row) for row in rows)


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
        case Text():
            return prompt.frame_index, "text", json.dumps(prompt.text), None


def _prompt(row: sqlite3.Row) -> Prompt:
    frame_index, numbers = row["frame_index"], json.loads(row["numbers"])
    match row["kind"]:
        case "mask":
            return PaintedMask(frame_index=frame_index, png=row["png"])
        case "text":
            return Text(frame_index=frame_index, text=numbers)
        case "point":
            x, y, positive = numbers
            return Point(frame_index=frame_index, x_px=x, y_px=y, positive=positive)
        case _:
            x0, y0, x1, y1 = numbers
            return Box(frame_index=frame_index, x0_px=x0, y0_px=y0, x1_px=x1, y1_px=y1)
