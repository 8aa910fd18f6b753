/* What /proc shows of a process that has settled: its own words, and that it may be looked into. */
#include "runtime/template/settle.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "runtime/draft.h"
#include "tests/unit/run.h"

static const char *const words[] = { "server", "--port", "80", "", "last one" };
static const char *const settings[] = { "PATH=/bin", "WHO=a fork", "EMPTY=" };

/* A child with a plan, as it stands before its last step. */
static struct child with_plan(
	const char *const *argv, size_t n_argv, const char *const *envp, size_t n_envp)
{
	static struct init_plan *plan;
	struct draft d;
	struct err e;

	draft_begin(&d);
	d.plan.cwd = draft_text(&d, "/secret/of/the/host");
	d.plan.argv = draft_strings(&d, (char *const *)argv, n_argv);
	d.plan.envp = draft_strings(&d, (char *const *)envp, n_envp);
	d.plan.path = draft_text(&d, "/what/lies/behind");
	ck_assert_int_eq(draft_finish(&d, &e), 0);
	plan = malloc(d.block.len);
	memcpy(plan, d.block.data, d.block.len);
	draft_done(&d);
	return (struct child){ .plan = plan, .channel = -1, .root = -1 };
}

/* As the steps do: program_find(). */
static void have_pointers(struct child *c)
{
	for (int i = 0; i < 2; i++)
		for (uint64_t *at = child_list(c, i ? c->plan->envp : c->plan->argv); *at; at++)
			*at += (uint64_t)(uintptr_t)c->plan;
}

/* The file of this process as it is, with NULs as '|'. */
static void shows(const char *name, const char *expected)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	FILE *file = fopen(path, "r");
	size_t n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = '|';
	ck_assert_str_eq(text, expected);
}

START_TEST(test_words)
{
	struct settled s;
	struct child c = with_plan(words, 5, settings, 3);
	char *brk_before = sbrk(0), **argv, **envp;

	prctl(PR_SET_NAME, "given (by) it");
	settle_note(&s);
	s.has_map &= !_i; /* the other way takes a privilege */
	if (!s.has_map && prctl(PR_SET_MM, PR_SET_MM_ENV_END, -1, 0, 0) < 0 && errno == EPERM)
		return;
	prctl(PR_SET_NAME, "cowrun-init");
	settle_show(&s, &c);
	have_pointers(&c);
	settle_apply(&s);
	shows("cmdline", "server|--port|80||last one|");
	shows("environ", "PATH=/bin|WHO=a fork|EMPTY=|");
	shows("comm", "given (by) it\n");
	ck_assert_ptr_eq(sbrk(0), brk_before);
	size_t size = c.plan->size;
	const char *plan = (const char *)c.plan;
	settle_forget(&c);
	argv = child_list(&c, c.plan->argv);
	envp = child_list(&c, c.plan->envp);
	ck_assert_str_eq(argv[4], "last one");
	ck_assert_ptr_null(argv[5]);
	ck_assert_str_eq(envp[2], "EMPTY=");
	ck_assert_ptr_null(envp[3]);
	ck_assert_ptr_null(memmem(plan, size, "secret", 6));
	ck_assert_ptr_null(memmem(plan, size, "behind", 6));
	ck_assert_ptr_nonnull(memmem(plan, size, "WHO=", 4));
	/* It goes on living: its heap grows as before. */
	char *more = sbrk(1 << 20);
	ck_assert_ptr_eq(more, brk_before);
	memset(more, 1, 1 << 20);
}
END_TEST

START_TEST(test_no_words)
{
	struct settled s;
	struct child c = with_plan(words, 1, NULL, 0);
	char **argv, **envp;

	settle_note(&s);
	if (!s.has_map)
		return; /* CONFIG_CHECKPOINT_RESTORE */
	settle_show(&s, &c);
	have_pointers(&c);
	settle_apply(&s);
	shows("cmdline", "server|");
	shows("environ", "");
	settle_forget(&c);
	argv = child_list(&c, c.plan->argv);
	envp = child_list(&c, c.plan->envp);
	ck_assert_str_eq(argv[0], "server");
	ck_assert_ptr_null(envp[0]);
}
END_TEST

START_TEST(test_look)
{
	struct settled s;

	settle_note(&s);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_KEEPCAPS, 1);
	settle_apply(&s);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 1);
	ck_assert_int_eq(prctl(PR_GET_KEEPCAPS), 0);
	/* A program that did not want it stays so. */
	prctl(PR_SET_DUMPABLE, 0);
	settle_note(&s);
	settle_apply(&s);
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 0);
}
END_TEST

START_TEST(test_mask)
{
	struct settled s;
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGRTMAX);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	settle_note(&s);
	ck_assert_uint_eq(s.signal_mask, 1ull << (SIGTERM - 1) | 1ull << (SIGRTMAX - 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("template_settle");
	TCase *cases = tcase_create("settle");

	tcase_add_loop_test(cases, test_words, 0, 2);
	tcase_add_test(cases, test_no_words);
	tcase_add_test(cases, test_look);
	tcase_add_test(cases, test_mask);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
