/*
 * config.json cases as folders: tests/data/spec/valid/NAME must be taken, and read the same after
 * it was written; invalid/NAME must be refused with a line of its `expect` (several lines: where it
 * depends on the kernel). To add a case, add a folder. Runs from the project's root.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/fd.h"
#include "spec/seccomp.h"
#include "spec/spec.h"
#include "tests/unit/run.h"

#define DATA "tests/data/spec"
enum { NAMES_MAX = 1000, TEXT_MAX = 1 << 20 };

struct cases {
	char *names[NAMES_MAX];
	int n;
};

static struct cases valid, invalid;

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void find_cases(const char *folder, struct cases *ret)
{
	DIR *dir = opendir(folder);

	if (!dir) {
		perror(folder);
		exit(1);
	}
	for (struct dirent *d; (d = readdir(dir)) && ret->n < NAMES_MAX;)
		if (d->d_name[0] != '.')
			ret->names[ret->n++] = strdup(d->d_name);
	closedir(dir);
	qsort(ret->names, (size_t)ret->n, sizeof(ret->names[0]), by_text);
}

static int open_case(const char *kind, const char *name)
{
	autofree char *path = str_format(DATA "/%s/%s", kind, name);
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "cannot open %s", path);
	return fd;
}

static char *read_expect(int dir)
{
	struct err e;
	char *text = NULL;
	size_t len;

	return fd_read_file(dir, "expect", TEXT_MAX, &text, &len, &e) < 0 ? NULL : text;
}

static bool has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, line, n) == 0 && (at[n] == '\n' || at[n] == '\0'))
			return true;
	}
	return false;
}

/* All that is said about a document, also what is said when its filter is made. */
static int judge(const struct spec *s, struct err *e)
{
	automatic(seccomp_spec) struct seccomp_spec seccomp = { 0 };
	int r = spec_validate(s, e);

	return r < 0 || !s->linux_.seccomp.text ? r : seccomp_read(&s->linux_.seccomp, &seccomp, e);
}

START_TEST(refuses)
{
	const char *name = invalid.names[_i];
	automatic(spec) struct spec spec = { 0 };
	struct err e = { 0 };

	autofd int dir = open_case("invalid", name);
	autofree char *expect = read_expect(dir);
	ck_assert_msg(expect != NULL, "%s: no file 'expect'", name);
	int r = spec_load(dir, "config.json", &spec, &e);
	if (r == 0)
		r = judge(&spec, &e);
	ck_assert_msg(r < 0, "%s: was taken", name);
	ck_assert_msg(r == -e.code, "%s: returned %d, the error says %d", name, r, e.code);
	ck_assert_msg(has_line(expect, e.text), "%s:\n got: %s\nwant: %s", name, e.text, expect);
}
END_TEST

START_TEST(takes)
{
	const char *name = valid.names[_i];
	automatic(spec) struct spec spec = { 0 }, again = { 0 };
	automatic(str) struct str first = { 0 }, second = { 0 };
	struct err e = { 0 };

	autofd int dir = open_case("valid", name);
	ck_assert_msg(spec_load(dir, "config.json", &spec, &e) == 0, "%s: %s", name, e.text);
	ck_assert_msg(judge(&spec, &e) == 0, "%s: %s", name, e.text);
	json_write(spec_fields, &spec, JSON_INDENTED, &first);
	ck_assert_msg(spec_parse("written", first.data, first.len, &again, &e) == 0, "%s: %s", name,
		e.text);
	json_write(spec_fields, &again, JSON_INDENTED, &second);
	ck_assert_str_eq(first.data, second.data);

	autofree char *expect = read_expect(dir);
	if (expect) {
		automatic(str) struct str compact = { 0 };
		json_write(spec_fields, &spec, JSON_COMPACT, &compact);
		str_add(&compact, "\n");
		ck_assert_str_eq(compact.data, expect);
	}
}
END_TEST

START_TEST(reports_missing_file)
{
	struct spec spec = { 0 };
	struct err e = { 0 };

	autofd int dir = open(DATA, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(spec_load(dir, "config.json", &spec, &e), -ENOENT);
	ck_assert_str_eq(e.text, "open 'config.json': no such file or directory");
}
END_TEST

int main(void)
{
	find_cases(DATA "/valid", &valid);
	find_cases(DATA "/invalid", &invalid);
	Suite *suite = suite_create("spec_cases");
	TCase *cases = tcase_create("folders");
	tcase_add_loop_test(cases, takes, 0, valid.n);
	tcase_add_loop_test(cases, refuses, 0, invalid.n);
	tcase_add_test(cases, reports_missing_file);
	suite_add_tcase(suite, cases);
	int failed = unit_run(suite);
	for (int i = 0; i < valid.n; i++)
		free(valid.names[i]);
	for (int i = 0; i < invalid.n; i++)
		free(invalid.names[i]);
	return failed ? 1 : 0;
}
