/* cgroup/kept_program: groups with the same rules have one program of the kernel, others have their own. */
#include <fcntl.h>
#include <stdlib.h>

#include "cgroup/bpf.h"
#include "cgroup/devices.h"
#include "spec/base/own.h"
#include "tests/unit/frozen.h"

static char place[] = "/tmp/cowrun-test.kept.XXXXXX";
static int dir = -1;

static char all[] = "rwm", character[] = "c", reading[] = "r";
static struct device_rule rules[] = {
	{ .allow = false, .access = all },
	{ .allow = true,
		.type = character,
		.major = { true, 1 },
		.minor = { true, 11 },
		.access = reading },
};

static struct resources rules_with(int64_t minor)
{
	rules[1].minor.value = minor;
	return (struct resources){ .devices = rules, .n_devices = 2 };
}

/* The only program that is attached to it. */
static uint32_t program_of(const struct cgroup *c)
{
	autofd int group = openat(c->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t ids[4] = { 0 };
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.query.target_fd = (uint32_t)group;
	a.query.attach_type = BPF_CGROUP_DEVICE;
	a.query.prog_ids = (uint64_t)(uintptr_t)ids;
	a.query.prog_cnt = 4;
	ck_assert_int_eq(bpf_call(BPF_PROG_QUERY, &a), 0);
	ck_assert_uint_eq(a.query.prog_cnt, 1);
	return ids[0];
}

static uint32_t apply(struct cgroup *c, int64_t minor, int kept)
{
	struct resources r = rules_with(minor);

	OK(devices_apply(c->fd, &r, true, kept, &e));
	return program_of(c);
}

START_TEST(the_same_rules_have_one_program)
{
	struct cgroup a = make("a"), b = make("b"), c = make("c"), d = make("d"), f = make("f");

	uint32_t first = apply(&a, 11, dir);
	ck_assert_uint_eq(apply(&b, 11, dir), first);
	/* Without a place for it, and with rules of its own: another. */
	ck_assert_uint_ne(apply(&c, 11, -1), first);
	ck_assert_uint_ne(apply(&d, 12, dir), first);
	/* What is kept is the last one. */
	ck_assert_uint_eq(apply(&f, 12, dir), program_of(&d));
	removed(&a, "a"), removed(&b, "b"), removed(&c, "c"), removed(&d, "d"), removed(&f, "f");
}
END_TEST

START_TEST(one_that_is_gone_is_loaded_again)
{
	struct cgroup a = make("a"), b = make("b");

	uint32_t first = apply(&a, 13, dir);
	removed(&a, "a");
	/* The kernel frees it when it likes to. */
	for (int fd = 0; fd >= 0;) {
		union bpf_attr ask;
		memset(&ask, 0, sizeof(ask));
		ask.prog_id = first;
		fd = bpf_call(BPF_PROG_GET_FD_BY_ID, &ask);
		if (fd >= 0)
			close(fd);
	}
	ck_assert_uint_ne(apply(&b, 13, dir), first);
	removed(&b, "b");
}
END_TEST

START_TEST(a_damaged_file_is_no_program)
{
	struct cgroup a = make("a"), b = make("b"), c = make("c"), d = make("d");
	uint32_t first = apply(&a, 14, dir);
	autofd int file = openat(dir, ".devices", O_RDWR | O_CLOEXEC);

	/* The kernel's number of another one: it has another time. */
	uint32_t other = apply(&b, 15, -1);
	ck_assert_int_eq(pwrite(file, &other, sizeof(other), 32), sizeof(other));
	uint32_t second = apply(&c, 14, dir);
	ck_assert(second != first && second != other);
	/* Others may write it. */
	ck_assert_int_eq(fchmodat(dir, ".devices", 0622, 0), 0);
	ck_assert_uint_ne(apply(&d, 14, dir), second);
	removed(&a, "a"), removed(&b, "b"), removed(&c, "c"), removed(&d, "d");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_kept_program");
	TCase *tcase = tcase_create("kept");

	if (!mkdtemp(place) || (dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return 1;
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, the_same_rules_have_one_program);
	tcase_add_test(tcase, one_that_is_gone_is_loaded_again);
	tcase_add_test(tcase, a_damaged_file_is_no_program);
	int r = frozen_run(suite);
	unlinkat(dir, ".devices", 0);
	rmdir(place);
	return r;
}
