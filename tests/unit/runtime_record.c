/* The record: what was written is read, whatever instant its writer died at and whatever became of it since. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/record.h"
#include "spec/base/fd.h"
#include "tests/unit/run.h"

static char root[64];
static struct home home = HOME_NONE;
static struct err e;

static void begin(void)
{
	snprintf(root, sizeof(root), "/dev/shm/cowrun-record.%d", (int)getpid());
	ck_assert_msg(home_open(root, true, false, &home, &e) == 0, "%s", e.text);
}

static void end(void)
{
	int memory = open("/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC);

	home_done(&home);
	ck_assert_msg(fd_remove_tree(memory, strrchr(root, '/') + 1, &e) == 0, "%s", e.text);
	close(memory);
}

/* ROOT/c with this text as its record. */
static void put(const void *text, size_t n)
{
	char path[128];

	mkdirat(home.fd, "c", 0700);
	snprintf(path, sizeof(path), "%s/c/record", root);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, text, n), 0);
	close(fd);
}

static int get(struct record *ret)
{
	*ret = (struct record){ 0 };
	return record_read(&home, "c", ret, &e);
}

static const char whole[] = "id c\n"
			    "bundle /a bundle/with  spaces \n"
			    "created 1795361582.000000042\n"
			    "waits \n"
			    "no-keyring \n"
			    "cgroup /cowrun-c\n"
			    "cgroup-made 2\n"
			    "init 4711 18446744073709551615\n"
			    "started \n"
			    "image debian:bookworm\n"
			    "store /var/lib/cowrun\n"
			    "command sh -c 'a b'\n"
			    "monitor 12 34\n"
			    "remove-at-exit \n"
			    "oom limit 32 MiB, peak 32 MiB\n"
			    "exit 137 1795361583.500000000\n";

START_TEST(reads_all_keys)
{
	struct record r;

	put(whole, strlen(whole));
	ck_assert_msg(get(&r) == 0, "%s", e.text);
	ck_assert_str_eq(r.id, "c");
	ck_assert_str_eq(r.bundle, "/a bundle/with  spaces ");
	ck_assert_int_eq(r.created.tv_sec, 1795361582);
	ck_assert_int_eq(r.created.tv_nsec, 42);
	ck_assert(r.waits && r.started && r.no_keyring && r.remove_at_exit && !r.cut);
	ck_assert_str_eq(r.cgroup, "/cowrun-c");
	ck_assert_uint_eq(r.cgroup_made, 2);
	ck_assert_int_eq(r.init.pid, 4711);
	ck_assert_uint_eq(r.init.start, UINT64_MAX);
	ck_assert_str_eq(r.image, "debian:bookworm");
	ck_assert_str_eq(r.store, "/var/lib/cowrun");
	ck_assert_str_eq(r.command, "sh -c 'a b'");
	ck_assert_int_eq(r.monitor.pid, 12);
	ck_assert_uint_eq(r.monitor.start, 34);
	ck_assert(r.ended);
	ck_assert_int_eq(r.exit_status, 137);
	ck_assert_int_eq(r.ended_at.tv_nsec, 500000000);
	ck_assert_str_eq(r.oom, "limit 32 MiB, peak 32 MiB");
	record_done(&r);
}
END_TEST

START_TEST(an_empty_record_says_nothing_more)
{
	struct record r;

	put("id c\n", 5);
	ck_assert_msg(get(&r) == 0, "%s", e.text);
	ck_assert(!r.bundle && !r.cgroup && !r.waits && !r.started && !r.ended && !r.cut);
	ck_assert_int_eq(r.init.pid, 0);
	ck_assert_int_eq(r.created.tv_sec, 0);
	record_done(&r);
}
END_TEST

/* How many whole lines the first n bytes are. */
static size_t lines_in(size_t n)
{
	size_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += whole[i] == '\n';
	return lines;
}

