/* Published ports as people write them. */
#include <check.h>
#include <string.h>

#include "spec/ports.h"
#include "tests/unit/run.h"

static const struct {
	const char *text, *whole;
} good[] = {
	{ "8080:80", "8080:80/tcp" },
	{ "8080:80/tcp", "8080:80/tcp" },
	{ "53:5353/udp", "53:5353/udp" },
	{ "127.0.0.1:8080:80", "127.0.0.1:8080:80/tcp" },
	{ "0.0.0.0:1:65535", "0.0.0.0:1:65535/tcp" },
	{ "[::1]:8080:80/udp", "[::1]:8080:80/udp" },
	{ "[2001:db8::7]:8080:80", "[2001:db8::7]:8080:80/tcp" },
};

START_TEST(what_is_written_is_understood)
{
	struct port p;
	struct err e;
	char text[PORT_TEXT_MAX];

	ck_assert_msg(port_parse(good[_i].text, &p, &e) == 0, "%s", e.text);
	ck_assert_str_eq(port_text(&p, text), good[_i].whole);
}
END_TEST

static const struct {
	const char *text, *message;
} bad[] = {
	{ "", "not [IP:]HOSTPORT:PORT" },
	{ "80", "not [IP:]HOSTPORT:PORT" },
	{ ":80", "a port is a number from 1 to 65535" },
	{ "80:", "a port is a number from 1 to 65535" },
	{ "0:80", "a port is a number from 1 to 65535" },
	{ "80:65536", "a port is a number from 1 to 65535" },
	{ "+80:80", "a port is a number from 1 to 65535" },
	{ "8000-8010:80", "a port is a number from 1 to 65535" },
	{ "80:80/sctp", "neither /tcp nor /udp" },
	{ "80:80/", "neither /tcp nor /udp" },
	{ "localhost:80:80", "'localhost' is no IP address" },
	{ "::1:80:80", "'::1' is no IP address" },
	{ "[127.0.0.1]:80:80", "is no IP address" },
	{ "[::1:80:80", "is no IP address" },
	{ "[]:80:80", "is no IP address" },
	{ ":80:80", "'' is no IP address" },
	{ "127.0.0.1/8:80:80", "neither /tcp nor /udp" },
	{ "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1:1", "is no IP address" },
};

START_TEST(what_is_not_is_refused)
{
	struct port p;
	struct err e;

	ck_assert_int_lt(port_parse(bad[_i].text, &p, &e), 0);
	ck_assert_msg(strstr(e.text, bad[_i].message), "%s", e.text);
}
END_TEST

static const struct {
	const char *a, *b;
	bool collide;
} pairs[] = {
	{ "80:80", "80:81", true },
	{ "80:80", "81:80", false },
	{ "80:80/udp", "80:80/tcp", false },
	{ "127.0.0.1:80:80", "80:81", true },
	{ "127.0.0.1:80:80", "127.0.0.2:80:80", false },
};

START_TEST(two_that_want_the_same)
{
	struct port a, b;
	struct err e;

	ck_assert_int_eq(port_parse(pairs[_i].a, &a, &e), 0);
	ck_assert_int_eq(port_parse(pairs[_i].b, &b, &e), 0);
	ck_assert_int_eq(port_collides(&a, &b), pairs[_i].collide);
	ck_assert_int_eq(port_collides(&b, &a), pairs[_i].collide);
}
END_TEST

#define LENGTH(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *suite = suite_create("spec_ports");
	TCase *cases = tcase_create("ports");

	tcase_add_loop_test(cases, what_is_written_is_understood, 0, LENGTH(good));
	tcase_add_loop_test(cases, what_is_not_is_refused, 0, LENGTH(bad));
	tcase_add_loop_test(cases, two_that_want_the_same, 0, LENGTH(pairs));
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
