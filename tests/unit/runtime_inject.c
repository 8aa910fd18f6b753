/* runtime/inject: programs that know nothing of it are forked where they sleep, and go on rightly. */
#include <fcntl.h>
#include <fenv.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "runtime/inject.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"
#include "tests/unit/sleeper.h"

static void expect_failure(struct sleeper *s, int timeout_ms, int code, const char *why)
{
	int r = sleeper_inject_within(s, timeout_ms);

	ck_assert_msg(r == -code, "%d: %s", r, e.text);
	ck_assert_msg(strstr(e.text, why), "%s", e.text);
	/* And it runs as it did. */
	ck_assert_int_eq(waitpid(s->pid, NULL, WNOHANG), 0);
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	close(s->from);
}

/* --- what a C program had is there again --- */

struct seen {
	pid_t pid;
	int n_fds, n_maps;
	int slept; /* the system call's result */
	uint64_t mask, caught;
	stack_t stack;
	double numbers[16];
	int rounding;
	long rest; /* nanoseconds not slept */
};

static int count(const char *path)
{
	FILE *file = fopen(path, "re");
	int c, n = 0;

	while (file && (c = getc(file)) != EOF)
		n += c == '\n';
	if (file)
		fclose(file);
	return n;
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void look(struct seen *s)
{
	struct sigaction action;

	s->pid = getpid();
	s->n_fds = count_fds();
	s->n_maps = count("/proc/self/maps");
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &s->mask, sizeof(s->mask));
	sigaltstack(NULL, &s->stack);
	s->caught = 0;
	for (int i = 1; i <= 64; i++)
		if (sigaction(i, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
			s->caught |= UINT64_C(1) << (i - 1);
	s->rounding = fegetround();
}

/* Sleeps with all of the registers for floating point in use. */
static void sleep_counting(struct seen *s, const struct timespec *t)
{
	struct timespec rest = { 0, 0 };
	long r = SYS_nanosleep;

#ifdef __x86_64__
	__asm__ volatile(
		"movups (%2), %%xmm0\n\tmovups 16(%2), %%xmm1\n\tmovups 32(%2), %%xmm6\n\t"
		"movups 48(%2), %%xmm7\n\tmovups 64(%2), %%xmm8\n\tmovups 80(%2), %%xmm13\n\t"
		"movups 96(%2), %%xmm14\n\tmovups 112(%2), %%xmm15\n\tfldpi\n\t"
		"syscall\n\t"
		"movups %%xmm0, (%2)\n\tmovups %%xmm1, 16(%2)\n\tmovups %%xmm6, 32(%2)\n\t"
		"movups %%xmm7, 48(%2)\n\tmovups %%xmm8, 64(%2)\n\tmovups %%xmm13, 80(%2)\n\t"
		"movups %%xmm14, 96(%2)\n\tmovups %%xmm15, 112(%2)\n\tfstpl 120(%2)\n\t"
		: "+a"(r)
		: "D"(t), "r"(s->numbers), "S"(&rest)
		: "rcx", "r11", "memory", "st", "xmm0", "xmm1", "xmm6", "xmm7", "xmm8", "xmm13",
		"xmm14", "xmm15");
#else
	r = nanosleep(t, &rest) < 0 ? -errno : 0;
#endif
	s->slept = (int)r;
	s->rest = rest.tv_sec * 1000000000 + rest.tv_nsec;
}

static void ignore(int signal)
{
	(void)signal;
}

static void act_sleep(int to)
{
	static char alternate[65536];
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	uint64_t mask = UINT64_C(1) << 63 | UINT64_C(1) << (SIGUSR2 - 1);
	struct seen s;

	memset(&s, 0, sizeof(s));
	for (int i = 0; i < 15; i++)
		s.numbers[i] = 1.0 / (i + 3);
	sigaltstack(&stack, NULL);
	signal(SIGUSR1, ignore);
	/* The signal that is used is blocked, too. */
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, NULL, sizeof(mask));
	fesetround(FE_UPWARD);
	look(&s);
	if (write(to, &s, sizeof(s)) != sizeof(s))
		_exit(1);
	sleep_counting(&s, &(struct timespec){ .tv_sec = 3600 });
	look(&s);
	_exit(write(to, &s, sizeof(s)) == sizeof(s) ? 0 : 1);
}

static struct seen read_seen(const struct sleeper *s)
{
	struct seen got;

	ck_assert_int_eq(fd_read_full(s->from, &got, sizeof(got)), sizeof(got));
	return got;
}

static void check_same(const struct seen *before, const struct seen *now)
{
	ck_assert_int_eq(now->slept, -EINTR);
	ck_assert(now->rest > 0 && now->rest < 3600L * 1000000000);
	ck_assert_uint_eq(now->mask, before->mask);
	ck_assert_uint_eq(now->caught, before->caught);
	ck_assert_ptr_eq(now->stack.ss_sp, before->stack.ss_sp);
	ck_assert_uint_eq(now->stack.ss_size, before->stack.ss_size);
	ck_assert_int_eq(now->stack.ss_flags, before->stack.ss_flags);
	ck_assert_int_eq(now->n_fds, before->n_fds);
	ck_assert_int_eq(now->rounding, FE_UPWARD);
	/* Code and stack, with nothing mapped before, between and behind. */
	ck_assert_int_le(now->n_maps - before->n_maps, 6);
	ck_assert_int_gt(now->n_maps, before->n_maps);
#ifdef __x86_64__
	for (int i = 0; i < 15; i++)
		ck_assert(now->numbers[i] == before->numbers[i]);
	ck_assert(now->numbers[15] > 3.14159265358979 && now->numbers[15] < 3.1415926535898);
#endif
}

START_TEST(c_goes_on_with_all_it_had)
{
	struct sleeper s = sleeper_start(act_sleep, NULL);
	struct seen before = read_seen(&s);

	sleeper_inject(&s);
	struct seen one = read_seen(&s), two = read_seen(&s);
	check_same(&before, &one);
	check_same(&before, &two);
	ck_assert_int_ne(one.pid, two.pid);
	ck_assert(one.pid == s.pid || two.pid == s.pid);
	both_end_well(&s);
}
END_TEST

/* --- each way to sleep --- */

static int sleeping_pipe[2], told_to, n_maps_before;

static void act_read(int to)
{
	char byte = '-';

	ck_assert_int_eq(read(sleeping_pipe[0], &byte, 1), 1);
	_exit(write(to, &byte, 1) == 1 && byte == 'x' ? 0 : 1);
}

static void act_poll(int to)
{
	struct pollfd end = { .fd = sleeping_pipe[0], .events = POLLIN };
	int r = poll(&end, 1, -1);

	_exit(r == -1 && errno == EINTR && write(to, "x", 1) == 1 ? 0 : 1);
}

static void act_suspend(int to)
{
	uint64_t none = 0, usr2 = UINT64_C(1) << (SIGUSR2 - 1), now;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &usr2, NULL, sizeof(usr2));
	int r = (int)syscall(SYS_rt_sigsuspend, &none, sizeof(none));
	int error = errno;
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now, sizeof(now));
	_exit(r == -1 && error == EINTR && now == usr2 && write(to, "x", 1) == 1 ? 0 : 1);
}