/* Cut anywhere: a line that has its end counts, one that has not does not, and a record without even its id is damaged. */
static void check_cut(size_t n)
{
	struct record r;

	put(whole, n);
	int got = get(&r);
	size_t lines = lines_in(n);
	if (lines < 1) {
		ck_assert_int_eq(got, -ERR_DAMAGED);
		ck_assert_str_eq(r.id, "c");
		ck_assert_msg(strstr(e.text, "'c' is damaged") && strstr(e.text, "--force"), "%s",
			e.text);
	} else {
		ck_assert_msg(got == 0, "%zu bytes: %s", n, e.text);
		ck_assert_int_eq(r.bundle != NULL, lines >= 2);
		ck_assert_int_eq(r.created.tv_sec != 0, lines >= 3);
		ck_assert_int_eq(r.waits, lines >= 4);
		ck_assert_int_eq(r.cgroup != NULL, lines >= 6);
		ck_assert_uint_eq(r.cgroup_made, lines >= 7 ? 2 : 0);
		ck_assert_int_eq(r.init.pid, lines >= 8 ? 4711 : 0);
		ck_assert_int_eq(r.started, lines >= 9);
		ck_assert_int_eq(r.monitor.pid, lines >= 13 ? 12 : 0);
		ck_assert_int_eq(r.ended, lines >= 16);
		ck_assert_int_eq(r.cut, n > 0 && whole[n - 1] != '\n');
	}
	record_done(&r);
}

START_TEST(is_read_when_cut_at_any_byte)
{
	for (size_t n = 0; n <= strlen(whole); n++)
		check_cut(n);
}
END_TEST

START_TEST(keys_of_later_versions_are_passed_over)
{
	static const char text[] = "id c\nnew-key some value\nflag\n\n \nbundle /b\nidx d\n";
	struct record r;

	put(text, strlen(text));
	ck_assert_msg(get(&r) == 0, "%s", e.text);
	ck_assert_str_eq(r.bundle, "/b");
	record_done(&r);
}
END_TEST

START_TEST(the_last_line_of_a_key_counts)
{
	static const char text[] = "id c\ncommand first\ninit 1 2\ninit 3 4\ncommand second\n";
	struct record r;

	put(text, strlen(text));
	ck_assert_msg(get(&r) == 0, "%s", e.text);
	ck_assert_str_eq(r.command, "second");
	ck_assert_int_eq(r.init.pid, 3);
	record_done(&r);
}
END_TEST

static const char *const damaged[] = { "", "\n", "id\n", "id d\n", "bundle /b\n", "ID c\n",
	"id c \n", "id c\ninit\n", "id c\ninit 12\n", "id c\ninit 0 1\n", "id c\ninit -5 1\n",
	"id c\ninit x 1\n", "id c\ninit 12 x\n", "id c\ninit 12  1\n", "id c\ninit 4294967297 1\n",
	"id c\ninit 2147483648 1\n", "id c\ninit 12 18446744073709551616\n", "id c\ninit 12 1 \n",
	"id c\ncgroup-made -1\n", "id c\ncgroup-made 4294967296\n", "id c\ncgroup-made \n",
	"id c\ncreated 1\n", "id c\ncreated x.000000000\n", "id c\ncreated 1.5\n",
	"id c\ncreated -1.000000000\n", "id c\ncreated 9223372036854775807.000000000\n",
	"id c\ncreated 1.0000000000\n", "id c\nexit 1\n", "id c\nexit x 1.000000000\n",
	"id c\nexit 1 x\n", "id c\nexit 99999999999 1.000000000\n" };

START_TEST(damage_is_told)
{
	struct record r;

	put(damaged[_i], strlen(damaged[_i]));
	ck_assert_msg(get(&r) == -ERR_DAMAGED, "'%s' was taken", damaged[_i]);
	ck_assert_msg(!strchr(e.text, '\n'), "%s", e.text);
	ck_assert_str_eq(r.id, "c");
	ck_assert_ptr_null(r.bundle);
	record_done(&r);
}
END_TEST

START_TEST(a_nul_is_damage)
{
	struct record r;

	put("id c\nbundle /b\0\n", 16);
	ck_assert_int_eq(get(&r), -ERR_DAMAGED);
	record_done(&r);
}
END_TEST

/* Always the same numbers (a linear congruential generator): what fails, fails again. */
static unsigned next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 16;
}

/* Whatever the bytes are: an answer, and no more. */
START_TEST(garbage_is_survived)
{
	uint32_t seed = 2026;
	char text[512];
	struct record r;

	for (int turn = 0; turn < 200; turn++) {
		size_t n = next(&seed) % sizeof(text);
		for (size_t i = 0; i < n; i++)
			text[i] = (char)next(&seed);
		put(text, n);
		ck_assert_int_eq(get(&r), -ERR_DAMAGED);
		record_done(&r);
	}
}
END_TEST

