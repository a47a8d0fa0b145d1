/* SPDX-License-Identifier: MIT */
#include "reader/inventory.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"
#include "format/safe_name.h"
#include "format/tagfile.h"
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

#define LEVEL_MAX  22
#define LEVELS_MAX ((size_t)1 << 22) /* frames whose levels are compared: 1 TiB and more */

enum { IS_DOCUMENT = 1, IS_LINK = 2, IS_SELECTED = 4, IS_ODD_LEVEL = 8 };

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
    uint8_t *levels; /* of frames, plus one; 0: not known */
    size_t level_cap;
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
    struct manifest_read_artifact last; /* its strings are in scratch */
};

_Static_assert(sizeof(struct row) + 2 * sizeof(uint32_t) + 8 <= INVENTORY_ROW_COST,
               "INVENTORY_ROW_COST");

struct inventory *inventory_new(uint64_t memory, struct err *err)
{
    struct inventory *inventory = mem_new(sizeof(*inventory), err);

    if (!inventory)
        return NULL;
    inventory->max = memory ? memory : INVENTORY_MEMORY_MAX;
    if (getrandom(&inventory->seed, sizeof(inventory->seed), GRND_NONBLOCK) < 0)
        inventory->seed = clock_mono();
    if (string_pool_init(&inventory->folders, inventory->seed, err) == 0 &&
        string_pool_init(&inventory->runs, inventory->seed, err) == 0 &&
        string_pool_init(&inventory->types, inventory->seed, err) == 0)
        return inventory;
    inventory_free(inventory);
    return NULL;
}

void inventory_free(struct inventory *inventory)
{
    if (!inventory)
        return;
    while (inventory->row_pieces)
        mem_free(inventory->rows[--inventory->row_pieces]);
    while (inventory->text_pieces)
        mem_free(inventory->texts[--inventory->text_pieces]);
    mem_free(inventory->rows);
    mem_free(inventory->texts);
    mem_free(inventory->slots);
    string_pool_clear(&inventory->folders);
    string_pool_clear(&inventory->runs);
    string_pool_clear(&inventory->types);
    region_free(inventory->scratch);
    mem_free(inventory->levels);
    mem_free(inventory);
}

static struct row *row_at(const struct inventory *inventory, uint32_t number)
{
    return &inventory->rows[number / PIECE_ROWS][number % PIECE_ROWS];
}

static const char *text_at(const struct inventory *inventory, uint32_t place)
{
    return inventory->texts[place / PIECE_TEXT] + place % PIECE_TEXT;
}

static uint32_t hash_of(const struct inventory *inventory, const char *path)
{
    return (uint32_t)XXH3_64bits_withSeed(path, strlen(path), inventory->seed);
}

/* The length of a path's folder, including the last slash. */
static size_t folder_len(const char *path)
{
    return (size_t)(path_base(path) - path);
}

/* The slot of a path, or the empty slot where it would be inserted. */
static uint32_t *slot_of(const struct inventory *inventory, uint32_t hash, uint32_t folder,
                         const char *name)
{
    size_t i = hash & (inventory->size - 1);

    while (inventory->slots[i] != INVENTORY_NONE) {
        const struct row *row = row_at(inventory, inventory->slots[i]);

        if (row->hash == hash && row->folder == folder &&
            strcmp(text_at(inventory, row->text), name) == 0)
            break;
        i = (i + 1) & (inventory->size - 1);
    }
    return &inventory->slots[i];
}

/* Grow the index, so that a third of the slots stay empty. */
static int grow(struct inventory *inventory, struct err *err)
{
    size_t size = inventory->size ? inventory->size * 2 : SLOTS_FIRST;
    uint32_t *slots;
    uint32_t i;

    if ((size_t)inventory->count * 3 < inventory->size * 2)
        return 0;
    slots = mem_array(size, sizeof(*slots), err);
    if (!slots)
        return -1;
    memset(slots, 0xff, size * sizeof(*slots));
    for (i = 0; i < inventory->count; i++) {
        size_t k = row_at(inventory, i)->hash & (size - 1);

        while (slots[k] != INVENTORY_NONE)
            k = (k + 1) & (size - 1);
        slots[k] = i;
    }
    mem_free(inventory->slots);
    inventory->slots = slots;
    inventory->size = size;
    return 0;
}

/* Allocate the next row, zeroed; it becomes valid when count is incremented. */
static struct row *new_row(struct inventory *inventory, struct err *err)
{
    if (inventory->count / PIECE_ROWS == inventory->row_pieces) {
        if (mem_room(&inventory->rows, &inventory->row_cap, inventory->row_pieces,
                     sizeof(struct row *), PIECES_MAX, err) < 0)
            return NULL;
        inventory->rows[inventory->row_pieces] = mem_array(PIECE_ROWS, sizeof(struct row), err);
        if (!inventory->rows[inventory->row_pieces])
            return NULL;
        inventory->row_pieces++;
    }
    return row_at(inventory, inventory->count);
}

