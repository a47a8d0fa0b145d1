/* SPDX-License-Identifier: MIT */
/*
 * key_check: where the API key comes from, who else may read it, and whether it may be sent.
 *
 * Errors   none: all that is wrong is a finding
 * Owns     nothing; the key belongs to the client, and findings->key is borrowed from it
 * Threads  one, at the start
 */
#ifndef DOCTOR_KEY_CHECK_H
#define DOCTOR_KEY_CHECK_H

#include "cmdutil/api_client.h"
#include "cmdutil/session.h"
#include "doctor/finding.h"

#include <stdbool.h>

/*
 * Find the key and set up the client's API, without a key if there is none that can be used.
 *
 * client   {0}; close it in any case
 * returns  false: the base URL cannot be used, so that nothing can be asked
 */
bool key_check(struct api_client *client, const struct session_args *session,
               struct findings *findings);

#endif
