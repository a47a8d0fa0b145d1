/* SPDX-License-Identifier: MIT */
/*
 * schema: the catalog's tables, as the steps from each version to the next.
 *
 * Errors   none
 * Owns     nothing; texts are constants
 * Threads  any
 */
#ifndef CATALOG_SCHEMA_H
#define CATALOG_SCHEMA_H

/* The version that this program makes: PRAGMA user_version of the catalog. */
int schema_version(void);

/* The SQL statements that make version N + 1 of version N; version 0 has no tables. */
const char *schema_step(int version);

#endif