/* One bit wrong anywhere: read, or told to be damaged, and a text that is read can be told again. */
static void check_wrong_bits(size_t at)
{
	char text[sizeof(whole)];
	struct record r;

	for (int bit = 0; bit < 8; bit++) {
		memcpy(text, whole, sizeof(text));
		text[at] = (char)(text[at] ^ 1 << bit);
		put(text, sizeof(text) - 1);
		int got = get(&r);
		ck_assert_msg(got == 0 || got == -ERR_DAMAGED, "byte %zu bit %d: %d", at, bit, got);
		ck_assert_int_ge(r.init.pid, 0);
		char *time = record_time_text(&r.created);
		ck_assert_uint_eq(strlen(time), strlen("2026-11-22T14:00:00.123456789Z"));
		free(time);
		record_done(&r);
	}
}

START_TEST(a_wrong_bit_is_survived)
{
	for (size_t at = 0; at < strlen(whole); at++)
		check_wrong_bits(at);
}
END_TEST

START_TEST(what_is_no_file_or_too_large_is_damage)
{
	char path[128];
	struct record r;

	put("id c\n", 5);
	snprintf(path, sizeof(path), "%s/c/record", root);
	ck_assert_int_eq(truncate(path, 64 << 20), 0);
	ck_assert_int_eq(get(&r), -ERR_DAMAGED);
	record_done(&r);
	unlink(path);
	ck_assert_int_eq(get(&r), -ERR_DAMAGED);
	record_done(&r);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(get(&r), -ERR_DAMAGED);
	record_done(&r);
}
END_TEST

START_TEST(what_is_added_is_read)
{
	int dir, journal;
	struct record r;

	ck_assert_msg(record_make(&home, "c", &dir, &journal, &e) == 0, "%s", e.text);
	ck_assert_int_eq(record_add(journal, "bundle", "%s", &e, "/two\nlines"), 0);
	ck_assert_int_eq(record_add(journal, "init", "%d %d", &e, 7, 8), 0);
	ck_assert_int_eq(record_add(journal, "waits", "%s", &e, ""), 0);
	ck_assert_msg(get(&r) == 0, "%s", e.text);
	ck_assert_str_eq(r.bundle, "/two lines");
	ck_assert_int_eq(r.init.pid, 7);
	ck_assert(r.waits);
	record_done(&r);
	close(dir);
	close(journal);
}
END_TEST

START_TEST(an_id_is_made_once)
{
	int dir, journal, again = -1, and_again = -1;

	ck_assert_int_eq(record_make(&home, "c", &dir, &journal, &e), 0);
	ck_assert_int_eq(record_make(&home, "c", &again, &and_again, &e), -EEXIST);
	ck_assert_str_eq(e.text, "container 'c' already exists");
	ck_assert_int_eq(again, -1);
	ck_assert_int_eq(record_make(&home, "../c", &again, &and_again, &e), -EINVAL);
	close(journal);
	close(dir);
}
END_TEST

START_TEST(a_missing_container_is_told_as_such)
{
	struct home none = HOME_NONE;
	struct record r = { 0 };
	int dir = -1;

	ck_assert_int_eq(get(&r), -ERR_NO_CONTAINER);
	ck_assert_int_eq(record_lock(&home, "c", &dir, &e), -ERR_NO_CONTAINER);
	ck_assert(strstr(e.text, "does not exist"));
	none.path = "/nowhere";
	ck_assert_int_eq(record_read(&none, "c", &r, &e), -ERR_NO_CONTAINER);
	ck_assert_int_eq(record_lock(&none, "c", &dir, &e), -ERR_NO_CONTAINER);
	ck_assert_int_eq(record_remove(&home, "c", &e), 0);
	ck_assert_int_eq(dir, -1);
}
END_TEST

