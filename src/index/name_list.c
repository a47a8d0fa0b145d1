/* SPDX-License-Identifier: MIT */
#include "index/name_list.h"

#include "base/mem.h"
#include "index/name_index.h"

#include <stdlib.h>
#include <string.h>

/*
 * Names are stored in pieces, which are never moved, so that growing costs no second copy; they
 * are sorted by an array of their numbers.
 */
#define PIECE     4096
#define PIECES    ((size_t)1 << 14) /* 67 million names */
#define NAMES_MAX (PIECE * PIECES)
#define FULL      57                  /* names of an average page */
#define SCRATCH   ((size_t)256 << 10) /* bytes of rows parsed into one region */
#define HEAD      8                   /* of a skippable frame */

struct name {
    uint64_t key;
    uint64_t offset; /* of the tar header; of a link: its target's key */
    uint64_t row_at; /* in manifest.json */
    uint8_t sha256[NAME_INDEX_DIGEST];
    uint32_t path;
    uint32_t row; /* its length, and the flags above it */
};

#define ROW_BITS 28

_Static_assert(MANIFEST_READ_ROW_MAX < 1U << ROW_BITS, "ROW_BITS");

struct name_list {
    struct name **pieces;
    size_t piece_count;
    size_t piece_cap;
    size_t count;
    uint32_t *order; /* the numbers of the names, sorted */
    uint32_t pages;
    uint32_t missing;
    struct region *scratch;
    size_t scratch_used;
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
    region_free(list->scratch);
    mem_free(list);
}

static struct name *name_at(const struct name_list *list, uint32_t number)
{
    return &list->pieces[number / PIECE][number % PIECE];
}

static unsigned flags_of(const struct name *name)
{
    return name->row >> ROW_BITS;
}

static int add(struct name_list *list, const struct name *name, struct err *err)
{
    if (list->count / PIECE == list->piece_count) {
        if (mem_room(&list->pieces, &list->piece_cap, list->piece_count, sizeof(struct name *),
                     PIECES, err) < 0)
            return -1;
        list->pieces[list->piece_count] = mem_array(PIECE, sizeof(struct name), err);
        if (!list->pieces[list->piece_count])
            return -1;
        list->piece_count++;
    }
    *name_at(list, (uint32_t)list->count++) = *name;
    return 0;
}

static uint64_t key_of_path(const char *path)
{
    size_t len;
    const char *token = name_index_token(path, &len);

    return name_index_key(token, len);
}

/* Add an artifact: by its path, and by its ID unless the path has it. */
static int add_artifact(struct name_list *list, const struct manifest_read_artifact *a,
                        size_t len, uint64_t at, struct err *err)
{
    size_t n;
    const char *token = name_index_token(a->path, &n);
    bool same =
        a->artifact_id && strlen(a->artifact_id) == n && memcmp(a->artifact_id, token, n) == 0;
    bool link = a->link && a->duplicate_of;
    unsigned is = link ? NAME_INDEX_LINK : 0;
    struct name name = { .key = name_index_key(token, n),
                         .offset = link ? key_of_path(a->duplicate_of) : a->offset,
                         .row_at = at,
                         .path = name_index_path(a->path) };

    if (a->offset == MANIFEST_READ_NONE || (a->link && !a->duplicate_of))
        return 0;
    memcpy(name.sha256, a->sha256, NAME_INDEX_DIGEST);
    name.row = (uint32_t)len | (is | NAME_INDEX_BY_PATH | (same ? NAME_INDEX_BY_ID : 0U))
                                   << ROW_BITS;
    if (add(list, &name, err) < 0)
        return -1;
    if (same || !a->artifact_id)
        return 0;
    name.key = name_index_key(a->artifact_id, strlen(a->artifact_id));
    name.row = (uint32_t)len | (is | NAME_INDEX_BY_ID) << ROW_BITS;
    return add(list, &name, err);
}

