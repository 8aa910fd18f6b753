/* What a process that is being born may say, and what of it is not believed. */
#include "runtime/birth.h"

#include <fcntl.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/message.h"
#include "runtime/template.h"
#include "tests/unit/run.h"

static struct err e;

/* The birth of this process, which says `theirs` to itself. */
static struct birth born(int *theirs)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	*theirs = ends[1];
	return birth_of_start(getpid(), pidfd_open(getpid(), 0), ends[0]);
}

static int next(struct birth *b)
{
	enum channel_type said = 0;

	return birth_next(b, &said, &e);
}

static int n_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static const struct {
	int32_t code, result;
} codes[] = {
	{ ENOENT, -ENOENT },
	{ ERR_PROGRAM_MISSING, -ERR_PROGRAM_MISSING },
	{ ERR_USAGE, -ERR_USAGE },
	{ 0, -EPROTO },
	{ -1, -EPROTO },
	{ INT32_MIN, -EPROTO },
	{ INT32_MAX, -EPROTO },
	{ ERR_USAGE + 1, -EPROTO },
};

START_TEST(failure_is_failure)
{
	struct failure f = { .code = codes[_i].code, .reasoned = _i % 2, .text = "it" };
	struct template_message m = { .type = TEMPLATE_REFUSED, .failure = f };
	struct template t = TEMPLATE_NONE;
	struct template_report report;
	int theirs, ends[2];
	struct birth b = born(&theirs);

	ck_assert_int_eq(message_send(theirs, CHANNEL_FAILED, &f, sizeof(f), NULL, 0), 0);
	ck_assert_int_eq(next(&b), codes[_i].result);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	t.connection = ends[0];
	ck_assert_int_eq(send(ends[1], &m, sizeof(m), 0), sizeof(m));
	ck_assert_int_eq(template_ask(&t, &report, &e), codes[_i].result);
}
END_TEST

START_TEST(fds_are_one_or_none)
{
	const int many[] = { 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2 };
	int theirs;
	struct birth b = born(&theirs);
	int before = n_open();

	for (size_t n = 2; n <= sizeof(many) / sizeof(many[0]); n++) {
		ck_assert_int_eq(message_send(theirs, CHANNEL_READY, NULL, 0, many, n), 0);
		ck_assert_int_eq(next(&b), -EPROTO);
		ck_assert_int_eq(n_open(), before);
	}
	/* Where none is asked for, one is not kept. */
	ck_assert_int_eq(message_send(theirs, CHANNEL_READY, NULL, 0, many, 1), 0);
	ck_assert_int_eq(next(&b), 0);
	ck_assert_int_eq(n_open(), before);
}
END_TEST

START_TEST(nothing_is_said_twice)
{
	const uint32_t pid = (uint32_t)getpid();
	const int fd = 0;
	int theirs;
	struct birth b = born(&theirs);

	b.awaits_mounted = b.awaits_terminal = true;
	for (int result = 0; result >= -EPROTO; result -= EPROTO) {
		ck_assert_int_eq(message_send(theirs, CHANNEL_MOUNTED, NULL, 0, NULL, 0), 0);
		ck_assert_int_eq(next(&b), result);
		ck_assert_int_eq(message_send(theirs, CHANNEL_TERMINAL, NULL, 0, &fd, 1), 0);
		ck_assert_int_eq(next(&b), result);
	}
	ck_assert_int_eq(message_send(theirs, CHANNEL_FORKED, &pid, sizeof(pid), NULL, 0), 0);
	ck_assert_int_eq(next(&b), -EPROTO);
}
END_TEST

START_TEST(end_is_seen)
{
	struct birth b = BIRTH_NONE;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	b.pidfd = pidfd_open(pid, 0);
	ck_assert(!birth_has_ended(&b));
	birth_done(&b);
	pid = fork();
	if (pid == 0)
		_exit(0);
	b.pidfd = pidfd_open(pid, 0);
	siginfo_t info;
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert(birth_has_ended(&b));
	birth_done(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("birth");
	TCase *all = tcase_create("heard");

	tcase_add_loop_test(all, failure_is_failure, 0, sizeof(codes) / sizeof(codes[0]));
	tcase_add_test(all, fds_are_one_or_none);
	tcase_add_test(all, nothing_is_said_twice);
	tcase_add_test(all, end_is_seen);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
