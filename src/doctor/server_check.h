/* SPDX-License-Identifier: MIT */
/*
 * server_check: whether the service can be reached, and takes the key.
 *
 * Looks at the proxy, the host's name, TLS, the answer to a request with the key, the server's
 * version and its clock.
 *
 * Units    milliseconds
 * Errors   none: all that is wrong is a finding; ERR_CANCELLED of a request ends the check
 * Owns     nothing
 * Threads  the transfer loop. The resolver blocks, and ends by its own time-outs (resolv.conf)
 */
#ifndef DOCTOR_SERVER_CHECK_H
#define DOCTOR_SERVER_CHECK_H

#include "cmdutil/api_client.h"
#include "doctor/finding.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Check the service of a started client.
 *
 * offset_ms  gets the server's clock minus this one; 0: not known
 * returns    whether the service answers calls with the key
 */
bool server_check(struct api_client *client, struct findings *findings, int64_t *offset_ms);

#endif
