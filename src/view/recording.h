/* SPDX-License-Identifier: MIT */
/*
 * recording: when a recording began, by its own metadata.
 *
 * Reads DateUTC of WebM and Matroska, and the creation time of MP4's movie header, if they are
 * within the first bytes of the file. Programs may write neither.
 *
 * Pure.
 *
 * Units    bytes; milliseconds since 1970
 * Errors   none; what cannot be read is not known
 * Threads  any
 * Source   RFC 8794 (EBML); RFC 9559, 5.1.2 (Matroska's Info); ISO/IEC 14496-12, 8.2.2
 */
#ifndef VIEW_RECORDING_H
#define VIEW_RECORDING_H

#include <stddef.h>
#include <stdint.h>

#define RECORDING_HEAD ((size_t)4096) /* as many of a recording's first bytes are looked at */

/* The time by the first bytes of a recording; CLOCK_NONE if they state none. */
int64_t recording_start(const char *bytes, size_t len);

#endif
