/* SPDX-License-Identifier: MIT */
#include "catalog/schema.h"

#include <sqlite3.h>
#include <string.h>

/*
 * SQL: the text that is searched of a row of runs. U+001E, which no search is for, keeps a
 * match within one column.
 */
#define RUN_TEXT(row)                                                                          \
    "coalesce(" row "prompt, '') || char(30) || coalesce(" row                                 \
    "title, '') || char(30) || coalesce(" row "output, '') || char(30) || coalesce(" row       \
    "failure_reason, '')"
#define HAS_TEXT(row)                                                                          \
    "coalesce(" row "prompt, " row "title, " row "output, " row "failure_reason) IS NOT NULL"

/*
 * One text per version; a catalog of version N has run the first N. Never change a released
 * text: append the next. Times are microseconds since 1970 from records of the service, or
 * milliseconds of this machine's clock (columns named ..._ms).
 */
static const char *const migrations[] = {
    "CREATE TABLE volumes("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,"
    " manifest_sha256 TEXT NOT NULL, created_ms INTEGER, entered_ms INTEGER NOT NULL,"
    " verified_ms INTEGER);"
    "CREATE TABLE runs("
    " run_id TEXT NOT NULL, volume INTEGER NOT NULL REFERENCES volumes ON DELETE CASCADE,"
    " supplements TEXT, status TEXT, run_type TEXT, created_at INTEGER, finished_at INTEGER,"
    " failure_reason TEXT, prompt TEXT, artifacts INTEGER NOT NULL, missing INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(run_id, volume)) WITHOUT ROWID;"
    "CREATE INDEX runs_volume ON runs(volume);"
    "CREATE INDEX runs_created ON runs(created_at);"
    "CREATE TABLE objects("
    " id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, size INTEGER NOT NULL);"
    "CREATE TABLE artifacts("
    " id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, volume INTEGER NOT NULL,"
    " artifact_id TEXT, type TEXT, path TEXT NOT NULL,"
    " object INTEGER NOT NULL REFERENCES objects, created_at INTEGER,"
    " FOREIGN KEY(run_id, volume) REFERENCES runs ON DELETE CASCADE);"
    "CREATE INDEX artifacts_id ON artifacts(artifact_id);"
    "CREATE INDEX artifacts_run ON artifacts(run_id, volume);"
    "CREATE INDEX artifacts_object ON artifacts(object);"
    "CREATE INDEX artifacts_type ON artifacts(type, created_at);"
    "CREATE TABLE missing("
    " run_id TEXT NOT NULL, artifact_id TEXT NOT NULL, type TEXT, reason TEXT NOT NULL,"
    " tries INTEGER NOT NULL, final INTEGER NOT NULL,"
    " PRIMARY KEY(run_id, artifact_id)) WITHOUT ROWID;"
    "CREATE TABLE states("
    " run_id TEXT PRIMARY KEY, state TEXT NOT NULL, status TEXT, created_at INTEGER,"
    " finished_at INTEGER, listed_ms INTEGER, tries INTEGER NOT NULL DEFAULT 0,"
    " next_ms INTEGER NOT NULL DEFAULT 0, reason TEXT) WITHOUT ROWID;"
    "CREATE INDEX states_state ON states(state, next_ms, created_at);"
    "CREATE TABLE frontiers("
    " filter TEXT PRIMARY KEY, from_us INTEGER, until_us INTEGER) WITHOUT ROWID;"
    "CREATE TABLE intents(name TEXT PRIMARY KEY, runs TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE holds(run_id TEXT PRIMARY KEY, reason TEXT NOT NULL, since_ms INTEGER NOT "
    "NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE syncs("
    " id INTEGER PRIMARY KEY, began_ms INTEGER NOT NULL, ended_ms INTEGER, outcome TEXT,"
    " runs INTEGER, artifacts INTEGER, bytes INTEGER, missing INTEGER, error TEXT);"
    "CREATE TABLE log("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, what TEXT NOT NULL,"
    " run_id TEXT, volume TEXT, reason TEXT);"
    "CREATE TRIGGER log_stays BEFORE UPDATE ON log"
    " BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;"
    "CREATE TRIGGER log_grows BEFORE DELETE ON log"
    " BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;",

    "ALTER TABLE volumes ADD COLUMN tail_sha256 BLOB;" /* NULL: not known */
    "ALTER TABLE volumes ADD COLUMN log_id INTEGER;"   /* last log entry at that time */
    "ALTER TABLE syncs ADD COLUMN damaged INTEGER;"
    /* parts of lost volumes that no other volume has: an artifact's ID or path, or "" for
     * the run's record */
    "CREATE TABLE lost("
    " run_id TEXT NOT NULL, part TEXT NOT NULL, volume TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, told INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(run_id, part))"
    " WITHOUT ROWID;"
    "CREATE TABLE faults(" /* faulty volumes, and whether the fault was reported */
    " id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, volume TEXT NOT NULL, fault TEXT NOT "
    "NULL,"
    " told INTEGER NOT NULL DEFAULT 0);"
    /* how much of the log's file was read, and the SHA-256 of that part */
    "CREATE TABLE replayed("
    " id INTEGER PRIMARY KEY CHECK(id = 1), size INTEGER NOT NULL, sha256 BLOB NOT NULL,"
    " unreadable INTEGER NOT NULL);"
    "ALTER TABLE log ADD COLUMN part TEXT;"
    "CREATE INDEX log_volume ON log(volume, what);"
    "CREATE INDEX log_what ON log(what, run_id);"
    "UPDATE states SET finished_at = (SELECT max(r.finished_at) FROM runs r"
    " WHERE r.run_id = states.run_id) WHERE finished_at IS NULL;",

    /* what the list said of the artifact, see contents_listing (NULL: the manifest does not
     * tell); and whether its checksum differs from that */
    ("ALTER TABLE artifacts ADD COLUMN listed BLOB;"
     "ALTER TABLE artifacts ADD COLUMN mismatch INTEGER NOT NULL DEFAULT 0;"),

    "CREATE TABLE aliases(" /* see catalog/relation */
    " alias TEXT PRIMARY KEY, run_id TEXT NOT NULL UNIQUE) WITHOUT ROWID;"
    "CREATE TABLE parents("
    " run_id TEXT PRIMARY KEY, parent_id TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX parents_parent ON parents(parent_id);"
    "ALTER TABLE runs ADD COLUMN title TEXT;"
    "ALTER TABLE runs ADD COLUMN output TEXT;"
    /* older versions listed a run under one ID only, and not the runs that it started */
    "UPDATE states SET state = 'open', tries = 0, next_ms = 0, reason = 'archived by an older"
    " skyarc' WHERE state = 'sealed' AND coalesce(reason, '') <> 'gone at the service' AND"
    " (substr(run_id, 1, 7) = 'tsk_v2_' OR substr(run_id, 1, 3) = 'wr_');",

    ("CREATE TABLE timestamps(" /* see catalog/timestamp */
     " volume TEXT NOT NULL, number INTEGER NOT NULL,"
     " authority TEXT NOT NULL, asked_ms INTEGER, at_ms INTEGER, reason TEXT,"
     " PRIMARY KEY(volume, number)) WITHOUT ROWID;"
     "CREATE INDEX timestamps_waiting ON timestamps(volume) WHERE at_ms IS NULL;"),

    /* clang-format off */
    ("CREATE TABLE texts(" /* see catalog/text_index; path: of an artifact, NULL: the run's row */
     " id INTEGER PRIMARY KEY, run_id TEXT NOT NULL, volume INTEGER NOT NULL, path TEXT,"
     " text TEXT NOT NULL, FOREIGN KEY(run_id, volume) REFERENCES runs ON DELETE CASCADE);"
     "CREATE INDEX texts_run ON texts(run_id, volume);"
     "CREATE VIRTUAL TABLE text_index USING fts5(text, content='texts', content_rowid='id',"
     " tokenize='trigram');"
     "INSERT INTO texts(run_id, volume, text) SELECT run_id, volume, " RUN_TEXT("")
     " FROM runs WHERE " HAS_TEXT("") ";"
     "INSERT INTO text_index(text_index) VALUES('rebuild');"
     /* triggers last: while the schema is not trusted, see db, they must not use FTS5 */
     "CREATE TRIGGER texts_added AFTER INSERT ON texts BEGIN"
     " INSERT INTO text_index(rowid, text) VALUES(new.id, new.text); END;"
     "CREATE TRIGGER texts_removed AFTER DELETE ON texts BEGIN"
     " INSERT INTO text_index(text_index, rowid, text) VALUES('delete', old.id, old.text); END;"
     "CREATE TRIGGER runs_added AFTER INSERT ON runs WHEN " HAS_TEXT("new.") " BEGIN"
     " INSERT INTO texts(run_id, volume, text) VALUES(new.run_id, new.volume, "
     RUN_TEXT("new.") "); END;"
     /* whether the texts of the volume's artifacts are in the table texts */
     "ALTER TABLE volumes ADD COLUMN texts INTEGER NOT NULL DEFAULT 0;"
     /* a row: what was pruned may still be in the file */
     "CREATE TABLE purges(id INTEGER PRIMARY KEY CHECK(id = 1));"
     /* the shard whose runs have states here, of a bucket that several shards fill */
     "CREATE TABLE shard(id INTEGER PRIMARY KEY CHECK(id = 1), k INTEGER NOT NULL,"
     " n INTEGER NOT NULL);"),
    /* clang-format on */
};

