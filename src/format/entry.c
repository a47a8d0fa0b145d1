/* SPDX-License-Identifier: MIT */
#include "format/entry.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>

struct capture {
    struct buf *out; /* NULL after the header: further writes fail */
    struct err *err;
};

static la_ssize_t on_write(struct archive *tar, void *ctx, const void *bytes, size_t len)
{
    struct capture *capture = ctx;

    (void)tar;
    if (!capture->out)
        return -1;
    return buf_add(capture->out, bytes, len, capture->err) < 0 ? -1 : (la_ssize_t)len;
}

/*
 * Write one header with a new libarchive writer. Closing the writer would pad the missing body;
 * the callback then returns an error, which ends the padding at once. archive_write_fail()
 * would do the same, but leaks the writer's state in libarchive 3.6.
 */
static int write_header(struct archive *tar, struct archive_entry *entry,
                        struct capture *capture)
{
    int rc = -1;

    if (archive_write_set_format_pax_restricted(tar) == ARCHIVE_OK &&
        archive_write_set_bytes_per_block(tar, 0) == ARCHIVE_OK &&
        archive_write_open(tar, capture, NULL, on_write, NULL) == ARCHIVE_OK &&
        archive_write_header(tar, entry) == ARCHIVE_OK)
        rc = 0;
    else if (!capture->err || !capture->err->kind)
        (void)err_set(capture->err, ERR_FORMAT, "libarchive: %s", archive_error_string(tar));
    capture->out = NULL;
    (void)archive_write_close(tar);
    return rc;
}

int entry_header(struct buf *out, const struct entry_file *file, struct err *err)
{
    struct capture capture = { out, err };
    struct archive *tar = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    int rc = -1;

    if (!tar || !entry) {
        (void)err_set(err, ERR_MEMORY, "out of memory");
        goto out;
    }
    archive_entry_set_pathname_utf8(entry, file->path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, file->mtime, 0);
    archive_entry_set_size(entry, file->link ? 0 : (la_int64_t)file->size);
    if (file->link)
        archive_entry_set_hardlink_utf8(entry, file->link);
    rc = write_header(tar, entry, &capture);
out:
    archive_entry_free(entry);
    (void)archive_write_free(tar);
    return rc;
}

const char *entry_path(char out[ENTRY_PATH], const char *top, const char *path)
{
    (void)snprintf(out, ENTRY_PATH, "%s/%s", top, path);
    return out;
}

size_t entry_padding(uint64_t size)
{
    return (size_t)(-size & (ENTRY_BLOCK - 1));
}

enum entry_family entry_family(const char *type)
{
    static const struct {
        const char *start;
        enum entry_family family;
    } starts[] = {
        { "html", FAMILY_HTML },
        { "visible_elements_tree_in_prompt", FAMILY_LLM }, /* contained in prompts */
        { "visible_elements", FAMILY_DOM },
        { "hashed_href", FAMILY_DOM },
        { "llm_", FAMILY_LLM },
    };
    size_t i;

    for (i = 0; type && i < sizeof(starts) / sizeof(starts[0]); i++) {
        if (strncmp(type, starts[i].start, strlen(starts[i].start)) == 0)
            return starts[i].family;
    }
    return type && strstr(type, "_log") ? FAMILY_LOGS : FAMILY_REST;
}
