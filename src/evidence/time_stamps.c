/* SPDX-License-Identifier: MIT */
#include "evidence/time_stamps.h"

#include "base/buf.h"
#include "base/mem.h"
#include "storage/range_file.h"

#include <errno.h>
#include <stdbool.h>

/*
 * Check the response in a file, if there is one; further: one that most archives do not have.
 */
static int look(const struct time_stamps *stamps, const char *path, bool further,
                time_stamps_fn *fn, void *ctx, struct err *err)
{
    const struct tsp_wanted wanted = { stamps->sha256, NULL, stamps->trust };
    struct tsp_stamp stamp = { 0 };
    struct err why = { 0 };
    struct buf response;
    int rc;

    buf_init(&response, TSP_FILE_MAX);
    rc = range_file_load_regular(path, &response, &why);
    if (rc < 0 && !stamps->file &&
        (why.kind == ERR_NOT_FOUND || why.os == ENOENT ||
         (why.kind == ERR_DENIED && further && range_file_remote(path)))) {
        rc = 0; /* there is none; who may not list a bucket is told that it is denied */
    } else if (rc < 0 && (why.kind == ERR_CANCELLED || why.kind == ERR_MEMORY)) {
        *err = why;
    } else {
        if (rc == 0)
            rc = tsp_check(response.data, response.len, &wanted, &stamp, &why);
        rc = fn(ctx, path, &stamp, rc < 0 ? &why : NULL, err);
    }
    buf_clear(&response);
    return rc;
}

int time_stamps_each(const struct time_stamps *stamps, time_stamps_fn *fn, void *ctx,
                     struct err *err)
{
    unsigned i;
    int rc = 0;

    if (stamps->file)
        return look(stamps, stamps->file, false, fn, ctx, err);
    for (i = 1; rc == 0 && i <= TSP_MOST; i++) {
        char *path = tsp_path(stamps->archive, i, err);

        rc = path ? look(stamps, path, i > 1, fn, ctx, err) : -1;
        mem_free(path);
    }
    return rc;
}
