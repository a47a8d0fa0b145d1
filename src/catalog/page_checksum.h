/* SPDX-License-Identifier: MIT */
/*
 * page_checksum: a checksum in each page of the catalog.
 *
 * SQLite checks a page's structure and not its content, so bytes that a disk
 * changed pass unseen. This is a VFS, a layer between SQLite and the file system,
 * that puts a checksum into the last PAGE_CHECKSUM_SIZE bytes of each page of a database
 * when it is written, and compares it when it is read. SQLite leaves these bytes
 * alone (its "reserved bytes"), so everybody can read the database without this
 * layer. Who writes it without the layer leaves pages whose checksum is wrong.
 *
 * The checksum is the beginning of SHA-256 over the page's number (4 bytes,
 * big-endian) and its other bytes. A database whose header reserves no bytes (one
 * made by skyarc 0.1) is passed through unchecked; page_checksum_sealed tells.
 *
 * Errors   a read of a page whose checksum is wrong is SQLITE_IOERR_DATA
 * Owns     nothing
 * Threads  registering: any; an open file: its connection's
 * Source   sqlite.org/fileformat.html, "Reserved bytes per page"; sqlite.org/cksumvfs.html
 *          is the same idea
 */
#ifndef CATALOG_PAGE_CHECKSUM_H
#define CATALOG_PAGE_CHECKSUM_H

#include "base/err.h"

#include <stdbool.h>

#define PAGE_CHECKSUM_VFS  "skyarc-pagesum" /* its name for sqlite3_open_v2 */
#define PAGE_CHECKSUM_PAGE 4096             /* bytes of a page; no other size is taken */
#define PAGE_CHECKSUM_SIZE 16               /* bytes of a checksum */

/* Make the VFS known to SQLite; again is fine. */
int page_checksum_register(struct err *err) MUST_CHECK;

struct sqlite3;

/* Let a new database, or the next VACUUM of an old one, reserve the bytes for checksums. */
int page_checksum_reserve(struct sqlite3 *db, struct err *err) MUST_CHECK;

/* Whether the pages of a database that was opened by this VFS have checksums. */
bool page_checksum_sealed(struct sqlite3 *db);

#endif
