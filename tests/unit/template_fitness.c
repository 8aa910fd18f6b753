/* Who may be a template: real processes, each with one thing that stands in the way. */
#include "runtime/template/fitness.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "tests/unit/child.h"
#include "tests/unit/run.h"

#define CANNOT_BE_HAD 77 /* what the case needs is not to be had on this host */

struct answer {
	int result;
	char why[760];
};

/* What fitness_check() says in a process that has nothing but standard streams, and what `make` made. */
static struct answer ask(void (*make)(void), int listener)
{
	struct answer a = { 0 };
	int ends[2], status;

	ck_assert_int_eq(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct text t = TEXT_IN(a.why);
		dup2(ends[1], 1);
		close_range(3, ~0U, 0);
		if (make)
			make();
		a.result = fitness_check(listener, &t);
		_exit(write(1, &a, sizeof(a)) != sizeof(a));
	}
	close(ends[1]);
	ssize_t n = read(ends[0], &a, sizeof(a));
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (status == CANNOT_BE_HAD << 8)
		snprintf(a.why, sizeof(a.why), "none here");
	else
		ck_assert_msg(n == sizeof(a) && status == 0, "ended with %x", status);
	return a;
}

static void refused(void (*make)(void), const char *why)
{
	struct answer a = ask(make, -1);

	if (strcmp(a.why, "none here") == 0)
		return;
	ck_assert_msg(a.result < 0, "taken; expected: %s", why);
	ck_assert_msg(strstr(a.why, why), "'%s' is not in: %s", why, a.why);
	ck_assert_ptr_null(strchr(a.why, '\n'));
}

static void taken(void (*make)(void), int listener)
{
	struct answer a = ask(make, listener);

	ck_assert_msg(a.result == 0, "%d: %s", a.result, a.why);
	ck_assert_str_eq(a.why, "");
}

/* --- things that are taken ------------------------------------------------------------------------ */

static void map_harmlessly(void)
{
	int fd = open("/etc/passwd", O_RDONLY);

	if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
		_exit(1);
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		_exit(1);
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		MAP_FAILED)
		_exit(1);
	close(fd);
	/* cppcheck-suppress leakNoVarFunctionCall ; it is there to be found */
	memset(malloc(8 << 20), 1, 8 << 20);
}

static void open_listener(void)
{
	if (socket(AF_UNIX, SOCK_SEQPACKET, 0) != 3)
		_exit(1);
}

static void be_undumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0);
}

START_TEST(test_plain)
{
	taken(NULL, -1);
	taken(map_harmlessly, -1);
	taken(open_listener, 3);
	taken(be_undumpable, -1);
}
END_TEST

/* --- threads and children ------------------------------------------------------------------------- */

static void *wait_for_ever(void *unused)
{
	prctl(PR_SET_NAME, "worker\n9");
	sem_t *named = unused;
	sem_post(named);
	while (pause())
		;
	return NULL;
}

static void start_threads(void)
{
	sem_t named;

	sem_init(&named, 0, 0);
	for (int i = 0; i < 3; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, wait_for_ever, &named) != 0)
			_exit(CANNOT_BE_HAD);
		sem_wait(&named);
	}
}

static void have_child(void)
{
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
}

static void have_ended_child(void)
{
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
}

START_TEST(test_others)
{
	refused(start_threads, "it has another thread (");
	refused(start_threads, " 'worker?9'), which a fork would not have");
	refused(start_threads, "(and 2 more)");
	refused(have_child, "it has child processes");
	refused(have_ended_child, "it has not waited for its child process ");
}
END_TEST

/* --- file descriptors ----------------------------------------------------------------------------- */

static void have_socket(void)
{
	dup2(socket(AF_UNIX, SOCK_STREAM, 0), 9);
	close(3);
}

static void have_three(void)
{
	open("/etc/passwd", O_RDONLY);
	open("/dev/null", O_RDONLY);
	eventfd(0, 0);
}

static void have_epoll(void)
{
	epoll_create1(EPOLL_CLOEXEC);
}

static void have_timer(void)
{
	timerfd_create(CLOCK_MONOTONIC, 0);
}

static void have_memfd(void)
{
	memfd_create("secret\ntwo", 0);
}

static void have_hostile_name(void)
{
	char dir[] = "/tmp/fitnessXXXXXX", path[64];

	if (!mkdtemp(dir))
		_exit(1);
	snprintf(path, sizeof(path), "%s/a\n\033[31m", dir);
	open(path, O_CREAT | O_RDWR, 0600);
	unlink(path);
	rmdir(dir);
}

