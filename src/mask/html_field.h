/* SPDX-License-Identifier: MIT */
/*
 * html_field: finds the values of password-like fields in HTML, and their elements' IDs.
 *
 * A field is password-like if its type is password, or its name, ID or autocomplete is a
 * secret's name (redact/secret_names) or ends in password. Tags are found in any text,
 * since pages are quoted in prompts; no document tree is built.
 *
 * Units    bytes
 * Errors   those of the callback
 * Threads  any
 * Source   the HTML standard, 13.2.5 (tokenization)
 */
#ifndef MASK_HTML_FIELD_H
#define MASK_HTML_FIELD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define HTML_TAG_MAX ((size_t)8 << 10) /* longer tags are cut here */

/* A part of the text; to is 0 if the tag has none. */
struct html_part {
    size_t from;
    size_t to;
};

/* A password-like field. */
struct html_field {
    struct html_part value;
    struct html_part id;
    struct html_part unique_id; /* that Skyvern gave the element */
};

/* Called with each password-like field. */
typedef int html_field_fn(void *ctx, const struct html_field *field, struct err *err);

/* Find all password-like fields in a text. */
int html_field_find(const char *text, size_t len, html_field_fn *fn, void *ctx,
                    struct err *err) MUST_CHECK;

/* Whether a field's name is that of a password or another secret. */
bool html_field_is_secret(const char *name, size_t len);

#endif
