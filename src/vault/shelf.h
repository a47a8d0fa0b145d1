/* SPDX-License-Identifier: MIT */
/*
 * shelf: where the volumes of a sync directory are.
 *
 * What writes a volume asks for a place to write it at, what reads one for a place
 * to read it from; nobody else knows where that is. A directory so far.
 *
 * Units    bytes
 * Errors   ERR_SYSTEM, ERR_MEMORY
 * Owns     nothing
 * Threads  any
 */
#ifndef VAULT_SHELF_H
#define VAULT_SHELF_H

#include "base/err.h"

#include <stdint.h>

struct shelf {
    const char *dir;
};

/* The path to write a volume at, its folders made. To be freed by mem_free. */
char *shelf_write(const struct shelf *shelf, const char *name, struct err *err) MUST_CHECK;

/* The path to read it by; it need not be there. To be freed by mem_free. */
char *shelf_read(const struct shelf *shelf, const char *name, struct err *err) MUST_CHECK;

/* Each volume on the shelf, with its size; fn gives -1 to fail. */
int shelf_each(const struct shelf *shelf,
               int (*fn)(void *ctx, const char *name, uint64_t size, struct err *err),
               void *ctx, struct err *err) MUST_CHECK;

/* Take a volume off the shelf, and its signature. */
int shelf_remove(const struct shelf *shelf, const char *name, struct err *err) MUST_CHECK;

#endif
