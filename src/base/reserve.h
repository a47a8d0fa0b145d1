/* SPDX-License-Identifier: MIT */
/*
 * reserve: counts memory that two parts of the program share; one part has priority.
 *
 * The part with priority takes what it needs; the other part borrows the rest. If the first
 * part lacks memory, it records this (reserve_lack) and continues with the memory that it has;
 * the borrower returns memory at its next step, and borrows nothing for the next RESERVE_QUIET
 * milliseconds. No function waits.
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

/* Initialise with this number of bytes. */
void reserve_init(struct reserve *reserve, size_t bytes);

/* The memory of the part with priority. Threads: one. */
struct reserve_user {
    struct reserve *reserve; /* or NULL */
    size_t own;              /* bytes that it has in any case */
    size_t used;
    size_t taken; /* what is used beyond its own */
};

/*
 * Set the number of bytes that the part with priority uses now: the bytes beyond its own are
 * taken from the reserve, even if fewer are left, or returned.
 */
void reserve_use(struct reserve_user *user, size_t used);

/* Whether the part with priority may use more bytes; if not, the borrower is told. */
bool reserve_affords(struct reserve_user *user, size_t bytes, uint64_t now);

/* Record, for the borrower, that the part with priority lacks memory. */
void reserve_lack(struct reserve *reserve, uint64_t now);

/* How many bytes are left; 0 if more were taken than there are. */
size_t reserve_left(const struct reserve *reserve);

/* The borrower: take bytes if they are left, and the part with priority was not short of them
 * lately. */
bool reserve_borrow(struct reserve *reserve, size_t bytes, uint64_t now) MUST_CHECK;

/* The borrower: whether memory was lacking since the last call. */
bool reserve_lacked(struct reserve *reserve);

/* The borrower: return bytes. */
void reserve_return(struct reserve *reserve, size_t bytes);

#endif
