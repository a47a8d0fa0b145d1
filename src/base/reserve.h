/* SPDX-License-Identifier: MIT */
/*
 * reserve: memory that two parts of the program use by turns, and of which one part has
 * priority.
 *
 * The part with priority takes what it needs. The other one borrows what is left. If the first
 * lacks memory, it says so, and goes on with what it has; the borrower returns memory at its
 * next step, and borrows nothing for the next RESERVE_QUIET milliseconds. Nobody waits.
 *
 * Units    bytes; milliseconds of clock_mono
 * Errors   none
 * Owns     nothing: it only counts
 * Threads  any
 */
#ifndef BASE_RESERVE_H
#define BASE_RESERVE_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESERVE_QUIET 5000

struct reserve {
    atomic_llong left; /* negative if more was taken than there was */
    atomic_bool lacking;
    _Atomic uint64_t quiet; /* until then nothing is lent */
};

/* Start with so many bytes. */
void reserve_init(struct reserve *reserve, size_t bytes);

/* The memory of the part with priority. Threads: one. */
struct reserve_user {
    struct reserve *reserve; /* or NULL */
    size_t own;              /* bytes that it has in any case */
    size_t used;
    size_t taken; /* what is used beyond its own */
};

/*
 * Note how many bytes the part with priority uses now: what exceeds its own is taken from the
 * reserve, also if that has less left, or is returned.
 */
void reserve_use(struct reserve_user *user, size_t used);

/* Whether the part with priority may use more bytes; if not, the borrower is told. */
bool reserve_affords(struct reserve_user *user, size_t bytes, uint64_t now);

/* Tell the borrower that the part with priority lacks memory. */
void reserve_lack(struct reserve *reserve, uint64_t now);

/* How many bytes are left; 0 if more were taken than there are. */
size_t reserve_left(const struct reserve *reserve);

/* The borrower: take bytes if they are left, and the part with priority lacked none lately. */
bool reserve_borrow(struct reserve *reserve, size_t bytes, uint64_t now) MUST_CHECK;

/* The borrower: whether memory was lacking since the last call. */
bool reserve_lacked(struct reserve *reserve);

/* The borrower: return bytes. */
void reserve_return(struct reserve *reserve, size_t bytes);

#endif
