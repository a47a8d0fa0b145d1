/* SPDX-License-Identifier: MIT */
#include "index/name_list.h"

#include "base/mem.h"
#include "index/name_index.h"
#include "index/name_row.h"

#include <stdlib.h>
#include <string.h>

/*
 * Names are stored in pieces, which are never moved, so that growing costs no second copy; they
 * are sorted by an array of their numbers.
 */
#define PIECE  4096
#define PIECES ((size_t)1 << 14) /* 67 million names */

struct name_list {
    struct name_row **pieces;
    size_t piece_count;
    size_t piece_cap;
    size_t count;
    uint32_t *order; /* the numbers of the names, sorted */
    uint32_t pages;
    struct name_reader reader;
};

struct name_list *name_list_new(struct err *err)
{
    return mem_new(sizeof(struct name_list), err);
}

void name_list_free(struct name_list *list)
{
    if (!list)
        return;
    while (list->piece_count)
        mem_free(list->pieces[--list->piece_count]);
    mem_free(list->pieces);
    mem_free(list->order);
    name_reader_clear(&list->reader);
    mem_free(list);
}

static struct name_row *name_at(const struct name_list *list, uint32_t number)
{
    return &list->pieces[number / PIECE][number % PIECE];
}

static int add(struct name_list *list, const struct name_row *name, struct err *err)
{
    if (list->count / PIECE == list->piece_count) {
        if (mem_room(&list->pieces, &list->piece_cap, list->piece_count,
                     sizeof(struct name_row *), PIECES, err) < 0)
            return -1;
        list->pieces[list->piece_count] = mem_array(PIECE, sizeof(struct name_row), err);
        if (!list->pieces[list->piece_count])
            return -1;
        list->piece_count++;
    }
    *name_at(list, (uint32_t)list->count++) = *name;
    return 0;
}

int name_list_add(struct name_list *list, enum manifest_read_section section, const char *text,
                  size_t len, uint64_t at, struct err *err)
{
    struct name_row names[NAME_ROW_MAX];
    int count = name_reader_row(&list->reader, section, text, len, at, names, err);
    int i;

    for (i = 0; i < count; i++) {
        if (add(list, &names[i], err) < 0)
            return -1;
    }
    return count < 0 ? -1 : 0;
}

/* By key; the names of one key in the order of the manifest. */
static int compare(const void *a_in, const void *b_in, void *list)
{
    const struct name_row *a = name_at(list, *(const uint32_t *)a_in);
    const struct name_row *b = name_at(list, *(const uint32_t *)b_in);

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->row_at != b->row_at)
        return a->row_at < b->row_at ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* How many names, from number i on, are in page p. */
static unsigned fill(const struct name_list *list, size_t i, uint32_t p, uint32_t pages)
{
    unsigned n = 0;

    while (n < NAME_INDEX_ENTRIES && i + n < list->count &&
           name_index_home(name_at(list, list->order[i + n])->key, pages) <= p)
        n++;
    return n;
}

/* The names that so many pages have no room for. */
static size_t overflow(const struct name_list *list, uint32_t pages)
{
    size_t i = 0;
    uint32_t p;

    for (p = 0; p < pages; p++)
        i += fill(list, i, p, pages);
    return list->count - i;
}

/* The first name of a key, or the number of names. */
static size_t find(const struct name_list *list, uint64_t key)
{
    size_t low = 0;
    size_t high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (name_at(list, list->order[middle])->key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The name of a link's target: a file with that key and the same content; NULL: none. */
static const struct name_row *target_of(const struct name_list *list,
                                        const struct name_row *link)
{
    size_t i;

    for (i = find(list, link->offset); i < list->count; i++) {
        const struct name_row *name = name_at(list, list->order[i]);

        if (name->key != link->offset)
            break;
        if (name_row_is_target(name_row_flags(name), name->sha256, link))
            return name;
    }
    return NULL;
}

int name_list_sort(struct name_list *list, struct err *err)
{
    size_t left;
    size_t i;

    if (!list->count)
        return 0;
    list->order = mem_array(list->count, sizeof(*list->order), err);
    if (!list->order)
        return -1;
    for (i = 0; i < list->count; i++)
        list->order[i] = (uint32_t)i;
    qsort_r(list->order, list->count, sizeof(*list->order), compare, list);
    list->pages = name_index_pages(list->count);
    while ((left = overflow(list, list->pages)) > 0)
        list->pages += (uint32_t)(left / NAME_INDEX_ENTRIES + 1);
    return 0;
}

uint64_t name_list_size(const struct name_list *list)
{
    return list->pages ? NAME_INDEX_HEAD + (uint64_t)list->pages * NAME_INDEX_PAGE : 0;
}

static void set(const struct name_list *list, const struct name_row *name,
                const struct seek *seek, uint64_t manifest_at,
                unsigned char page[NAME_INDEX_PAGE], unsigned i)
{
    struct name_index_entry entry = name_row_entry(name, seek, manifest_at);
    const struct name_row *file = entry.flags & NAME_INDEX_LINK ? target_of(list, name) : NULL;

    if (file)
        entry.file = name_row_place(seek, file->offset);
    name_index_set(page, i, &entry);
}

int name_list_put(const struct name_list *list, const struct seek *seek, uint64_t manifest_at,
                  put_fn *put, void *ctx, struct err *err)
{
    unsigned char head_bytes[NAME_INDEX_HEAD];
    unsigned char page[NAME_INDEX_PAGE];
    size_t i = 0;
    uint32_t p;

    if (!list->pages)
        return 0;
    name_index_head(head_bytes, list->pages);
    if (put(ctx, head_bytes, sizeof(head_bytes), err) < 0)
        return -1;
    for (p = 0; p < list->pages; p++) {
        struct name_index_page head = { .missing = list->reader.missing,
                                        .count = fill(list, i, p, list->pages) };
        unsigned k;

        memset(page, 0, sizeof(page));
        for (k = 0; k < head.count; k++, i++)
            set(list, name_at(list, list->order[i]), seek, manifest_at, page, k);
        head.more = fill(list, i, p, list->pages) > 0;
        name_index_seal(page, p, list->pages, &head);
        if (put(ctx, page, sizeof(page), err) < 0)
            return -1;
    }
    return 0;
}
