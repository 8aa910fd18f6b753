/* A fork that is being made, and the removal of its template, at the same time. */
#include <sys/wait.h>

#include "overlay/trash.h"
#include "tests/unit/forks.h"

static bool has_ended(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	       info.si_pid == pid;
}

/* Until it waits for a lock of a file as a whole, or has ended. */
static void wait_until_it_waits(pid_t pid)
{
	char line[256];
	int holder;

	for (bool waits = false; !waits && !has_ended(pid);) {
		FILE *locks = fopen("/proc/locks", "re");
		ck_assert_ptr_nonnull(locks);
		while (fgets(line, sizeof(line), locks))
			waits |= sscanf(line, "%*d: -> FLOCK %*s %*s %d", &holder) == 1 &&
				 holder == pid;
		fclose(locks);
		usleep(1000);
	}
}

static int result_of(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Of a fork that is being made there may be no claim yet: a removal waits for its end. */
START_TEST(a_removal_waits_for_a_fork)
{
	struct claim claim = { .template = (char *)"T" };
	struct err e;

	load_one();
	automatic(stack) struct stack t = make_template();
	int containers = open(scene_path("store/containers"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(stack_seal(&scene_store, "T", &e), 0);
	int lock = forks_lock(containers, STORE_SHARED, &e);
	pid_t pid = fork();
	if (pid == 0) {
		close(lock);
		_exit(-stack_remove(&scene_store, "T", &e));
	}
	wait_until_it_waits(pid);
	ck_assert_int_eq(mkdirat(containers, "a", 0700), 0);
	int a = openat(containers, "a", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(claim_write(a, &claim, &e), 0);
	close(lock);
	ck_assert_int_eq(result_of(pid), EBUSY);
	check_files(t.rootfs);
	close(a);
	close(containers);
}
END_TEST

START_TEST(a_fork_waits_for_a_removal)
{
	struct err e;

	load_one();
	automatic(stack) struct stack t = make_template();
	int containers = open(scene_path("store/containers"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	int lock = forks_lock(containers, STORE_EXCLUSIVE, &e);
	pid_t pid = fork();
	if (pid == 0) {
		struct stack a = STACK_NONE;
		close(lock);
		_exit(-stack_fork(&scene_store, "T", "a", false, NULL, &a, &e));
	}
	wait_until_it_waits(pid);
	ck_assert_int_eq(trash_put(&scene_store, containers, "T", &e), 0);
	close(lock);
	ck_assert_int_eq(result_of(pid), ENOENT);
	ck_assert_int_eq(scene_count("store/containers"), 0);
	close(containers);
}
END_TEST

static void fill(TCase *cases)
{
	tcase_add_test(cases, a_removal_waits_for_a_fork);
	tcase_add_test(cases, a_fork_waits_for_a_removal);
}

int main(void)
{
	return scene_run("overlay_forks_lock", fill);
}
