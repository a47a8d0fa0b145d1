/* SPDX-License-Identifier: MIT */
#include "index/ratarmount.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE  ((size_t)64 << 10)
#define FILES  "INSERT OR REPLACE INTO files VALUES(?,?,?,?,?,?,?,?,?,0,0,0,0,0,1)"
#define FOLDER "INSERT OR IGNORE INTO temp.parentfolders VALUES(?,?,?,?)"
#define BLOCKS "INSERT INTO zstdblocks VALUES(?,?)"

struct ratarmount {
    sqlite3 *db;
    int fd; /* of the database's file, to read it at the end */
    sqlite3_stmt *files;
    sqlite3_stmt *folders;
    sqlite3_stmt *blocks;
    char *folder; /* of the file added last */
};

/* ratarmount's tables, without its comments; temp.parentfolders is of this process only. */
static const char schema[] =
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA temp_store = MEMORY;"
    "CREATE TABLE \"files\" (\"path\" VARCHAR(65535) NOT NULL, \"name\" VARCHAR(65535) NOT "
    "NULL,"
    " \"offsetheader\" INTEGER, \"offset\" INTEGER, \"size\" INTEGER, \"mtime\" REAL,"
    " \"mode\" INTEGER, \"type\" INTEGER, \"linkname\" VARCHAR(65535), \"uid\" INTEGER,"
    " \"gid\" INTEGER, \"istar\" BOOL, \"issparse\" BOOL, \"isgenerated\" BOOL,"
    " \"recursiondepth\" INTEGER, PRIMARY KEY (\"path\",\"name\",\"offsetheader\"));"
    "CREATE TABLE \"xattrkeys\" (\"id\" INTEGER PRIMARY KEY, \"name\" VARCHAR(65535) UNIQUE);"
    "CREATE TABLE \"xattrsdata\" (\"offsetheader\" INTEGER, \"keyid\" INTEGER,"
    " \"value\" VARCHAR(65535), PRIMARY KEY (\"offsetheader\",\"keyid\"),"
    " FOREIGN KEY (\"keyid\") REFERENCES xattrkeys(\"id\"));"
    "CREATE VIEW \"xattrs\" (\"offsetheader\", \"key\", \"value\") AS"
    " SELECT offsetheader, xattrkeys.name, value FROM \"xattrsdata\""
    " INNER JOIN xattrkeys ON xattrkeys.id = xattrsdata.keyid;"
    "CREATE TABLE \"metadata\" (\"key\" VARCHAR(65535) NOT NULL,"
    " \"value\" VARCHAR(65535) NOT NULL, PRIMARY KEY (\"key\"));"
    "CREATE TABLE \"versions\" (\"name\" VARCHAR(65535) NOT NULL,"
    " \"version\" VARCHAR(65535) NOT NULL, \"major\" INTEGER, \"minor\" INTEGER,"
    " \"patch\" INTEGER, PRIMARY KEY (\"name\"));"
    "CREATE TABLE zstdblocks ( blockoffset INTEGER PRIMARY KEY, dataoffset INTEGER );"
    "CREATE TEMP TABLE parentfolders (path TEXT NOT NULL, name TEXT NOT NULL,"
    " offsetheader INTEGER, offset INTEGER, PRIMARY KEY (path, name)) WITHOUT ROWID;"
    "INSERT INTO versions VALUES('index', '0.7.0', 0, 7, 0);"
    "INSERT INTO metadata VALUES('backendName', 'SQLiteIndexedTar');"
    "INSERT INTO metadata VALUES('isGnuIncremental', '0');"
    "BEGIN;";

/* Folders have the mode and the type that ratarmount gives them. */
static const char finish[] =
    "INSERT OR IGNORE INTO files SELECT path, name, offsetheader, offset, 0, 0, 16749, 5,"
    " '', 0, 0, 0, 0, 0, 0 FROM temp.parentfolders ORDER BY path, name;"
    "COMMIT;";

