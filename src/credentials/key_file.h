/* SPDX-License-Identifier: MIT */
/*
 * key_file: reads a file with secrets that the environment or a profile names.
 *
 * The name is that of a file: "-" is not standard input. "~/" at its beginning is the home
 * directory. A FIFO is read until its writer closes it, as long as the user does not stop the
 * program.
 *
 * Errors   ERR_SYSTEM; ERR_LIMIT beyond the buffer's limit; ERR_FORMAT for a file with NUL
 *          bytes; ERR_CANCELLED
 * Owns     nothing
 * Threads  any, as long as no thread changes the environment
 * Source   AWS SDKs and tools reference guide, "Location of the shared config and credentials
 *          files"
 */
#ifndef CREDENTIALS_KEY_FILE_H
#define CREDENTIALS_KEY_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/pulse.h"

#include <stdbool.h>

/*
 * Append a file's bytes to a buffer, which should be one of buf_init_secret.
 */
int key_file_load(const char *path, struct stop stop, struct buf *out,
                  struct err *err) MUST_CHECK;

/* The path of a file's name with "~/" replaced; free by mem_free. NULL: no memory. */
char *key_file_path(const char *name, struct err *err) MUST_CHECK;

/* Whether a file can be read once only: a FIFO or a socket. */
bool key_file_is_once(const char *name);

/* Remove blanks and line ends from the end of a buffer. */
void key_file_trim(struct buf *text);

#endif
