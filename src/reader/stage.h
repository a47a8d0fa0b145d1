/* SPDX-License-Identifier: MIT */
/*
 * stage: tag files on their way to the disk: they wait without their names until the last of
 * them, tagmanifest-sha256.txt, says their digests.
 *
 * Units    bytes
 * Errors   ERR_FORMAT, ERR_MISMATCH, ERR_EXISTS of one file; ERR_SYSTEM
 * Owns     the files that wait, until stage_clear
 * Threads  a file has one at a time; stage_name one, when all have been taken
 * Source   RFC 8493, 2.2.1
 */
#ifndef READER_STAGE_H
#define READER_STAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "format/tagfile.h"
#include "reader/entry_reader.h"
#include "reader/extract_dir.h"

#include <stdbool.h>
#include <stdint.h>

struct stage_file {
    struct extract_dir_file file;
    char *path; /* top directory and all; NULL: there is none */
    int64_t mtime;
    uint64_t size;
    bool seen;
    uint8_t sha256[SHA256_SIZE];
    bool summed; /* tagmanifest-sha256.txt names it */
    uint8_t sum[SHA256_SIZE];
};

struct stage {
    const struct extract_dir *place; /* lent */
    struct stage_file files[TAG_COUNT];
    struct buf sums; /* tagmanifest-sha256.txt */
    bool force;      /* replace what is there */
};

/* Begin with no tag file staged; place is lent until stage_clear. force: replace what is there.
 */
void stage_init(struct stage *stage, const struct extract_dir *place, bool force);

/* Remove the staged files that were not given their names; may be called twice. */
void stage_clear(struct stage *stage);

/*
 * Read the entry in hand.
 *
 * max     most bytes that it may have
 * wanted  whether it shall come out; tagmanifest-sha256.txt is read in any case
 */
int stage_take(struct stage *stage, int tag, struct entry_reader *tape,
               const struct entry_reader_entry *entry, uint64_t max, bool wanted,
               struct err *err) MUST_CHECK;

/* Read the digests in tagmanifest-sha256.txt, all files having been taken. */
int stage_sum(struct stage *stage, struct err *err) MUST_CHECK;

/*
 * Give a file its name, when it has the digest that it should.
 *
 * sha256   that digest; NULL: as tagmanifest-sha256.txt says (its own is said nowhere)
 * returns  1; 0: it does not wait; -1 and why not
 */
int stage_name(struct stage *stage, int tag, const uint8_t *sha256, unsigned mode,
               struct err *err) MUST_CHECK;

#endif
