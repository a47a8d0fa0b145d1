/* SPDX-License-Identifier: MIT */
#include "reader/name_check.h"

#include "base/text.h"
#include "index/name_index.h"
#include "index/name_lookup.h"
#include "index/name_row.h"

#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

/*
 * The index is right if it has the same entries as the manifest, and if the entries are sorted,
 * are in the pages where they belong, and take no more pages than they need. The entries are
 * compared by a sum of their hashes with a random seed: one over the rows of the manifest, one
 * over the pages, so that no entry is stored. An entry of a hard link has the place of its
 * target, which is looked up in the index itself; if the sums are equal, that place is right.
 */
struct name_check {
    struct archive_reader *reader;
    struct name_reader names;
    struct name_lookup lookup;
    uint64_t looked_up;           /* links */
    uint64_t reads;               /* of pages, for them */
    struct name_index_sum wanted; /* of the manifest */
    struct name_index_sum found;  /* of the pages */
    manifest_read_fn *fn;
    void *ctx;
};

/*
 * Maximum number of reads to look up this many links. Usually a link takes one, of two pages;
 * a hostile index may have many pages of one key.
 */
#define READS_MAX(links) (8 * (links) + 65536)

static int read_page(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    struct name_check *c = ctx;

    if (c->reads++ > READS_MAX(c->looked_up))
        return err_set(err, ERR_LIMIT, "too many names have one key in the index of names");
    return archive_reader_read(c->reader, bytes, len, at, err);
}

/* A link's target in the index. */
struct target {
    const struct name_row *link;
    struct name_index_place file; /* zeros: not found */
};

static int on_target(void *ctx, const struct name_index_entry *entry, struct err *err)
{
    struct target *target = ctx;

    (void)err;
    if (!name_row_is_target(entry->flags, entry->sha256, target->link))
        return 0;
    target->file = entry->file;
    return 1;
}

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct name_check *c = ctx;
    struct archive_reader *reader = c->reader;
    struct name_row names[NAME_ROW_MAX];
    int count =
        name_reader_row(&c->names, section, text, len, reader->rows->row_at, names, err);
    int i;

    for (i = 0; i < count; i++) {
        struct name_index_entry entry =
            name_row_entry(&names[i], &reader->seek, reader->manifest_at);
        struct target target = { .link = &names[i] };
        struct err why = { 0 };

        if (entry.flags & NAME_INDEX_LINK) {
            c->looked_up++;
            if (name_lookup_find(&c->lookup, names[i].offset, on_target, &target, &why) < 0 &&
                (why.kind == ERR_CANCELLED || why.kind == ERR_SYSTEM)) {
                *err = why;
                return -1;
            } /* a damaged page is found by the second pass */
            entry.file = target.file;
        }
        name_index_add(&c->wanted, &entry);
    }
    return count < 0 ? -1 : c->fn(c->ctx, section, text, len, err);
}

static int wrong(const struct name_check *c, uint64_t at, struct err *err)
{
    return err_set(err, ERR_MISMATCH,
                   "the index of names does not match manifest.json, at offset %llu of the "
                   "archive",
                   (unsigned long long)(c->reader->locator.names_at + at));
}

/* A page, and the values in its header. */
struct index_page {
    unsigned char bytes[NAME_INDEX_PAGE];
    struct name_index_page head;
};

static int load(struct name_check *c, uint32_t number, struct index_page *page, struct err *err)
{
    uint64_t at = NAME_INDEX_HEAD + (uint64_t)number * NAME_INDEX_PAGE;

    return archive_reader_go_on(c->reader, err) < 0 ||
                   archive_reader_read(c->reader, page->bytes, NAME_INDEX_PAGE,
                                       c->reader->locator.names_at + at, err) < 0
               ? -1
               : name_index_open(page->bytes, number, c->lookup.pages, &page->head, err);
}

/* The state of reading the pages in order. */
struct walk {
    struct name_index_entry last; /* of the entries so far */
    uint32_t number;
    unsigned last_count; /* of the page before */
    bool last_more;
};

/* Check a page, add its entries to the sum, and check the page before by its first entry. */
static int check_page(struct name_check *c, struct walk *w, const struct index_page *page,
                      struct err *err)
{
    unsigned char again[NAME_INDEX_PAGE] = { 0 };
    uint64_t at = NAME_INDEX_HEAD + (uint64_t)w->number * NAME_INDEX_PAGE;
    uint32_t pages = c->lookup.pages;
    bool more = false;
    unsigned i;

    for (i = 0; i < page->head.count; i++) {
        struct name_index_entry entry;

        name_index_get(page->bytes, i, &entry);
        if (name_index_home(entry.key, pages) > w->number ||
            (c->found.count && name_index_compare(&w->last, &entry) >= 0))
            return wrong(c, at, err);
        if (!i)
            more = w->number && name_index_home(entry.key, pages) < w->number;
        name_index_add(&c->found, &entry);
        name_index_set(again, i, &entry);
        w->last = entry;
    }
    name_index_seal(again, w->number, pages, &page->head);
    if (memcmp(again, page->bytes, sizeof(again)) != 0 ||
        page->head.missing != c->names.missing)
        return wrong(c, at, err);
    if (w->number && (w->last_more != more || (more && w->last_count < NAME_INDEX_ENTRIES)))
        return wrong(c, at - NAME_INDEX_PAGE, err);
    w->last_count = page->head.count;
    w->last_more = page->head.more;
    w->number++;
    return 0;
}

