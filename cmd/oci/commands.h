/* The commands of `cowrun`, one file each. */
#ifndef CMD_OCI_COMMANDS_H
#define CMD_OCI_COMMANDS_H

#include "cmd/commands.h"

/* --format table|json, of `list` and `ps`. */
enum listing_format { LISTING_TABLE = 1, LISTING_JSON };

extern const struct command create_command, start_command, run_command, state_command, kill_command,
	delete_command, exec_command, list_command, ps_command, pause_command, resume_command,
	spec_command, update_command, features_command, events_command, checkpoint_command,
	restore_command;

#endif
