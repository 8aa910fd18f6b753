/*
 * cgroup/guardian: what is left of an instant when a reader or the guardian ends in the middle, and
 * what others make of it who ask, pause or resume meanwhile.
 */
#include <poll.h>
#include <sys/file.h>
#include <sys/pidfd.h>

#include "cgroup/freeze_lock.h"
#include "cgroup/guardian.h"
#include "tests/unit/frozen.h"

/* --- the reader ends in the middle ------------------------------------------------------------------ */

/* A reader with a session of its own, that has frozen `group` and waits; `in`: the group it lives in. */
static pid_t reader_of(int group, int in, uint64_t bytes)
{
	int ready[2];
	char byte;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid_t pid = born_in(in);
	if (pid == 0) {
		setsid();
		signal(SIGINT, SIG_DFL); /* the test library's */
		struct frost f = begin_frozen(group, bytes);
		ck_assert(f.guardian >= 0);
		ck_assert_int_eq(write(ready[1], "r", 1), 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static const struct {
	const char *what;
	int signal;
	bool all; /* the whole process group */
} ends[] = {
	{ "killed", SIGKILL, false },
	{ "killed with its process group", SIGKILL, true },
	{ "hung up with its process group", SIGHUP, true },
	{ "interrupted with its process group", SIGINT, true },
	{ "stopped with its process group", SIGTSTP, true },
};

START_TEST(the_reader_is_killed)
{
	struct cgroup a = make("a"), reader = make("reader");

	live_in(&a);
	pid_t pid = reader_of(a.fd, reader.fd, PATIENT / 4);
	ck_assert(stands_still(&a));
	kill(ends[_i].all ? -pid : pid, ends[_i].signal);
	runs_again(&a);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	removed(&a, "a"), removed(&reader, "reader");
}
END_TEST

START_TEST(the_readers_whole_group_is_killed)
{
	struct cgroup a = make("a"), reader = make("reader");

	live_in(&a);
	pid_t pid = reader_of(a.fd, reader.fd, PATIENT);
	OK(cgroup_kill(reader.fd, &e));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	runs_again(&a);
	removed(&a, "a"), removed(&reader, "reader");
}
END_TEST

START_TEST(the_reader_is_stopped)
{
	struct cgroup a = make("a"), reader = make("reader");

	live_in(&a);
	pid_t pid = reader_of(a.fd, reader.fd, 0);
	kill(pid, SIGSTOP);
	runs_again(&a);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	removed(&a, "a"), removed(&reader, "reader");
}
END_TEST

START_TEST(who_takes_too_long_is_told)
{
	struct cgroup a = make("a");

	live_in(&a);
	struct frost f = begin_frozen(a.fd, 0);
	runs_again(&a);
	frost_end(&f);
	ck_assert(!frost_held(&f, 0));
	ck_assert_uint_eq(count(&f), 1);
	frost_done(&f);
	removed(&a, "a");
}
END_TEST

START_TEST(patience_grows_with_the_set)
{
	uint64_t none = guardian_patience(0);

	ck_assert_uint_lt(none, 20000000);
	ck_assert_uint_eq(guardian_patience(16 << 20), none + 1000000);
	ck_assert_uint_eq(guardian_patience((uint64_t)1 << 30), none + 64000000);
	/* All have to be frozen before that is over: a thousand processes cannot be, in a small set. */
	ck_assert_uint_lt(guardian_freeze_patience(0), none);
	ck_assert_uint_lt(guardian_price(500), guardian_freeze_patience(0));
	ck_assert_uint_gt(guardian_price(1000), guardian_freeze_patience(0));
	ck_assert_uint_lt(guardian_price(3000), guardian_freeze_patience((uint64_t)1 << 30));
	/* What others wait for is longer than any. */
	ck_assert_uint_lt(
		guardian_patience(UINT64_MAX), FREEZE_LOCK_TIMEOUT_MS * UINT64_C(1000000));
}
END_TEST

static const struct {
	const char *what;
	int guardian, witness; /* signals; 0: none */
	bool reads;	       /* the reader goes on; else nothing more is heard of it */
} lost[] = {
	{ "the guardian is killed", SIGKILL, 0, false },
	{ "the guardian is stopped", SIGSTOP, 0, false },
	{ "the guardian is killed, and the reader goes on", SIGKILL, 0, true },
	{ "both are killed", SIGKILL, SIGKILL, true },
	{ "the guardian is killed, and the witness is stopped", SIGKILL, SIGSTOP, true },
};

/* What has not even ended yet is looked at again. */
static void goes_on_reading(struct frost *f, const struct cgroup *c)
{
	for (unsigned looks = 0; looks < 10000 && is_to_be_frozen(c); looks++) {
		frost_read(f, 1);
		usleep(1000);
	}
}

START_TEST(the_guardian_is_lost)
{
	struct cgroup a = make("a");

	live_in(&a);
	struct frost f = begin(&a.fd, 1, PATIENT);
	ck_assert(is_to_be_frozen(&a));
	if (lost[_i].witness)
		pidfd_send_signal(f.witness, lost[_i].witness, NULL, 0);
	pidfd_send_signal(f.guardian, lost[_i].guardian, NULL, 0);
	if (lost[_i].reads)
		goes_on_reading(&f, &a);
	/* Before its end. */
	runs_again(&a);
	frost_end(&f);
	ck_assert(!frost_held(&f, 0));
	ck_assert_int_eq(cgroup_is_frozen(a.fd), 0);
	frost_done(&f);
	removed(&a, "a");
}
END_TEST

/* It goes unnoticed: the guardian does all that is to be done. */
START_TEST(the_witness_is_lost)
{
	struct cgroup a = make("a");

	live_in(&a);
	struct frost f = begin(&a.fd, 1, PATIENT);
	pidfd_send_signal(f.witness, _i == 0 ? SIGKILL : SIGSTOP, NULL, 0);
	frost_read(&f, 1);
	ck_assert(is_to_be_frozen(&a));
	frost_end(&f);
	ck_assert(frost_held(&f, 0));
	runs_again(&a);
	frost_done(&f);
	removed(&a, "a");
}
END_TEST

/* --- pause and resume meanwhile ------------------------------------------------------------------------ */

/* Another process that asks, or pauses, while we have it frozen; its answer. */
struct asker {
	pid_t pid;
	int answer;
};

static struct asker ask(int group, int (*question)(int group))
{
	int ends_of[2], asking[2];
	char byte;

	ck_assert_int_eq(pipe2(ends_of, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(asking, O_CLOEXEC), 0);
	struct asker a = { .pid = fork(), .answer = ends_of[0] };
	if (a.pid == 0) {
		ck_assert_int_eq(write(asking[1], "a", 1), 1);
		char said = (char)question(group);
		_exit(write(ends_of[1], &said, 1) != 1);
	}
	ck_assert_int_eq(read(asking[0], &byte, 1), 1);
	close(ends_of[1]);
	close(asking[0]), close(asking[1]);
	return a;
}

static bool has_answered(const struct asker *a, int timeout_ms)
{
	struct pollfd p = { .fd = a->answer, .events = POLLIN };

	return poll(&p, 1, timeout_ms) > 0;
}

static int answer_of(struct asker *a)
{
	char said = 99;

	ck_assert_int_eq(read(a->answer, &said, 1), 1);
	waitpid(a->pid, NULL, 0);
	close(a->answer);
	return said;
}

static int ask_frozen(int group)
{
	return cgroup_is_frozen(group);
}

static int ask_pause(int group)
{
	struct err why;

	return cgroup_freeze(group, true, 10000, &why) == 0;
}

static int ask_resume(int group)
{
	struct err why;

	return cgroup_freeze(group, false, 10000, &why) == 0;
}

START_TEST(an_instant_is_no_pause)
{
	struct cgroup a = make("a");

	live_in(&a);
	struct frost f = begin(&a.fd, 1, PATIENT);
	struct asker frozen = ask(a.fd, ask_frozen);
	ck_assert(!has_answered(&frozen, 20));
	frost_end(&f);
	ck_assert(frost_held(&f, 0));
	ck_assert_int_eq(answer_of(&frozen), 0);
	frost_done(&f);
	removed(&a, "a");
}
END_TEST

START_TEST(a_pause_meanwhile_lasts)
{
	struct cgroup a = make("a");

	live_in(&a);
	struct frost f = begin(&a.fd, 1, PATIENT);
	struct asker pauses = ask(a.fd, ask_pause);
	ck_assert(!has_answered(&pauses, 20));
	frost_end(&f);
	ck_assert_int_eq(answer_of(&pauses), 1);
	ck_assert(stands_still(&a) && is_to_be_frozen(&a));
	ck_assert_int_eq(cgroup_is_frozen(a.fd), 1);
	frost_done(&f);
	removed(&a, "a");
}
END_TEST

START_TEST(a_resume_meanwhile_waits)
{
	struct cgroup a = make("a");

	live_in(&a);
	OK(cgroup_freeze(a.fd, true, 10000, &e));
	struct frost f = begin(&a.fd, 1, PATIENT);
	struct asker resumes = ask(a.fd, ask_resume);
	ck_assert(!has_answered(&resumes, 20));
	frost_end(&f);
	ck_assert(frost_held(&f, 0));
	ck_assert_int_eq(answer_of(&resumes), 1);
	runs_again(&a);
	frost_done(&f);
	removed(&a, "a");
}
END_TEST

/* Who knows nothing of the lock, and thaws: it has run, and that is told. */
START_TEST(thawed_by_others_meanwhile)
{
	struct cgroup a = make("a");

	live_in(&a);
	struct frost f = begin(&a.fd, 1, PATIENT);
	ck_assert_int_eq(knob_write(a.fd, "cgroup.freeze", "0"), 0);
	frost_end(&f);
	ck_assert(!frost_held(&f, 0));
	runs_again(&a);
	frost_done(&f);
	removed(&a, "a");
}
END_TEST

/* A lock that is never given up keeps nobody from anything, for long. */
START_TEST(a_lock_that_is_kept)
{
	struct cgroup a = make("a"), b = make("b");
	int groups[] = { a.fd, b.fd };
	automatic(freeze_lock) struct freeze_lock lock = FREEZE_LOCK_NONE;

	live_in(&a), live_in(&b);

	ck_assert_int_eq(freeze_lock_open(a.fd, &lock), 0);
	ck_assert_int_eq(freeze_lock_try(&lock, true), 0);
	struct frost f = begin(groups, 2, PATIENT);
	frost_end(&f);
	ck_assert(!frost_held(&f, 0) && frost_held(&f, 1));
	OK(cgroup_freeze(a.fd, true, 10000, &e));
	ck_assert(stands_still(&a));
	frost_done(&f);
	removed(&a, "a"), removed(&b, "b");
}
END_TEST

/* What a container can reach if its cgroup2 is writable: its own group's files, and locks of them. */
START_TEST(locks_of_a_container_hold_up_nobody)
{
	static const char *const files[] = { ".", "cgroup.kill", "cgroup.procs", "cgroup.freeze" };
	struct cgroup a = make("a");

	live_in(&a);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int fd = openat(a.fd, files[i], O_RDWR | O_CLOEXEC);
		if (fd < 0)
			fd = openat(a.fd, files[i], O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			fd = openat(a.fd, files[i], O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
		if (i > 0)
			ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &all), 0);
	}
	struct frost f = begin(&a.fd, 1, PATIENT);
	frost_end(&f);
	ck_assert(frost_held(&f, 0));
	frost_done(&f);
	removed(&a, "a");
}
END_TEST

/*
 * One that asks all the time while it is frozen and thawed: never paused. The lock may be got
 * behind the thaw of which the kernel has not told yet.
 */
START_TEST(nobody_has_paused_it)
{
	struct cgroup a = make("a");
	enum { ROUNDS = 300 };
	int paused = 0;

	live_in(&a);
	pid_t pid = fork();
	if (pid == 0) {
		for (int i = 0; i < ROUNDS; i++) {
			struct frost f = begin(&a.fd, 1, PATIENT);
			frost_done(&f);
		}
		_exit(0);
	}
	while (waitpid(pid, NULL, WNOHANG) == 0)
		paused += cgroup_is_frozen(a.fd) != 0;
	ck_assert_int_eq(paused, 0);
	removed(&a, "a");
}
END_TEST

START_TEST(an_instant_of_one_above_is_no_pause)
{
	struct cgroup a = make("a"), in = CGROUP_NONE;

	ck_assert_int_eq(mkdirat(root, at("a/in") + 1, 0755), 0);
	OK(cgroup_open(root, at("a/in"), &in, &e));
	live_in(&in);
	struct frost f = begin(&a.fd, 1, PATIENT);
	/* One that is in it asks, too. */
	struct asker frozen = ask(in.fd, ask_frozen);
	ck_assert(!has_answered(&frozen, 20));
	frost_end(&f);
	ck_assert_int_eq(answer_of(&frozen), 0);
	frost_done(&f);
	OK(cgroup_freeze(a.fd, true, 10000, &e));
	ck_assert_int_eq(cgroup_is_frozen(in.fd), 1);
	cgroup_done(&in);
	removed(&a, "a");
}
END_TEST

START_TEST(two_readings_at_once)
{
	struct cgroup a = make("a"), b = make("b");
	int one[] = { a.fd, b.fd }, two[] = { b.fd, a.fd };
	pid_t pids[4];

	live_in(&a), live_in(&b);
	for (size_t i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] != 0)
			continue;
		unsigned held = 0;
		/* Who waits too long for a lock, since others want the processors too, goes without it. */
		for (unsigned round = 0; round < 1000 && held < 10; round++) {
			struct frost f = begin(i % 2 ? one : two, 2, PATIENT);
			frost_end(&f);
			held += frost_held(&f, 0) && frost_held(&f, 1);
			frost_done(&f);
		}
		_exit(held < 10);
	}
	for (size_t i = 0; i < 4; i++) {
		int status = -1;
		waitpid(pids[i], &status, 0);
		ck_assert_int_eq(status, 0);
	}
	runs_again(&a), runs_again(&b);
	removed(&a, "a"), removed(&b, "b");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_guardian");
	TCase *tcase = tcase_create("guardian");

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, the_reader_is_killed, 0, sizeof(ends) / sizeof(ends[0]));
	tcase_add_test(tcase, the_readers_whole_group_is_killed);
	tcase_add_test(tcase, the_reader_is_stopped);
	tcase_add_test(tcase, who_takes_too_long_is_told);
	tcase_add_test(tcase, patience_grows_with_the_set);
	tcase_add_loop_test(tcase, the_guardian_is_lost, 0, sizeof(lost) / sizeof(lost[0]));
	tcase_add_loop_test(tcase, the_witness_is_lost, 0, 2);
	tcase_add_test(tcase, an_instant_is_no_pause);
	tcase_add_test(tcase, a_pause_meanwhile_lasts);
	tcase_add_test(tcase, a_resume_meanwhile_waits);
	tcase_add_test(tcase, thawed_by_others_meanwhile);
	tcase_add_test(tcase, a_lock_that_is_kept);
	tcase_add_test(tcase, locks_of_a_container_hold_up_nobody);
	tcase_add_test(tcase, nobody_has_paused_it);
	tcase_add_test(tcase, an_instant_of_one_above_is_no_pause);
	tcase_add_test(tcase, two_readings_at_once);
	return frozen_run(suite);
}