/* Allocate size bytes for a text (less than a piece); *place gets its position. */
static char *new_text(struct inventory *inventory, size_t size, uint32_t *place,
                      struct err *err)
{
    char *text;

    if (!inventory->text_pieces || PIECE_TEXT - inventory->text_used < size) {
        if (mem_room(&inventory->texts, &inventory->text_cap, inventory->text_pieces,
                     sizeof(char *), PIECES_MAX, err) < 0)
            return NULL;
        inventory->texts[inventory->text_pieces] = mem_new(PIECE_TEXT, err);
        if (!inventory->texts[inventory->text_pieces])
            return NULL;
        inventory->text_pieces++;
        inventory->text_used = 0;
    }
    *place = (uint32_t)((inventory->text_pieces - 1) * PIECE_TEXT + inventory->text_used);
    text = inventory->texts[inventory->text_pieces - 1] + inventory->text_used;
    inventory->text_used += size;
    return text;
}

/* Store a row's file name and its artifact's ID. */
static int set_name(struct inventory *inventory, struct row *row, const char *name,
                    const char *id, struct err *err)
{
    size_t len = strlen(name);
    size_t id_len = id ? strnlen(id, ID_MAX) : 0;
    const char *in = id_len ? memmem(name, len, id, id_len) : NULL;
    size_t size = len + 1 + (in ? 0 : id_len);
    char *text = new_text(inventory, size, &row->text, err);

    if (!text)
        return -1;
    memcpy(text, name, len + 1);
    if (!in && id_len)
        memcpy(text + len + 1, id, id_len);
    row->id_at = (uint16_t)(in ? (size_t)(in - name) : len + 1);
    row->id_len = (uint8_t)id_len;
    inventory->memory += size;
    return 0;
}

/* Store a type's number in 16 bits; NONE16 for NULL. */
static int set_type(struct inventory *inventory, uint16_t *out, const char *text,
                    struct err *err)
{
    uint32_t number =
        text ? string_pool_add(&inventory->types, text, strlen(text), TYPES_MAX, err)
             : STRING_POOL_NONE;

    *out = number == STRING_POOL_NONE ? NONE16 : (uint16_t)number;
    return text && number == STRING_POOL_NONE ? -1 : 0;
}

static int check_memory(const struct inventory *inventory, struct err *err)
{
    uint64_t used = inventory->memory + (uint64_t)inventory->count * INVENTORY_ROW_COST +
                    inventory->folders.memory + inventory->runs.memory +
                    inventory->types.memory;

    return used <= inventory->max
               ? 0
               : err_set(err, ERR_LIMIT,
                         "the manifest has too many rows for %llu MiB of memory: "
                         "%lu rows read",
                         (unsigned long long)(inventory->max >> 20),
                         (unsigned long)inventory->count);
}

/* Add a row with its path, size, digest and ID. */
static struct row *add(struct inventory *inventory, const char *path, uint64_t size,
                       const uint8_t sha256[SHA256_SIZE], const char *id, struct err *err)
{
    size_t dir = folder_len(path);
    struct row *row;
    uint32_t *slot;

    if (check_memory(inventory, err) < 0 || grow(inventory, err) < 0 ||
        !(row = new_row(inventory, err)))
        return NULL;
    *row = (struct row){ .size = size, .offset = MANIFEST_READ_NONE, .target = INVENTORY_NONE };
    memcpy(row->sha256, sha256, SHA256_SIZE);
    row->frame = INVENTORY_NONE;
    row->run = STRING_POOL_NONE;
    row->type = row->media = NONE16;
    row->hash = hash_of(inventory, path);
    row->folder = string_pool_add(&inventory->folders, path, dir, FOLDERS_MAX, err);
    if (row->folder == STRING_POOL_NONE)
        return NULL;
    slot = slot_of(inventory, row->hash, row->folder, path + dir);
    if (*slot != INVENTORY_NONE) {
        (void)err_set(err, ERR_FORMAT, "duplicate path '%.200s' in the manifest", path);
        return NULL;
    }
    if (set_name(inventory, row, path + dir, id, err) < 0)
        return NULL;
    *slot = inventory->count++;
    return row;
}

static int refuse(const char *path, const char *why, struct err *err)
{
    return err_set(err, ERR_FORMAT, "invalid path '%.200s' in the manifest: %s", path, why);
}

