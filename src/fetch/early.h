/* SPDX-License-Identifier: MIT */
/*
 * early: which items are fetched before all runs are listed.
 *
 * A run that is listed later may have an identical item: the content is then transferred twice.
 *
 * Errors   none
 * Threads  any
 */
#ifndef FETCH_EARLY_H
#define FETCH_EARLY_H

#include "writer/plan.h"

#include <stdbool.h>

/* Whether an item may be fetched while runs are listed that may have an identical one. */
bool early_may(const struct item *item);

#endif