static void (*const ways[])(int to) = { act_read, act_poll, act_suspend };

/* Begun again, or interrupted: as by any signal. */
START_TEST(any_sleep_is_good)
{
	char bytes[2];

	ck_assert_int_eq(pipe(sleeping_pipe), 0);
	struct sleeper s = sleeper_start(ways[_i], NULL);
	sleeper_inject(&s);
	if (ways[_i] == act_read)
		ck_assert_int_eq(write(sleeping_pipe[1], "xx", 2), 2);
	ck_assert_int_eq(fd_read_full(s.from, bytes, 2), 2);
	both_end_well(&s);
}
END_TEST

/* --- what cannot be --- */

/* Sleeps again and again, and is not to notice anything, until there is a byte for it. */
static _Noreturn void rest_until_told(int to)
{
	struct pollfd end = { .fd = sleeping_pipe[0], .events = POLLIN };

	while (poll(&end, 1, 0) == 0)
		if (nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL) != 0)
			_exit(3);
#ifdef __SANITIZE_ADDRESS__ /* whose own memory comes and goes */
	n_maps_before = count("/proc/self/maps");
#endif
	_exit(count("/proc/self/maps") == n_maps_before && write(to, "x", 1) == 1 ? 0 : 4);
}

static void act_without_room(int to)
{
	struct rlimit none = { 0, 0 };

	n_maps_before = count("/proc/self/maps");
	setrlimit(RLIMIT_AS, &none);
	rest_until_told(to);
}