int schema_version(void)
{
    return (int)(sizeof(migrations) / sizeof(*migrations));
}

const char *schema_step(int version)
{
    return migrations[version];
}

/* The whole schema as a text, to be freed by sqlite3_free. NULL: error. */
static char *schema_of(sqlite3 *db)
{
    sqlite3_stmt *sql = NULL;
    char *text = NULL;

    if (sqlite3_prepare_v2(db,
                           "SELECT group_concat(sql, char(10)) FROM (SELECT coalesce(sql, '')"
                           " AS sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%'"
                           " ESCAPE '\\' ORDER BY type, name)",
                           -1, &sql, NULL) == SQLITE_OK &&
        sqlite3_step(sql) == SQLITE_ROW)
        text = sqlite3_mprintf("%s", sqlite3_column_text(sql, 0));
    (void)sqlite3_finalize(sql);
    return text;
}

/* Make the schema in an empty database. */
static int make(sqlite3 *db, struct err *err)
{
    int i;

    for (i = 0; i < schema_version(); i++) {
        if (sqlite3_exec(db, migrations[i], NULL, NULL, NULL) == SQLITE_OK)
            continue;
        if (sqlite3_errcode(db) == SQLITE_NOMEM)
            return err_set(err, ERR_MEMORY, "out of memory");
        return err_set(err, ERR_SYSTEM,
                       "SQLite %s cannot hold a catalog, which needs FTS5 with the tokenizer "
                       "trigram: %s",
                       sqlite3_libversion(), sqlite3_errmsg(db));
    }
    return 0;
}

char *schema_text(struct err *err)
{
    sqlite3 *db = NULL;
    char *text = NULL;
    int rc =
        sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc != SQLITE_OK) {
        (void)err_set(err, ERR_MEMORY, "out of memory");
    } else if (make(db, err) == 0) {
        text = schema_of(db);
        if (!text)
            (void)err_set(err, ERR_MEMORY, "out of memory");
    }
    (void)sqlite3_close(db);
    return text;
}

bool schema_is(sqlite3 *db, const char *wanted)
{
    char *found = schema_of(db);
    bool same = found && strcmp(wanted, found) == 0;

    sqlite3_free(found);
    return same;
}
