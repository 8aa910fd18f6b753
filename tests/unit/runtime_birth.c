/* What a process that is being born may say, and what of it is not believed. */
#include "runtime/birth.h"

#include <fcntl.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/foreign.h"
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
	ck_assert_int_eq(template_ask(&t, -1, &report, &e), codes[_i].result);
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

/* A template that does what this process does in its place, and is waited for no longer than a second. */
struct stand {
	struct template t;
	int theirs, stop; /* its end of the connection; written to, nobody wants a fork any more */
};

static struct stand stand(void)
{
	struct stand s = { .t = TEMPLATE_NONE };
	int ends[2], stops[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_int_eq(pipe2(stops, O_CLOEXEC), 0);
	s.t.connection = ends[0];
	s.t.stop = stops[0];
	s.t.record.id = (char *)"it";
	s.t.record.fork_wait = 1;
	s.theirs = ends[1];
	s.stop = stops[1];
	return s;
}

/* The channel's end that it was asked with. */
static int asked(const struct stand *s)
{
	struct template_message m;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec io = { &m, sizeof(m) };
	struct msghdr h = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	int fd = -1;

	ck_assert_int_eq(recvmsg(s->theirs, &h, MSG_CMSG_CLOEXEC), sizeof(m));
	ck_assert_int_eq(m.type, TEMPLATE_FORK);
	memcpy(&fd, CMSG_DATA(&control.align), sizeof(fd));
	return fd;
}

START_TEST(silence_is_waited_for_so_long)
{
	const char half[sizeof(struct channel_header) / 2] = { CHANNEL_FORKED };
	struct stand s = stand();
	struct birth b = BIRTH_NONE;

	ck_assert_int_eq(foreign_begin(&s.t, 0, 0, -1, &b, &e), 0);
	ck_assert_int_eq(next(&b), -ETIMEDOUT);
	ck_assert_ptr_nonnull(
		strstr(e.text, "template 'it', or its fork, has not answered for 1 s"));
	int channel = asked(&s);
	ck_assert_int_eq(send(channel, half, sizeof(half), 0), sizeof(half));
	ck_assert_int_lt(next(&b), 0);
	/* Who does not listen is not spoken to for ever. */
	int r;
	while ((r = birth_go(&b, &e)) == 0)
		;
	ck_assert_int_eq(r, -EAGAIN);
	birth_done(&b);
}
END_TEST

START_TEST(waiting_is_given_up)
{
	struct stand s = stand();
	struct birth b = BIRTH_NONE;

	s.t.record.fork_wait = 0;
	ck_assert_int_eq(foreign_begin(&s.t, 0, 0, -1, &b, &e), 0);
	ck_assert_int_eq(write(s.stop, "", 1), 1);
	ck_assert_int_eq(next(&b), -EINTR);
	birth_done(&b);
}
END_TEST

/* What lies in the channel is nobody's any more; else it lived in there as long as the template does. */
START_TEST(what_was_sent_is_taken_back)
{
	struct stand s = stand();
	struct birth b = BIRTH_NONE;
	int ends[2];
	char byte;

	ck_assert_int_eq(foreign_begin(&s.t, 0, 1, -1, &b, &e), 0);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert_int_eq(message_send(b.channel, CHANNEL_FDS, NULL, 0, &ends[1], 1), 0);
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	birth_done(&b);
	ck_assert_int_eq(read(ends[0], &byte, 1), 0);
	close(asked(&s));
}
END_TEST

/* Its end is seen, though we hold what it would have closed by it. */
START_TEST(who_ends_is_seen)
{
	struct stand s = stand();
	struct birth b = BIRTH_NONE;

	s.t.record.fork_wait = 0;
	ck_assert_int_eq(foreign_begin(&s.t, 0, 0, -1, &b, &e), 0);
	close(s.theirs);
	ck_assert_int_eq(next(&b), -ECHILD);
	birth_done(&b);
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
	tcase_add_test(all, silence_is_waited_for_so_long);
	tcase_add_test(all, waiting_is_given_up);
	tcase_add_test(all, what_was_sent_is_taken_back);
	tcase_add_test(all, who_ends_is_seen);
	tcase_add_test(all, nothing_is_said_twice);
	tcase_add_test(all, end_is_seen);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