/* Compare a row's frame_level with that of others of its frame. */
static int check_level(struct inventory *inventory, struct row *row, uint64_t level,
                       struct err *err)
{
    size_t frame = row->frame;
    uint8_t is = (uint8_t)(level + 1);
    size_t had = inventory->level_cap;

    if (level == MANIFEST_READ_NONE)
        return 0;
    if (level > LEVEL_MAX)
        row->is |= IS_ODD_LEVEL;
    if (level > LEVEL_MAX || frame >= LEVELS_MAX)
        return 0;
    while (frame >= inventory->level_cap) {
        if (mem_room(&inventory->levels, &inventory->level_cap, inventory->level_cap, 1,
                     LEVELS_MAX, err) < 0)
            return -1;
        memset(inventory->levels + had, 0, inventory->level_cap - had);
        had = inventory->level_cap;
    }
    if (inventory->levels[frame] && inventory->levels[frame] != is)
        row->is |= IS_ODD_LEVEL;
    inventory->levels[frame] = is;
    return 0;
}

static int add_artifact(struct inventory *inventory, const char *text, size_t len,
                        struct err *err)
{
    struct manifest_read_artifact a;
    const char *why;
    struct row *row;

    if (manifest_read_artifact(&a, text, len, inventory->scratch, err) < 0)
        return -1;
    why = safe_name_not_payload(a.path);
    if (why)
        return refuse(a.path, why, err);
    row = add(inventory, a.path, a.size, a.sha256, a.artifact_id, err);
    if (!row)
        return -1;
    inventory->last = a;
    row->is = a.link ? IS_LINK : 0;
    row->offset = a.offset;
    row->frame = a.frame < INVENTORY_NONE ? (uint32_t)a.frame : INVENTORY_NONE;
    if (check_level(inventory, row, a.level, err) < 0)
        return -1;
    row->first = a.duplicate_of ? hash_of(inventory, a.duplicate_of) : 0;
    row->run = string_pool_add(&inventory->runs, a.run_id, strlen(a.run_id), FOLDERS_MAX, err);
    if (row->run == STRING_POOL_NONE ||
        set_type(inventory, &row->type, a.artifact_type, err) < 0)
        return -1;
    return set_type(inventory, &row->media, a.media_type, err);
}

/* Add a document, which is below data/, of the view, or in the top directory. */
static int add_document(struct inventory *inventory, const char *text, size_t len,
                        struct err *err)
{
    struct manifest_read_name doc;
    const char *why;
    struct row *row;

    if (manifest_read_name(&doc, MANIFEST_READ_DOCUMENTS, text, len, inventory->scratch, err) <
        0)
        return -1;
    why = strchr(doc.name, '/') && !tagfile_is_view(doc.name) ? safe_name_not_payload(doc.name)
                                                              : safe_name_refused(doc.name);
    if (why)
        return refuse(doc.name, why, err);
    row = add(inventory, doc.name, doc.size, doc.sha256, NULL, err);
    if (!row)
        return -1;
    row->is = IS_DOCUMENT;
    row->offset = doc.offset;
    return 0;
}

int inventory_add(struct inventory *inventory, enum manifest_read_section section,
                  const char *text, size_t len, struct err *err)
{
    if (section != MANIFEST_READ_ARTIFACTS && section != MANIFEST_READ_DOCUMENTS)
        return 0;
    if (!inventory->scratch || inventory->scratch_used > SCRATCH) {
        region_free(inventory->scratch);
        inventory->scratch_used = 0;
        inventory->scratch = region_new(err);
        if (!inventory->scratch)
            return -1;
    }
    inventory->scratch_used += len;
    return section == MANIFEST_READ_ARTIFACTS ? add_artifact(inventory, text, len, err)
                                              : add_document(inventory, text, len, err);
}

const struct manifest_read_artifact *inventory_last(const struct inventory *inventory)
{
    return &inventory->last;
}

void inventory_select(struct inventory *inventory)
{
    row_at(inventory, inventory->count - 1)->is |= IS_SELECTED;
}

uint32_t inventory_count(const struct inventory *inventory)
{
    return inventory->count;
}

uint32_t inventory_find(const struct inventory *inventory, const char *path)
{
    size_t dir = folder_len(path);
    uint32_t folder = string_pool_find(&inventory->folders, path, dir);

    return folder == STRING_POOL_NONE
               ? INVENTORY_NONE
               : *slot_of(inventory, hash_of(inventory, path), folder, path + dir);
}

static const char *type_text(const struct inventory *inventory, uint16_t number)
{
    return string_pool_get(&inventory->types, number == NONE16 ? STRING_POOL_NONE : number);
}

void inventory_get(const struct inventory *inventory, uint32_t number,
                   struct inventory_row *out)
{
    const struct row *row = row_at(inventory, number);

