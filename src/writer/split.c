/* SPDX-License-Identifier: MIT */
#include "writer/split.h"

#include "base/mem.h"

#include <string.h>

static ssize_t read_at(void *ctx, void *bytes, size_t len, uint64_t at, struct err *err)
{
    struct split_reader *reader = ctx;

    return body_read_at(reader->body, &reader->cursor, bytes, len, at, err);
}

struct unzip *split_open(struct split_reader *reader, const struct body *body, uint64_t max,
                         struct err *err)
{
    struct unzip_source source = { read_at, reader, body->size };

    *reader = (struct split_reader){ .body = body };
    return unzip_open(&source, max, err);
}

bool split_holds_more(const struct unzip *unzip, const struct plan *plan,
                      const struct bundle *bundle)
{
    const char *name;
    size_t i;

    for (i = 0; (name = unzip_name(unzip, i)); i++) {
        size_t len = strlen(name);

        if ((!len || name[len - 1] != '/') && !plan_bundle_lists(plan, bundle, name))
            return true;
    }
    return unzip_has_duplicates(unzip);
}

struct body *split_entry(struct unzip *unzip, const struct spool *spool, struct err *err)
{
    struct body *body = body_new(err);
    unsigned char *room = body ? mem_new(CHUNK_SIZE, err) : NULL;
    ssize_t n = -1;

    while (room && (n = unzip_read(unzip, room, CHUNK_SIZE, err)) > 0) {
        if (body_append(body, spool, room, (size_t)n, err) < 0) {
            n = -1;
            break;
        }
    }
    mem_free(room);
    if (n == 0)
        return body;
    body_free(body);
    return NULL;
}
