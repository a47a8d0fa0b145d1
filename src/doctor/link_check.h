/* SPDX-License-Identifier: MIT */
/*
 * link_check: whether artifacts can be downloaded, how long their URLs live, and how far back
 * the service still has them.
 *
 * Asks for the newest run with artifacts and for the oldest that the service lists. If the
 * oldest is gone, a bisection of the list's pages finds where downloads begin to fail, with at
 * most LINK_REQUESTS requests.
 *
 * Units    milliseconds
 * Errors   none: all that is wrong is a finding; ERR_CANCELLED of a request ends the check
 * Owns     nothing
 * Threads  the transfer loop
 */
#ifndef DOCTOR_LINK_CHECK_H
#define DOCTOR_LINK_CHECK_H

#include "cmdutil/api_client.h"
#include "doctor/finding.h"

#include <stdint.h>

#define LINK_REQUESTS 64

/* Check the links of a service that answers; offset_ms: the server's clock minus this one. */
void link_check(struct api_client *client, struct findings *findings, int64_t offset_ms);

#endif
