/* cgroup/frost: what stands still for an instant, what does not, and what never may. */
#include <sys/resource.h>
#include <sys/stat.h>

#include "spec/base/fd.h"
#include "tests/unit/frozen.h"

START_TEST(stands_still_and_runs_again)
{
	struct cgroup a = make("a"), b = make("b");
	int groups[] = { a.fd, -1, b.fd, a.fd };
	uint64_t ns = 0;

	live_in(&a), live_in(&b);
	struct frost f = begin(groups, 4, PATIENT);
	ck_assert(stands_still(&a) && stands_still(&b));
	frost_end(&f);
	runs_again(&a), runs_again(&b);
	ck_assert(frost_held(&f, 0) && !frost_held(&f, 1));
	ck_assert(frost_held(&f, 2) && frost_held(&f, 3) && !frost_held(&f, 4));
	ck_assert_uint_eq(frost_count(&f, &ns), 2);
	ck_assert_uint_gt(ns, 0);
	frost_done(&f);
	/* And nobody is left: these two live still, and there is no third. */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG | __WALL), 0);
	removed(&a, "a"), removed(&b, "b");
	ck_assert_int_gt(wait(NULL), 0);
	ck_assert_int_gt(wait(NULL), 0);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1);
}
END_TEST

START_TEST(nothing_to_freeze)
{
	int none = -1;
	struct frost f = begin(&none, 1, 0), g = begin(NULL, 0, 0);

	frost_read(&f, 1);
	frost_end(&f);
	ck_assert(!frost_held(&f, 0) && count(&f) == 0 && count(&g) == 0);
	frost_done(&f), frost_done(&g);
}
END_TEST

START_TEST(paused_stays_paused)
{
	struct cgroup a = make("a"), b = make("b");
	int groups[] = { a.fd, b.fd };

	live_in(&a), live_in(&b);
	OK(cgroup_freeze(a.fd, true, 10000, &e));
	struct frost f = begin(groups, 2, PATIENT);
	/* Whoever asks is told so at once. */
	ck_assert_int_eq(cgroup_is_frozen(a.fd), 1);
	frost_end(&f);
	ck_assert(stands_still(&a) && is_to_be_frozen(&a));
	runs_again(&b);
	ck_assert(frost_held(&f, 0) && frost_held(&f, 1));
	ck_assert_uint_eq(count(&f), 1);
	frost_done(&f);
	removed(&a, "a"), removed(&b, "b");
}
END_TEST

START_TEST(all_below_stand_still)
{
	struct cgroup a = make("a");

	ck_assert_int_eq(mkdirat(root, at("a/x") + 1, 0755), 0);
	ck_assert_int_eq(mkdirat(root, at("a/x/y") + 1, 0755), 0);
	struct cgroup y = CGROUP_NONE;
	OK(cgroup_open(root, at("a/x/y"), &y, &e));
	live_in(&y);
	struct frost f = begin(&a.fd, 1, PATIENT);
	ck_assert(stands_still(&a) && stands_still(&y) && !is_to_be_frozen(&y));
	frost_done(&f);
	runs_again(&y);
	cgroup_done(&y);
	removed(&a, "a");
}
END_TEST

/* --- what cannot be frozen, or must not --------------------------------------------------------------- */

/* A directory that says what a group says whose process hangs in the kernel. */
START_TEST(one_that_never_freezes)
{
	char name[] = "/dev/shm/cowrun-unit-XXXXXX", text[8] = "";
	struct cgroup a = make("a");

	live_in(&a);
	ck_assert_ptr_nonnull(mkdtemp(name));
	autofd int parent = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	OK(fd_replace_file(parent, "cgroup.procs", "", 0, 0600, &e));
	ck_assert_int_eq(mkdirat(parent, "stuck", 0755), 0);
	autofd int stuck = openat(parent, "stuck", O_PATH | O_DIRECTORY | O_CLOEXEC);
	OK(fd_replace_file(stuck, "cgroup.events", "populated 1\nfrozen 0\n", 21, 0600, &e));
	OK(fd_replace_file(stuck, "cgroup.freeze", "0\n", 2, 0600, &e));
	int groups[] = { stuck, a.fd };
	struct frost f = begin(groups, 2, PATIENT);
	bool still = stands_still(&a);
	knob_read(stuck, "cgroup.freeze", text, sizeof(text));
	unlinkat(stuck, "cgroup.events", 0);
	unlinkat(stuck, "cgroup.freeze", 0);
	unlinkat(parent, "stuck", AT_REMOVEDIR);
	unlinkat(parent, "cgroup.procs", 0);
	rmdir(name);
	frost_end(&f);
	ck_assert(still);
	ck_assert_str_eq(text, "0\n");
	ck_assert(!frost_held(&f, 0) && frost_held(&f, 1));
	ck_assert_uint_eq(count(&f), 1);
	frost_done(&f);
	removed(&a, "a");
}
END_TEST

