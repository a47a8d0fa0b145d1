/* SPDX-License-Identifier: MIT */
/*
 * asset: the style sheet and the script of the offline view, as in view.css and view.js.
 *
 * Pure.
 */
#ifndef VIEW_ASSET_H
#define VIEW_ASSET_H

#include <stddef.h>

struct asset {
    const char *text;
    size_t len;
};

extern const struct asset asset_style;
extern const struct asset asset_script;

#endif