static void handle_on_own_stack(int signal)
{
	(void)signal;
	n_maps_before = count("/proc/self/maps");
	rest_until_told(told_to);
}

/* On an alternate stack, which cannot be another now. */
static void act_on_own_stack(int to)
{
	static char alternate[65536];
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	struct sigaction action = { .sa_handler = handle_on_own_stack, .sa_flags = SA_ONSTACK };

	told_to = to;
	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	_exit(5);
}

static const struct {
	void (*act)(int to);
	int code;
	const char *why;
} failing[] = {
	{ act_without_room, ENOMEM, "reserve addresses in process" },
	{ act_on_own_stack, EPERM, "set the alternate signal stack in process" },
};

START_TEST(half_done_is_undone)
{
	char byte;
	int status;

	ck_assert_int_eq(pipe(sleeping_pipe), 0);
	struct sleeper s = sleeper_start(failing[_i].act, NULL);
	int r = sleeper_inject_within(&s, PATIENT_MS);
	ck_assert_msg(r == -failing[_i].code && strstr(e.text, failing[_i].why), "%s", e.text);
	ck_assert_int_eq(write(sleeping_pipe[1], "x", 1), 1);
	ck_assert_int_eq(read(s.from, &byte, 1), 1);
	ck_assert_int_eq(waitpid(s.pid, &status, 0), s.pid);
	ck_assert_int_eq(status, 0);
	close(s.from);
}
END_TEST

