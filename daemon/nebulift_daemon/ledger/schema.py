"""The ledger's tables, as a list of migrations: each is applied once, in order, and its name is kept in the ledger.

Only ever append. ``signature`` is ``inode:size:mtime_ns`` in one text, because SQLite's integers end at 2^63 and a
hostile file's time does not. Paths are text, or bytes where a name is no valid UTF-8. Times are ISO 8601 in UTC.
"""

MIGRATIONS: list[tuple[str, str]] = [
    (
        "m001_frames",
        """
        CREATE TABLE frames (
            id INTEGER PRIMARY KEY,
            root NOT NULL,            -- the watched folder
            folder NOT NULL,          -- where the frame appeared
            name NOT NULL,
            signature TEXT NOT NULL,
            size_bytes INTEGER NOT NULL,
            sha256 TEXT,              -- of the bytes that were judged
            state TEXT NOT NULL
                CHECK (state IN ('seen', 'failed', 'judged', 'filed', 'reviewed', 'skipped', 'undone', 'gone')),
            tries INTEGER NOT NULL DEFAULT 0,
            error TEXT,
            label TEXT,
            score REAL,
            kinds TEXT NOT NULL DEFAULT '',   -- separated by blanks
            reason TEXT,
            model TEXT,
            session_group TEXT,
            record BLOB,              -- the judgement as JSON, compressed with zlib
            file_by TEXT,             -- how it is to be filed
            planned,                  -- intention: where it is to be filed
            destination_folder,       -- fact: where it was filed
            destination_name,
            destination_signature TEXT,
            seen_at TEXT NOT NULL,
            judged_at TEXT,
            filed_at TEXT
        );
        CREATE INDEX frames_by_path ON frames (folder, name);
        CREATE INDEX frames_by_destination ON frames (destination_folder, destination_name);
        CREATE INDEX frames_by_time ON frames (judged_at);
        CREATE INDEX frames_unfinished ON frames (id) WHERE state IN ('seen', 'failed', 'judged');
        CREATE INDEX frames_in_review ON frames (id) WHERE state = 'filed' AND label = 'review';
        """,
    ),
    (
        "m002_history",
        """
        CREATE TABLE actions (
            id INTEGER PRIMARY KEY,
            frame_id INTEGER NOT NULL REFERENCES frames (id),
            act TEXT NOT NULL,        -- link, move, copy, symlink, or hand: a person moved the file
            source NOT NULL,
            destination NOT NULL,
            at TEXT NOT NULL,
            undone_at TEXT
        );
        CREATE INDEX actions_by_frame ON actions (frame_id);
        CREATE TABLE labels (
            id INTEGER PRIMARY KEY,
            frame_id INTEGER NOT NULL REFERENCES frames (id),
            label TEXT NOT NULL,
            kind TEXT,                -- the cause a person named
            source TEXT NOT NULL,     -- hand, terminal or web
            at TEXT NOT NULL,
            withdrawn_at TEXT
        );
        CREATE INDEX labels_by_frame ON labels (frame_id);
        """,
    ),
    (
        "m003_sessions_and_facts",
        """
        CREATE TABLE sessions (
            session_group TEXT PRIMARY KEY,
            state BLOB NOT NULL,      -- JSON, compressed with zlib
            updated_at TEXT NOT NULL
        );
        CREATE TABLE facts (name TEXT PRIMARY KEY, value NOT NULL);
        """,
    ),
    (
        "m004_taken_at",
        """
        ALTER TABLE frames ADD COLUMN taken_at TEXT;  -- start of the exposure; else the file's own time
        CREATE INDEX frames_by_exposure ON frames (taken_at, label, state);  -- lists and counts need nothing else
        """,
    ),
    (
        "m005_regrades",
        """
        CREATE TABLE regrades (       -- what hindsight says of a frame; never a person's label
            id INTEGER PRIMARY KEY,
            frame_id INTEGER NOT NULL REFERENCES frames (id),
            night TEXT NOT NULL,      -- date of its evening
            state TEXT NOT NULL CHECK (state IN ('proposed', 'begun', 'applied', 'undoing', 'undone')),
            label_before TEXT NOT NULL,
            label_after TEXT NOT NULL,
            planned,                  -- intention: where the frame is going to lie
            act TEXT,                 -- intention: how it gets there
            action_id INTEGER REFERENCES actions (id),
            label TEXT,               -- from here on, the judgement that is not in force:
            score REAL,               -- until the regrade is applied the new one, then the one before
            kinds TEXT NOT NULL DEFAULT '',
            reason TEXT,
            model TEXT,
            session_group TEXT,
            record BLOB,
            file_by TEXT,
            at TEXT NOT NULL
        );
        CREATE INDEX regrades_by_frame ON regrades (frame_id);
        CREATE INDEX regrades_open ON regrades (night) WHERE state IN ('proposed', 'begun', 'undoing');
        CREATE TABLE lookbacks (      -- which groups were looked back on, and what they consisted of
            night TEXT NOT NULL,
            session_group TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            at TEXT NOT NULL,
            PRIMARY KEY (night, session_group)
        );
        """,
    ),
    (
        # What each frame writes: its row changes three times and its record never, so the record lies apart. The order
        # of the ids is that of the verdicts. Indexes hold no row before it has what they are about.
        "m006_fewer_bytes",
        """
        CREATE TABLE records (
            frame_id INTEGER PRIMARY KEY REFERENCES frames (id),
            record BLOB NOT NULL      -- the judgement as JSON, compressed with zlib and the words of record_words.txt
        );
        INSERT INTO records SELECT id, record FROM frames WHERE record IS NOT NULL;
        ALTER TABLE frames DROP COLUMN record;
        DROP INDEX frames_by_time;
        DROP INDEX frames_by_destination;
        CREATE INDEX frames_by_destination ON frames (destination_folder, destination_name)
            WHERE destination_folder IS NOT NULL;
        DROP INDEX frames_by_exposure;
        CREATE INDEX frames_by_exposure ON frames (taken_at, label, state) WHERE taken_at IS NOT NULL;
        DROP INDEX frames_unfinished;
        CREATE INDEX frames_unfiled ON frames (id) WHERE state = 'judged';
        """,
    ),
]
