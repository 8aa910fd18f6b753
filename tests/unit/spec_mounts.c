/* Mount options: the table held against libmount's, and what lists of words come to. */
#include <check.h>
#include <errno.h>
#include <libmount/libmount.h>
#include <string.h>
#include <sys/mount.h>

#include "spec/mounts.h"
#include "tests/unit/run.h"

#define WORDS(...) ((const char *[]){ __VA_ARGS__ })

static struct mount_flags parse(const char *source, const char **words, size_t n)
{
	struct mount_spec m = { .destination = (char *)"/d",
		.source = (char *)source,
		.options = (char **)words,
		.n_options = n };
	struct mount_flags f = { 0 };
	struct err e = { 0 };

	ck_assert_msg(mount_flags_parse(&m, &f, &e) == 0, "%s", e.text);
	return f;
}

#define PARSE(source, ...)                                                                         \
	parse(source, WORDS(__VA_ARGS__), sizeof(WORDS(__VA_ARGS__)) / sizeof(char *))

static void check_data(const struct mount_flags *f, const char *expect)
{
	automatic(str) struct str joined = { 0 };

	str_add(&joined, "");
	for (size_t i = 0; i < f->n_data; i++)
		str_addf(&joined, "%s%s", i ? "," : "", f->data[i]);
	ck_assert_str_eq(joined.data, expect);
	ck_assert_ptr_null(f->data[f->n_data]);
}

/* What libmount's MS_* flag of a word is as an attribute of a mount; 0: it is none. */
static uint64_t attribute_of(int ms)
{
	static const struct {
		int ms;
		uint64_t attribute;
	} rows[] = {
		{ MS_RDONLY, MOUNT_ATTR_RDONLY },
		{ MS_NOSUID, MOUNT_ATTR_NOSUID },
		{ MS_NODEV, MOUNT_ATTR_NODEV },
		{ MS_NOEXEC, MOUNT_ATTR_NOEXEC },
		{ MS_NOATIME, MOUNT_ATTR_NOATIME },
		{ MS_NODIRATIME, MOUNT_ATTR_NODIRATIME },
		{ MS_STRICTATIME, MOUNT_ATTR_STRICTATIME },
		{ MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].ms == ms)
			return rows[i].attribute;
	return 0;
}

static const char *superblock_of(int ms)
{
	return ms == MS_SYNCHRONOUS ? "sync"
	       : ms == MS_DIRSYNC   ? "dirsync"
	       : ms == MS_LAZYTIME  ? "lazytime"
	       : ms == MS_MANDLOCK  ? "mand"
	       : ms == MS_RDONLY    ? "ro"
				    : NULL;
}

START_TEST(knows_what_libmount_knows)
{
	const unsigned long propagation = MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE;

	for (const struct libmnt_optmap *their = mnt_get_builtin_optmap(MNT_LINUX_MAP); their->name;
		their++) {
		const struct mount_option *our = mount_option_find(their->name);
		bool is_clear = their->mask & MNT_INVERT;
		uint64_t attribute = attribute_of(their->id);
		const char *superblock = superblock_of(their->id);

		ck_assert_msg(our != NULL, "'%s' is not in the table", their->name);
		if ((unsigned long)their->id & propagation)
			ck_assert_msg(our->propagation == (uint64_t)their->id, "%s", their->name);
		else
			ck_assert_msg(our->propagation == 0, "%s", their->name);
		if (attribute)
			ck_assert_msg(((is_clear ? our->clear : our->set) & attribute) == attribute,
				"%s", their->name);
		if (superblock)
			ck_assert_msg(str_equal(superblock,
					      is_clear ? our->superblock_clear : our->superblock),
				"%s", their->name);
		if (their->id == MS_BIND)
			ck_assert_uint_eq(our->bits, MOUNT_BIND);
		if (their->id == (MS_BIND | MS_REC))
			ck_assert_uint_eq(our->bits, MOUNT_RBIND);
	}
}
END_TEST

/* runtime-spec config.md: the words that a runtime MUST and SHOULD know. */
static const char *const spec_words[] = { "async", "atime", "bind", "defaults", "dev", "diratime",
	"dirsync", "exec", "iversion", "lazytime", "loud", "noatime", "nodev", "nodiratime",
	"noexec", "noiversion", "nolazytime", "norelatime", "nostrictatime", "nosuid", "private",
	"rbind", "relatime", "remount", "ro", "rprivate", "rshared", "rslave", "runbindable", "rw",
	"shared", "silent", "slave", "strictatime", "suid", "sync", "unbindable", "nosymfollow",
	"symfollow", "rro", "rrw", "rnosuid", "rsuid", "rnodev", "rdev", "rnoexec", "rexec",
	"rnodiratime", "rdiratime", "rrelatime", "rnorelatime", "rnoatime", "ratime",
	"rstrictatime", "rnostrictatime", "rnosymfollow", "rsymfollow", "idmap", "ridmap",
	"tmpcopyup", "mand", "nomand" };

