/*
 * The steps between a process's birth and its program, in their order: for one that will execute it,
 * and for one that returns into it (runtime/template/). A step that the plan does not ask for does
 * nothing.
 */
#include "runtime/init/child.h"

struct init_step {
	const char *name; /* what messages begin with; NULL: the message says it all */
	void (*perform)(struct child *c);
};

static const struct init_step init_steps[] = {
	{ "clocks", clocks_open },
	{ "limits", limits_raise },
	{ "namespaces", namespaces_enter },
	{ "session", session_begin },
	{ "network", loopback_raise },
	{ "names", names_set },
	{ "root", root_attach },
	{ "mounts", mounts_perform },
	{ "devices", devices_make },
	{ "cwd", cwd_make },
	{ "mounted", mounted_tell },
	{ "hooks", create_hooks_run },
	{ "terminal", terminal_make }, /* before the root may become read-only */
	{ "pivot", root_pivot },
	{ "sysctl", sysctl_write },
	{ "masks", masks_apply },
	{ "limits", limits_set },
	{ "memory", memory_policy_set },
	{ "creator", creator_follow },
	{ "personality", personality_set },
	{ "labels", labels_write },
	{ "cwd", cwd_enter_first },
	{ "identity", identity_take },
	{ "cwd", cwd_enter },
	{ "program", program_find },
	{ "start", start_wait },
	{ "hooks", start_hooks_run },
};

void steps_perform(struct child *c)
{
	for (size_t i = 0; i < sizeof(init_steps) / sizeof(init_steps[0]); i++) {
		c->step = init_steps[i].name;
		init_steps[i].perform(c);
	}
}
