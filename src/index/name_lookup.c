/* SPDX-License-Identifier: MIT */
#include "index/name_lookup.h"

#include "format/manifest_read.h"

/* A page and the next one are read together: a key's entries seldom lie in a third. */
#define TOGETHER 2

int name_lookup_init(struct name_lookup *lookup, seek_read_fn *read, void *ctx, uint64_t size,
                     struct err *err)
{
    struct seek_locator locator = { 0 };
    int rc = seek_names(&locator, read, ctx, size, err);

    if (rc <= 0)
        return rc;
    if (locator.names_size <= NAME_INDEX_HEAD ||
        (locator.names_size - NAME_INDEX_HEAD) % NAME_INDEX_PAGE)
        return err_set(err, ERR_FORMAT, "invalid size of the index of names");
    *lookup = (struct name_lookup){ .read = read,
                                    .ctx = ctx,
                                    .end = locator.names_at,
                                    .pages = (uint32_t)((locator.names_size - NAME_INDEX_HEAD) /
                                                        NAME_INDEX_PAGE) };
    return 1;
}

static bool is_within(const struct name_lookup *lookup, const struct name_index_place *place)
{
    return place->frame_len && place->frame_at < lookup->end &&
           place->frame_len <= lookup->end - place->frame_at && place->within < SEEK_PLAIN_MAX;
}

/* Visit the entries of a key in one page; 2: there may be more in the next. */
static int visit(struct name_lookup *lookup, const unsigned char page[NAME_INDEX_PAGE],
                 const struct name_index_page *head, uint64_t key, name_lookup_fn *fn,
                 void *ctx, struct err *err)
{
    struct name_index_entry entry;
    unsigned i;
    int rc;

    for (i = 0; i < head->count; i++) {
        name_index_get(page, i, &entry);
        if (entry.key > key)
            return 0;
        if (entry.key < key)
            continue;
        if (!is_within(lookup, &entry.file) || !is_within(lookup, &entry.row) ||
            entry.row_len > MANIFEST_READ_ROW_MAX)
            return err_set(err, ERR_FORMAT,
                           "the index of names points to places outside the archive");
        rc = fn(ctx, &entry, err);
        if (rc)
            return rc;
    }
    return head->more ? 2 : 0;
}

int name_lookup_find(struct name_lookup *lookup, uint64_t key, name_lookup_fn *fn, void *ctx,
                     struct err *err)
{
    unsigned char pages[TOGETHER][NAME_INDEX_PAGE];
    uint32_t number = name_index_home(key, lookup->pages);
    uint32_t last =
        lookup->pages - number < NAME_LOOKUP_CHAIN ? lookup->pages : number + NAME_LOOKUP_CHAIN;
    struct name_index_page head;
    unsigned next = 0;
    int rc = 2;

    for (; rc == 2 && number < last; number++, next = (next + 1) % TOGETHER) {
        const unsigned char *page = pages[next];
        size_t count = last - number < TOGETHER ? last - number : TOGETHER;

        if (next == 0 &&
            lookup->read(lookup->ctx, pages, count * NAME_INDEX_PAGE,
                         lookup->end + NAME_INDEX_HEAD + (uint64_t)number * NAME_INDEX_PAGE,
                         err) < 0)
            return -1;
        if (name_index_open(page, number, lookup->pages, &head, err) < 0)
            return -1;
        lookup->missing = head.missing;
        rc = visit(lookup, page, &head, key, fn, ctx, err);
    }
    return rc == 2
               ? err_set(err, ERR_LIMIT, "too many names have one key in the index of names")
               : rc;
}
