/* What an execve() would have settled. */
#include "runtime/template/settle.h"

#include <fcntl.h>
#include <linux/prctl.h>

#include "runtime/init/text.h"

/* /proc/PID/stat, proc(5): numbers of fields, where the name that may hold anything is 2. */
enum {
	STAT_FIRST = 3,
	STAT_START_CODE = 26,
	STAT_END_CODE = 27,
	STAT_START_STACK = 28,
	STAT_START_DATA = 45,
	STAT_END_DATA = 46,
	STAT_START_BRK = 47,
	STAT_FIELDS = 52
};

static uint64_t to_number(const char *digits)
{
	uint64_t n = 0;

	while (*digits >= '0' && *digits <= '9')
		n = n * 10 + (uint64_t)(*digits++ - '0');
	return n;
}

/* Of a text that is changed: fields end in a space. */
static bool read_fields(char *text, uint64_t ret[STAT_FIELDS + 1])
{
	char *at = NULL;
	int field = STAT_FIRST;

	for (char *c = text; *c; c++)
		if (*c == ')')
			at = c + 1;
	while (at && *at == ' ' && field <= STAT_FIELDS) {
		ret[field++] = to_number(++at);
		while (*at && *at != ' ')
			at++;
	}
	return field > STAT_START_BRK;
}

static void note_map(struct settled *s)
{
	uint64_t f[STAT_FIELDS + 1];
	char text[1024];
	unsigned size = 0;
	long fd = sys(openat, AT_FDCWD, "/proc/self/stat", O_RDONLY | O_CLOEXEC);
	long n = fd < 0 ? fd : sys(read, fd, text, sizeof(text) - 1);

	if (fd >= 0)
		sys(close, fd);
	if (n <= 0 || sys(prctl, PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) < 0)
		return;
	text[n] = '\0';
	s->has_map = size == sizeof(struct prctl_mm_map) && read_fields(text, f);
	if (!s->has_map)
		return;
	s->start_code = f[STAT_START_CODE];
	s->end_code = f[STAT_END_CODE];
	s->start_stack = f[STAT_START_STACK];
	s->start_data = f[STAT_START_DATA];
	s->end_data = f[STAT_END_DATA];
	s->start_brk = f[STAT_START_BRK];
}

void settle_note(struct settled *ret)
{
	memset(ret, 0, sizeof(*ret));
	sys(prctl, PR_GET_NAME, ret->name, 0, 0, 0);
	ret->may_be_looked_into = sys(prctl, PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;
	sys(rt_sigprocmask, 0, NULL, &ret->signal_mask, sizeof(ret->signal_mask));
	note_map(ret);
}

/* Strings of the plan that lie one behind the other (draft_strings()); where there is none, at their list. */
static void find_words(const struct child *c, place list, __u64 *ret_start, __u64 *ret_end)
{
	const uint64_t *offsets = child_list(c, list);
	uint64_t plan = (uint64_t)(uintptr_t)c->plan;

	*ret_start = *ret_end = (uint64_t)(uintptr_t)offsets;
	if (!*offsets)
		return;
	*ret_start = plan + *offsets;
	while (offsets[1])
		offsets++;
	*ret_end = plan + *offsets + strlen(child_text(c, (place)*offsets)) + 1;
}

/* One by one, and an end may not lie before its start: so the second round finds the others in place. */
static void show_singly(const struct prctl_mm_map *m)
{
	const struct {
		int option;
		uint64_t address;
	} rows[] = {
		{ PR_SET_MM_ARG_START, m->arg_start },
		{ PR_SET_MM_ARG_END, m->arg_end },
		{ PR_SET_MM_ENV_START, m->env_start },
		{ PR_SET_MM_ENV_END, m->env_end },
	};

	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++)
		sys(prctl, PR_SET_MM, rows[i % 4].option, rows[i % 4].address, 0, 0);
}

void settle_show(const struct settled *s, struct child *c)
{
	struct prctl_mm_map map = {
		.start_code = s->start_code,
		.end_code = s->end_code,
		.start_data = s->start_data,
		.end_data = s->end_data,
		.start_brk = s->start_brk,
		.brk = (uint64_t)sys(brk, 0),
		.start_stack = s->start_stack,
		.exe_fd = ~0u, /* as it is; so is the auxiliary vector */
	};
	long r = 0;

	find_words(c, c->plan->argv, &map.arg_start, &map.arg_end);
	find_words(c, c->plan->envp, &map.env_start, &map.env_end);
	if (s->has_map)
		r = sys(prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0);
	else
		show_singly(&map);
	if (r < 0)
		child_fail(c, (int)r, "show its own arguments and environment in /proc");
}

void settle_apply(const struct settled *s)
{
	sys(prctl, PR_SET_NAME, s->name, 0, 0, 0);
	sys(prctl, PR_SET_KEEPCAPS, 0, 0, 0, 0); /* of a change of identity */
	sys(prctl, PR_SET_DUMPABLE, s->may_be_looked_into, 0, 0, 0);
}

void settle_forget(struct child *c)
{
	struct init_plan *plan = c->plan, left = { .argv = plan->argv, .envp = plan->envp };
	char **argv = child_list(c, plan->argv), **envp = child_list(c, plan->envp);
	char *first = *argv ? *argv : (char *)argv, *end = (char *)plan + plan->size;

	/* Strings, their list, strings, their list: as plan_program() drew them up. */
	while (*envp++)
		;
	memset(plan + 1, 0, (size_t)(first - (char *)(plan + 1)));
	memset(envp, 0, (size_t)(end - (char *)envp));
	*plan = left;
}
