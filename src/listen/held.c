/* SPDX-License-Identifier: MIT */
#include "listen/held.h"

#include "base/text.h"
#include "catalog/contents.h"

#include <string.h>

/* A copy of an artifact. */
struct copy {
    const struct copy *next; /* an earlier one */
    uint8_t listed[CONTENTS_LISTED];
    uint8_t sha256[SHA256_SIZE];
    bool told; /* listed is set: a digest of what the list said */
};

/* The copies of one artifact. */
struct copies {
    const struct copy *last;
    unsigned count;
};

static struct copies *copies_of(const struct held *held, const char *artifact_id)
{
    return held->rows ? hashmap_get(held->rows, artifact_id, strlen(artifact_id)) : NULL;
}

static struct copies *add_artifact(struct held *held, const char *artifact_id, struct err *err)
{
    struct copies *copies = region_take(held->region, sizeof(*copies), err);

    if (!copies)
        return NULL;
    *copies = (struct copies){ NULL, 0 };
    return hashmap_add(held->rows, artifact_id, strlen(artifact_id), copies, err) < 0 ? NULL
                                                                                      : copies;
}

int held_add(struct held *held, const struct manifest_read_artifact *row, struct err *err)
{
    const struct contents_listing says = { row->checksum, row->modified_at, row->listed_size };
    struct copies *copies;
    struct copy *copy;

    if (!row->artifact_id)
        return 0;
    if (!held->rows)
        held->rows = hashmap_new(err);
    if (!held->region)
        held->region = region_new(err);
    if (!held->rows || !held->region)
        return -1;
    copies = copies_of(held, row->artifact_id);
    if (!copies)
        copies = add_artifact(held, row->artifact_id, err);
    copy = copies ? region_take(held->region, sizeof(*copy), err) : NULL;
    if (!copy || contents_listing(copy->listed, &says, err) < 0)
        return -1;
    copy->told = row->told;
    copy->next = copies->last;
    memcpy(copy->sha256, row->sha256, SHA256_SIZE);
    copies->last = copy;
    copies->count++;
    return 0;
}

bool held_has(const struct held *held, const struct artifact *a)
{
    const struct contents_listing says = { a->checksum, a->modified_at,
                                           a->sized ? a->file_size : UINT64_MAX };
    const struct copies *copies = copies_of(held, a->artifact_id);
    const struct copy *copy;
    uint8_t listed[CONTENTS_LISTED];
    uint8_t sha256[SHA256_SIZE];
    struct err err;
    bool summed;

    if (!copies)
        return false;
    if (a->origin || copies->count >= CONTENTS_COPIES ||
        contents_listing(listed, &says, &err) < 0)
        return true; /* data of a record alone cannot show a change */
    summed = a->checksum && text_unhex(sha256, SHA256_SIZE, a->checksum) == 0;
    for (copy = copies->last; copy; copy = copy->next) {
        if (!copy->told || memcmp(copy->listed, listed, CONTENTS_LISTED) == 0 ||
            (summed && memcmp(copy->sha256, sha256, SHA256_SIZE) == 0))
            return true;
    }
    return false;
}

void held_clear(struct held *held)
{
    hashmap_free(held->rows);
    region_free(held->region);
    *held = (struct held){ 0 };
}
