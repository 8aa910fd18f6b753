/* Freezing: what is left as it is, and what the kernel refuses. */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "tests/unit/freezing.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* (d): what is not to be moved. Each is one MiB, filled. */

static void lock(char *at)
{
	ck_assert_int_eq(mlock(at, MIB), 0);
}

static void not_forked(char *at)
{
	ck_assert_int_eq(madvise(at, MIB, MADV_DONTFORK), 0);
}

static void wiped(char *at)
{
	ck_assert_int_eq(madvise(at, MIB, MADV_WIPEONFORK), 0);
}

static void no_access(char *at)
{
	ck_assert_int_eq(mprotect(at, MIB, PROT_NONE), 0);
}

static void watched(char *at)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { { (uintptr_t)at, MIB }, UFFDIO_REGISTER_MODE_MISSING, 0 };

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ioctl(fd, UFFDIO_API, &api), 0);
	ck_assert_int_eq(ioctl(fd, UFFDIO_REGISTER, &range), 0);
}

static void guarded(char *at)
{
	if (madvise(at + MIB / 2, PAGE, MADV_GUARD_INSTALL) < 0)
		ck_assert_int_eq(errno, EINVAL); /* before 6.13 there are none */
}

static void of_a_file(char *at)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	ck_assert(
		mmap(at, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) == at);
	fill(at, 16 * PAGE);
	close(fd);
}

static void small(char *at)
{
	munmap(at + PAGE * 8, MIB - PAGE * 8);
}

static const struct {
	const char *name;
	void (*make)(char *at);
	enum freeze_reason reason;
	size_t bytes;
	int in_fork; /* what reading it there does */
} left_alone[] = {
	{ "locked", lock, FREEZE_LOCKED, MIB, 1 },
	{ "not forked", not_forked, FREEZE_NOT_FORKED, MIB, -SIGSEGV },
	{ "wiped", wiped, FREEZE_WIPED, MIB, 0 },
	{ "no access", no_access, FREEZE_NO_ACCESS, MIB, -SIGSEGV },
	{ "watched", watched, FREEZE_USERFAULT, MIB, 1 },
	{ "guarded", guarded, FREEZE_SPECIAL, MIB - PAGE, -SIGSEGV },
	{ "of a file", of_a_file, FREEZE_FILE, 16 * PAGE, 1 },
	{ "small", small, FREEZE_SMALL, PAGE * 8, 1 },
};

static size_t looked_at;

static int reads_filled(void *at)
{
	return is_filled(at, looked_at);
}

START_TEST(what_must_not_be_moved_is_left)
{
	char *at = filled(MIB);
	size_t bytes = left_alone[_i].bytes;

	left_alone[_i].make(at);
	freeze_all();
	ck_assert_msg(report.left[left_alone[_i].reason].bytes >= bytes, "%s: %lu bytes are left",
		left_alone[_i].name, report.left[left_alone[_i].reason].bytes);
	ck_assert_msg(!is_frozen(at), "%s: is frozen", left_alone[_i].name);
	looked_at = bytes == MIB - PAGE ? MIB : bytes;
	ck_assert_msg(in_fork(reads_filled, at) == left_alone[_i].in_fork,
		"%s: a fork sees it otherwise", left_alone[_i].name);
}
END_TEST

START_TEST(shared_memory_stays_shared)
{
	char *at = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	fill(at, MIB);
	freeze_all();
	ck_assert(!is_frozen(at) && is_filled(at, MIB));
}
END_TEST

START_TEST(who_locks_all_that_is_mapped_is_left)
{
	char *at = filled(MIB);

	ck_assert_int_eq(mlockall(MCL_FUTURE), 0);
	freeze_all();
	ck_assert_uint_eq(report.frozen.bytes, 0);
	ck_assert_uint_ge(report.left[FREEZE_LOCKED].bytes, MIB);
	ck_assert(!is_frozen(at) && is_filled(at, MIB));
}
END_TEST

START_TEST(protection_stays)
{
	char *at = filled(MIB);

	ck_assert_int_eq(mprotect(at, MIB, PROT_READ), 0);
	freeze_all();
	ck_assert(is_frozen(at) && is_filled(at, MIB));
	ck_assert_ptr_nonnull(strstr(mapping_of(at), " r--p "));
	ck_assert_int_eq(mprotect(at, MIB, PROT_READ | PROT_WRITE), 0);
	at[1] = 1;
	/* as a runtime does that compiles later on */
	ck_assert_int_eq(mprotect(at, MIB, PROT_READ | PROT_EXEC), 0);
}
END_TEST

