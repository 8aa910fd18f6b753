/* The commands of `cow`, one file each. */
#ifndef CMD_COW_COMMANDS_H
#define CMD_COW_COMMANDS_H

#include "cmd/commands.h"

extern const struct command images_command, rmi_command, run_command, ps_command, exec_command,
	logs_command, attach_command, stop_command, wait_command, rm_command, inspect_command,
	diff_command, history_command, tag_command, gc_command, faults_command,
	template_create_command, template_ls_command, template_inspect_command, template_rm_command,
	fork_command;

/* Not in the list that people see: what a monitor becomes when its container has ended. */
extern const struct command ended_command;

#endif