START_TEST(removed_meanwhile)
{
	struct cgroup a = make("a"), b = make("b");
	int groups[] = { a.fd, b.fd };
	pid_t pid = live_in(&a);

	live_in(&b);
	struct frost f = begin(groups, 2, PATIENT);
	/* What is frozen can be killed, and removed. */
	OK(cgroup_remove(root, at("a"), 1, &e));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	frost_end(&f);
	ck_assert(!frost_held(&f, 0) && frost_held(&f, 1));
	runs_again(&b);
	frost_done(&f);
	/* And before. */
	f = begin(groups, 2, PATIENT);
	frost_end(&f);
	ck_assert(!frost_held(&f, 0) && frost_held(&f, 1));
	frost_done(&f);
	cgroup_done(&a);
	removed(&b, "b");
}
END_TEST

/* Neither those that it lives in, nor the root: whoever froze these would wait for ever. */
START_TEST(never_ones_own)
{
	struct cgroup outer = make("outer");

	ck_assert_int_eq(mkdirat(root, at("outer/shell") + 1, 0755), 0);
	ck_assert_int_eq(mkdirat(root, at("outer/shell/reader") + 1, 0755), 0);
	ck_assert_int_eq(mkdirat(root, at("outer/other") + 1, 0755), 0);
	struct cgroup shell = CGROUP_NONE, reader = CGROUP_NONE, other = CGROUP_NONE;
	OK(cgroup_open(root, at("outer/shell"), &shell, &e));
	OK(cgroup_open(root, at("outer/shell/reader"), &reader, &e));
	OK(cgroup_open(root, at("outer/other"), &other, &e));
	int groups[] = { root, outer.fd, shell.fd, reader.fd, other.fd };
	/* The shell starts the reader in another group, and waits for it. */
	pid_t pid = born_in(shell.fd);
	if (pid == 0) {
		pid_t child = born_in(reader.fd);
		if (child == 0) {
			struct frost f = begin(groups, 5, PATIENT);
			frost_end(&f);
			_exit(!(frost_held(&f, 4) && count(&f) == 1));
		}
		int status = -1;
		waitpid(child, &status, 0);
		_exit(WEXITSTATUS(status));
	}
	int status = -1;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	cgroup_done(&shell), cgroup_done(&reader), cgroup_done(&other);
	removed(&outer, "outer");
}
END_TEST

START_TEST(more_groups_than_files_may_be_open)
{
	enum { N = 200 };
	struct rlimit few = { 0 };
	int groups[N];
	char name[16];

	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		groups[i] = make(name).fd;
	}
	getrlimit(RLIMIT_NOFILE, &few);
	few.rlim_cur = N + 32;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	struct frost f = begin(groups, N, PATIENT);
	frost_end(&f);
	size_t n = count(&f);
	frost_done(&f);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		struct cgroup c = { .fd = groups[i] };
		removed(&c, name);
	}
	ck_assert_uint_eq(n, N);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_frost");
	TCase *tcase = tcase_create("frost");

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, stands_still_and_runs_again);
	tcase_add_test(tcase, nothing_to_freeze);
	tcase_add_test(tcase, paused_stays_paused);
	tcase_add_test(tcase, all_below_stand_still);
	tcase_add_test(tcase, one_that_never_freezes);
	tcase_add_test(tcase, removed_meanwhile);
	tcase_add_test(tcase, never_ones_own);
	tcase_add_test(tcase, more_groups_than_files_may_be_open);
	return frozen_run(suite);
}
