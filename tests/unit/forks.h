/* A template, its files, and forks of it. */
#ifndef TESTS_UNIT_FORKS_H
#define TESTS_UNIT_FORKS_H

#include "overlay/forks.h"
#include "tests/unit/stacks.h"

static inline void put_text(int root, const char *name, const char *text)
{
	int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_msg(fd >= 0, "cannot write '%s'", name);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static inline const char *text_of(int root, const char *name)
{
	static char text[64];
	int fd = openat(root, name, O_RDONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "no '%s'", name);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static inline struct stack fork_of(const char *template, const char *id)
{
	struct stack stack = STACK_NONE;
	int r = stack_fork(&scene_store, template, id, false, NULL, &stack, &scene_err);

	ck_assert_msg(r == 0, "%s", scene_err.text);
	return stack;
}

/* "t" was loaded; what a program does as it warms up. */
static inline struct stack make_template(void)
{
	struct stack t = make_stack("T", false);

	put_text(t.rootfs, "f", "warm");
	put_text(t.rootfs, "new", "of the template");
	ck_assert_int_eq(mkdirat(t.rootfs, "state", 0710), 0);
	put_text(t.rootfs, "state/x", "y");
	ck_assert_int_eq(unlinkat(t.rootfs, "d/1", 0), 0);
	ck_assert_int_eq(unlinkat(t.rootfs, "e/4", 0), 0);
	ck_assert_int_eq(unlinkat(t.rootfs, "e", AT_REMOVEDIR), 0);
	ck_assert_int_eq(mkdirat(t.rootfs, "e", 0755), 0);
	put_text(t.rootfs, "e/5", "");
	ck_assert_int_eq(fchmodat(t.rootfs, ".", 0751, 0), 0);
	return t;
}

/* As make_template() left them. */
static inline void check_files(int root)
{
	ck_assert_str_eq(names_in(root, "."), "d e f new state");
	ck_assert_str_eq(text_of(root, "f"), "warm");
	ck_assert_str_eq(text_of(root, "new"), "of the template");
	ck_assert_str_eq(text_of(root, "state/x"), "y");
	ck_assert_int_eq(mode_of(root, "state"), 0710);
	ck_assert_int_eq(mode_of(root, "."), 0751);
	/* A whiteout, and an opaque directory. */
	ck_assert_str_eq(names_in(root, "d"), "2 sub");
	ck_assert_str_eq(names_in(root, "d/sub"), "3");
	ck_assert_str_eq(names_in(root, "e"), "5");
}

#endif
