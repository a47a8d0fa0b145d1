/* SPDX-License-Identifier: MIT */
#include "reader/inventory.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"
#include "reader/string_pool.h"

#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

/*
 * Rows and texts are stored in pieces that are never moved, to avoid over-allocation; the index
 * is an array of row numbers. A row's path consists of a folder, which many rows share, and a
 * file name. The artifact's ID usually is a part of the file name, and then stored as an offset
 * in it.
 */
#define PIECE_ROWS  4096
#define PIECE_TEXT  65536 /* position of a text: piece * PIECE_TEXT + offset, in 32 bits */
#define PIECES_MAX  65535
#define TYPES_MAX   65535
#define FOLDERS_MAX ((size_t)1 << 26)
#define NONE16      UINT16_MAX
#define SLOTS_FIRST 1024
#define ID_MAX      255
#define SCRATCH     ((size_t)256 << 10) /* bytes of rows parsed into one region */

enum { IS_DOCUMENT = 1, IS_LINK = 2 };

struct row {
    uint8_t sha256[SHA256_SIZE];
    uint64_t size;
    uint64_t offset;
    uint32_t frame;
    uint32_t hash; /* hash of the path */
    uint32_t folder;
    uint32_t text; /* file name; then the artifact's ID, if not part of it */
    uint32_t run;
    uint32_t first; /* hash of duplicate_of */
    uint32_t target;
    uint16_t type;
    uint16_t media;
    uint16_t id_at; /* offset from text */
    uint8_t id_len;
    uint8_t marks;
    uint8_t is;
};

struct inventory {
    uint64_t max;
    uint64_t memory; /* of rows and texts; string pools count their own */
    uint64_t seed;
    struct row **rows;
    size_t row_pieces;
    size_t row_cap;
    uint32_t count;
    char **texts;
    size_t text_pieces;
    size_t text_cap;
    size_t text_used; /* bytes used in the last piece */
    uint32_t *slots;
    size_t size; /* number of slots: a power of two, or 0 */
    struct string_pool folders;
    struct string_pool runs;
    struct string_pool types; /* artifact types and media types */
    struct region *scratch;
    size_t scratch_used;
};

_Static_assert(sizeof(struct row) + 2 * sizeof(uint32_t) + 8 <= INVENTORY_ROW_COST,
               "INVENTORY_ROW_COST");

struct inventory *inventory_new(uint64_t memory, struct err *err)
{
    struct inventory *r = mem_new(sizeof(*r), err);

    if (!r)
        return NULL;
    r->max = memory ? memory : INVENTORY_MEMORY_MAX;
    if (getrandom(&r->seed, sizeof(r->seed), GRND_NONBLOCK) < 0)
        r->seed = clock_mono();
    if (string_pool_init(&r->folders, r->seed, err) == 0 &&
        string_pool_init(&r->runs, r->seed, err) == 0 &&
        string_pool_init(&r->types, r->seed, err) == 0)
        return r;
    inventory_free(r);
    return NULL;
}

void inventory_free(struct inventory *r)
{
    if (!r)
        return;
    while (r->row_pieces)
        mem_free(r->rows[--r->row_pieces]);
    while (r->text_pieces)
        mem_free(r->texts[--r->text_pieces]);
    mem_free(r->rows);
    mem_free(r->texts);
    mem_free(r->slots);
    string_pool_clear(&r->folders);
    string_pool_clear(&r->runs);
    string_pool_clear(&r->types);
    region_free(r->scratch);
    mem_free(r);
}

static struct row *row_at(const struct inventory *r, uint32_t number)
{
    return &r->rows[number / PIECE_ROWS][number % PIECE_ROWS];
}

static const char *text_at(const struct inventory *r, uint32_t place)
{
    return r->texts[place / PIECE_TEXT] + place % PIECE_TEXT;
}

static uint32_t hash_of(const struct inventory *r, const char *path)
{
    return (uint32_t)XXH3_64bits_withSeed(path, strlen(path), r->seed);
}

