/* SPDX-License-Identifier: MIT */
#include "catalog/page_checksum.h"

#include "base/digest.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>

#define RESERVED_AT 20 /* offset in page 1 of the number of reserved bytes */
#define BODY        (PAGE_CHECKSUM_PAGE - PAGE_CHECKSUM_SIZE)

/* Missing in Debian's header. When it is off, this layer gets whole pages only. */
#ifndef SQLITE_IOCAP_SUBPAGE_READ
#    define SQLITE_IOCAP_SUBPAGE_READ 0x00008000
#endif

/* An open file: SQLite's members, those of this layer, and after these the underlying file. */
struct file {
    sqlite3_file base;
    bool database; /* false: a log or a temporary file, passed through */
    bool sealed;   /* pages have checksums */
    struct sha256 *sha;
};

static sqlite3_vfs vfs;
static sqlite3_vfs *below;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)((struct file *)(void *)file + 1);
}

static struct file *own(sqlite3_file *file)
{
    return (struct file *)(void *)file;
}

/* Whether bytes at an offset are exactly one page. */
static bool is_page(int len, sqlite3_int64 at)
{
    return len == PAGE_CHECKSUM_PAGE && at % PAGE_CHECKSUM_PAGE == 0;
}

static void sum_of(struct file *f, const unsigned char *page, sqlite3_int64 at,
                   unsigned char out[PAGE_CHECKSUM_SIZE])
{
    uint64_t number = (uint64_t)at / PAGE_CHECKSUM_PAGE + 1;
    unsigned char head[4] = { (unsigned char)(number >> 24), (unsigned char)(number >> 16),
                              (unsigned char)(number >> 8), (unsigned char)number };
    uint8_t digest[SHA256_SIZE];

    sha256_add(f->sha, head, sizeof(head));
    sha256_add(f->sha, page, BODY);
    sha256_end(f->sha, digest);
    memcpy(out, digest, PAGE_CHECKSUM_SIZE);
}

static int on_close(sqlite3_file *file)
{
    int rc = real_of(file)->pMethods->xClose(real_of(file));

    sha256_free(own(file)->sha);
    own(file)->sha = NULL;
    return rc;
}

static int on_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 at)
{
    struct file *f = own(file);
    unsigned char sum[PAGE_CHECKSUM_SIZE];
    const unsigned char *page = bytes;
    int rc = real_of(file)->pMethods->xRead(real_of(file), bytes, len, at);

    if (rc != SQLITE_OK || !f->database || !f->sealed)
        return rc;
    if (!is_page(len, at)) /* SQLite reads the header alone to identify the file */
        return len < 512 ? SQLITE_OK : SQLITE_IOERR_DATA;
    sum_of(f, page, at, sum);
    return memcmp(sum, page + BODY, PAGE_CHECKSUM_SIZE) == 0 ? SQLITE_OK : SQLITE_IOERR_DATA;
}

static int on_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
    struct file *f = own(file);
    unsigned char page[PAGE_CHECKSUM_PAGE];

    if (!f->database || !is_page(len, at))
        return real_of(file)->pMethods->xWrite(real_of(file), bytes, len, at);
    if (at == 0)
        f->sealed = ((const unsigned char *)bytes)[RESERVED_AT] == PAGE_CHECKSUM_SIZE;
    if (!f->sealed)
        return real_of(file)->pMethods->xWrite(real_of(file), bytes, len, at);
    memcpy(page, bytes, sizeof(page));
    sum_of(f, page, at, page + BODY);
    return real_of(file)->pMethods->xWrite(real_of(file), page, len, at);
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int on_sync(sqlite3_file *file, int flags)
{
    return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int on_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int on_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int on_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int on_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int on_control(sqlite3_file *file, int op, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int on_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int on_device(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file)) &
           ~SQLITE_IOCAP_SUBPAGE_READ;
}

static int on_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int on_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void on_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int on_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

/* Version 2: with shared memory for the WAL, without memory-mapped pages, which would bypass
 * this layer. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_reserved,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_device,
    .xShmMap = on_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_barrier,
    .xShmUnmap = on_unmap,
};

static int on_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct file *f = own(file);
    unsigned char head[RESERVED_AT + 1] = { 0 };
    sqlite3_int64 size = 0;
    int rc;

    (void)self;
    *f = (struct file){ .database = (flags & SQLITE_OPEN_MAIN_DB) != 0 };
    memset(real_of(file), 0, (size_t)below->szOsFile);
    rc = below->xOpen(below, name, real_of(file), flags, out);
    if (rc != SQLITE_OK)
        return rc;
    f->sha = sha256_new(NULL);
    if (!f->sha) {
        (void)real_of(file)->pMethods->xClose(real_of(file));
        return SQLITE_NOMEM;
    }
    f->base.pMethods = &methods;
    if (f->database && real_of(file)->pMethods->xFileSize(real_of(file), &size) == SQLITE_OK &&
        size >= PAGE_CHECKSUM_PAGE &&
        real_of(file)->pMethods->xRead(real_of(file), head, sizeof(head), 0) == SQLITE_OK)
        f->sealed = head[RESERVED_AT] == PAGE_CHECKSUM_SIZE;
    return SQLITE_OK;
}

static int registered;

static void register_once(void)
{
    below = sqlite3_vfs_find(NULL);
    if (!below) {
        registered = SQLITE_ERROR;
        return;
    }
    vfs = *below; /* paths, time and randomness by the underlying VFS */
    vfs.pNext = NULL;
    vfs.zName = PAGE_CHECKSUM_VFS;
    vfs.szOsFile = (int)sizeof(struct file) + below->szOsFile;
    vfs.xOpen = on_open;
    registered = sqlite3_vfs_register(&vfs, 0);
}

int page_checksum_register(struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, register_once);
    return registered == SQLITE_OK
               ? 0
               : err_set(err, ERR_SYSTEM, "cannot register the VFS with SQLite (error %d)",
                         registered);
}

int page_checksum_reserve(sqlite3 *db, struct err *err)
{
    int bytes = PAGE_CHECKSUM_SIZE;

    return sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes) == SQLITE_OK
               ? 0
               : err_set(err, ERR_SYSTEM, "cannot make SQLite reserve bytes in its pages");
}

bool page_checksum_sealed(sqlite3 *db)
{
    sqlite3_file *file = NULL;

    return sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK &&
           file && file->pMethods == &methods && own(file)->sealed;
}
