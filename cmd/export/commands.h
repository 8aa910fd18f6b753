/* The commands of cow-export, a file each. */
#ifndef CMD_EXPORT_COMMANDS_H
#define CMD_EXPORT_COMMANDS_H

#include "cmd/commands.h"

extern const struct command save_command, commit_command, export_command, verify_command;

#endif
