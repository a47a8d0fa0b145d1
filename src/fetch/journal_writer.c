/* SPDX-License-Identifier: MIT */
#include "fetch/journal_writer.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

#define FLUSH_MS 50

static void give_up(struct journal_writer *writer, const struct err *err)
{
    log_line(LOG_WARNING, "%s; an interrupted attempt cannot be resumed", err->text);
    writer->journal = NULL;
}

void journal_writer_add(struct journal_writer *writer, const struct task *task, bool beside_zip)
{
    const struct item *item = task->item;
    const struct packed *packed = &task->packed;
    const struct outcome *outcome = &task->outcome;
    char listed[ITEM_LISTED_MAX];
    char notes[PACKED_NOTES_TEXT];
    struct journal_row row = { .path = packed->path,
                               .run_id = item->what.run_id,
                               .artifact_id = item->what.artifact_id,
                               .via = outcome->via,
                               .duplicate_of = packed->duplicate_of,
                               .listed = item_listed(item, listed),
                               .media_type = packed->media_type,
                               .notes = packed_notes_text(packed, notes),
                               .http_status = (uint64_t)outcome->http_status,
                               .attempts = outcome->attempts,
                               .fetched_at = (uint64_t)outcome->fetched_at,
                               .size = packed->size,
                               .mismatch = packed->mismatch,
                               .beside_zip = beside_zip,
                               .encoded = packed->encoded,
                               .encoded_size = packed->encoded_size };
    struct err err;

    /* neither twins, which the next attempt cannot tell apart, nor the members of one */
    if (!writer->journal || !packed->here || item->twinned ||
        (item->bundle && item->bundle->parent && item->bundle->parent->twinned))
        return;
    memcpy(row.sha256, packed->digest.sha256, SHA256_SIZE);
    memcpy(row.encoded_sha256, packed->encoded_sha256, SHA256_SIZE);
    if (journal_add(writer->journal, &row, &err) < 0)
        give_up(writer, &err);
}

void journal_writer_flush(struct journal_writer *writer, bool all)
{
    uint64_t now = clock_mono();
    struct err err;

    if (!all && now < writer->flushed + FLUSH_MS)
        return;
    writer->flushed = now;
    if (writer->journal && journal_flush(writer->journal, &err) < 0)
        give_up(writer, &err);
}
