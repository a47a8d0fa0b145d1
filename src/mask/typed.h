/* SPDX-License-Identifier: MIT */
/*
 * typed: the texts that actions typed into password fields.
 *
 * An action names its element by an ID; the element's tree, or the page, says elsewhere that
 * the element is a password field. IDs and texts are collected first, from all documents in any
 * order; afterwards typed_secrets gives the texts, and typed_has says which elements were
 * password fields.
 *
 * Units    bytes
 * Errors   ERR_LIMIT for more than TYPED_MAX IDs or texts, ERR_MEMORY
 * Owns     copies of IDs and texts
 * Threads  one at a time
 * Source   docs/api.md, "Records" (actions); Skyvern's element trees
 */
#ifndef MASK_TYPED_H
#define MASK_TYPED_H

#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

#define TYPED_MAX    ((size_t)1 << 20)
#define TYPED_ID_MAX 128

struct typed;

/* Create an empty set; NULL with ERR_MEMORY. */
struct typed *typed_new(struct err *err) MUST_CHECK;

/* Free a set; NULL is fine. */
void typed_free(struct typed *typed);

/* Add the ID of a password field; IDs of no or more than TYPED_ID_MAX bytes are passed over. */
int typed_add_id(struct typed *typed, const char *id, size_t len, struct err *err) MUST_CHECK;

/* Note an object: the ID of an element that is a password field, or an action's text. */
int typed_see(struct typed *typed, struct json_value object, struct err *err) MUST_CHECK;

/* Whether an object is an action on a password field: its texts are secret. */
bool typed_has(const struct typed *typed, struct json_value object);

/* Whether a member of such an action has what was typed. */
bool typed_is_text(struct json_value key);

/* Called with each text that was typed into a password field. */
typedef int typed_fn(void *ctx, const char *text, size_t len, struct err *err);

/* Pass on the texts of all actions noted so far whose element is a password field. */
int typed_secrets(const struct typed *typed, typed_fn *fn, void *ctx,
                  struct err *err) MUST_CHECK;

#endif