/* The length of a path's folder, including the last slash. */
static size_t folder_len(const char *path)
{
    return (size_t)(path_base(path) - path);
}

/* The slot of a path, or the empty slot where it would be inserted. */
static uint32_t *slot_of(const struct inventory *r, uint32_t hash, uint32_t folder,
                         const char *name)
{
    size_t i = hash & (r->size - 1);

    while (r->slots[i] != INVENTORY_NONE) {
        const struct row *row = row_at(r, r->slots[i]);

        if (row->hash == hash && row->folder == folder &&
            strcmp(text_at(r, row->text), name) == 0)
            break;
        i = (i + 1) & (r->size - 1);
    }
    return &r->slots[i];
}

/* Grow the index, so that a third of the slots stay empty. */
static int grow(struct inventory *r, struct err *err)
{
    size_t size = r->size ? r->size * 2 : SLOTS_FIRST;
    uint32_t *slots;
    uint32_t i;

    if ((size_t)r->count * 3 < r->size * 2)
        return 0;
    slots = mem_array(size, sizeof(*slots), err);
    if (!slots)
        return -1;
    memset(slots, 0xff, size * sizeof(*slots));
    for (i = 0; i < r->count; i++) {
        size_t k = row_at(r, i)->hash & (size - 1);

        while (slots[k] != INVENTORY_NONE)
            k = (k + 1) & (size - 1);
        slots[k] = i;
    }
    mem_free(r->slots);
    r->slots = slots;
    r->size = size;
    return 0;
}

/* Allocate the next row, zeroed; it becomes valid when count is incremented. */
static struct row *new_row(struct inventory *r, struct err *err)
{
    if (r->count / PIECE_ROWS == r->row_pieces) {
        if (mem_room(&r->rows, &r->row_cap, r->row_pieces, sizeof(struct row *), PIECES_MAX,
                     err) < 0)
            return NULL;
        r->rows[r->row_pieces] = mem_array(PIECE_ROWS, sizeof(struct row), err);
        if (!r->rows[r->row_pieces])
            return NULL;
        r->row_pieces++;
    }
    return row_at(r, r->count);
}

/* Allocate size bytes for a text (less than a piece); *place gets its position. */
static char *new_text(struct inventory *r, size_t size, uint32_t *place, struct err *err)
{
    char *text;

    if (!r->text_pieces || PIECE_TEXT - r->text_used < size) {
        if (mem_room(&r->texts, &r->text_cap, r->text_pieces, sizeof(char *), PIECES_MAX, err) <
            0)
            return NULL;
        r->texts[r->text_pieces] = mem_new(PIECE_TEXT, err);
        if (!r->texts[r->text_pieces])
            return NULL;
        r->text_pieces++;
        r->text_used = 0;
    }
    *place = (uint32_t)((r->text_pieces - 1) * PIECE_TEXT + r->text_used);
    text = r->texts[r->text_pieces - 1] + r->text_used;
    r->text_used += size;
    return text;
}

/* Store a row's file name and its artifact's ID. */
static int set_name(struct inventory *r, struct row *row, const char *name, const char *id,
                    struct err *err)
{
    size_t len = strlen(name);
    size_t id_len = id ? strnlen(id, ID_MAX) : 0;
    const char *in = id_len ? memmem(name, len, id, id_len) : NULL;
    size_t size = len + 1 + (in ? 0 : id_len);
    char *text = new_text(r, size, &row->text, err);

    if (!text)
        return -1;
    memcpy(text, name, len + 1);
    if (!in && id_len)
        memcpy(text + len + 1, id, id_len);
    row->id_at = (uint16_t)(in ? (size_t)(in - name) : len + 1);
    row->id_len = (uint8_t)id_len;
    r->memory += size;
    return 0;
}

