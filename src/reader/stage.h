/* SPDX-License-Identifier: MIT */
/*
 * stage: extraction of files. Tag files are kept under temporary names until their digests are
 * known from the last of them, tagmanifest-sha256.txt.
 *
 * Units    bytes
 * Errors   ERR_FORMAT, ERR_MISMATCH, ERR_EXISTS for one file; ERR_SYSTEM
 * Owns     the temporary files, until stage_clear
 * Threads  stage_put and stage_take: any, at once; else one, after all files were taken
 * Source   RFC 8493, 2.2.1
 */
#ifndef READER_STAGE_H
#define READER_STAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "format/extract_dir.h"
#include "format/tagfile.h"
#include "reader/entry_reader.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct stage_file {
    struct extract_dir_file file;
    char *path; /* with the top directory; NULL: not staged */
    int64_t mtime;
    uint64_t size;
    atomic_uint seen; /* entries with this path */
    uint8_t sha256[SHA256_SIZE];
    bool summed; /* tagmanifest-sha256.txt has its digest */
    uint8_t sum[SHA256_SIZE];
};

struct stage {
    const struct extract_dir *root; /* borrowed */
    struct stage_file files[TAG_COUNT];
    struct buf sums; /* contents of tagmanifest-sha256.txt */
    bool force;      /* replace existing files */
    unsigned mode;   /* permissions of the files */
};

/*
 * Initialise without files; root is borrowed until stage_clear.
 *
 * force  replace existing files
 * mode   permissions of the files
 */
void stage_init(struct stage *stage, const struct extract_dir *root, bool force, unsigned mode);

/* Remove the files that were not given their names; may be called twice. */
void stage_clear(struct stage *stage);

/*
 * Write the current entry, which is no tag file.
 *
 * want     the digest that its content must have; NULL: any
 * returns  0, and id identifies the file; -1, with ERR_EXISTS if an existing file was kept
 */
int stage_put(const struct stage *stage, struct entry_reader *entries,
              const struct entry_reader_entry *entry, const char *path, const uint8_t *want,
              struct extract_dir_id *id, struct err *err) MUST_CHECK;

/*
 * Read the current entry, a tag file. If the archive has several of one path, all but one are
 * refused here, and that one by stage_name.
 *
 * max     maximum size of the file
 * wanted  whether to extract the file; tagmanifest-sha256.txt is read in any case
 */
int stage_take(struct stage *stage, int tag, struct entry_reader *entries,
               const struct entry_reader_entry *entry, uint64_t max, bool wanted,
               struct err *err) MUST_CHECK;

/* Parse the digests in tagmanifest-sha256.txt, after all files were taken. */
int stage_sum(struct stage *stage, struct err *err) MUST_CHECK;

/*
 * Give a file its final name, if it has the expected digest, and the one in
 * tagmanifest-sha256.txt (which itself is not checked).
 *
 * sha256   the expected digest; NULL: tagmanifest-sha256.txt must have been read
 * returns  1; 0: the file is not staged, or occurred twice; -1: error
 */
int stage_name(struct stage *stage, int tag, const uint8_t *sha256, struct err *err) MUST_CHECK;

#endif
