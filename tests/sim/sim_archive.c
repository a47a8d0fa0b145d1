/* SPDX-License-Identifier: MIT */
/* The archive of a schedule, read by libarchive and compared with the artifacts. */
#include "base/buf.h"
#include "base/hashmap.h"
#include "sim.h"
#include "writer/plan.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>

static void add(struct hashmap *table, const char *name, struct buf *bytes)
{
    if (hashmap_add(table, name, strlen(name), bytes, NULL) < 0)
        sim_fail("out of memory");
}

static const struct thing *thing_of(const struct item *item)
{
    unsigned i;

    for (i = 0; i < world.count; i++) {
        if (strcmp(world.things[i].id, item->what.artifact_id) == 0)
            return &world.things[i];
    }
    sim_fail("an item '%s' that nobody listed", item->what.artifact_id);
}

void archive_check(const char *path, const char *top, struct plan *plan,
                   const char *(*here_at)(const struct item *item))
{
    static struct buf files[4 * SIM_THINGS];
    struct archive *tar = archive_read_new();
    struct archive_entry *entry;
    struct hashmap *table = hashmap_new(NULL);
    size_t count = 0;
    size_t i;
    int rc;

    if (!tar || !table || archive_read_support_format_tar(tar) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(tar) != ARCHIVE_OK ||
        archive_read_open_filename(tar, path, 1 << 16) != ARCHIVE_OK)
        sim_fail("cannot read '%s'", path);
    while ((rc = archive_read_next_header(tar, &entry)) == ARCHIVE_OK) {
        const char *name = archive_entry_pathname(entry);
        const char *link = archive_entry_hardlink(entry);
        struct buf *bytes = link ? hashmap_get(table, link, strlen(link)) : &files[count++];
        char room[16384];
        la_ssize_t n = 0;

        if (!bytes || count == sizeof(files) / sizeof(*files))
            sim_fail("'%s' is a link to '%s', which is not there", name, link ? link : "");
        if (!link) {
            buf_init(bytes, 64 << 20);
            while ((n = archive_read_data(tar, room, sizeof(room))) > 0) {
                if (buf_add(bytes, room, (size_t)n, NULL) < 0)
                    sim_fail("out of memory");
            }
        }
        if (n < 0)
            sim_fail("the tar is broken in '%s': %s", name, archive_error_string(tar));
        add(table, name, bytes);
    }
    if (rc != ARCHIVE_EOF)
        sim_fail("the tar is broken: %s", archive_error_string(tar));
    for (i = 0; i < plan_count(plan); i++) {
        const struct item *item = plan_at(plan, i);
        const struct thing *thing = thing_of(item);
        const struct buf *bytes;
        char name[512];

        if (item->unlisted || !here_at(item) ||
            thing->endless) /* an endless artifact has no fixed content */
            continue;
        (void)snprintf(name, sizeof(name), "%s/%s", top, here_at(item));
        bytes = hashmap_get(table, name, strlen(name));
        if (!bytes)
            sim_fail("'%s' of artifact '%s' is not in the archive", name, thing->id);
        if ((bytes->len != thing->plain.len ||
             (bytes->len && memcmp(bytes->data, thing->plain.data, bytes->len) != 0)) &&
            (bytes->len != thing->sent.len ||
             (bytes->len && memcmp(bytes->data, thing->sent.data, bytes->len) != 0)))
            sim_fail("'%s' has %zu bytes, which are not artifact '%s' of %zu", name, bytes->len,
                     thing->id, thing->plain.len);
    }
    for (i = 0; i < count; i++)
        buf_clear(&files[i]);
    hashmap_free(table);
    (void)archive_read_free(tar);
}
