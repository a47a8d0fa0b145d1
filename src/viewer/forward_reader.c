/* SPDX-License-Identifier: MIT */
#include "viewer/forward_reader.h"

#include "format/seek.h"
#include "reader/fetchone.h"

#include <stdbool.h>

/*
 * Whether the offset is in a frame that is being decoded, and ahead: then no more is decoded on
 * the way to it than from the start of its frame.
 */
static bool is_ahead(const struct forward_reader *forward, uint64_t offset)
{
    const struct archive_reader *reader = forward->reader;
    uint64_t coded;
    uint64_t start;

    return forward->entries && reader->indexed && offset >= forward->data &&
           seek_find(&reader->seek, offset, &coded, &start) < reader->seek.count &&
           start <= entry_reader_come(forward->entries);
}

/* Go ahead to the entry at an offset; false: it was not reached, whatever the reason. */
static bool go_ahead(struct forward_reader *forward, uint64_t offset,
                     struct entry_reader_entry *entry)
{
    struct err ignored;
    int rc;

    do {
        rc = entry_reader_next(forward->entries, entry, &ignored);
    } while (rc > 0 && entry->offset < offset);
    return rc > 0 && entry->offset == offset;
}

struct entry_reader *forward_reader_open(struct forward_reader *forward, const char *path,
                                         uint64_t offset, uint64_t size, struct err *err)
{
    struct entry_reader_entry entry;

    if (is_ahead(forward, offset) && go_ahead(forward, offset, &entry)) {
        if (fetchone_check(&entry, path, size, err) < 0)
            return NULL;
    } else {
        forward_reader_clear(forward);
        forward->entries = fetchone_open(forward->reader, path, offset, size, &entry, err);
        if (!forward->entries)
            return NULL;
    }
    forward->data = entry.data;
    return forward->entries;
}

void forward_reader_clear(struct forward_reader *forward)
{
    entry_reader_free(forward->entries);
    forward->entries = NULL;
    forward->data = 0;
}
