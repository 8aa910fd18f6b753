/*
 * Commands as data: a program is a table of them, which drives dispatch, usage and --help.
 *
 * A command returns its exit status, or a negative error code with the error set: then the program
 * prints one line and ends with `failure_status` (1 unless the command says otherwise).
 */
#ifndef CMD_COMMANDS_H
#define CMD_COMMANDS_H

#include <stdbool.h>

#include "cmd/options.h"
#include "runtime/record.h"
#include "runtime/rootless.h"

#define STATUS_RUN_FAILED                                                                          \
	125 /* as docker and podman end where they, and not the container, failed */

enum log_format { LOG_FORMAT_TEXT = 1, LOG_FORMAT_JSON };
enum rootless_choice { ROOTLESS_TRUE = 1, ROOTLESS_FALSE, ROOTLESS_AUTO };

/* What was said before the command. */
struct context {
	const char *program;
	const char *root, *store, *log;
	const char *usual_root;	   /* what root is when --root is not given */
	int log_format, log_level; /* enum log_format, log_level; 0: the usual */
	int cgroup_manager;	   /* enum group_manager (runtime/container.h) */
	int rootless;		   /* enum rootless_choice; 0: auto */
	bool debug, systemd_cgroup, version;
	struct home home;    /* command_open_home() */
	struct rootless own; /* of a command that `owns`: the ids that an ordinary user has there */
};

struct command {
	const char *name;
	const char *arguments; /* "[options] ID" */
	const char *summary;
	const struct option_row *options;
	size_t options_size;	  /* of the struct that they fill */
	int min_words, max_words; /* behind the options; max -1: any number */
	bool mixed;		  /* options may also stand behind and between the words */
	int failure_status; /* 0: 1; STATUS_RUN_FAILED: 126 or 127 where the program is to blame */
	int (*run)(struct context *c, void *options, int argc, char **argv, struct err *e);
	bool owns; /* files of several owners: an ordinary user does it as rootless_enter() lets him */
	const char *program; /* instead of run: a program in libexec, which gets all words, ... */
	bool program_root;   /* ... and --root beside --store */
};

struct program {
	const char *name, *summary;
	const struct option_row *options;      /* those before the command, into struct context */
	const struct command *const *commands; /* ends with NULL */
	void (*print_version)(void);
	bool has_store;	    /* where it is not given, it is where it usually is */
	int unknown_status; /* for an unknown command */
};

/* main() of both programs. */
int program_main(const struct program *p, struct context *c, int argc, char **argv);

/* Opens c->home; `create`: made where missing. */
int command_open_home(struct context *c, bool create, struct err *e);

#endif
