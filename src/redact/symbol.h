/* SPDX-License-Identifier: MIT */
/*
 * symbol: the characters of a text as a reader would decode them, one at a time.
 *
 * A symbol is a byte; or a percent-encoded one, however often it was encoded (%3D,
 * %253D, %25253D); or one of HTML's references (&#x3D;, &amp;); or one behind any
 * number of backslashes, as in JSON within JSON (\/, \\\/, \u003d, \x3d, \"). In \n
 * the backslash is a symbol, and the letter another: in C:\new it is no line end.
 *
 * Errors   none; what cannot be decoded is itself
 * Threads  any
 */
#ifndef REDACT_SYMBOL_H
#define REDACT_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>

#define SYMBOL_OTHER 0x80 /* not ASCII */

struct symbol {
    unsigned char c;       /* the character; 0: the text has ended */
    unsigned char level;   /* how often it is percent-encoded */
    unsigned char escapes; /* backslashes before it, at most 255 */
    size_t len;            /* bytes that it takes; at least 1 but at the end */
};

/* The text that they are in, lent. */
struct symbols {
    const char *text;
    size_t len;
};

/* What symbol_at does where a character may be written in another way, and at the end. */
struct symbol symbol_encoded(const struct symbols *in, size_t at);

/* The symbol that begins at a place; {0} at the end. */
static inline struct symbol symbol_at(const struct symbols *in, size_t at)
{
    unsigned char c = at < in->len ? (unsigned char)in->text[at] : '\\';

    if (c == '\\' || c == '%' || c == '&' || c >= 0x80)
        return symbol_encoded(in, at);
    return (struct symbol){ c, 0, 0, 1 };
}

/* Whether it may be part of a parameter's or member's name. */
bool symbol_in_name(struct symbol y);

/* Whether it may be part of a host's name. */
bool symbol_in_host(struct symbol y);

/* A blank, line end or other control character; not one that is written \u0020. */
bool symbol_blank(struct symbol y);

/* A quotation mark: ", ' or `. */
bool symbol_quote(struct symbol y);

/*
 * Whether the whole text is a word or a time, with nothing in it that gives a name a value and
 * no web token: IDs, types, names, dates. It holds no secret, and asking is quick.
 */
bool symbols_inert(const struct symbols *in);

#endif
