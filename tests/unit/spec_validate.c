/* Validation beyond the folders of tests/data/spec: long inputs, exec's process, update's limits,
 * kernel parameters. */
#include <check.h>
#include <errno.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>

#include "spec/spec.h"
#include "spec/sysctl.h"
#include "tests/unit/run.h"

static int validate(const struct str *text, struct err *e)
{
	automatic(spec) struct spec s = { 0 };
	int r = spec_parse("config.json", text->data, text->len, &s, e);

	return r < 0 ? r : spec_validate(&s, e);
}

static void begin(struct str *text)
{
	str_add(text, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},");
}

#define PROCESS "\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"]},"
#define LINUX "\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]}}"

START_TEST(bounds_strings)
{
	static const struct {
		const char *key, *before, *error;
	} rows[] = {
		{ "args", "", "process.args[1]: longer than 131071 bytes" },
		{ "env", "A=", "process.env[1]: longer than 131071 bytes" },
	};
	enum { LIMIT = 131071 };
	const char *key = rows[_i / 2].key;
	size_t n = LIMIT + (size_t)(_i % 2) - strlen(rows[_i / 2].before);
	automatic(str) struct str text = { 0 };
	autofree char *filler = malloc(n + 1);
	struct err e = { 0 };

	memset(filler, 'x', n);
	filler[n] = '\0';
	begin(&text);
	str_addf(&text, "\"process\":{\"cwd\":\"/\",%s\"%s\":[\"B=1\",\"%s%s\"]}," LINUX,
		strcmp(key, "env") == 0 ? "\"args\":[\"sh\"]," : "", key, rows[_i / 2].before,
		filler);
	if (_i % 2 == 0) {
		ck_assert_msg(validate(&text, &e) == 0, "%s", e.text);
	} else {
		ck_assert_int_eq(validate(&text, &e), -E2BIG);
		ck_assert_str_eq(e.text, rows[_i / 2].error);
	}
}
END_TEST

static void add_many(struct str *text, const char *item, size_t n)
{
	for (size_t i = 0; i < n; i++)
		str_addf(text, "%s%s", i ? "," : "", item);
}

START_TEST(bounds_lists)
{
	static const struct {
		const char *before, *item, *after;
		size_t limit;
		const char *error;
	} rows[] = {
		{ "\"mounts\":[", "{\"destination\":\"/d\",\"type\":\"tmpfs\"}", "]," PROCESS LINUX,
			1000, "mounts: 1001 entries, more than the 1000 allowed" },
		{ "\"hooks\":{\"poststop\":[", "{\"path\":\"/h\"}", "]}," PROCESS LINUX, 1000,
			"hooks.poststop: 1001 entries, more than the 1000 allowed" },
		{ "\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"],\"user\":{\"additionalGids\":[",
			"1", "]}}," LINUX, 65536,
			"process.user.additionalGids: 65537 entries, more than the 65536 "
			"allowed" },
	};
	automatic(str) struct str text = { 0 };
	size_t more = (size_t)(_i % 2);
	struct err e = { 0 };

	begin(&text);
	str_add(&text, rows[_i / 2].before);
	add_many(&text, rows[_i / 2].item, rows[_i / 2].limit + more);
	str_add(&text, rows[_i / 2].after);
	ck_assert_msg(validate(&text, &e) == (more ? -EINVAL : 0), "%s", e.text);
	if (more)
		ck_assert_str_eq(e.text, rows[_i / 2].error);
}
END_TEST

START_TEST(bounds_id_maps)
{
	automatic(str) struct str text = { 0 };
	size_t n = 340 + (size_t)_i;
	struct err e = { 0 };

	begin(&text);
	str_add(&text,
		PROCESS "\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"user\"}],"
			"\"gidMappings\":[{\"containerID\":0,\"hostID\":5,\"size\":1}],"
			"\"uidMappings\":[");
	for (size_t i = 0; i < n; i++)
		str_addf(&text, "%s{\"containerID\":%zu,\"hostID\":%zu,\"size\":2}", i ? "," : "",
			i * 2, i * 2 + 100000);
	str_add(&text, "]}}");
	ck_assert_msg(validate(&text, &e) == (_i ? -EINVAL : 0), "%s", e.text);
	if (_i)
		ck_assert_str_eq(
			e.text, "linux.uidMappings: 341 entries, more than the 340 allowed");
}
END_TEST

START_TEST(names_the_process_as_told)
{
	static const char text[] = "{\"cwd\":\"tmp\",\"args\":[\"sh\"]}";
	automatic(process_spec) struct process_spec p = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(json_read("process.json", text, strlen(text), process_fields, &p,
				 &json_usual_limits, &e),
		0);
	ck_assert_int_eq(process_validate(&p, "exec", &e), -EINVAL);
	ck_assert_str_eq(e.text, "exec.cwd: 'tmp' is not an absolute path");
}
END_TEST

START_TEST(names_the_limits_as_told)
{
	const struct resources r = { .pids.limit = { true, -2 } };
	struct err e = { 0 };

	ck_assert_int_eq(resources_validate(&r, "resources", &e), -EINVAL);
	ck_assert_str_eq(e.text, "resources.pids.limit: -2 is out of range (0 and above, or -1 for "
				 "no limit)");
}
END_TEST

