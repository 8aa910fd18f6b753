/* The command lines of the programs that make a network. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/network.h"
#include "spec/base/str.h"
#include "tests/unit/run.h"

static const struct network_program *program(const char *name)
{
	const struct network_program *p = network_programs;

	while (strcmp(p->name, name) != 0)
		p++;
	return p;
}

/* Its words with blanks between. */
static char *words(const struct network *n)
{
	automatic(str) struct str s = { 0 };
	char **argv = network_command(n);

	ck_assert_ptr_nonnull(argv);
	str_add(&s, " ");
	for (size_t i = 0; argv[i]; i++)
		str_addf(&s, "%s ", argv[i]);
	network_command_free(argv);
	ck_assert(str_ok(&s));
	return take(s.data);
}

static bool has(const char *line, const char *part)
{
	return strstr(line, part);
}

static const struct port ports[] = {
	{ .outside = 8080, .inside = 80 },
	{ .address = "127.0.0.1", .outside = 53, .inside = 5353, .udp = true },
	{ .address = "::1", .six = true, .outside = 443, .inside = 8443 },
};

START_TEST(pasta_is_told_of_ports)
{
	const struct network n = { .program = program("pasta"), .ports = ports, .n_ports = 3 };
	autofree char *line = words(&n);

	ck_assert_msg(has(line, " --tcp-ports 8080:80 --tcp-ports ::1/443:8443 "
				"--udp-ports 127.0.0.1/53:5353 --netns ./netns "),
		"%s", line);
}
END_TEST

/* Else it publishes whatever the container listens at, and shows it the host's loopback. */
START_TEST(pasta_does_nothing_unasked)
{
	const struct network n = { .program = program("pasta") };
	autofree char *line = words(&n);

	ck_assert_msg(has(line, " --tcp-ports none --udp-ports none ") &&
			      has(line, " --tcp-ns none --udp-ns none ") &&
			      has(line, " --no-map-gw "),
		"%s", line);
}
END_TEST

START_TEST(slirp_is_told_of_ports_later)
{
	const struct network n = {
		.program = program("slirp4netns"), .ports = ports, .n_ports = 3
	};
	autofree char *line = words(&n);

	ck_assert_msg(!has(line, "8080") && has(line, " --disable-host-loopback ./netns tap0 "),
		"%s", line);
}
END_TEST

START_TEST(loopback_of_the_host_when_asked_for)
{
	const char *const names[] = { "pasta", "slirp4netns" };
	const struct network n = { .program = program(names[_i]), .host_loopback = true };
	autofree char *line = words(&n);

	ck_assert_msg(!has(line, n.program->no_host_loopback), "%s", line);
}
END_TEST

START_TEST(finds_what_is_there)
{
	struct network n = { 0 };
	struct err e;
	char dir[] = "/tmp/cowrun-unit.XXXXXX", path[64], command[128];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("PATH", dir, 1);
	ck_assert_int_eq(network_find(NULL, &n, &e), -ENOENT);
	ck_assert_msg(
		has(e.text, "package passt") && has(e.text, "package slirp4netns"), "%s", e.text);
	ck_assert_int_eq(network_find("pasta", &n, &e), -ENOENT);
	ck_assert_str_eq(e.text, "network: 'pasta' is not installed (package passt)");
	snprintf(path, sizeof(path), "%s/slirp4netns", dir);
	ck_assert_int_eq(symlink("/bin/true", path), 0);
	snprintf(command, sizeof(command), "/nonexistent::relative:%s", dir);
	setenv("PATH", command, 1);
	int r = network_find(NULL, &n, &e);
	unlink(path);
	rmdir(dir);
	ck_assert_int_eq(r, 0);
	ck_assert_str_eq(n.path, path);
	ck_assert_str_eq(n.program->name, "slirp4netns");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runtime_network");
	TCase *cases = tcase_create("programs");

	tcase_add_test(cases, pasta_is_told_of_ports);
	tcase_add_test(cases, pasta_does_nothing_unasked);
	tcase_add_test(cases, slirp_is_told_of_ports_later);
	tcase_add_loop_test(cases, loopback_of_the_host_when_asked_for, 0, 2);
	tcase_add_test(cases, finds_what_is_there);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
