/* Stacks of an image "t" in a scene's store, and what is seen in them. */
#ifndef TESTS_UNIT_STACKS_H
#define TESTS_UNIT_STACKS_H

#include "overlay/stack.h"
#include "tests/unit/layers.h"
#include "tests/unit/scene.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define BASE                                                                                       \
	{                                                                                          \
		{ "d/", .type = '5' }, { "d/1", .data = "one" }, { "d/2" }, { "d/sub/3" },         \
			{ "e/4" },                                                                 \
		{                                                                                  \
			"f", .data = "base"                                                        \
		}                                                                                  \
	}

static inline void load_one(void)
{
	static const struct tar_row base[] = BASE;
	struct layers l = { 0 };

	layers_add(&l, base, 6);
	layers_load(&l, "t");
	layers_done(&l);
}

static inline struct stack make_stack(const char *id, bool read_only)
{
	automatic(image) struct image image = { 0 };
	struct stack stack = STACK_NONE;

	int r = image_find(&scene_store, "t", &image, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	r = stack_make(&scene_store, &image, id, read_only, &stack, &scene_err);
	ck_assert_msg(r == 0, "%s", scene_err.text);
	return stack;
}

static inline bool is_there(int root, const char *name)
{
	struct stat st;

	return fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline mode_t mode_of(int root, const char *name)
{
	struct stat st;

	ck_assert_msg(fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0, "no '%s'", name);
	return st.st_mode & 07777;
}

static inline int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static inline int is_no_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* The names in a directory, sorted, with spaces between. */
static inline const char *names_in(int root, const char *name)
{
	static struct str text;
	struct dirent **names;
	int n = scandirat(root, name, &names, is_no_dots, by_name);

	ck_assert_msg(n >= 0, "no directory '%s'", name);
	text.len = 0;
	str_add(&text, "");
	for (int i = 0; i < n; i++) {
		str_addf(&text, "%s%s", i ? " " : "", names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return text.data;
}

#endif