/* --- programs --- */

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All that both write, up to their end; whoever opens `fifo` meanwhile, finds a writer. */
static char *read_all(const struct sleeper *s, const char *fifo)
{
	static char text[65536];
	struct pollfd more = { .fd = s->from, .events = POLLIN };
	size_t n = 0;

	for (;;) {
		if (fifo)
			close(open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC));
		if (poll(&more, 1, 10) <= 0)
			continue;
		ssize_t got = read(s->from, text + n, sizeof(text) - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	text[n] = '\0';
	return text;
}

/* Two lines that are the same, and before each a pid: one is the parent's. */
static void check_lines(const struct sleeper *s, char *text, const char *rest)
{
	char *lines[2] = { strtok(text, "\n"), strtok(NULL, "\n") };
	autofree char *parent = str_format("%d", (int)s->pid);

	ck_assert_msg(lines[0] && lines[1] && !strtok(NULL, "\n"), "%s", text);
	qsort(lines, 2, sizeof(*lines), by_line);
	int n_parents = 0;
	for (int i = 0; i < 2; i++) {
		char *space = strchr(lines[i], ' ');
		ck_assert_msg(space != NULL, "%s", lines[i]);
		*space = '\0';
		n_parents += strcmp(lines[i], parent) == 0;
		ck_assert_str_eq(space + 1, rest);
	}
	ck_assert_msg(n_parents == 1, "of %s and %s one was to be %s", lines[0], lines[1], parent);
}

START_TEST(python_sleeps_in_a_loop)
{
	autofree char *go = in_scratch("go"), *up = in_scratch("up");
	autofree char *program = str_format(
		"import os, time, json\nx = {'a': [1.5, 0.1 + 0.2]}\nopen('%s', 'w').close()\n"
		"while not os.path.exists('%s'): time.sleep(0.4)\n"
		"os.write(1, f'{os.getpid()} {json.dumps(x)} {sum(i * i for i in range(1000))}\\n'.encode())\n",
		up, go);
	const char *argv[] = { "/usr/bin/python3", "-c", program, NULL };
	struct sleeper s = sleeper_start(NULL, argv);

	await_file(up);
	sleeper_inject(&s);
	make_file(go);
	check_lines(&s, read_all(&s, NULL), "{\"a\": [1.5, 0.30000000000000004]} 332833500");
	both_end_well(&s);
}
END_TEST

/* It waits for somebody who writes to a FIFO. */
START_TEST(shell_waits_for_a_line)
{
	autofree char *fifo = in_scratch("fifo");
	autofree char *program = str_format(
		"a=before; read -r b <'%s'; read -r c </proc/self/stat; echo \"${c%%%% *} $a $b.\"",
		fifo);
	const char *argv[] = { _i ? "busybox" : "dash", _i ? "sh" : "-c", _i ? "-c" : program,
		_i ? program : NULL, NULL };

	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	struct sleeper s = sleeper_start(NULL, argv);
	sleeper_inject(&s);
	check_lines(&s, read_all(&s, fifo), "before .");
	both_end_well(&s);
}
END_TEST

/* --- refused --- */

static int spin(void *unused)
{
	while (!unused)
		pause();
	return 0;
}

/* What it is refused for it has by then. */
static void tell(int to)
{
	if (write(to, "r", 1) != 1)
		_exit(1);
}

static void act_thread(int to)
{
	static char stack[65536];

	clone(spin, stack + sizeof(stack),
		CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
		NULL);
	tell(to);
	spin(NULL);
}

static void act_parent(int to)
{
	if (fork() == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	else
		tell(to);
	spin(NULL);
}

static void act_busy(int to)
{
	tell(to);
	for (volatile unsigned i = 0;; i++)
		;
}

static void act_fidget(int to)
{
	tell(to);
	for (;;)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static const struct {
	void (*act)(int to);
	const char *why;
} refused[] = {
	{ act_thread, "with one thread; after 400 ms it has 2 threads" },
	{ act_parent, "after 400 ms it has a child" },
	{ act_busy, "after 400 ms it does not sleep" },
	{ act_fidget, "after 400 ms it " }, /* wakes again and again, or is awake just then */
};

START_TEST(refused_with_its_reason)
{
	struct sleeper s = sleeper_start(refused[_i].act, NULL);
	char byte;

	ck_assert_int_eq(read(s.from, &byte, 1), 1);
	expect_failure(&s, 400, ETIME, refused[_i].why);
	while (waitpid(-1, NULL, 0) > 0)
		;
}
END_TEST

START_TEST(another_architecture)
{
	autofree char *path = helper("foreign");
	const char *argv[] = { path, NULL };
	struct sleeper s = sleeper_start(NULL, argv);

	if (waitpid(s.pid, NULL, WNOHANG) == 0)
		expect_failure(&s, PATIENT_MS, EOPNOTSUPP, "is a 32-bit program");
}
END_TEST

START_TEST(ended)
{
	const char *argv[] = { "true", NULL };
	struct sleeper s = sleeper_start(NULL, argv);

	ck_assert_int_eq(sleeper_inject_within(&s, PATIENT_MS), -ESRCH);
	waitpid(s.pid, NULL, 0);
	ck_assert_int_eq(sleeper_inject_within(&s, PATIENT_MS), -ESRCH);
	close(s.from);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runtime_inject");
	TCase *cases = tcase_create("inject");

	if (geteuid() != 0)
		return unit_skip(suite, "needs root: ptrace of what is not ours");
	tcase_add_checked_fixture(cases, begin, end);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, c_goes_on_with_all_it_had);
	tcase_add_loop_test(cases, any_sleep_is_good, 0, sizeof(ways) / sizeof(ways[0]));
	tcase_add_loop_test(cases, half_done_is_undone, 0, sizeof(failing) / sizeof(failing[0]));
	tcase_add_test(cases, python_sleeps_in_a_loop);
	tcase_add_loop_test(cases, shell_waits_for_a_line, 0, 2);
	tcase_add_loop_test(
		cases, refused_with_its_reason, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(cases, another_architecture);
	tcase_add_test(cases, ended);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
