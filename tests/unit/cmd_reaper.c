/* The reaper of a template: outputs, ends, and whoever asks for them, whatever the others do. */
#include <sys/file.h>
#include <sys/resource.h>

#include "tests/unit/orphan.h"
#include "tests/unit/run.h"

/* The log without its times. */
static char *log_of(const char *id)
{
	static char text[1 << 16], line[4096];
	char path[128];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/%s/log", root, id);
	FILE *log = fopen(path, "r");
	ck_assert_ptr_nonnull(log);
	while (fgets(line, sizeof(line), log)) {
		const char *rest = strchr(line, ' ');
		ck_assert_ptr_nonnull(rest);
		ck_assert_int_eq(rest - line, 30);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", rest + 1);
	}
	text[n] = '\0';
	fclose(log);
	return text;
}

START_TEST(output_and_end)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e);

	ORPHAN_OK(c);
	struct orphan o = orphan_start(&s, c, "a", NULL);
	orphan_tell(&o, "o one\ne two\nn thr\n");
	ck_assert_int_eq(orphan_exit("a"), -1);
	orphan_tell(&o, "o ee\nn last\nx 7\n");
	ck_assert_int_eq(orphan_wait(&o), 7 << 8);
	ck_assert_int_eq(orphan_exit("a"), 7);
	const char *text = log_of("a");
	ck_assert_ptr_nonnull(strstr(text, "stdout F one\n"));
	ck_assert_ptr_nonnull(strstr(text, "stderr F two\n"));
	ck_assert_ptr_nonnull(strstr(text, "stdout F three\n"));
	ck_assert_ptr_nonnull(
		strstr(text, "stdout P last\n")); /* which of two pipes is read first is not said */
	close(c);
	scene_end(&s);
	ck_assert_str_eq(log_of("t"), "stdout F template\n");
	ck_assert_int_eq(orphan_exit("t"), 42);
}
END_TEST

START_TEST(long_lines_in_parts)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e);
	static char command[3000], want[4000];

	struct orphan o = orphan_start(&s, c, "a", NULL);
	snprintf(command, sizeof(command), "o %02500d\nx 0\n", 0);
	orphan_tell(&o, command);
	ck_assert_int_eq(orphan_wait(&o), 0);
	snprintf(want, sizeof(want), "stdout P %01024d\nstdout P %01024d\nstdout F %0452d\n", 0, 0,
		0);
	ck_assert_str_eq(log_of("a"), want);
	close(c);
	scene_end(&s);
}
END_TEST

START_TEST(killed)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e);

	struct orphan o = orphan_start(&s, c, "a", NULL);
	kill(o.pid, SIGKILL);
	ck_assert_int_eq(orphan_wait(&o), SIGKILL);
	ck_assert_int_eq(orphan_exit("a"), 128 + SIGKILL);
	close(c);
	scene_end(&s);
}
END_TEST

/* Who dies before he is handed over leaves a status all the same. */
START_TEST(ended_before)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e);

	struct orphan o = orphan_make(&s, "a");
	orphan_record("a", o.pid, NULL, NULL);
	orphan_tell(&o, "o early\nx 5\n");
	while (kill(o.pid, 0) == 0)
		usleep(1000);
	ORPHAN_OK(orphan_hand(&o, c, true));
	ck_assert_int_eq(orphan_wait(&o), 5 << 8);
	ck_assert_int_eq(orphan_exit("a"), 5);
	ck_assert_str_eq(log_of("a"), "stdout F early\n");
	close(c);
	scene_end(&s);
}
END_TEST

/* ... and is remembered no longer than somebody may come with it. */
START_TEST(forgotten)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e);

	struct orphan o = orphan_make(&s, "a");
	orphan_record("a", o.pid, NULL, NULL);
	orphan_tell(&o, "x 5\n");
	while (kill(o.pid, 0) == 0)
		usleep(1000);
	int with_visitor = orphan_reaper_fds(&s);
	close(c);
	while (orphan_reaper_fds(&s) >= with_visitor)
		usleep(1000);
	c = reaper_reach(s.dir, &e);
	ck_assert_int_eq(orphan_hand(&o, c, false), -ECHILD);
	close(c);
	scene_end(&s);
}
END_TEST

