/* SPDX-License-Identifier: MIT */
#include "view/asset.h"

static const char style[] = {
#include "view/view.css.inc"
};

static const char script[] = {
#include "view/view.js.inc"
};

static const char page[] = {
#include "view/page.html.inc"
};

const struct asset asset_style = { style, sizeof(style) };
const struct asset asset_script = { script, sizeof(script) };
const struct asset asset_page = { page, sizeof(page) };