/* Store a type's number in 16 bits; NONE16 for NULL. */
static int set_type(struct inventory *r, uint16_t *out, const char *text, struct err *err)
{
    uint32_t number = text ? string_pool_add(&r->types, text, strlen(text), TYPES_MAX, err)
                           : STRING_POOL_NONE;

    *out = number == STRING_POOL_NONE ? NONE16 : (uint16_t)number;
    return text && number == STRING_POOL_NONE ? -1 : 0;
}

static int check_memory(const struct inventory *r, struct err *err)
{
    uint64_t used = r->memory + (uint64_t)r->count * INVENTORY_ROW_COST + r->folders.memory +
                    r->runs.memory + r->types.memory;

    return used <= r->max
               ? 0
               : err_set(err, ERR_LIMIT,
                         "the manifest has too many rows for %llu MiB of memory: "
                         "%lu rows read",
                         (unsigned long long)(r->max >> 20), (unsigned long)r->count);
}

/* Add a row with its path, size, digest and ID. */
static struct row *add(struct inventory *r, const char *path, uint64_t size,
                       const uint8_t sha256[SHA256_SIZE], const char *id, struct err *err)
{
    size_t dir = folder_len(path);
    struct row *row;
    uint32_t *slot;

    if (check_memory(r, err) < 0 || grow(r, err) < 0 || !(row = new_row(r, err)))
        return NULL;
    *row = (struct row){ .size = size, .offset = MANIFEST_READ_NONE, .target = INVENTORY_NONE };
    memcpy(row->sha256, sha256, SHA256_SIZE);
    row->frame = INVENTORY_NONE;
    row->run = STRING_POOL_NONE;
    row->type = row->media = NONE16;
    row->hash = hash_of(r, path);
    row->folder = string_pool_add(&r->folders, path, dir, FOLDERS_MAX, err);
    if (row->folder == STRING_POOL_NONE)
        return NULL;
    slot = slot_of(r, row->hash, row->folder, path + dir);
    if (*slot != INVENTORY_NONE) {
        (void)err_set(err, ERR_FORMAT, "duplicate path '%.200s' in the manifest", path);
        return NULL;
    }
    if (set_name(r, row, path + dir, id, err) < 0)
        return NULL;
    *slot = r->count++;
    return row;
}

static int refuse(const char *path, const char *why, struct err *err)
{
    return err_set(err, ERR_FORMAT, "invalid path '%.200s' in the manifest: %s", path, why);
}

static int add_artifact(struct inventory *r, const char *text, size_t len, struct err *err)
{
    struct manifest_read_artifact a;
    const char *why;
    struct row *row;

    if (manifest_read_artifact(&a, text, len, r->scratch, err) < 0)
        return -1;
    why = safe_name_not_payload(a.path);
    if (why)
        return refuse(a.path, why, err);
    row = add(r, a.path, a.size, a.sha256, a.artifact_id, err);
    if (!row)
        return -1;
    row->is = a.link ? IS_LINK : 0;
    row->offset = a.offset;
    row->frame = a.frame < INVENTORY_NONE ? (uint32_t)a.frame : INVENTORY_NONE;
    row->first = a.duplicate_of ? hash_of(r, a.duplicate_of) : 0;
    row->run = string_pool_add(&r->runs, a.run_id, strlen(a.run_id), FOLDERS_MAX, err);
    if (row->run == STRING_POOL_NONE || set_type(r, &row->type, a.artifact_type, err) < 0)
        return -1;
    return set_type(r, &row->media, a.media_type, err);
}

/* Add a document, which is below data/ or in the top directory. */
static int add_document(struct inventory *r, const char *text, size_t len, struct err *err)
{
    struct manifest_read_name doc;
    const char *why;
    struct row *row;

    if (manifest_read_name(&doc, MANIFEST_READ_DOCUMENTS, text, len, r->scratch, err) < 0)
        return -1;
    why = strchr(doc.name, '/') ? safe_name_not_payload(doc.name) : safe_name_refused(doc.name);
    if (why)
        return refuse(doc.name, why, err);
    row = add(r, doc.name, doc.size, doc.sha256, NULL, err);
    if (!row)
        return -1;
    row->is = IS_DOCUMENT;
    return 0;
}