/* Count the entries for which an index of this many pages lacks room: 0 and *left, or -1. */
static int overflow(struct name_check *c, uint32_t pages, uint64_t *left, struct err *err)
{
    struct index_page page;
    uint64_t in = 0; /* entries in page p */
    uint32_t p = 0;
    uint32_t number;
    unsigned i;

    *left = 0;
    for (number = 0; number < c->lookup.pages; number++) {
        if (load(c, number, &page, err) < 0)
            return -1;
        for (i = 0; i < page.head.count; i++) {
            struct name_index_entry entry;
            uint32_t home;

            name_index_get(page.bytes, i, &entry);
            home = name_index_home(entry.key, pages);
            if (p < home || in == NAME_INDEX_ENTRIES) {
                p = p < home ? home : p + 1;
                in = 0;
            }
            in++;
            *left += p >= pages;
        }
    }
    return 0;
}

/* Check that the index has as many pages as its entries need, by the rule of name_list. */
static int check_size(struct name_check *c, struct err *err)
{
    uint32_t pages = name_index_pages(c->found.count);
    uint64_t left = 1;

    while (left && pages < c->lookup.pages) {
        if (overflow(c, pages, &left, err) < 0)
            return -1;
        pages += left ? (uint32_t)(left / NAME_INDEX_ENTRIES + 1) : 0;
    }
    return pages == c->lookup.pages ? 0 : wrong(c, 0, err);
}

static int compare(struct name_check *c, struct err *err)
{
    unsigned char head[NAME_INDEX_HEAD];
    unsigned char there[NAME_INDEX_HEAD];
    struct walk walk = { 0 };
    struct index_page page;

    name_index_head(head, c->lookup.pages);
    if (archive_reader_read(c->reader, there, sizeof(there), c->reader->locator.names_at, err) <
        0)
        return -1;
    if (memcmp(head, there, sizeof(head)) != 0)
        return wrong(c, 0, err);
    while (walk.number < c->lookup.pages) {
        if (load(c, walk.number, &page, err) < 0 || check_page(c, &walk, &page, err) < 0)
            return -1;
    }
    if (walk.last_more)
        return wrong(c, 0, err);
    if (c->found.count != c->wanted.count || c->found.low != c->wanted.low ||
        c->found.high != c->wanted.high)
        return c->found.count == c->wanted.count
                   ? err_set(err, ERR_MISMATCH,
                             "the index of names does not match manifest.json: it has other "
                             "names, places or digests")
                   : err_set(err, ERR_MISMATCH,
                             "the index of names does not match manifest.json: it has %llu "
                             "name%s, manifest.json %llu",
                             (unsigned long long)c->found.count, text_plural(c->found.count),
                             (unsigned long long)c->wanted.count);
    return check_size(c, err);
}

/* Set up the check. Returns whether the index has a possible size; else err says so. */
static bool begin(struct name_check *c, struct err *err)
{
    const struct seek_locator *l = &c->reader->locator;
    uint64_t size = l->names_size > NAME_INDEX_HEAD ? l->names_size - NAME_INDEX_HEAD : 0;

    if (!size || size % NAME_INDEX_PAGE || size / NAME_INDEX_PAGE > UINT32_MAX) {
        (void)err_set(err, ERR_MISMATCH, "invalid size of the index of names: %llu",
                      (unsigned long long)l->names_size);
        return false;
    }
    if (getrandom(&c->wanted.seed, sizeof(c->wanted.seed), GRND_NONBLOCK) < 0)
        c->wanted.seed = (uintptr_t)c; /* no random numbers yet: the machine just started */
    c->found.seed = c->wanted.seed;
    c->lookup = (struct name_lookup){ .read = read_page,
                                      .ctx = c,
                                      .end = l->names_at,
                                      .pages = (uint32_t)(size / NAME_INDEX_PAGE) };
    return true;
}

int name_check_scan(struct archive_reader *reader, manifest_read_fn *fn, void *ctx,
                    struct manifest_digests *digests, struct err *wrong_index, struct err *err)
{
    struct name_check c = { .reader = reader, .fn = fn, .ctx = ctx };
    int rc;

    if (!reader->indexed || !reader->locator.names_size || !begin(&c, wrong_index))
        return manifest_scan(reader, fn, ctx, digests, err);
    rc = manifest_scan(reader, on_row, &c, digests, err);
    if (rc == 0 && compare(&c, wrong_index) < 0 && wrong_index->kind != ERR_MISMATCH &&
        wrong_index->kind != ERR_FORMAT) {
        *err = *wrong_index;
        rc = -1;
    }
    name_reader_clear(&c.names);
    return rc;
}