    *out = (struct inventory_row){
        .sha256 = row->sha256,
        .size = row->size,
        .offset = row->offset,
        .frame = row->frame == INVENTORY_NONE ? MANIFEST_READ_NONE : row->frame,
        .run_id = string_pool_get(&inventory->runs, row->run),
        .artifact_type = type_text(inventory, row->type),
        .media_type = type_text(inventory, row->media),
        .document = row->is & IS_DOCUMENT,
        .unplaced = row->is & IS_DOCUMENT && row->offset == MANIFEST_READ_NONE,
        .selected = row->is & IS_SELECTED,
        .odd_level = row->is & IS_ODD_LEVEL,
        .link = row->is & IS_LINK
    };
}

bool inventory_is_at(const struct inventory *inventory, uint32_t number, uint64_t offset)
{
    struct inventory_row row;

    inventory_get(inventory, number, &row);
    return row.unplaced || row.offset == offset;
}

const char *inventory_path(const struct inventory *inventory, uint32_t number,
                           char out[SAFE_NAME_PATH_MAX + 1])
{
    const struct row *row = row_at(inventory, number);
    const char *folder = string_pool_get(&inventory->folders, row->folder);
    const char *name = text_at(inventory, row->text);
    size_t len = strlen(folder);

    memcpy(out, folder, len); /* safe_name_refused has checked the length of the path */
    memcpy(out + len, name, strlen(name) + 1);
    return out;
}

const char *inventory_id(const struct inventory *inventory, uint32_t number, char out[256])
{
    const struct row *row = row_at(inventory, number);

    if (!row->id_len)
        return NULL;
    memcpy(out, text_at(inventory, row->text) + row->id_at, row->id_len);
    out[row->id_len] = '\0';
    return out;
}

/* The documents that a log is compared with. */
struct taking {
    struct inventory *inventory;
    unsigned mark;
};

/* Mark the document of a path, and get its digest. */
static bool take_document(void *ctx, const char *path, uint8_t sha256[SHA256_SIZE])
{
    const struct taking *taking = ctx;
    uint32_t number = inventory_find(taking->inventory, path);
    struct inventory_row row;

    if (number == INVENTORY_NONE)
        return false;
    inventory_get(taking->inventory, number, &row);
    if (row.document) {
        inventory_mark(taking->inventory, number, taking->mark);
        memcpy(sha256, row.sha256, SHA256_SIZE);
    }
    return row.document;
}

int inventory_read_log(struct inventory *inventory, struct entry_reader *entries, uint64_t size,
                       unsigned mark, const struct request_check_opts *opts,
                       uint8_t sha256[SHA256_SIZE], struct err *err)
{
    struct taking taking = { inventory, mark };
    struct request_check_opts own = *opts;
    struct request_check *log;
    int rc;

    own.find = take_document;
    own.find_ctx = &taking;
    log = request_check_new(&own, err);
    rc = log ? entry_reader_copy(entries, size, request_check_put, log, sha256, err) : -1;
    if (rc == 0)
        request_check_end(log);
    request_check_free(log);
    return rc;
}

unsigned inventory_marks(const struct inventory *inventory, uint32_t number)
{
    return row_at(inventory, number)->marks;
}

void inventory_mark(struct inventory *inventory, uint32_t number, unsigned marks)
{
    row_at(inventory, number)->marks |= (uint8_t)marks;
}

void inventory_set_target(struct inventory *inventory, uint32_t number, uint32_t target)
{
    row_at(inventory, number)->target = target;
}

uint32_t inventory_target(const struct inventory *inventory, uint32_t number)
{
    return row_at(inventory, number)->target;
}

bool inventory_is_same(const struct inventory *inventory, uint32_t number, uint32_t other)
{
    const struct row *a = row_at(inventory, number);
    const struct row *b = row_at(inventory, other);

    return a->size == b->size && memcmp(a->sha256, b->sha256, SHA256_SIZE) == 0;
}

bool inventory_is_duplicate(const struct inventory *inventory, uint32_t number, uint32_t target)
{
    return row_at(inventory, number)->first == row_at(inventory, target)->hash;
}

uint8_t *inventory_starts(const struct inventory *inventory, const struct seek *seek,
                          struct err *err)
{
    uint8_t *bits = mem_new(seek->count / 8 + 1, err);
    uint32_t i;

    for (i = 0; bits && i < inventory->count; i++) {
        uint64_t offset = row_at(inventory, i)->offset;
        uint64_t coded;
        uint64_t plain;
        size_t frame = seek_find(seek, offset, &coded, &plain);

        if (frame < seek->count && plain == offset)
            bits[frame / 8] |= (uint8_t)(1U << frame % 8);
    }
    return bits;
}