/* As all memory of a program is in some kernels, and what a runtime has compiled in all. */
START_TEST(executable_memory_stays_so)
{
	char *at = filled(MIB);

	ck_assert_int_eq(mprotect(at, MIB, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
	freeze_all();
	ck_assert(is_frozen(at) && is_filled(at, MIB));
	ck_assert_ptr_nonnull(strstr(mapping_of(at), " rwxp "));
}
END_TEST

/* (f): nobody changes what all forks see. */
START_TEST(the_file_is_sealed)
{
	char path[64], byte = 1;
	unsigned long start, end;
	char *at = filled(MIB);

	freeze_all();
	ck_assert_int_eq(sscanf(mapping_of(at), "%lx-%lx", &start, &end), 2);
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", start, end);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == EPERM)
		return; /* without CAP_SYS_ADMIN nobody gets that far */
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, &byte, 1, 1L << 40), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, 0), -1);
	ck_assert(is_filled(at, MIB));
}
END_TEST

START_TEST(no_fd_is_left)
{
	filled(MIB);
	int first = dup(0), second = dup(0);
	close(first);
	close(second);
	freeze_all();
	ck_assert_int_eq(dup(0), first);
	ck_assert_int_eq(dup(0), second);
}
END_TEST

/* What the kernel refuses. */

START_TEST(a_limit_of_file_sizes_is_no_obstacle)
{
	struct rlimit little = { MIB, RLIM_INFINITY }, now;
	char *at = filled(4 * MIB);

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
	freeze_all();
	ck_assert(is_frozen(at) && is_filled(at, 4 * MIB));
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &now), 0);
	ck_assert_uint_eq(now.rlim_cur, MIB);
}
END_TEST

static void is_as_it_was(const char *at, size_t bytes, int error)
{
	freeze_as(&(struct freeze_options){ .ask = FREEZE_ALWAYS });
	ck_assert_int_eq(report.verdict, FREEZE_FAILED);
	ck_assert_int_eq(report.error, error);
	ck_assert_uint_eq(report.frozen.bytes, 0);
	ck_assert_uint_ge(report.left[FREEZE_UNMOVED].bytes, bytes);
	ck_assert(!is_frozen(at) && is_filled(at, bytes));
}

START_TEST(a_hard_limit_of_file_sizes_is_one)
{
	struct rlimit little = { MIB, MIB };
	char *at = filled(4 * MIB);

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
	is_as_it_was(at, 4 * MIB, EFBIG);
}
END_TEST

/* A system call is refused, if its argument has this value in it; a filter of the kernel's. */
static void refuse(int call, int argument, uint32_t value, int error)
{
	struct sock_filter rows[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(16 + 8 * argument)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(rows) / sizeof(rows[0]), rows };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

START_TEST(a_mapping_that_is_refused_stays)
{
	char *at = filled(24 * MIB);

	refuse(SYS_mmap, 3, MAP_PRIVATE | MAP_FIXED, ENOMEM);
	is_as_it_was(at, 24 * MIB, ENOMEM);
}
END_TEST

#ifdef __x86_64__
/*
 * As a kernel does that has no memory when it has unmapped what lay there: the mmap() of a traced
 * process is a munmap(), and has failed.
 */
static void lose_mappings(pid_t pid)
{
	const size_t number = offsetof(struct user_regs_struct, orig_rax);
	const size_t result = offsetof(struct user_regs_struct, rax);
	struct user_regs_struct regs;
	int status;

	for (bool lost = false; waitpid(pid, &status, 0) == pid && WIFSTOPPED(status);) {
		ptrace(PTRACE_GETREGS, pid, NULL, &regs);
		if (lost)
			ptrace(PTRACE_POKEUSER, pid, result, (long)-ENOMEM);
		lost = !lost && regs.orig_rax == SYS_mmap && (long)regs.rax == -ENOSYS &&
		       regs.r10 == (MAP_PRIVATE | MAP_FIXED);
		if (lost)
			ptrace(PTRACE_POKEUSER, pid, number, (long)SYS_munmap);
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	}
	ck_assert_int_eq(status, 0);
}

START_TEST(a_mapping_that_is_lost_is_brought_back)
{
	char *at = filled(24 * MIB);
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		freeze_as(&(struct freeze_options){ .ask = FREEZE_ALWAYS });
		_exit(report.verdict != FREEZE_FAILED || report.error != ENOMEM || is_frozen(at) ||
			!is_filled(at, 24 * MIB));
	}
	lose_mappings(pid);
}
END_TEST
#endif

START_TEST(no_memfd_no_freezing)
{
	char *at = filled(4 * MIB);

	refuse(SYS_memfd_create, 1, MFD_CLOEXEC | MFD_ALLOW_SEALING | 8, EACCES);
	is_as_it_was(at, 4 * MIB, EACCES);
}
END_TEST

START_TEST(an_older_kernel_has_no_seal_of_execution)
{
	char *at = filled(4 * MIB);

	refuse(SYS_memfd_create, 1, MFD_CLOEXEC | MFD_ALLOW_SEALING | 8, EINVAL);
	freeze_all();
	ck_assert(is_frozen(at) && is_filled(at, 4 * MIB));
}
END_TEST

START_TEST(a_file_that_cannot_be_sealed_is_the_end)
{
	filled(4 * MIB);
	refuse(SYS_fcntl, 1, F_ADD_SEALS, EBUSY);
	ck_assert_int_eq(
		template_freeze(&(struct freeze_options){ .ask = FREEZE_ALWAYS }, &report), -EBUSY);
}
END_TEST