static int fail(const struct ratarmount *index, struct err *err)
{
    int code = index->db ? sqlite3_errcode(index->db) : SQLITE_NOMEM;

    return err_set(err, code == SQLITE_NOMEM ? ERR_MEMORY : ERR_SYSTEM,
                   "cannot make the index for ratarmount: %s",
                   index->db ? sqlite3_errmsg(index->db) : "out of memory");
}

static int run(struct ratarmount *index, const char *text, struct err *err)
{
    return sqlite3_exec(index->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(index, err);
}

/* Open a database in a file that is unlinked at once, so that the file never remains. */
static int open_temp(struct ratarmount *index, const char *dir, struct err *err)
{
    char *name = mem_format(err, "%s/skyarc-XXXXXX", dir);
    int rc = -1;

    if (!name)
        return -1;
    index->fd = mkostemp(name, O_CLOEXEC);
    if (index->fd < 0) {
        (void)err_sys(err, "cannot create a temporary file in '%s'", dir);
    } else {
        rc = sqlite3_open_v2(name, &index->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             NULL) == SQLITE_OK
                 ? run(index, schema, err)
                 : fail(index, err);
        (void)unlink(name);
    }
    mem_free(name);
    return rc;
}

static int prepare(struct ratarmount *index, const char *text, sqlite3_stmt **sql,
                   struct err *err)
{
    return sqlite3_prepare_v2(index->db, text, -1, sql, NULL) == SQLITE_OK ? 0
                                                                           : fail(index, err);
}

struct ratarmount *ratarmount_new(const char *dir, struct err *err)
{
    struct ratarmount *index = mem_new(sizeof(*index), err);
    char cache[64];

    if (!index)
        return NULL;
    index->fd = -1;
    (void)snprintf(cache, sizeof(cache), "PRAGMA cache_size = -%d", RATARMOUNT_CACHE_KIB);
    if (open_temp(index, dir, err) == 0 && run(index, cache, err) == 0 &&
        prepare(index, FILES, &index->files, err) == 0 &&
        prepare(index, FOLDER, &index->folders, err) == 0 &&
        prepare(index, BLOCKS, &index->blocks, err) == 0)
        return index;
    ratarmount_free(index);
    return NULL;
}

void ratarmount_free(struct ratarmount *index)
{
    if (!index)
        return;
    (void)sqlite3_finalize(index->files);
    (void)sqlite3_finalize(index->folders);
    (void)sqlite3_finalize(index->blocks);
    (void)sqlite3_close(index->db);
    file_close(&index->fd);
    mem_free(index->folder);
    mem_free(index);
}

static int step(struct ratarmount *index, sqlite3_stmt *sql, struct err *err)
{
    int rc = sqlite3_step(sql) == SQLITE_DONE ? 0 : fail(index, err);

    (void)sqlite3_reset(sql);
    return rc;
}

/* Bind a path of len bytes as ratarmount writes it: with a slash before it, "" if empty. */
static int bind_path(sqlite3_stmt *sql, int at, const char *path, size_t len)
{
    char *text = len ? sqlite3_mprintf("/%.*s", (int)len, path) : sqlite3_mprintf("");

    return text ? sqlite3_bind_text(sql, at, text, -1, sqlite3_free) : SQLITE_NOMEM;
}

/* Add the folder that ends before path[len], and those above it. */
static int add_folders(struct ratarmount *index, const struct ratarmount_file *file, size_t len,
                       struct err *err)
{
    while (len) {
        const char *slash = memrchr(file->path, '/', len);
        size_t above = slash ? (size_t)(slash - file->path) : 0;
        size_t from = slash ? above + 1 : 0;
        sqlite3_stmt *sql = index->folders;

        if (bind_path(sql, 1, file->path, above) != SQLITE_OK ||
            sqlite3_bind_text(sql, 2, file->path + from, (int)(len - from), SQLITE_STATIC) !=
                SQLITE_OK ||
            sqlite3_bind_int64(sql, 3, (sqlite3_int64)file->header) != SQLITE_OK ||
            sqlite3_bind_int64(sql, 4, (sqlite3_int64)file->data) != SQLITE_OK)
            return fail(index, err);
        if (step(index, sql, err) < 0)
            return -1;
        len = above;
    }
    return 0;
}

int ratarmount_add(struct ratarmount *index, const struct ratarmount_file *file,
                   struct err *err)
{
    const char *base = path_base(file->path);
    size_t len = base > file->path ? (size_t)(base - file->path) - 1 : 0;
    sqlite3_stmt *sql = index->files;

    if (!index->folder || strlen(index->folder) != len ||
        memcmp(index->folder, file->path, len) != 0) {
        mem_free(index->folder);
        index->folder = mem_format(err, "%.*s", (int)len, file->path);
        if (!index->folder || add_folders(index, file, len, err) < 0)
            return -1;
    }
    if (bind_path(sql, 1, file->path, len) != SQLITE_OK ||
        sqlite3_bind_text(sql, 2, base, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_int64(sql, 3, (sqlite3_int64)file->header) != SQLITE_OK ||
        sqlite3_bind_int64(sql, 4, (sqlite3_int64)file->data) != SQLITE_OK ||
        sqlite3_bind_int64(sql, 5, (sqlite3_int64)file->size) != SQLITE_OK ||
        sqlite3_bind_double(sql, 6, (double)file->mtime) != SQLITE_OK ||
        sqlite3_bind_int(sql, 7, file->target ? 0644 : S_IFREG | 0644) != SQLITE_OK ||
        sqlite3_bind_blob(sql, 8, file->target ? "1" : "0", 1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_text(sql, 9, file->target ? file->target : "", -1, SQLITE_STATIC) !=
            SQLITE_OK)
        return fail(index, err);
    return step(index, sql, err);
}

static int add_block(struct ratarmount *index, uint64_t coded, uint64_t plain, struct err *err)
{
    if (sqlite3_bind_int64(index->blocks, 1, (sqlite3_int64)coded) != SQLITE_OK ||
        sqlite3_bind_int64(index->blocks, 2, (sqlite3_int64)plain) != SQLITE_OK)
        return fail(index, err);
    return step(index, index->blocks, err);
}

/* Add where each frame begins; also those of the tail, of which the last is the seek table. */
static int add_blocks(struct ratarmount *index, const struct seek *seek,
                      const struct seek_locator *locator, struct err *err)
{
    uint64_t coded = 0;
    uint64_t plain = 0;
    size_t i;

    for (i = 0; i < seek->count; i++) {
        if (add_block(index, coded, plain, err) < 0)
            return -1;
        coded += seek->rows[i].coded;
        plain += seek->rows[i].plain;
    }
    if (locator->names_size && add_block(index, coded, plain, err) < 0)
        return -1;
    coded += locator->names_size;
    return add_block(index, coded, plain, err) < 0
               ? -1
               : add_block(index, coded + SEEK_LOCATOR_SIZE + 8, plain, err);
}

int ratarmount_end(struct ratarmount *index, const struct seek *seek,
                   const struct seek_locator *locator, const struct stat *archive,
                   struct err *err)
{
    char text[256];

    /* the time as Python computes it, which ratarmount compares */
    (void)snprintf(text, sizeof(text),
                   "INSERT INTO metadata VALUES('tarstats',"
                   " '{\"st_mtime\": %.17g, \"st_size\": %llu}')",
                   (double)archive->st_mtim.tv_sec + 1e-9 * (double)archive->st_mtim.tv_nsec,
                   (unsigned long long)archive->st_size);
    return add_blocks(index, seek, locator, err) < 0 || run(index, text, err) < 0
               ? -1
               : run(index, finish, err);
}

int ratarmount_write(void *ctx, put_fn *put, void *put_ctx, struct err *err)
{
    struct ratarmount *index = ctx;
    char *room = mem_new(PIECE, err);
    off_t at = 0;
    ssize_t n = room ? 1 : -1;

    while (n > 0) {
        n = pread(index->fd, room, PIECE, at);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            (void)err_sys(err, "cannot read the temporary file");
        else if (n > 0 && put(put_ctx, room, (size_t)n, err) < 0)
            n = -1;
        else
            at += n;
    }
    mem_free(room);
    return n < 0 ? -1 : 0;
}