int inventory_add(struct inventory *r, enum manifest_read_section section, const char *text,
                  size_t len, struct err *err)
{
    if (section != MANIFEST_READ_ARTIFACTS && section != MANIFEST_READ_DOCUMENTS)
        return 0;
    if (!r->scratch || r->scratch_used > SCRATCH) {
        region_free(r->scratch);
        r->scratch_used = 0;
        r->scratch = region_new(err);
        if (!r->scratch)
            return -1;
    }
    r->scratch_used += len;
    return section == MANIFEST_READ_ARTIFACTS ? add_artifact(r, text, len, err)
                                              : add_document(r, text, len, err);
}

uint32_t inventory_count(const struct inventory *r)
{
    return r->count;
}

uint32_t inventory_find(const struct inventory *r, const char *path)
{
    size_t dir = folder_len(path);
    uint32_t folder = string_pool_find(&r->folders, path, dir);

    return folder == STRING_POOL_NONE ? INVENTORY_NONE
                                      : *slot_of(r, hash_of(r, path), folder, path + dir);
}

static const char *type_text(const struct inventory *r, uint16_t number)
{
    return string_pool_get(&r->types, number == NONE16 ? STRING_POOL_NONE : number);
}

void inventory_get(const struct inventory *r, uint32_t number, struct inventory_row *out)
{
    const struct row *row = row_at(r, number);

    *out = (struct inventory_row){ .sha256 = row->sha256,
                                   .size = row->size,
                                   .offset = row->offset,
                                   .frame = row->frame == INVENTORY_NONE ? MANIFEST_READ_NONE
                                                                         : row->frame,
                                   .run_id = string_pool_get(&r->runs, row->run),
                                   .artifact_type = type_text(r, row->type),
                                   .media_type = type_text(r, row->media),
                                   .document = row->is & IS_DOCUMENT,
                                   .link = row->is & IS_LINK };
}

const char *inventory_path(const struct inventory *r, uint32_t number,
                           char out[SAFE_NAME_PATH_MAX + 1])
{
    const struct row *row = row_at(r, number);
    const char *folder = string_pool_get(&r->folders, row->folder);
    const char *name = text_at(r, row->text);
    size_t len = strlen(folder);

    memcpy(out, folder, len); /* safe_name_refused has checked the length of the path */
    memcpy(out + len, name, strlen(name) + 1);
    return out;
}

const char *inventory_id(const struct inventory *r, uint32_t number, char out[256])
{
    const struct row *row = row_at(r, number);

    if (!row->id_len)
        return NULL;
    memcpy(out, text_at(r, row->text) + row->id_at, row->id_len);
    out[row->id_len] = '\0';
    return out;
}

unsigned inventory_marks(const struct inventory *r, uint32_t number)
{
    return row_at(r, number)->marks;
}

void inventory_mark(struct inventory *r, uint32_t number, unsigned marks)
{
    row_at(r, number)->marks |= (uint8_t)marks;
}

void inventory_set_target(struct inventory *r, uint32_t number, uint32_t target)
{
    row_at(r, number)->target = target;
}

uint32_t inventory_target(const struct inventory *r, uint32_t number)
{
    return row_at(r, number)->target;
}

bool inventory_is_duplicate(const struct inventory *r, uint32_t number, uint32_t target)
{
    return row_at(r, number)->first == row_at(r, target)->hash;
}

uint8_t *inventory_starts(const struct inventory *r, const struct seek *seek, struct err *err)
{
    uint8_t *bits = mem_new(seek->count / 8 + 1, err);
    uint32_t i;

    for (i = 0; bits && i < r->count; i++) {
        uint64_t offset = row_at(r, i)->offset;
        uint64_t coded;
        uint64_t plain;
        size_t frame = seek_find(seek, offset, &coded, &plain);

        if (frame < seek->count && plain == offset)
            bits[frame / 8] |= (uint8_t)(1U << frame % 8);
    }
    return bits;
}
