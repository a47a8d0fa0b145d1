/* SPDX-License-Identifier: MIT */
/*
 * commands: all commands. Each is described in its own file and in the manual.
 */
#ifndef CMD_COMMANDS_H
#define CMD_COMMANDS_H

#include "cli/command.h"

extern const struct command cmd_artifacts;
extern const struct command cmd_audit;
extern const struct command cmd_listen;
extern const struct command cmd_config;
extern const struct command cmd_diff;
extern const struct command cmd_doctor;
extern const struct command cmd_pull;
extern const struct command cmd_runs;
extern const struct command cmd_show;
extern const struct command cmd_submit;
extern const struct command cmd_cat;
extern const struct command cmd_extract;
extern const struct command cmd_list;
extern const struct command cmd_redact;
extern const struct command cmd_report;
extern const struct command cmd_verify;
extern const struct command cmd_view;
extern const struct command cmd_wait;
extern const struct command cmd_sync;
extern const struct command cmd_find;
extern const struct command cmd_prune;
extern const struct command cmd_hold;
extern const struct command cmd_release;

#endif
