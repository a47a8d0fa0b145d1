/* SPDX-License-Identifier: MIT */
/*
 * page_checksum: a checksum in each page of the catalog.
 *
 * SQLite checks the structure of pages but not their content, so that bytes changed by a faulty
 * disk go unnoticed. This module is a VFS, a layer between SQLite and the file system. It
 * stores a checksum in the last PAGE_CHECKSUM_SIZE bytes of each database page when the page is
 * written, and compares it when the page is read. SQLite does not use these "reserved bytes",
 * so that any program can read the database without this layer. A program that writes without
 * this layer leaves pages with a wrong checksum.
 *
 * The checksum is the beginning of the SHA-256 over the page number (4 bytes, big-endian) and
 * the page's other bytes. A database whose header reserves no bytes (made by skyarc 0.1) is not
 * checked; see page_checksum_sealed.
 *
 * Errors   reading a page with a wrong checksum is SQLITE_IOERR_DATA
 * Owns     nothing
 * Threads  registering: any; an open file: its connection's
 * Source   sqlite.org/fileformat.html, "Reserved bytes per page"; sqlite.org/cksumvfs.html is a
 *          similar extension
 */
#ifndef CATALOG_PAGE_CHECKSUM_H
#define CATALOG_PAGE_CHECKSUM_H

#include "base/err.h"

#include <stdbool.h>

#define PAGE_CHECKSUM_VFS  "skyarc-pagesum" /* the VFS's name for sqlite3_open_v2 */
#define PAGE_CHECKSUM_PAGE 4096             /* page size in bytes; others are not supported */
#define PAGE_CHECKSUM_SIZE 16               /* bytes of a checksum */

/* Register the VFS with SQLite; may be called again. */
int page_checksum_register(struct err *err) MUST_CHECK;

struct sqlite3;

/* Reserve the bytes for checksums in a new database, or at the next VACUUM of an old one. */
int page_checksum_reserve(struct sqlite3 *db, struct err *err) MUST_CHECK;

/* Whether the pages of a database that was opened by this VFS have checksums. */
bool page_checksum_sealed(struct sqlite3 *db);

#endif
