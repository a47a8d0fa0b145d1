/* SPDX-License-Identifier: MIT */
/*
 * secret_names: the names whose values are secrets. The one list.
 *
 * A name is compared without case and without '-', '_', '.', '[' and ']', so that
 * X-Amz-Signature, x_amz_signature and xAmzSignature are one name; digits at its
 * end do not count (password2). SECURITY.md says the list in words.
 *
 * Errors   none; no memory is taken
 * Threads  any
 */
#ifndef REDACT_SECRET_NAMES_H
#define REDACT_SECRET_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_MAX_KEPT 64 /* characters at a name's end that decide */

/* Where a name makes what follows a secret. */
enum secret_place {
    IN_TEXT = 1,    /* name=value anywhere */
    IN_QUERY = 2,   /* name=value behind ?, &, ; or # */
    IN_MEMBER = 4,  /* a JSON member, or "name": in text */
    IN_COLON = 8,   /* name: value in text */
    IN_HEADER = 16, /* Name: value up to the end of the line */
    NUMBERS = 32,   /* a JSON number is one, too */
    PAIRS = 64,     /* a header only when its value holds a '=' */
    ADDRESS = 128,  /* a URL or host: user, password, query and fragment go */
    KEEP = 256,     /* members below have names of their own kind: do not look at them */
};

/* A name in the making. {0} is the empty one. */
struct secret_name {
    size_t len;
    bool cut;  /* longer than what is kept */
    char last; /* the character before, as it was written */
    char text[NAME_MAX_KEPT + 1];
    bool starts[NAME_MAX_KEPT]; /* a word begins here */
};

/* Append one character of a name. */
void secret_name_add(struct secret_name *name, char c);

/* The places of a name (enum secret_place, or-ed); 0: no secret's. */
unsigned secret_name_places(const struct secret_name *name);

/* The same of a whole text. */
unsigned secret_name_of(const char *text, size_t len);

/*
 * The length of "host/path" up to where a secret begins that is part of the path, as
 * in https://hooks.slack.com/services/SECRET; 0: this is no such URL.
 *
 * text     lower case, without scheme and user
 */
size_t secret_path_at(const char *text, size_t len);

/*
 * Whether a text is a URL of a store or a server and holds no secret: nothing but plain
 * characters behind its scheme, and no host with such paths. Asking is quick.
 */
bool secret_free_url(const char *text, size_t len);

/* Whether there are such paths at a host (lower case), so that the path is worth a look. */
bool secret_path_host(const char *host, size_t len);

#endif
