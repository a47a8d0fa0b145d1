/* SPDX-License-Identifier: MIT */
/*
 * browser: opens a URL in the user's web browser.
 *
 * The URL contains a token, and every user of the machine can read the arguments of a program.
 * Therefore xdg-open gets the name of a private file, which leads to the URL.
 *
 * Errors   ERR_NOT_FOUND: no desktop, or no xdg-open; ERR_SYSTEM
 * Owns     nothing; the file is removed by browser_forget
 * Threads  one, before the sandbox
 */
#ifndef CLI_BROWSER_H
#define CLI_BROWSER_H

#include "base/err.h"

/*
 * Open a URL (only characters that HTML does not escape). Does not wait for the browser.
 *
 * dir  a directory that only this user can read, for the file
 */
int browser_open(const char *dir, const char *url, struct err *err) MUST_CHECK;

/* Remove the file; there need not be one. */
void browser_forget(const char *dir);

#endif
