/* SPDX-License-Identifier: MIT */
/*
 * pull: the command; see flow/pull.h for what it does.
 */
#ifndef CMD_PULL_H
#define CMD_PULL_H

#include "cli/command.h"

#ifndef PACKAGE_VERSION
#    include "config.h"
#endif

#define PULL_TOOL "skyarc/" PACKAGE_VERSION /* User-Agent, and the manifest's tool */

extern const struct command cmd_pull;

#endif