START_TEST(test_fds)
{
	refused(have_socket, "its file descriptor 9 is a socket ('socket:[");
	refused(have_three, "its file descriptor 3 is a file ('/etc/passwd')");
	refused(have_three, "(and 2 more)");
	refused(have_epoll, "is an epoll instance (");
	refused(have_timer, "is a timer (");
	refused(have_memfd, "is a memfd (");
	refused(have_hostile_name, "/a?");
	refused(open_listener, "its file descriptor 3 is a socket");
	struct answer a = ask(have_three, 3);
	ck_assert_msg(strstr(a.why, "descriptor 4 is a device"), "%s", a.why);
}
END_TEST

/* --- shared memory -------------------------------------------------------------------------------- */

static void map_shared(int fd, int prot)
{
	int flags = MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0);

	if (mmap(NULL, 4096, prot, flags, fd, 0) == MAP_FAILED)
		_exit(1);
	close(fd);
}

static void share_anonymously(void)
{
	map_shared(-1, PROT_READ | PROT_WRITE);
}

static void share_memfd(void)
{
	int fd = memfd_create("x", 0);

	if (ftruncate(fd, 4096) < 0)
		_exit(1);
	map_shared(fd, PROT_READ); /* an mprotect() is all that it takes */
}

static void share_file(void)
{
	char path[] = "/tmp/fitnessXXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	if (ftruncate(fd, 4096) < 0)
		_exit(1);
	map_shared(fd, PROT_READ | PROT_WRITE);
}

/* Behind a mapping whose line in /proc/self/maps is longer than any buffer. */
static void share_behind_long_name(void)
{
	char dir[] = "/tmp/fitnessXXXXXX", name[241];
	int depth = 0;

	share_anonymously(); /* what is mapped later lies below it, and is told before */
	memset(name, '\n', 240);
	name[240] = '\0';
	if (!mkdtemp(dir) || chdir(dir) < 0)
		_exit(1);
	for (; depth < 12 && mkdir(name, 0700) == 0 && chdir(name) == 0; depth++)
		;
	int fd = open("a", O_CREAT | O_RDWR, 0600);
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	unlink("a");
	for (; depth > 0 && chdir("..") == 0; depth--)
		rmdir(name);
	rmdir(dir);
	if (at == MAP_FAILED)
		_exit(1);
}

static void share_sysv(int flags)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600);

	if (id < 0)
		_exit(CANNOT_BE_HAD);
	void *at = shmat(id, NULL, flags);
	shmctl(id, IPC_RMID, NULL);
	if (at == (void *)-1)
		_exit(1);
}

static void share_sysv_to_write(void)
{
	share_sysv(0);
}

static void share_sysv_to_read(void)
{
	share_sysv(SHM_RDONLY);
}

static void have_aio(void)
{
	aio_context_t context = 0;

	if (syscall(SYS_io_setup, 4, &context) < 0)
		_exit(CANNOT_BE_HAD);
}

static void have_io_uring(void)
{
	struct io_uring_params p = { 0 };
	long fd = syscall(SYS_io_uring_setup, 4, &p);

	if (fd < 0)
		_exit(CANNOT_BE_HAD);
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, (int)fd,
		    IORING_OFF_SQ_RING) == MAP_FAILED)
		_exit(1);
}

static void have_io_uring_memory(void)
{
	have_io_uring();
	close(3);
}

START_TEST(test_memory)
{
	refused(share_anonymously, "is anonymous shared memory ('/dev/zero (deleted)')");
	refused(share_behind_long_name, "is anonymous shared memory ('/dev/zero (deleted)')");
	refused(share_memfd, "is a memfd, mapped shared ('/memfd:x (deleted)')");
	refused(share_file, "is a file, mapped shared and open for writing ('/tmp/fitness");
	refused(share_sysv_to_write, "is System V shared memory ('/SYSV");
	refused(share_sysv_to_read, "is System V shared memory ('/SYSV");
	refused(have_aio, "is asynchronous I/O (io_setup()) ('/[aio]");
	refused(have_io_uring, "its file descriptor 3 is an io_uring (");
	refused(have_io_uring_memory, "is an io_uring (");
}
END_TEST

/* --- privilege ------------------------------------------------------------------------------------ */

static void load_filter(void)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { 1, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(CANNOT_BE_HAD);
}

static void drop_privilege(void)
{
	if (setresuid(1, 1, 1) < 0)
		_exit(CANNOT_BE_HAD);
}

START_TEST(test_privilege)
{
	refused(load_filter, "it has loaded a seccomp filter");
	refused(drop_privilege, "it has given up CAP_SYS_ADMIN");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("template_fitness");
	TCase *cases = tcase_create("fitness");

	tcase_add_test(cases, test_plain);
	tcase_add_test(cases, test_others);
	tcase_add_test(cases, test_fds);
	tcase_add_test(cases, test_memory);
	tcase_add_test(cases, test_privilege);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