/* 1 when another process would have to wait for the lock. */
static int is_locked(void)
{
	int fd = openat(home.fd, "c", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int locked = flock(fd, LOCK_EX | LOCK_NB) < 0;

	close(fd);
	return locked;
}

START_TEST(a_record_is_locked_until_it_is_given_up)
{
	int dir, journal;
	bool removed = true;

	ck_assert_int_eq(record_make(&home, "c", &dir, &journal, &e), 0);
	ck_assert_int_eq(is_locked(), 1);
	record_unlock(dir);
	ck_assert_int_eq(is_locked(), 0);
	ck_assert_int_eq(record_relock(dir, "c", &removed, &e), 0);
	ck_assert(!removed);
	ck_assert_int_eq(is_locked(), 1);
	record_unlock(dir);
	ck_assert_int_eq(record_remove(&home, "c", &e), 0);
	/* and made again by somebody else: not ours any more */
	int theirs, their_journal;
	ck_assert_int_eq(record_make(&home, "c", &theirs, &their_journal, &e), 0);
	ck_assert_int_eq(record_relock(dir, "c", &removed, &e), 0);
	ck_assert(removed);
	close(dir);
	close(journal);
	close(theirs);
	close(their_journal);
}
END_TEST

/* Who waits for the lock of a container that is removed meanwhile finds none, or the next of that name. */
START_TEST(a_lock_is_of_the_container_that_is_there)
{
	int dir, journal, ends[2];
	char said = 0;

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(record_make(&home, "c", &dir, &journal, &e), 0);
	pid_t waiter = fork();
	if (waiter == 0) {
		int got = -1, r;
		close(dir);
		close(journal);
		said = write(ends[1], "w", 1) == 1;
		r = record_lock(&home, "c", &got, &e);
		_exit(r == -ERR_NO_CONTAINER ? 10 : r == 0 ? 11 : 12);
	}
	ck_assert_int_eq(read(ends[0], &said, 1), 1);
	ck_assert_int_eq(record_remove(&home, "c", &e), 0);
	close(dir);
	int status;
	ck_assert_int_eq(waitpid(waiter, &status, 0), waiter);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 10);
	close(journal);
}
END_TEST

START_TEST(a_list_is_sorted_and_of_ids_alone)
{
	static const char *const names[] = { "b", "a", "c.1", ".hidden", "not an id" };
	char **ids;
	size_t n;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_int_eq(mkdirat(home.fd, names[i], 0700), 0);
	close(openat(home.fd, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	ck_assert_int_eq(symlinkat("a", home.fd, "link"), 0);
	ck_assert_int_eq(record_list(&home, &ids, &n, &e), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_str_eq(ids[0], "a");
	ck_assert_str_eq(ids[1], "b");
	ck_assert_str_eq(ids[2], "c.1");
	for (size_t i = 0; i < n; i++)
		free(ids[i]);
	free(ids);
}
END_TEST

START_TEST(times_are_told_in_rfc_3339)
{
	struct timespec at = { .tv_sec = 1795361582, .tv_nsec = 42 };
	char *text = record_time_text(&at);

	ck_assert_str_eq(text, "2026-11-22T15:33:02.000000042Z");
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("record");
	TCase *reading = tcase_create("reading"), *life = tcase_create("life");

	tcase_add_checked_fixture(reading, begin, end);
	tcase_add_test(reading, reads_all_keys);
	tcase_add_test(reading, an_empty_record_says_nothing_more);
	tcase_add_test(reading, is_read_when_cut_at_any_byte);
	tcase_add_test(reading, keys_of_later_versions_are_passed_over);
	tcase_add_test(reading, the_last_line_of_a_key_counts);
	tcase_add_loop_test(reading, damage_is_told, 0, sizeof(damaged) / sizeof(damaged[0]));
	tcase_add_test(reading, a_nul_is_damage);
	tcase_add_test(reading, garbage_is_survived);
	tcase_add_test(reading, a_wrong_bit_is_survived);
	tcase_add_test(reading, what_is_no_file_or_too_large_is_damage);
	suite_add_tcase(suite, reading);
	tcase_add_checked_fixture(life, begin, end);
	tcase_add_test(life, what_is_added_is_read);
	tcase_add_test(life, an_id_is_made_once);
	tcase_add_test(life, a_missing_container_is_told_as_such);
	tcase_add_test(life, a_record_is_locked_until_it_is_given_up);
	tcase_add_test(life, a_lock_is_of_the_container_that_is_there);
	tcase_add_test(life, a_list_is_sorted_and_of_ids_alone);
	tcase_add_test(life, times_are_told_in_rfc_3339);
	suite_add_tcase(suite, life);
	return unit_run(suite);
}