START_TEST(knows_the_specs_words)
{
	ck_assert_msg(mount_option_find(spec_words[_i]) != NULL, "%s", spec_words[_i]);
}
END_TEST

START_TEST(is_sorted)
{
	for (const struct mount_option *o = mount_options; o[1].name; o++)
		ck_assert_msg(strcmp(o[0].name, o[1].name) < 0, "%s, %s", o[0].name, o[1].name);
	ck_assert_ptr_null(mount_option_find("size=1"));
	ck_assert_ptr_null(mount_option_find(""));
}
END_TEST

/* "rX" does to the whole tree what "X" does to the mount. */
START_TEST(pairs_words_with_their_recursive_ones)
{
	for (const struct mount_option *o = mount_options; o->name; o++) {
		autofree char *name = str_format("r%s", o->name);
		const struct mount_option *r = mount_option_find(name);
		if (!o->set && !o->clear)
			continue;
		ck_assert_msg(r && r->rset == o->set && r->rclear == o->clear, "%s", name);
	}
}
END_TEST

START_TEST(splits_flags_and_data)
{
	automatic(mount_flags) struct mount_flags f = PARSE(
		"tmpfs", "nosuid", "noexec", "mode=755", "size=64k", "huge=never", "newinstance");

	ck_assert_uint_eq(f.attr_set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	ck_assert_uint_eq(f.attr_clear, 0);
	ck_assert_uint_eq(f.bits, 0);
	check_data(&f, "mode=755,size=64k,huge=never,newinstance");
}
END_TEST

START_TEST(later_words_win)
{
	automatic(mount_flags) struct mount_flags f =
		PARSE("none", "ro", "nosuid", "rw", "suid", "sync", "async", "sync");

	ck_assert_uint_eq(f.attr_set, 0);
	ck_assert_uint_eq(f.attr_clear, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
	check_data(&f, "sync");
}
END_TEST

START_TEST(atime_is_one_value)
{
	static const struct {
		const char *words[3];
		uint64_t set, clear;
	} rows[] = {
		{ { "noatime" }, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
		{ { "noatime", "relatime" }, 0, MOUNT_ATTR__ATIME },
		{ { "noatime", "strictatime" }, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
		{ { "noatime", "atime" }, 0, MOUNT_ATTR__ATIME },
		{ { "strictatime", "atime" }, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
		{ { "strictatime", "nostrictatime" }, 0, MOUNT_ATTR__ATIME },
		{ { "atime" }, 0, MOUNT_ATTR__ATIME },
		{ { "nostrictatime" }, 0, MOUNT_ATTR__ATIME },
		{ { "norelatime" }, 0, 0 },
		{ { "nodiratime" }, MOUNT_ATTR_NODIRATIME, 0 },
	};
	const char *words[3] = { rows[_i].words[0], rows[_i].words[1] };
	automatic(mount_flags) struct mount_flags f = parse("tmpfs", words, words[1] ? 2 : 1);

	ck_assert_uint_eq(f.attr_set, rows[_i].set);
	ck_assert_uint_eq(f.attr_clear, rows[_i].clear);
}
END_TEST

/* "all" and "this one" are two calls; what holds for all is in the second one as well. */
START_TEST(recursive_words_are_apart)
{
	automatic(mount_flags) struct mount_flags f =
		PARSE("/src", "rbind", "ro", "rro", "rnosuid", "rdev", "rnoatime");

	ck_assert_uint_eq(f.attr_set, f.rec_set);
	ck_assert_uint_eq(f.rec_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME);
	ck_assert_uint_eq(f.rec_clear, MOUNT_ATTR_NODEV | MOUNT_ATTR__ATIME);
	ck_assert_uint_eq(f.bits, MOUNT_RBIND);
	check_data(&f, "");
}
END_TEST

START_TEST(a_bind_has_what_is_named)
{
	automatic(mount_flags) struct mount_flags none = PARSE("/src", "bind", "rslave", "atime");
	automatic(mount_flags) struct mount_flags ro = PARSE("/src", "bind", "ro");
	automatic(mount_flags) struct mount_flags rw = PARSE("/src", "bind", "rw", "noatime");

	ck_assert_uint_eq(none.attr_set, 0);
	ck_assert_uint_eq(none.attr_clear & MOUNT_ATTR__ATIME, 0);
	ck_assert_uint_eq(ro.attr_set, MOUNT_ATTR_RDONLY);
	ck_assert_uint_eq(ro.attr_clear,
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW);
	ck_assert_uint_eq(ro.asked_clear, 0);
	ck_assert_uint_eq(rw.attr_set, MOUNT_ATTR_NOATIME);
	ck_assert_uint_eq(rw.asked_clear, MOUNT_ATTR_RDONLY);
	ck_assert_uint_eq(rw.attr_clear & MOUNT_ATTR__ATIME, MOUNT_ATTR__ATIME);
}
END_TEST

START_TEST(locked_flags_are_kept)
{
	const uint64_t source = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSYMFOLLOW | MOUNT_ATTR_NOATIME;
	automatic(mount_flags) struct mount_flags dev = PARSE("/src", "bind", "dev");
	automatic(mount_flags) struct mount_flags rw = PARSE("/src", "bind", "rw");
	automatic(mount_flags) struct mount_flags same = PARSE("/src", "bind", "noatime");
	automatic(mount_flags) struct mount_flags times = PARSE("/src", "bind", "relatime");
	struct err e;

	ck_assert_int_eq(mount_flags_keep_locked(&dev, source, "m", &e), 0);
	ck_assert_uint_eq(dev.attr_clear & (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSYMFOLLOW),
		MOUNT_ATTR_NOSYMFOLLOW);
	ck_assert_int_eq(mount_flags_keep_locked(&same, source, "m", &e), 0);
	ck_assert_int_eq(mount_flags_keep_locked(&rw, source, "m", &e), -EPERM);
	ck_assert_int_eq(mount_flags_keep_locked(&times, source, "m", &e), -EPERM);
}
END_TEST

START_TEST(paths_are_cleaned)
{
	static const struct {
		const char *path, *clean;
	} rows[] = { { "/", "" }, { "//a//b/", "/a/b" }, { "a", "/a" }, { "/a/./b/../c", "/a/c" },
		{ "/../..", "" }, { "/a/..", "" }, { "/a/../..b", "/..b" },
		{ "/.a/...", "/.a/..." } };
	char out[PATH_MAX];

	mount_clean_path(rows[_i].path, out);
	ck_assert_str_eq(out, rows[_i].clean);
}
END_TEST

START_TEST(propagation_keeps_its_order)
{
	automatic(mount_flags) struct mount_flags f = PARSE("/src", "bind", "rslave", "shared");
	struct mount_spec m = { .destination = (char *)"/d",
		.options = (char **)WORDS("shared", "slave", "shared", "slave", "shared"),
		.n_options = 5 };
	struct mount_flags none = { 0 };
	struct err e;

	ck_assert_uint_eq(f.n_propagation, 2);
	ck_assert_uint_eq(f.propagation[0], MS_REC | MS_SLAVE);
	ck_assert_uint_eq(f.propagation[1], MS_SHARED);
	ck_assert_int_eq(mount_flags_parse(&m, &none, &e), -EINVAL);
	ck_assert_str_eq(e.text, "mount on '/d': more than 4 propagation options");
	ck_assert_ptr_null(none.data);
}
END_TEST

/* The superblock of sysfs or cgroup2 is the host's too: it must not turn read-only. */
START_TEST(superblock_is_read_only_only_over_a_file)
{
	automatic(mount_flags) struct mount_flags sys = PARSE("sysfs", "ro", "dirsync");
	automatic(mount_flags) struct mount_flags disk = PARSE("/dev/vdb", "ro", "ro", "discard");
	automatic(mount_flags) struct mount_flags bind = PARSE("/dev/vdb", "ro", "sync", "bind");

	check_data(&sys, "dirsync");
	check_data(&disk, "discard,ro");
	check_data(&bind, "");
	ck_assert_uint_eq(sys.attr_set & disk.attr_set & bind.attr_set, MOUNT_ATTR_RDONLY);
}
END_TEST

START_TEST(no_words)
{
	automatic(mount_flags) struct mount_flags f = parse("proc", NULL, 0);

	ck_assert_uint_eq(f.attr_set | f.attr_clear | f.rec_set | f.rec_clear, 0);
	check_data(&f, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_mounts");
	TCase *cases = tcase_create("options");

	tcase_add_test(cases, knows_what_libmount_knows);
	tcase_add_loop_test(
		cases, knows_the_specs_words, 0, (int)(sizeof(spec_words) / sizeof(spec_words[0])));
	tcase_add_test(cases, is_sorted);
	tcase_add_test(cases, pairs_words_with_their_recursive_ones);
	tcase_add_test(cases, splits_flags_and_data);
	tcase_add_test(cases, later_words_win);
	tcase_add_loop_test(cases, atime_is_one_value, 0, 10);
	tcase_add_test(cases, recursive_words_are_apart);
	tcase_add_test(cases, a_bind_has_what_is_named);
	tcase_add_test(cases, locked_flags_are_kept);
	tcase_add_loop_test(cases, paths_are_cleaned, 0, 8);
	tcase_add_test(cases, propagation_keeps_its_order);
	tcase_add_test(cases, superblock_is_read_only_only_over_a_file);
	tcase_add_test(cases, no_words);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