START_TEST(refused)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e), out[2], err[2];

	ck_assert(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0);
	struct orphan not = { .id = "n", .pid = getpid(), .out = out[0], .err = err[0] };
	orphan_record("n", getpid(), NULL, NULL);
	ck_assert_int_eq(orphan_hand(&not, c, true), -ECHILD);
	char more;
	ck_assert_int_eq(fd_read_full(not .status, &more, 1), 0);
	/* Twice the same, and no message at all. */
	struct orphan o = orphan_start(&s, c, "a", NULL);
	struct orphan again = o;
	again.out = again.err = -1;
	ck_assert_int_eq(orphan_hand(&again, c, false), -EEXIST);
	int bad = reaper_reach(s.dir, &e);
	ck_assert_int_eq(write(bad, "nonsense", 8), 8);
	ck_assert_int_eq(read(bad, &more, 1), 0);
	orphan_tell(&o, "x 3\n");
	ck_assert_int_eq(orphan_wait(&o), 3 << 8);
	ck_assert_int_eq(orphan_exit("n"), -1);
	close(c);
	scene_end(&s);
}
END_TEST

/* Who writes without end holds up nobody. */
START_TEST(flood)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e);

	struct orphan a = orphan_start(&s, c, "a", NULL), b = orphan_start(&s, c, "b", NULL);
	orphan_tell(&a, "f\n");
	for (int i = 0; i < 50; i++)
		orphan_tell(&b, "o line\n");
	orphan_tell(&b, "x 0\n");
	ck_assert_int_eq(orphan_wait(&b), 0);
	kill(a.pid, SIGKILL);
	ck_assert_int_eq(orphan_wait(&a), SIGKILL);
	close(c);
	scene_end(&s);
}
END_TEST

START_TEST(removed_at_exit)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e);

	struct orphan o = orphan_start(&s, c, "a", "remove-at-exit");
	orphan_tell(&o, "x 0\n");
	ck_assert_int_eq(orphan_wait(&o), 0);
	ck_assert_int_eq(faccessat(home.fd, "a", F_OK, 0), -1);
	close(c);
	scene_end(&s);
}
END_TEST

/* Its name may be another one's by the time it ends. */
START_TEST(renamed)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e);

	struct orphan o = orphan_start(&s, c, "a", NULL);
	ORPHAN_OK(record_remove(&home, "a", &e));
	orphan_record("a", getpid(), NULL, NULL);
	orphan_tell(&o, "x 4\n");
	ck_assert_int_eq(orphan_wait(&o), 4 << 8);
	ck_assert_int_eq(orphan_exit("a"), -1);
	close(c);
	scene_end(&s);
}
END_TEST

/* Nothing is to be told any more, and it leaves. */
START_TEST(removed)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e);

	struct orphan o = orphan_start(&s, c, "a", NULL);
	ORPHAN_OK(record_remove(&home, "a", &e));
	ORPHAN_OK(record_remove(&home, "t", &e));
	close(c);
	kill(o.pid, SIGKILL);
	ck_assert_int_eq(orphan_wait(&o), SIGKILL);
	scene_end(&s);
}
END_TEST

static bool is_told(int watch, int timeout_ms)
{
	struct pollfd p = { .fd = watch, .events = POLLIN };

	return poll(&p, 1, timeout_ms) > 0;
}

START_TEST(watched)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e), lock;

	struct orphan o = orphan_start(&s, c, "a", NULL);
	int first = reaper_watch(s.dir, "a", o.pid), second = reaper_watch(s.dir, "a", o.pid);
	int other = reaper_watch(s.dir, "a", getpid()), none = reaper_watch(s.dir, "z", o.pid);
	ck_assert(first >= 0 && second >= 0 && other >= 0 && none >= 0);
	ck_assert(is_told(other, -1) && is_told(none, -1));
	ORPHAN_OK(record_lock(&home, "a", &lock, &e));
	orphan_tell(&o, "x 6\n");
	int status;
	ck_assert_int_eq(fd_read_full(o.status, &status, sizeof(status)), sizeof(status));
	ck_assert(!is_told(first, 0) && !is_told(second, 0));
	close(lock);
	ck_assert(is_told(first, -1) && is_told(second, -1));
	ck_assert_int_eq(orphan_exit("a"), 6);
	close(c);
	scene_end(&s);
}
END_TEST

