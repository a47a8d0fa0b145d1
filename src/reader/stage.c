/* SPDX-License-Identifier: MIT */
#include "reader/stage.h"

#include "base/file.h"
#include "base/mem.h"

#include <string.h>

void stage_init(struct stage *s, const struct extract_dir *root, bool force, unsigned mode)
{
    int i;

    *s = (struct stage){ .root = root, .force = force, .mode = mode };
    buf_init(&s->sums, TAGFILE_TAGS_MAX);
    for (i = 0; i < TAG_COUNT; i++)
        s->files[i].file = (struct extract_dir_file){ .dir = -1, .fd = -1 };
}

void stage_clear(struct stage *s)
{
    int i;

    for (i = 0; i < TAG_COUNT; i++) {
        extract_dir_abort(&s->files[i].file);
        mem_free(s->files[i].path);
        s->files[i].path = NULL;
    }
    buf_clear(&s->sums);
}

int stage_put(const struct stage *s, struct entry_reader *entries,
              const struct entry_reader_entry *entry, const char *path, const uint8_t *want,
              struct extract_dir_id *id, struct err *err)
{
    struct extract_dir_file file;
    uint8_t sha256[SHA256_SIZE];
    int rc;

    if (!s->force && extract_dir_vacant(s->root, path, err) < 0)
        return -1;
    rc = extract_dir_begin(s->root, &file, path, err);
    if (rc == 0)
        rc = entry_reader_copy(entries, entry->size, file_put_fd, &file.fd, sha256, err);
    if (rc == 0 && want && memcmp(sha256, want, SHA256_SIZE) != 0)
        rc = err_set(err, ERR_MISMATCH, "SHA-256 mismatch with the manifest");
    if (rc == 0)
        rc = extract_dir_commit(&file, entry->mtime, s->mode, s->force, err);
    extract_dir_abort(&file);
    *id = file.id;
    return rc;
}

/* Begin a temporary file. */
static int begin(struct stage *s, int tag, const struct entry_reader_entry *entry, bool force,
                 struct err *err)
{
    struct stage_file *f = &s->files[tag];

    if (!force && extract_dir_vacant(s->root, entry->path, err) < 0)
        return -1;
    f->mtime = entry->mtime;
    f->size = entry->size;
    f->path = mem_copy(entry->path, err);
    return f->path ? extract_dir_begin(s->root, &f->file, f->path, err) : -1;
}

int stage_take(struct stage *s, int tag, struct entry_reader *entries,
               const struct entry_reader_entry *entry, uint64_t max, bool wanted,
               struct err *err)
{
    struct stage_file *f = &s->files[tag];
    bool list = tag == TAG_TAGS; /* needed in any case */
    int rc = 0;

    if (atomic_fetch_add(&f->seen, 1))
        return err_set(err, ERR_FORMAT, "occurs twice in the archive");
    if (entry->kind != ENTRY_READER_FILE)
        return err_set(err, ERR_FORMAT, "is not a regular file");
    if (entry->size > max)
        return err_set(err, ERR_FORMAT, "is larger than %llu bytes", (unsigned long long)max);
    if (list)
        rc = entry_reader_copy(entries, entry->size, buf_put, &s->sums, f->sha256, err);
    if (rc == 0 && wanted)
        rc = begin(s, tag, entry, s->force, err);
    if (rc == 0 && wanted && list)
        rc = file_write(f->file.fd, s->sums.data, s->sums.len, err);
    else if (rc == 0 && wanted)
        rc = entry_reader_copy(entries, entry->size, file_put_fd, &f->file.fd, f->sha256, err);
    if (rc < 0)
        extract_dir_abort(&f->file);
    return rc;
}

static void on_line(void *ctx, const char *path, const uint8_t *sha256)
{
    struct stage *s = ctx;
    int tag = sha256 ? tagfile_find(path) : -1;

    if (tag < 0)
        return;
    memcpy(s->files[tag].sum, sha256, SHA256_SIZE);
    s->files[tag].summed = true;
}

int stage_sum(struct stage *s, struct err *err)
{
    struct tagfile_lines *lines = mem_new(sizeof(*lines), err);
    int rc;

    if (!lines)
        return -1;
    tagfile_lines_init(lines, on_line, s);
    rc = tagfile_lines_put(lines, s->sums.data, s->sums.len, err);
    tagfile_lines_end(lines);
    mem_free(lines);
    return rc;
}

int stage_name(struct stage *s, int tag, const uint8_t *sha256, struct err *err)
{
    struct stage_file *f = &s->files[tag];

    if (f->file.fd < 0 || atomic_load(&f->seen) > 1)
        return 0;
    if (tag != TAG_TAGS && !f->summed && (!sha256 || s->sums.len))
        return err_set(err, ERR_MISMATCH, "not in tagmanifest-sha256.txt");
    if ((sha256 && memcmp(f->sha256, sha256, SHA256_SIZE) != 0) ||
        (tag != TAG_TAGS && f->summed && memcmp(f->sha256, f->sum, SHA256_SIZE) != 0))
        return err_set(err, ERR_MISMATCH, "SHA-256 mismatch");
    return extract_dir_commit(&f->file, f->mtime, s->mode, s->force, err) < 0 ? -1 : 1;
}
