/* SPDX-License-Identifier: MIT */
#include "index/name_index.h"

#include "base/buf.h"
#include "base/path.h"
#include "format/seek.h"

#include <string.h>
#include <xxhash.h>

/*
 * A page: the magic, the XXH3-64 of what follows it, the page's number, the number of pages,
 * the number of missing items, of entries, and whether the next page has more; then the
 * entries.
 */
#define AT_SUM     8
#define AT_NUMBER  16
#define AT_PAGES   20
#define AT_MISSING 24
#define AT_COUNT   28
#define AT_MORE    30
#define HEAD       32
#define ENTRY      64

_Static_assert(HEAD + NAME_INDEX_ENTRIES * ENTRY <= NAME_INDEX_PAGE, "NAME_INDEX_ENTRIES");

#define FULL         57                 /* entries of an average page */
#define SPARE(pages) ((pages) / 64 + 1) /* pages that are no key's home, for what overflows */

const char *name_index_token(const char *path, size_t *len)
{
    const char *base = path_base(path);
    const char *bar = strchr(base, '_');
    const char *dot = strrchr(base, '.');

    *len = strlen(path);
    if (!bar || bar == base || (bar[-1] != 'Z' && strncmp(base, "notime_", 7) != 0))
        return path;
    *len = dot && dot > bar ? (size_t)(dot - bar - 1) : strlen(bar + 1);
    return bar + 1;
}

uint64_t name_index_key(const char *token, size_t len)
{
    return XXH3_64bits(token, len);
}

uint32_t name_index_path(const char *path)
{
    return (uint32_t)XXH3_64bits_withSeed(path, strlen(path), 1);
}

uint32_t name_index_home(uint64_t key, uint32_t pages)
{
    uint32_t homes = pages > 1 ? pages - SPARE(pages) : 1;

    return (uint32_t)(((key >> 32) * homes) >> 32);
}

static void set_place(unsigned char *at, const struct name_index_place *place)
{
    buf_put_le(at, place->frame_at, 8);
    buf_put_le(at + 8, place->frame_len, 4);
    buf_put_le(at + 12, place->within, 4);
}

static void get_place(const unsigned char *at, struct name_index_place *out)
{
    out->frame_at = buf_get_le(at, 8);
    out->frame_len = (uint32_t)buf_get_le(at + 8, 4);
    out->within = (uint32_t)buf_get_le(at + 12, 4);
}

void name_index_set(unsigned char page[NAME_INDEX_PAGE], unsigned i,
                    const struct name_index_entry *entry)
{
    unsigned char *at = page + HEAD + (size_t)i * ENTRY;

    buf_put_le(at, entry->key, 8);
    buf_put_le(at + 8, entry->path, 4);
    buf_put_le(at + 12, entry->row_len | (uint64_t)entry->flags << NAME_INDEX_ROW_BITS, 4);
    set_place(at + 16, &entry->file);
    set_place(at + 32, &entry->row);
    memcpy(at + 48, entry->sha256, NAME_INDEX_DIGEST);
}

void name_index_get(const unsigned char page[NAME_INDEX_PAGE], unsigned i,
                    struct name_index_entry *out)
{
    const unsigned char *at = page + HEAD + (size_t)i * ENTRY;
    uint64_t both = buf_get_le(at + 12, 4);

    out->key = buf_get_le(at, 8);
    out->path = (uint32_t)buf_get_le(at + 8, 4);
    out->row_len = (uint32_t)(both & ((1U << NAME_INDEX_ROW_BITS) - 1));
    out->flags = (unsigned)(both >> NAME_INDEX_ROW_BITS);
    get_place(at + 16, &out->file);
    get_place(at + 32, &out->row);
    memcpy(out->sha256, at + 48, NAME_INDEX_DIGEST);
}

uint32_t name_index_pages(uint64_t entries)
{
    return (uint32_t)(entries / FULL + 1);
}

void name_index_head(unsigned char out[NAME_INDEX_HEAD], uint32_t pages)
{
    buf_put_le(out, SEEK_SKIPPABLE_NAMES, 4);
    buf_put_le(out + 4, (uint64_t)pages * NAME_INDEX_PAGE, 4);
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int name_index_compare(const struct name_index_entry *a, const struct name_index_entry *b)
{
    int order = compare_numbers(a->key, b->key);

    if (!order)
        order = compare_numbers(a->row.frame_at, b->row.frame_at);
    if (!order)
        order = compare_numbers(a->row.within, b->row.within);
    return order ? order : compare_numbers(a->flags, b->flags);
}

void name_index_add(struct name_index_sum *sum, const struct name_index_entry *entry)
{
    unsigned char page[NAME_INDEX_PAGE]; /* only the first entry is used */
    XXH128_hash_t hash;

    name_index_set(page, 0, entry);
    hash = XXH3_128bits_withSeed(page + HEAD, ENTRY, sum->seed);
    sum->low += hash.low64;
    sum->high += hash.high64 + (sum->low < hash.low64);
    sum->count++;
}

void name_index_seal(unsigned char page[NAME_INDEX_PAGE], uint32_t number, uint32_t pages,
                     const struct name_index_page *head)
{
    memcpy(page, SEEK_NAMES_MAGIC, AT_SUM);
    buf_put_le(page + AT_NUMBER, number, 4);
    buf_put_le(page + AT_PAGES, pages, 4);
    buf_put_le(page + AT_MISSING, head->missing, 4);
    buf_put_le(page + AT_COUNT, head->count, 2);
    buf_put_le(page + AT_MORE, head->more, 2);
    buf_put_le(page + AT_SUM, XXH3_64bits(page + AT_NUMBER, NAME_INDEX_PAGE - AT_NUMBER), 8);
}

int name_index_open(const unsigned char page[NAME_INDEX_PAGE], uint32_t number, uint32_t pages,
                    struct name_index_page *head, struct err *err)
{
    if (memcmp(page, SEEK_NAMES_MAGIC, AT_SUM) != 0 ||
        buf_get_le(page + AT_NUMBER, 4) != number || buf_get_le(page + AT_PAGES, 4) != pages ||
        buf_get_le(page + AT_COUNT, 2) > NAME_INDEX_ENTRIES ||
        buf_get_le(page + AT_MORE, 2) > 1 ||
        buf_get_le(page + AT_SUM, 8) !=
            XXH3_64bits(page + AT_NUMBER, NAME_INDEX_PAGE - AT_NUMBER))
        return err_set(err, ERR_FORMAT, "page %lu of the index of names is damaged",
                       (unsigned long)number);
    head->missing = (uint32_t)buf_get_le(page + AT_MISSING, 4);
    head->count = (unsigned)buf_get_le(page + AT_COUNT, 2);
    head->more = buf_get_le(page + AT_MORE, 2) != 0;
    return 0;
}
