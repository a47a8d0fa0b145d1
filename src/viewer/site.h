/* SPDX-License-Identifier: MIT */
/*
 * site: what the viewer answers for a path.
 *
 *   /                 the page (viewer/live_page)
 *   /about            the totals of the archives
 *   /view/ID.json     the data of a run, with its records: the first part (view/page)
 *   /view/ID/lines.json, /view/ID/texts.json
 *                     the further parts of its data
 *   /search?q=TEXT    the rows of runs of a directory that have a text
 *   /data/ID/...      a file of a run, as it is in the archive
 *
 * Nothing that was captured may run: pages, scripts, style sheets and images that can contain
 * scripts are sent as plain text, other files that browsers open in a program as downloads, and
 * all of them with a policy that puts them into a sandbox and lets them load nothing.
 *
 * Errors   become answers with a status and a text
 * Threads  any
 * Source   docs/view.md
 */
#ifndef VIEWER_SITE_H
#define VIEWER_SITE_H

#include "viewer/http_server.h"
#include "viewer/library.h"

/* Answer a request; an http_get_fn, ctx is the struct library. */
http_get_fn site_get;

#endif
