/* The process of a reaper that writes down ends: locks that it meets, and its own end. */
#include "tests/unit/orphan.h"
#include "tests/unit/run.h"

/* A record that is locked holds up its own end only. */
START_TEST(locked)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e), lock;

	struct orphan a = orphan_start(&s, c, "a", NULL), b = orphan_start(&s, c, "b", NULL);
	ORPHAN_OK(record_lock(&home, "a", &lock, &e));
	orphan_tell(&a, "x 1\n");
	while (kill(a.pid, 0) == 0)
		usleep(1000);
	orphan_tell(&b, "x 2\n");
	ck_assert_int_eq(orphan_wait(&b), 2 << 8);
	ck_assert_int_eq(orphan_exit("b"), 2);
	/* The status itself waits for nobody. */
	int status;
	ck_assert_int_eq(fd_read_full(a.status, &status, sizeof(status)), sizeof(status));
	ck_assert_int_eq(orphan_exit("a"), -1);
	close(lock);
	char more;
	ck_assert_int_eq(fd_read_full(a.status, &more, 1), 0);
	ck_assert_int_eq(orphan_exit("a"), 1);
	close(c);
	scene_end(&s);
}
END_TEST

/* The reaper's own child that writes down ends; 0: it has none at the moment. */
static pid_t scribe_of(const struct scene *s)
{
	char path[64], name[32];
	pid_t pid, found = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)s->reaper, (int)s->reaper);
	FILE *children = fopen(path, "re");
	ck_assert_ptr_nonnull(children);
	while (!found && fscanf(children, "%d", &pid) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
		FILE *comm = fopen(path, "re");
		if (comm && fgets(name, sizeof(name), comm) && strcmp(name, "cow-reaper\n") == 0)
			found = pid;
		if (comm)
			fclose(comm);
	}
	fclose(children);
	return found;
}

/* False when it left instead: it had nothing to do. */
static bool stop(pid_t scribe)
{
	char path[64], state = 0;

	kill(scribe, SIGSTOP);
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)scribe);
	while (state != 'T') {
		FILE *stat = fopen(path, "re");
		bool read = stat && fscanf(stat, "%*d (cow-reaper) %c", &state) == 1;
		if (stat)
			fclose(stat);
		if (!read || strchr("ZX", state))
			return false;
	}
	return true;
}

/* What it has not told when it is killed is told by others. */
START_TEST(scribe_killed)
{
	struct scene s = scene_begin(0);
	int c = reaper_reach(s.dir, &e), status;
	pid_t scribe = 0;
	char id[32], more;

	for (int i = 0; !scribe; i++) {
		snprintf(id, sizeof(id), "first%d", i);
		struct orphan first = orphan_start(&s, c, id, NULL);
		orphan_tell(&first, "x 0\n");
		ck_assert_int_eq(orphan_wait(&first), 0);
		scribe = scribe_of(&s);
		if (scribe && !stop(scribe))
			scribe = 0;
	}
	struct orphan a = orphan_start(&s, c, "a", NULL), b = orphan_start(&s, c, "b", NULL);
	orphan_tell(&a, "x 1\n");
	orphan_tell(&b, "x 2\n");
	ck_assert_int_eq(fd_read_full(a.status, &status, sizeof(status)), sizeof(status));
	ck_assert_int_eq(fd_read_full(b.status, &status, sizeof(status)), sizeof(status));
	ck_assert_int_eq(orphan_exit("a"), -1);
	ck_assert_int_eq(kill(scribe, SIGKILL), 0);
	ck_assert_int_eq(fd_read_full(a.status, &more, 1), 0);
	ck_assert_int_eq(fd_read_full(b.status, &more, 1), 0);
	ck_assert_int_eq(orphan_exit("a"), 1);
	ck_assert_int_eq(orphan_exit("b"), 2);
	close(c);
	scene_end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_scribe");
	TCase *c = tcase_create("scribe");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, orphan_begin, orphan_end);
	tcase_add_test(c, locked);
	tcase_add_test(c, scribe_killed);
	suite_add_tcase(suite, c);
	return unit_run(suite);
}