/* A limit that is none needs no controller: most engines send such ones. */
START_TEST(tells_limits_from_words)
{
	static const struct {
		const char *text;
		bool memory, cpu, cpuset, pids;
	} rows[] = {
		{ "{}", false, false, false, false },
		{ "{\"memory\":{},\"cpu\":{},\"pids\":{},\"devices\":[{\"allow\":false}]}", false,
			false, false, false },
		{ "{\"memory\":{\"limit\":-1,\"swap\":-1},\"cpu\":{\"quota\":-1},\"pids\":{\"limit\":-1}}",
			false, false, false, false },
		{ "{\"memory\":{\"limit\":0},\"cpu\":{\"shares\":0,\"cpus\":\"\"},\"pids\":{\"limit\":0}}",
			false, false, false, false },
		{ "{\"memory\":{\"limit\":1}}", true, false, false, false },
		{ "{\"memory\":{\"reservation\":1}}", true, false, false, false },
		{ "{\"cpu\":{\"shares\":2}}", false, true, false, false },
		{ "{\"cpu\":{\"quota\":1000}}", false, true, false, false },
		{ "{\"cpu\":{\"idle\":1}}", false, true, false, false },
		{ "{\"cpu\":{\"cpus\":\"0\"}}", false, false, true, false },
		{ "{\"cpu\":{\"mems\":\"0\"}}", false, false, true, false },
		{ "{\"pids\":{\"limit\":1}}", false, false, false, true },
	};
	struct resources r = { 0 };
	struct err e = { 0 };

	ck_assert_msg(json_read("r", rows[_i].text, strlen(rows[_i].text), resources_fields, &r,
			      &json_usual_limits, &e) == 0,
		"%s", e.text);
	ck_assert_int_eq(resources_limit_memory(&r), rows[_i].memory);
	ck_assert_int_eq(resources_limit_cpu(&r), rows[_i].cpu);
	ck_assert_int_eq(resources_limit_cpuset(&r), rows[_i].cpuset);
	ck_assert_int_eq(resources_limit_pids(&r), rows[_i].pids);
	json_free(resources_fields, &r);
}
END_TEST

static const struct {
	const char *key, *path;
	int type;
} parameters[] = {
	{ "net.ipv4.ip_forward", "net/ipv4/ip_forward", CLONE_NEWNET },
	{ "net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding", CLONE_NEWNET },
	{ "net.ipv4.conf.eth0/100.forwarding", NULL, 0 },
	{ "kernel.sem", "kernel/sem", CLONE_NEWIPC },
	{ "kernel.semx", "kernel/semx", 0 },
	{ "kernel.sem.x", "kernel/sem/x", 0 },
	{ "kernel.core_pattern", "kernel/core_pattern", 0 },
	{ "fs.mqueue.msg_max", "fs/mqueue/msg_max", CLONE_NEWIPC },
	{ "fs.mqueuex.msg_max", "fs/mqueuex/msg_max", 0 },
	{ "kernel.domainname", "kernel/domainname", CLONE_NEWUTS },
	{ "user.max_user_namespaces", "user/max_user_namespaces", CLONE_NEWUSER },
	{ "net", "net", 0 },
	{ "", NULL, 0 },
	{ ".", NULL, 0 },
	{ "/", NULL, 0 },
	{ "net.", NULL, 0 },
	{ ".net", NULL, 0 },
	{ "net/..", NULL, 0 },
	{ "net/../kernel/core_pattern", NULL, 0 },
	{ "net/./x", NULL, 0 },
	{ "net//x", NULL, 0 },
	{ "net.x y", NULL, 0 },
	{ "net.x\n", NULL, 0 },
	{ "net.\xc3\xa9", NULL, 0 },
	{ "net/ipv4+x", NULL, 0 },
};

START_TEST(reads_parameters)
{
	char path[SYSCTL_PATH_MAX];
	bool valid = sysctl_path(parameters[_i].key, path);

	ck_assert_msg(valid == (parameters[_i].path != NULL), "'%s'", parameters[_i].key);
	if (valid) {
		ck_assert_str_eq(path, parameters[_i].path);
		ck_assert_int_eq(sysctl_namespace(path), parameters[_i].type);
	}
}
END_TEST

START_TEST(bounds_parameters)
{
	char key[SYSCTL_PATH_MAX + 2], path[SYSCTL_PATH_MAX];

	memset(key, 'x', sizeof(key));
	memcpy(key, "net.", 4);
	key[SYSCTL_PATH_MAX - 1] = '\0';
	ck_assert(sysctl_path(key, path));
	key[SYSCTL_PATH_MAX - 1] = 'x';
	key[SYSCTL_PATH_MAX] = '\0';
	ck_assert(!sysctl_path(key, path));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_validate");
	TCase *cases = tcase_create("validation");

	tcase_add_loop_test(cases, bounds_strings, 0, 4);
	tcase_add_loop_test(cases, bounds_lists, 0, 6);
	tcase_add_loop_test(cases, bounds_id_maps, 0, 2);
	tcase_add_test(cases, names_the_process_as_told);
	tcase_add_test(cases, names_the_limits_as_told);
	tcase_add_loop_test(cases, tells_limits_from_words, 0, 12);
	tcase_add_loop_test(
		cases, reads_parameters, 0, (int)(sizeof(parameters) / sizeof(parameters[0])));
	tcase_add_test(cases, bounds_parameters);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