int name_list_add(struct name_list *list, enum manifest_read_section section, const char *text,
                  size_t len, uint64_t at, struct err *err)
{
    struct manifest_read_artifact a;

    if (section == MANIFEST_READ_MISSING && list->missing < UINT32_MAX)
        list->missing++;
    if (section != MANIFEST_READ_ARTIFACTS)
        return 0;
    if (!list->scratch || list->scratch_used > SCRATCH) {
        region_free(list->scratch);
        list->scratch_used = 0;
        list->scratch = region_new(err);
        if (!list->scratch)
            return -1;
    }
    list->scratch_used += len;
    if (manifest_read_artifact(&a, text, len, list->scratch, err) < 0)
        return -1;
    return add_artifact(list, &a, len, at, err);
}

/* By key; the names of one key in the order of the manifest. */
static int compare(const void *a_in, const void *b_in, void *list)
{
    const struct name *a = name_at(list, *(const uint32_t *)a_in);
    const struct name *b = name_at(list, *(const uint32_t *)b_in);

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
static const struct name *target_of(const struct name_list *list, const struct name *link)
{
    size_t i;

    for (i = find(list, link->offset); i < list->count; i++) {
        const struct name *name = name_at(list, list->order[i]);

        if (name->key != link->offset)
            break;
        if ((flags_of(name) & (NAME_INDEX_BY_PATH | NAME_INDEX_LINK)) == NAME_INDEX_BY_PATH &&
            memcmp(name->sha256, link->sha256, NAME_INDEX_DIGEST) == 0)
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
    list->pages = (uint32_t)(list->count / FULL + 1);
    while ((left = overflow(list, list->pages)) > 0)
        list->pages += (uint32_t)(left / NAME_INDEX_ENTRIES + 1);
    return 0;
}

uint64_t name_list_size(const struct name_list *list)
{
    return list->pages ? HEAD + (uint64_t)list->pages * NAME_INDEX_PAGE : 0;
}

/* The place of a byte of the tar stream; zeros if no frame has it. */
static struct name_index_place place_of(const struct seek *seek, uint64_t at)
{
    struct name_index_place place = { 0 };
    uint64_t plain;
    size_t frame = seek_find(seek, at, &place.frame_at, &plain);

    if (frame == seek->count)
        return (struct name_index_place){ 0 };
    place.frame_len = seek->rows[frame].coded;
    place.within = (uint32_t)(at - plain);
    return place;
}

static void set(const struct name_list *list, const struct name *name, const struct seek *seek,
                uint64_t manifest_at, unsigned char page[NAME_INDEX_PAGE], unsigned i)
{
    bool link = flags_of(name) & NAME_INDEX_LINK;
    const struct name *file = link ? target_of(list, name) : name;
    struct name_index_entry entry = { .key = name->key,
                                      .row = place_of(seek, manifest_at + name->row_at),
                                      .row_len = name->row & ((1U << ROW_BITS) - 1),
                                      .path = name->path,
                                      .flags = flags_of(name) };

    if (file)
        entry.file = place_of(seek, file->offset);
    memcpy(entry.sha256, name->sha256, NAME_INDEX_DIGEST);
    name_index_set(page, i, &entry);
}

static int put_head(const struct name_list *list, put_fn *put, void *ctx, struct err *err)
{
    uint64_t size = name_list_size(list) - HEAD;
    unsigned char head[HEAD];
    unsigned i;

    for (i = 0; i < 4; i++) {
        head[i] = (unsigned char)(SEEK_SKIPPABLE_NAMES >> (8 * i));
        head[i + 4] = (unsigned char)(size >> (8 * i));
    }
    return put(ctx, head, sizeof(head), err);
}

int name_list_put(const struct name_list *list, const struct seek *seek, uint64_t manifest_at,
                  put_fn *put, void *ctx, struct err *err)
{
    unsigned char page[NAME_INDEX_PAGE];
    size_t i = 0;
    uint32_t p;

    if (!list->pages)
        return 0;
    if (put_head(list, put, ctx, err) < 0)
        return -1;
    for (p = 0; p < list->pages; p++) {
        struct name_index_page head = { .missing = list->missing,
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