/* It stays for the forks, and for who may still bring one; and leaves then. */
START_TEST(outlives_template)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e);

	struct orphan a = orphan_start(&s, c, "a", NULL), b = orphan_make(&s, "b");
	orphan_record("b", b.pid, NULL, NULL);
	int watch = reaper_watch(s.dir, "t", s.template);
	kill(s.template, SIGTERM);
	ck_assert(is_told(watch, -1));
	ck_assert_int_eq(orphan_exit("t"), 128 + SIGTERM);
	orphan_tell(&a, "o still here\nx 8\n");
	ck_assert_int_eq(orphan_wait(&a), 8 << 8);
	ck_assert_str_eq(log_of("a"), "stdout F still here\n");
	orphan_tell(&b, "x 9\n");
	while (kill(b.pid, 0) == 0)
		usleep(1000);
	ORPHAN_OK(orphan_hand(&b, c, true));
	ck_assert_int_eq(orphan_wait(&b), 9 << 8);
	ck_assert_int_eq(waitpid(s.reaper, NULL, WNOHANG), 0);
	close(c);
	int status;
	ck_assert_int_eq(waitpid(s.reaper, &status, 0), s.reaper);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(reaper_watch(s.dir, "a", a.pid), -ECONNREFUSED);
	struct record gone = { .id = (char *)"a", .forked_from = (char *)"t", .init.pid = a.pid };
	watch = -1;
	ck_assert_int_eq(reaper_await(&home, &gone, -1, &watch), 1);
	/* But where we cannot ask we do not know. */
	struct rlimit none = { 0, 0 };
	struct rlimit before;
	getrlimit(RLIMIT_NOFILE, &before);
	none.rlim_max = before.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	int failed = reaper_await(&home, &gone, -1, &watch);
	setrlimit(RLIMIT_NOFILE, &before);
	ck_assert_int_eq(failed, -EMFILE);
	close(s.ask);
	close(s.dir);
}
END_TEST

/* Its signal came when nobody took it. */
START_TEST(template_that_dies_early)
{
	struct scene s = scene_begin_as(0, true);

	scene_end(&s);
	ck_assert_int_eq(orphan_exit("t"), 2);
	ck_assert_str_eq(log_of("t"), "stdout F template\n");
}
END_TEST

/* Who keeps copies of fds that were handed over does not keep the reaper at them. */
START_TEST(copies_kept)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e);

	struct orphan first = orphan_start(&s, c, "a", NULL), o = orphan_make(&s, "b");
	orphan_tell(&first, "x 0\n");
	ck_assert_int_eq(orphan_wait(&first), 0);
	unsigned before = count_waited(s.reaper);
	int out = dup(o.out), err = dup(o.err);
	orphan_record("b", o.pid, NULL, NULL);
	ORPHAN_OK(orphan_hand(&o, c, true));
	ck_assert_uint_eq(count_waited(s.reaper), before + 2);
	orphan_tell(&o, "x 0\n");
	ck_assert_int_eq(orphan_wait(&o), 0);
	ck_assert_uint_eq(count_waited(s.reaper), before);
	close(out);
	close(err);
	close(c);
	scene_end(&s);
}
END_TEST

/* Who has been answered may still be about to be let go. */
static void check_fds(const struct scene *s, unsigned expected)
{
	for (int tries = 0; tries < 20000 && count_fds(s->reaper) != expected; tries++)
		usleep(1000);
	ck_assert_uint_eq(count_fds(s->reaper), expected);
}

static unsigned count_children(pid_t pid)
{
	char path[64];
	unsigned n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *children = fopen(path, "re");
	ck_assert_ptr_nonnull(children);
	while (fscanf(children, "%*d") != EOF)
		n++;
	fclose(children);
	return n;
}

/* More than a soft limit of 1024 allows; and afterwards it is as it was. */
START_TEST(a_thousand)
{
	enum { N = 1000 };
	static struct orphan all[N];
	struct rlimit files;
	char id[32];

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	/* LIMIT: a host whose hard limit is below that shows less. */
	unsigned n = files.rlim_max / 4 > N ? N : (unsigned)files.rlim_max / 8;
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e);
	unsigned children = count_children(s.reaper);
	struct orphan one = orphan_start(&s, c, "one", NULL);
	orphan_tell(&one, "x 0\n");
	ck_assert_int_eq(orphan_wait(&one), 0);
	/* Until its scribe has left, which has an fd and half of its memory in common with it. */
	for (int tries = 0; tries < 20000 && count_children(s.reaper) != children; tries++)
		usleep(1000);
	ck_assert_uint_eq(count_children(s.reaper), children);
	unsigned fds = count_fds(s.reaper), private = private_of(s.reaper);

	(void)private;
	for (unsigned i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "f%u", i);
		all[i] = orphan_make(&s, id);
		orphan_record(id, all[i].pid, NULL, NULL);
		ORPHAN_OK(orphan_hand(&all[i], c, false));
	}
	check_fds(&s, fds + 3 * n);
