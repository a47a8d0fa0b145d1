/* SPDX-License-Identifier: MIT */
/*
 * build_id: which build of skyarc runs.
 *
 * The linker's build ID is a digest of the program's code and data: the same sources, compiled
 * the same way, have the same one, and `readelf -n` and `file` print it of any copy.
 *
 * Errors   none: a program that was linked without one has none
 * Threads  any
 * Source   the note NT_GNU_BUILD_ID of elf(5)
 */
#ifndef PROVENANCE_BUILD_ID_H
#define PROVENANCE_BUILD_ID_H

#define BUILD_ID_TEXT 129 /* of at most 64 bytes, as hex */

/* Write the build ID of the running program as hex; NULL: it has none. Returns out. */
const char *build_id(char out[BUILD_ID_TEXT]);

#endif
