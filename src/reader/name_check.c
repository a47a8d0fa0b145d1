/* SPDX-License-Identifier: MIT */
#include "reader/name_check.h"

#include "index/name_index.h"
#include "index/name_list.h"

#include <string.h>

struct name_check {
    struct archive_reader *reader;
    struct name_list *list;
    manifest_read_fn *fn;
    void *ctx;
    uint64_t at; /* compared so far, as an offset in the archive */
};

static int on_row(void *ctx, enum manifest_read_section section, const char *text, size_t len,
                  struct err *err)
{
    struct name_check *c = ctx;

    if (name_list_add(c->list, section, text, len, c->reader->rows->row_at, err) < 0)
        return -1;
    return c->fn(c->ctx, section, text, len, err);
}

/* Compare the next bytes; a put_fn. */
static int put_compare(void *ctx, const void *bytes, size_t len, struct err *err)
{
    struct name_check *c = ctx;
    unsigned char page[NAME_INDEX_PAGE];

    if (len > sizeof(page))
        return err_set(err, ERR_LIMIT, "a page of the index of names is too large");
    if (archive_reader_go_on(c->reader, err) < 0 ||
        archive_reader_read(c->reader, page, len, c->at, err) < 0)
        return -1;
    if (memcmp(page, bytes, len) != 0)
        return err_set(err, ERR_MISMATCH,
                       "the index of names does not match manifest.json, at offset %llu of the "
                       "archive",
                       (unsigned long long)c->at);
    c->at += len;
    return 0;
}

static int compare(struct name_check *c, struct err *err)
{
    const struct seek_locator *l = &c->reader->locator;

    c->at = l->names_at;
    if (name_list_sort(c->list, err) < 0)
        return -1;
    if (name_list_size(c->list) != l->names_size)
        return err_set(
            err, ERR_MISMATCH, "size of the index of names: %llu, but %llu by the manifest",
            (unsigned long long)l->names_size, (unsigned long long)name_list_size(c->list));
    return name_list_put(c->list, &c->reader->seek, c->reader->manifest_at, put_compare, c,
                         err);
}

int name_check_scan(struct archive_reader *reader, manifest_read_fn *fn, void *ctx,
                    struct manifest_digests *digests, struct err *wrong, struct err *err)
{
    struct name_check c = { .reader = reader, .fn = fn, .ctx = ctx };
    int rc;

    if (!reader->indexed || !reader->locator.names_size)
        return manifest_scan(reader, fn, ctx, digests, err);
    c.list = name_list_new(err);
    rc = c.list ? manifest_scan(reader, on_row, &c, digests, err) : -1;
    if (rc == 0 && compare(&c, wrong) < 0 && wrong->kind != ERR_MISMATCH) {
        *err = *wrong;
        rc = -1;
    }
    name_list_free(c.list);
    return rc;
}
