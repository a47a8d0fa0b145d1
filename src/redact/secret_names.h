/* SPDX-License-Identifier: MIT */
/*
 * secret_names: the list of names whose values are secrets.
 *
 * Names are compared without case and without '-', '_', '.', '[' and ']', so that
 * X-Amz-Signature, x_amz_signature and xAmzSignature are the same name; trailing digits are
 * ignored (password2). A part in brackets counts as a name of its own, too (login[code]).
 * SECURITY.md describes the list.
 *
 * Errors   none; allocates no memory
 * Threads  any
 */
#ifndef REDACT_SECRET_NAMES_H
#define REDACT_SECRET_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_MAX_KEPT 64 /* trailing characters of a name that are compared */

/* The contexts in which a name's value is a secret, and flags. */
enum secret_place {
    IN_TEXT = 1,    /* name=value anywhere */
    IN_QUERY = 2,   /* name=value after ?, &, ; or # */
    IN_MEMBER = 4,  /* a JSON member, or "name": in text */
    IN_COLON = 8,   /* name: value in text */
    IN_HEADER = 16, /* Name: value up to the end of the line */
    NUMBERS = 32,   /* JSON numbers are secrets, too */
    PAIRS = 64,     /* a header only if its value has a '=' */
    ADDRESS = 128,  /* a URL or host: redact user, password, query and fragment */
    KEEP = 256,     /* member names inside are data: do not interpret them */
};

/* A name that is collected character by character; {0} is empty. */
struct secret_name {
    size_t len;
    size_t part; /* where the part in the last brackets begins; 0: there is none */
    bool cut;    /* longer than NAME_MAX_KEPT */
    char last;   /* the previous character, as written */
    char text[NAME_MAX_KEPT + 1];
    bool starts[NAME_MAX_KEPT]; /* a word starts here */
};

/* Append a character to a name. */
void secret_name_add(struct secret_name *name, char c);

/* The places of a name (enum secret_place, or-ed); 0: not a secret's name. */
unsigned secret_name_places(const struct secret_name *name);

/* The places of the name in a text. */
unsigned secret_name_of(const char *text, size_t len);

/*
 * The offset in "host/path" of a secret that is part of the path, as in
 * https://hooks.slack.com/services/SECRET; 0: not such a URL.
 *
 * text     lower case, without scheme and user
 */
size_t secret_path_at(const char *text, size_t len);

/*
 * Whether a text is a URL without secrets: only plain characters after its scheme, and not a
 * host of secret_path_at. A fast check.
 */
bool secret_free_url(const char *text, size_t len);

/* Whether secret_path_at knows paths of a host (in lower case). */
bool secret_path_host(const char *host, size_t len);

#endif
