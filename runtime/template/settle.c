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

/* Behind the last of strings that lie one behind the other, as draft_strings() has laid them. */
static char *strings_end(char **strings, char *otherwise)
{
	for (; *strings; strings++)
		otherwise = *strings + strlen(*strings) + 1;
	return otherwise;
}

/* What `ps` shows, and whoever reads /proc/PID/environ. */
static void show_words(const struct settled *s, struct child *c)
{
	char **argv = child_list(c, c->plan->argv), **envp = child_list(c, c->plan->envp);
	char *arg_end = strings_end(argv, (char *)argv);
	struct prctl_mm_map map = {
		.start_code = s->start_code,
		.end_code = s->end_code,
		.start_data = s->start_data,
		.end_data = s->end_data,
		.start_brk = s->start_brk,
		.brk = (uint64_t)sys(brk, 0),
		.start_stack = s->start_stack,
		.arg_start = (uint64_t)(uintptr_t)(*argv ? *argv : arg_end),
		.arg_end = (uint64_t)(uintptr_t)arg_end,
		.env_start = (uint64_t)(uintptr_t)(*envp ? *envp : arg_end),
		.env_end = (uint64_t)(uintptr_t)strings_end(envp, arg_end),
		.exe_fd = ~0u, /* as it is; so is the auxiliary vector */
	};
	long r = s->has_map ? sys(prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0) : 0;

	if (r < 0)
		child_fail(c, (int)r, "show its own arguments and environment in /proc");
}

void settle_apply(const struct settled *s, struct child *c)
{
	show_words(s, c);
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