/* Which programs. */

START_TEST(nothing_is_frozen_unasked)
{
	char *at = filled(4 * MIB);

	freeze_as(&(struct freeze_options){ .ask = FREEZE_NEVER });
	ck_assert_int_eq(report.verdict, FREEZE_NOT_ASKED);
	ck_assert_uint_ge(report.left[FREEZE_NOT_ALLOWED].bytes, 4 * MIB);
	freeze_as(&(struct freeze_options){ .ask = FREEZE_AUTO });
	ck_assert_int_eq(report.verdict, FREEZE_UNKNOWN);
	ck_assert_uint_ge(report.left[FREEZE_NOT_ALLOWED].bytes, 4 * MIB);
	ck_assert(!is_frozen(at));
	freeze_as(&(struct freeze_options){ .ask = FREEZE_AUTO, .allowed = true });
	ck_assert_int_eq(report.verdict, FREEZE_DONE);
	ck_assert(is_frozen(at));
}
END_TEST

/* A file of that name in our memory, as a library is. */
static void map_library(const char *name)
{
	char directory[] = "/tmp/cowrun-unit-XXXXXX", path[128];

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0700);
	ck_assert_int_eq(ftruncate(fd, (off_t)PAGE), 0);
	ck_assert(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	close(fd);
	unlink(path);
	rmdir(directory);
}

static const struct {
	const char *first, *second;
	enum freeze_verdict verdict;
	const char *because;
} programs[] = {
	{ "libpython3.11.so.1.0", NULL, FREEZE_DONE, "libpython3.11.so.1.0" },
	{ "python3.13", NULL, FREEZE_DONE, "python3.13" },
	{ "libpython3.14d.so.1.0", NULL, FREEZE_DONE, "libpython3.14d" },
	{ "python3", NULL, FREEZE_DONE, "python3" },
	{ "_json.cpython-311-x86_64-linux-gnu.so", NULL, FREEZE_DONE, "_json" },
	{ "python3", "_json.cpython-313t-x86_64-linux-gnu.so", FREEZE_REFUSED, "_json" },
	{ "_json.pypy39-pp73-x86_64-linux-gnu.so", NULL, FREEZE_UNKNOWN, "" },
	{ "python3.13t", NULL, FREEZE_REFUSED, "python3.13t" },
	{ "libpython3.so", NULL, FREEZE_UNKNOWN, "" },
	{ "python3.exe", NULL, FREEZE_UNKNOWN, "" },
	{ "python3.11-like", NULL, FREEZE_UNKNOWN, "" },
	{ "python3.11", "libjemalloc.so.2", FREEZE_REFUSED, "libjemalloc.so.2" },
	{ "libtcmalloc_minimal.so.4", "python3.11", FREEZE_REFUSED, "libtcmalloc" },
};

START_TEST(programs_are_known_by_what_they_map)
{
	map_library(programs[_i].first);
	if (programs[_i].second)
		map_library(programs[_i].second);
	freeze_as(&(struct freeze_options){ .ask = FREEZE_AUTO });
	ck_assert_msg(report.verdict == programs[_i].verdict, "%s: verdict %d", programs[_i].first,
		report.verdict);
	ck_assert_ptr_eq(strstr(report.because, programs[_i].because), report.because);
	/* whatever is told of it, who says so himself knows it better */
	freeze_as(&(struct freeze_options){ .ask = FREEZE_AUTO, .allowed = true });
	ck_assert_int_eq(report.verdict, FREEZE_DONE);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("template freeze left");
	TCase *c = tcase_create("freeze");

	tcase_add_loop_test(
		c, what_must_not_be_moved_is_left, 0, sizeof(left_alone) / sizeof(left_alone[0]));
	tcase_add_loop_test(
		c, programs_are_known_by_what_they_map, 0, sizeof(programs) / sizeof(programs[0]));
	tcase_add_test(c, shared_memory_stays_shared);
	tcase_add_test(c, who_locks_all_that_is_mapped_is_left);
	tcase_add_test(c, protection_stays);
	tcase_add_test(c, executable_memory_stays_so);
	tcase_add_test(c, the_file_is_sealed);
	tcase_add_test(c, no_fd_is_left);
	tcase_add_test(c, a_limit_of_file_sizes_is_no_obstacle);
	tcase_add_test(c, a_hard_limit_of_file_sizes_is_one);
	tcase_add_test(c, a_mapping_that_is_refused_stays);
#ifdef __x86_64__
	tcase_add_test(c, a_mapping_that_is_lost_is_brought_back);
#endif
	tcase_add_test(c, no_memfd_no_freezing);
	tcase_add_test(c, an_older_kernel_has_no_seal_of_execution);
	tcase_add_test(c, a_file_that_cannot_be_sealed_is_the_end);
	tcase_add_test(c, nothing_is_frozen_unasked);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
