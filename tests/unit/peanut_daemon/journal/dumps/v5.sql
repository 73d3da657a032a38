BEGIN TRANSACTION;
CREATE TABLE approvals (
        edit_id TEXT PRIMARY KEY REFERENCES edits(id) ON DELETE CASCADE,
        matte_hash TEXT NOT NULL,
        grow_px INTEGER NOT NULL,
        feather_px INTEGER NOT NULL,
        approved_at REAL NOT NULL
    );
INSERT INTO "approvals" VALUES('edit1','hash1',4,2,1001.0);
CREATE TABLE artifacts (               -- committed windows, by content
        key TEXT PRIMARY KEY,
        size_bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        committed_at REAL NOT NULL
    , used_at REAL NOT NULL DEFAULT 0);
INSERT INTO "artifacts" VALUES('key1',100,'sha1',1002.75,1002.75);
INSERT INTO "artifacts" VALUES('key2',200,'sha2',1002.8,1002.8);
CREATE TABLE edits (
        id TEXT PRIMARY KEY,
        clip TEXT NOT NULL,                -- ClipInfo as JSON
        range_start INTEGER NOT NULL,
        range_end INTEGER NOT NULL,
        otio TEXT NOT NULL,                -- the request as the host sent it; may be empty
        created_at REAL NOT NULL           -- seconds since the epoch, like every *_at
    );
INSERT INTO "edits" VALUES('edit1','{"path": "/films/a.mov", "width": 64, "height": 48, "rate": [25, 1], "variable_rate": false, "frame_count": 5, "time_base": [1, 12800], "start_timecode": "01:00:00:00", "pixel_format": "yuv420p", "bit_depth": 8, "colour": {"primaries": 2, "primaries_name": "unspecified", "transfer": 2, "transfer_name": "unspecified", "matrix": 2, "matrix_name": "unspecified", "range": 0, "range_name": "unspecified"}, "sample_aspect": [1, 1], "field_order": "progressive", "codec": "h264", "has_audio": false, "has_alpha": false, "fingerprint": "7468efe1d88a934fb46081c0a77ae3f93462dcec58e28361602448745ac07c50", "rotation_deg": 0}',0,3,'otio text',1000.5);
CREATE TABLE job_artifacts (           -- what a job's plan consists of, once it has started
        job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        PRIMARY KEY (job_id, key)
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
    , client TEXT NOT NULL DEFAULT '', seconds TEXT NOT NULL DEFAULT '{}');
INSERT INTO "jobs" VALUES('job1','edit1','succeeded','{"profile": "embedded", "deliverable": "full", "codec": "ffv1", "output_path": "/films/out1.mkv", "overwrite": false, "matte_hash": "hash1", "grow_px": 4, "feather_px": 2, "window_frames": 48, "context_frames": 16}',NULL,0,3,6,1002.0,1002.5,1003.0,'','{}');
INSERT INTO "jobs" VALUES('job2','edit1','failed','{"profile": "embedded", "deliverable": "full", "codec": "ffv1", "output_path": "/films/out2.mkv", "overwrite": false, "matte_hash": "hash1", "grow_px": 4, "feather_px": 2, "window_frames": 48, "context_frames": 16}','{"reason": "DiskFullError", "message": "no room", "incident_id": ""}',1,3,6,1003.0,1004.0,1005.0,'','{}');
INSERT INTO "jobs" VALUES('job3','edit1','running','{"profile": "embedded", "deliverable": "full", "codec": "ffv1", "output_path": "/films/out3.mkv", "overwrite": false, "matte_hash": "hash1", "grow_px": 4, "feather_px": 2, "window_frames": 48, "context_frames": 16}',NULL,2,3,6,1004.0,1006.0,NULL,'','{}');
CREATE TABLE "masks" (           -- valid: the newest up to the target's revision
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
INSERT INTO "masks" VALUES('edit1','1',0,0,X'6D61736B30',0.5,'');
INSERT INTO "masks" VALUES('edit1','1',1,0,X'6D61736B31',0.5,'');
INSERT INTO "masks" VALUES('edit1','1',2,0,X'6D61736B32',0.5,'');
INSERT INTO "masks" VALUES('edit1','2',0,0,X'6F74686572',0.75,'');
CREATE TABLE mattes (                  -- frozen copies of approved masks
        matte_hash TEXT NOT NULL,
        frame_index INTEGER NOT NULL,
        target_id TEXT NOT NULL,
        png BLOB NOT NULL,
        PRIMARY KEY (matte_hash, frame_index, target_id)
    );
INSERT INTO "mattes" VALUES('hash1',0,'1',X'6D61736B30');
INSERT INTO "mattes" VALUES('hash1',1,'1',X'6D61736B31');
INSERT INTO "mattes" VALUES('hash1',2,'1',X'6D61736B32');
CREATE TABLE pending_masks (           -- frames whose mask does not follow from the prompts yet
        edit_id TEXT NOT NULL,
        target_id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        frame_index INTEGER NOT NULL,
        PRIMARY KEY (edit_id, target_id, revision, frame_index),
        FOREIGN KEY (edit_id, target_id) REFERENCES targets(edit_id, id) ON DELETE CASCADE
    );
CREATE TABLE "prompts" (
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
INSERT INTO "prompts" VALUES('edit1','1',0,0,1,'point','[3.5, 4, false]',NULL);
INSERT INTO "prompts" VALUES('edit1','1',0,1,0,'box','[1, 2, 30, 40]',NULL);
INSERT INTO "prompts" VALUES('edit1','1',0,2,2,'mask','[]',X'89504E47');
INSERT INTO "prompts" VALUES('edit1','2',0,0,0,'point','[8, 9, true]',NULL);
CREATE TABLE targets (
        edit_id TEXT NOT NULL REFERENCES edits(id) ON DELETE CASCADE,
        id TEXT NOT NULL,
        name TEXT NOT NULL, revision INTEGER NOT NULL DEFAULT 0, enabled INTEGER NOT NULL DEFAULT 1,
        PRIMARY KEY (edit_id, id)
    );
INSERT INTO "targets" VALUES('edit1','1','car',0,1);
INSERT INTO "targets" VALUES('edit1','2','',0,1);
COMMIT;
PRAGMA user_version=5;
