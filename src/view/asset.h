/* SPDX-License-Identifier: MIT */
/*
 * asset: the style sheet, the script and the HTML of the offline view, as in view.css, script/
 * and page.html.
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
extern const struct asset asset_page; /* the HTML, see page.html */

#endif
