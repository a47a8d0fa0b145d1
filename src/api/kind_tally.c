/* SPDX-License-Identifier: MIT */
#include "api/kind_tally.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OTHERS_ROOM 40 /* for "and N others" */

void kind_tally_add(struct kind_tally *tally, const char *type)
{
    kind_tally_add_many(tally, type, 1);
}

void kind_tally_add_many(struct kind_tally *tally, const char *type, uint64_t count)
{
    char name[KIND_TALLY_NAME];
    size_t i;

    (void)text_shown(name, sizeof(name), type && *type ? type : "no type");
    for (i = 0; i < tally->count && strcmp(tally->rows[i].type, name) != 0; i++)
        ;
    if (i == KIND_TALLY_TYPES) {
        tally->others += count;
        return;
    }
    if (i == tally->count) {
        memcpy(tally->rows[i].type, name, sizeof(name));
        tally->count++;
    }
    tally->rows[i].count += count;
}

static int more_first(const void *a, const void *b)
{
    const struct kind_count *x = a;
    const struct kind_count *y = b;

    return x->count != y->count ? (x->count < y->count) - (x->count > y->count)
                                : strcmp(x->type, y->type);
}

const char *kind_tally_text(struct kind_tally *tally, char out[KIND_TALLY_TEXT])
{
    uint64_t others = tally->others;
    size_t used = 0;
    size_t i;

    qsort(tally->rows, tally->count, sizeof(*tally->rows), more_first);
    (void)snprintf(out, KIND_TALLY_TEXT, "no artifacts");
    for (i = 0; i < tally->count; i++) {
        char row[KIND_TALLY_NAME + 32];
        int len = snprintf(row, sizeof(row), "%s%s (%llu)", i ? ", " : "", tally->rows[i].type,
                           (unsigned long long)tally->rows[i].count);

        if (used + (size_t)len >= KIND_TALLY_TEXT - OTHERS_ROOM) {
            others += tally->rows[i].count;
            continue;
        }
        (void)snprintf(out + used, KIND_TALLY_TEXT - used, "%s", row);
        used += (size_t)len;
    }
    if (others)
        (void)snprintf(out + used, KIND_TALLY_TEXT - used, " and %llu others",
                       (unsigned long long)others);
    return out;
}
