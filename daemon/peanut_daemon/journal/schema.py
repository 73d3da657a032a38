"""The tables of the journal, as one script per version of the schema.

After adding one, `python tests/support/journals.py` makes the journal that shows it can be reached.
"""

from __future__ import annotations

# One entry per schema version; entry k brings a journal from version k to k + 1. Only ever append.
MIGRATIONS = (
    """
    CREATE TABLE edits (
        id TEXT PRIMARY KEY,
        clip TEXT NOT NULL,                -- ClipInfo as JSON
        range_start INTEGER NOT NULL,
        range_end INTEGER NOT NULL,
        otio TEXT NOT NULL,                -- the request as the host sent it; may be empty
        created_at REAL NOT NULL           -- seconds since the epoch, like every *_at
    );
    CREATE TABLE targets (
        edit_id TEXT NOT NULL REFERENCES edits(id) ON DELETE CASCADE,
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (edit_id, id)
    );
    CREATE TABLE prompts (
        edit_id TEXT NOT NULL,
        target_id TEXT NOT NULL,
        position INTEGER NOT NULL,
        frame_index INTEGER NOT NULL,
        kind TEXT NOT NULL,                -- point, box or mask
        numbers TEXT NOT NULL,             -- JSON: x, y, positive; or x0, y0, x1, y1; or empty
        png BLOB,                          -- of a painted mask
        PRIMARY KEY (edit_id, target_id, position),
        FOREIGN KEY (edit_id, target_id) REFERENCES targets(edit_id, id) ON DELETE CASCADE
    );
    CREATE TABLE masks (
        edit_id TEXT NOT NULL,
        target_id TEXT NOT NULL,
        frame_index INTEGER NOT NULL,
        png BLOB NOT NULL,
        confidence REAL NOT NULL,
        PRIMARY KEY (edit_id, target_id, frame_index),
        FOREIGN KEY (edit_id, target_id) REFERENCES targets(edit_id, id) ON DELETE CASCADE
    );
    CREATE TABLE approvals (
        edit_id TEXT PRIMARY KEY REFERENCES edits(id) ON DELETE CASCADE,
        matte_hash TEXT NOT NULL,
        grow_px INTEGER NOT NULL,
        feather_px INTEGER NOT NULL,
        approved_at REAL NOT NULL
    );
    CREATE TABLE mattes (                  -- frozen copies of approved masks
        matte_hash TEXT NOT NULL,
        frame_index INTEGER NOT NULL,
        target_id TEXT NOT NULL,
        png BLOB NOT NULL,
        PRIMARY KEY (matte_hash, frame_index, target_id)
    );
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        edit_id TEXT NOT NULL REFERENCES edits(id) ON DELETE CASCADE,
        state TEXT NOT NULL,
        settings TEXT NOT NULL,            -- RenderSettings as JSON
        error TEXT,                        -- reason and message as JSON
        retries INTEGER NOT NULL DEFAULT 0,
        frames_done INTEGER NOT NULL DEFAULT 0,   -- over all stages, as of the last change of state
        frames_total INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        started_at REAL,
        finished_at REAL
    );
    CREATE TABLE artifacts (               -- committed windows, by content
        key TEXT PRIMARY KEY,
        size_bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        committed_at REAL NOT NULL
    );
    """,
    # Prompts and masks by revision, so that a correction can be taken back with its masks.
    """
    ALTER TABLE targets ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE revised_prompts (
        edit_id TEXT NOT NULL,
        target_id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        position INTEGER NOT NULL,
        frame_index INTEGER NOT NULL,
        kind TEXT NOT NULL,                -- point, box, mask or text
        numbers TEXT NOT NULL,             -- JSON: x, y, positive; x0, y0, x1, y1; a text
        png BLOB,                          -- of a painted mask
        PRIMARY KEY (edit_id, target_id, revision, position),
        FOREIGN KEY (edit_id, target_id) REFERENCES targets(edit_id, id) ON DELETE CASCADE
    );
    INSERT INTO revised_prompts
        SELECT edit_id, target_id, 0, position, frame_index, kind, numbers, png FROM prompts;
    DROP TABLE prompts;
    ALTER TABLE revised_prompts RENAME TO prompts;
    CREATE TABLE revised_masks (           -- valid: the newest up to the target's revision
        edit_id TEXT NOT NULL,
        target_id TEXT NOT NULL,
        frame_index INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        png BLOB NOT NULL,
        confidence REAL NOT NULL,
        doubt TEXT NOT NULL,
        PRIMARY KEY (edit_id, target_id, frame_index, revision),
        FOREIGN KEY (edit_id, target_id) REFERENCES targets(edit_id, id) ON DELETE CASCADE
    );
    INSERT INTO revised_masks
        SELECT edit_id, target_id, frame_index, 0, png, confidence, '' FROM masks;
    DROP TABLE masks;
    ALTER TABLE revised_masks RENAME TO masks;
    CREATE TABLE pending_masks (           -- frames whose mask does not follow from the prompts yet
        edit_id TEXT NOT NULL,
        target_id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        frame_index INTEGER NOT NULL,
        PRIMARY KEY (edit_id, target_id, revision, frame_index),
        FOREIGN KEY (edit_id, target_id) REFERENCES targets(edit_id, id) ON DELETE CASCADE
    );
    """,
    # Targets that are kept but left out of the matte.
    """
    ALTER TABLE targets ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1;
    """,
    # When a window was last of use, so that those that nobody needs are the first to go.
    """
    ALTER TABLE artifacts ADD COLUMN used_at REAL NOT NULL DEFAULT 0;
    UPDATE artifacts SET used_at = committed_at;
    CREATE TABLE job_artifacts (           -- what a job's plan consists of, once it has started
        job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        PRIMARY KEY (job_id, key)
    );
    """,
    # Who asked for a job, for fair turns; where its time went, as JSON: seconds by step.
    """
    ALTER TABLE jobs ADD COLUMN client TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN seconds TEXT NOT NULL DEFAULT '{}';
    """,
    # What a job was reckoned to need, and when memory ran out all the same; both as JSON.
    """
    ALTER TABLE jobs ADD COLUMN estimate TEXT;
    ALTER TABLE jobs ADD COLUMN shortages TEXT NOT NULL DEFAULT '[]';
    """,
    # What a mask means for the matte (object, effect, holdout), and how the matte is refined.
    """
    ALTER TABLE targets ADD COLUMN kind TEXT NOT NULL DEFAULT 'object';
    ALTER TABLE mattes ADD COLUMN kind TEXT NOT NULL DEFAULT 'object';
    ALTER TABLE approvals ADD COLUMN refine_px INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE approvals ADD COLUMN effect_feather_px INTEGER NOT NULL DEFAULT 12;
    """,
)
