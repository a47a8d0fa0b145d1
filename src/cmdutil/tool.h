/* SPDX-License-Identifier: MIT */
/*
 * tool: the program's name and version, as in User-Agent and the manifest's tool.
 */
#ifndef CMDUTIL_TOOL_H
#define CMDUTIL_TOOL_H

#ifndef PACKAGE_VERSION
#    include "config.h"
#endif

#define TOOL_NAME "skyarc/" PACKAGE_VERSION

#endif
