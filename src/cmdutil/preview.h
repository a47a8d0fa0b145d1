/* SPDX-License-Identifier: MIT */
/*
 * preview: prints what a sync would archive.
 *
 * Errors   those of sync/survey; ERR_SYSTEM: standard output cannot be written
 * Owns     nothing
 * Threads  runs the transfer loop
 */
#ifndef CMDUTIL_PREVIEW_H
#define CMDUTIL_PREVIEW_H

#include "sync/survey.h"
#include "volumes/volume_store.h"

#include <stdbool.h>

/* Ask the service, and print the runs that a sync would archive now: as a table, or as
 * one JSON document. */
int preview_print(const struct survey_opts *opts, const struct volume_store *store, bool json,
                  struct survey_preview *result, struct err *err) MUST_CHECK;

#endif
