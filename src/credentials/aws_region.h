/* SPDX-License-Identifier: MIT */
/*
 * aws_region: the names of AWS's regions, and the domains of their endpoints.
 *
 * Errors   none
 * Owns     nothing
 * Threads  any
 * Source   AWS General Reference, "Service endpoints"
 */
#ifndef CREDENTIALS_AWS_REGION_H
#define CREDENTIALS_AWS_REGION_H

#include <stdbool.h>

#define AWS_REGION_MAX 63 /* maximum length of a region's name */

/* The domain of AWS's endpoints in a region: "amazonaws.com", or that of its partition. */
const char *aws_region_domain(const char *region);

/* Whether a text can be the name of a region, and part of a host name. */
bool aws_region_is_valid(const char *region);

#endif
