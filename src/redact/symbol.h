/* SPDX-License-Identifier: MIT */
/*
 * symbol: decodes an encoded text character by character.
 *
 * A symbol is a byte, a percent-encoded byte, encoded any number of times (%3D, %253D,
 * %25253D), an HTML character reference (&#x3D;, &amp;), or a character after any number of
 * backslashes, as in JSON within JSON (\/, \\\/, \u003d, \x3d, \"). In \n, the backslash and
 * the letter are two symbols, because \n in C:\new is not a line end.
 *
 * Errors   none; a malformed encoding stands for itself
 * Threads  any
 */
#ifndef REDACT_SYMBOL_H
#define REDACT_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>

#define SYMBOL_OTHER 0x80 /* not ASCII */

struct symbol {
    unsigned char c;       /* the character; 0: end of the text */
    unsigned char level;   /* number of percent-encodings */
    unsigned char escapes; /* number of backslashes before it, at most 255 */
    size_t len;            /* length in bytes; 0 only at the end */
};

/* A text to decode, borrowed. */
struct symbols {
    const char *text;
    size_t len;
};

/* symbol_at for characters that may start an encoding, and for the end. */
struct symbol symbol_encoded(const struct symbols *in, size_t at);

/* The symbol at an offset; {0} at the end. */
static inline struct symbol symbol_at(const struct symbols *in, size_t at)
{
    unsigned char c = at < in->len ? (unsigned char)in->text[at] : '\\';

    if (c == '\\' || c == '%' || c == '&' || c >= 0x80)
        return symbol_encoded(in, at);
    return (struct symbol){ c, 0, 0, 1 };
}

/* Whether a symbol may be part of a parameter's or member's name. */
bool symbol_in_name(struct symbol y);

/* Whether a symbol may be part of a host name. */
bool symbol_in_host(struct symbol y);

/*
 * Whether a symbol is a blank, line end or other control character; not if written as \u0020.
 */
bool symbol_blank(struct symbol y);

/* Whether a symbol is a quotation mark: ", ' or `. */
bool symbol_quote(struct symbol y);

/*
 * Whether the whole text is a single word or a time (an ID, type, name or date), which has
 * neither a name with a value nor a web token, and so no secret. A fast check.
 */
bool symbols_inert(const struct symbols *in);

#endif