#ifndef __SANITIZE_ADDRESS__ /* whose own memory is counted too */
	/* Half a KiB each. */
	ck_assert_uint_le(private_of(s.reaper), private + n / 2);
#endif
	int last = reaper_watch(s.dir, "f0", all[0].pid);
	for (unsigned i = 0; i < n; i++)
		orphan_tell(&all[i], "o ended\nx 1\n");
	for (unsigned i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "f%u", i);
		int watch = reaper_watch(s.dir, id, all[i].pid);
		ck_assert(is_told(watch, -1));
		ck_assert_int_eq(orphan_exit(id), 1);
		ck_assert_str_eq(log_of(id), "stdout F ended\n");
		close(watch);
		close(all[i].tell);
	}
	close(last);
	struct orphan more = orphan_start(&s, c, "more", NULL);
	check_fds(&s, fds + 4);
	orphan_tell(&more, "x 0\n");
	ck_assert_int_eq(orphan_wait(&more), 0);
	close(c);
	scene_end(&s);
}
END_TEST

/* With no fd left it says so, to who hands over and to who knocks, and goes on when there is one. */
START_TEST(full)
{
	struct scene s = scene_begin(24);
	int c = reaper_reach(s.dir, &e), r = 0, n = 0;
	struct orphan all[8];
	char id[32];

	for (; n < 8 && r == 0; n++) {
		snprintf(id, sizeof(id), "f%d", n);
		all[n] = orphan_make(&s, id);
		orphan_record(id, all[n].pid, NULL, NULL);
		r = orphan_hand(&all[n], c, true);
	}
	ck_assert_int_eq(r, -EMFILE);
	ck_assert_int_gt(n, 2);
	int knocking[16];
	for (int i = 0; i < 16; i++)
		knocking[i] = reaper_watch(s.dir, "f0", all[0].pid);
	/* Turned away, maybe before he has said a word: that is no end. */
	ck_assert(knocking[15] < 0 || is_told(knocking[15], -1));
	struct record f0 = {
		.id = (char *)"f0", .forked_from = (char *)"t", .init.pid = all[0].pid
	};
	int watch = -1;
	ck_assert_int_eq(reaper_await(&home, &f0, 150, &watch), 0);
	/* Two: one of the fds that get free is the scribe's, as long as that is there. */
	for (int i = 0; i < 2; i++) {
		orphan_tell(&all[i], "x 1\n");
		ck_assert_int_eq(orphan_wait(&all[i]), 1 << 8);
	}
	for (int i = 0; i < 16; i++)
		own_close(&knocking[i]);
	ck_assert_int_eq(reaper_await(&home, &f0, -1, &watch), 1);
	own_close(&watch);
	struct orphan more = orphan_start(&s, c, "more", NULL);
	orphan_tell(&more, "x 2\n");
	ck_assert_int_eq(orphan_wait(&more), 2 << 8);
	close(c);
	for (int i = 2; i < n; i++)
		kill(all[i].pid, SIGKILL);
	scene_end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_reaper");
	TCase *c = tcase_create("reaper");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, orphan_begin, orphan_end);
	tcase_add_test(c, output_and_end);
	tcase_add_test(c, long_lines_in_parts);
	tcase_add_test(c, killed);
	tcase_add_test(c, ended_before);
	tcase_add_test(c, forgotten);
	tcase_add_test(c, refused);
	tcase_add_test(c, flood);
	tcase_add_test(c, removed_at_exit);
	tcase_add_test(c, renamed);
	tcase_add_test(c, removed);
	tcase_add_test(c, watched);
	tcase_add_test(c, outlives_template);
	tcase_add_test(c, template_that_dies_early);
	tcase_add_test(c, copies_kept);
	tcase_add_test(c, a_thousand);
	tcase_add_test(c, full);
	suite_add_tcase(suite, c);
	return unit_run(suite);
}
