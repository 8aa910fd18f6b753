/* spec/image_change.h: words of a Dockerfile, and what they make of a config. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "spec/image_change.h"
#include "tests/unit/run.h"

static struct err e;

/* The "config" that a document has after the changes, which end with a NULL. */
static char *after(const char *config, const char *const *changes)
{
	automatic(image_config) struct image_config c = { 0 };
	automatic(str) struct str text = { 0 };
	autofree char *whole =
		str_format("{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":%s,"
			   "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
			config);

	ck_assert_int_eq(image_config_parse("config", whole, strlen(whole), &c, &e), 0);
	for (size_t i = 0; changes[i]; i++)
		ck_assert_msg(image_change(changes[i], &c.config, &e) == 0, "%s", e.text);
	json_write(image_process_fields, &c.config, JSON_COMPACT, &text);
	return strdup(text.data);
}

#define CHANGED(config, expected, ...)                                                             \
	do {                                                                                       \
		autofree char *is = after(config, (const char *const[]){ __VA_ARGS__, NULL });     \
		ck_assert_str_eq(is, expected);                                                    \
	} while (0)

START_TEST(commands)
{
	CHANGED("{}", "{\"Cmd\":[\"sh\",\"-c\",\"a b\"]}", "CMD [\"sh\", \"-c\", \"a b\"]");
	CHANGED("{\"Cmd\":[\"old\"]}", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"echo $X\"]}", "cmd echo $X");
	CHANGED("{\"Cmd\":[\"old\"]}", "{\"Entrypoint\":[\"/e\"]}", "ENTRYPOINT [\"/e\"]");
	CHANGED("{\"Cmd\":[\"old\"]}", "{\"Entrypoint\":[\"/e\"],\"Cmd\":[\"new\"]}",
		"ENTRYPOINT [\"/e\"]", "CMD [\"new\"]");
	CHANGED("{}", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"[ -e /x ]\"]}", "CMD [ -e /x ]");
	CHANGED("{\"Cmd\":[\"old\"]}", "{}", "CMD []");
}
END_TEST

START_TEST(names_and_values)
{
	CHANGED("{\"Env\":[\"PATH=/bin\",\"AB=1\"]}",
		"{\"Env\":[\"PATH=/usr/bin\",\"AB=1\",\"A=b c\",\"D=\"]}",
		"ENV PATH=/usr/bin A=\"b c\" D=");
	CHANGED("{}", "{\"Env\":[\"A=b  c=d\"]}", "ENV A b  c=d");
	CHANGED("{\"Labels\":{\"a\":\"1\",\"b\":\"2\"}}",
		"{\"Labels\":{\"a\":\"x y\",\"b\":\"2\",\"c d\":\"e\"}}",
		"LABEL a='x y' \"c d\"=e");
}
END_TEST

START_TEST(the_others)
{
	CHANGED("{\"ExposedPorts\":{\"80/tcp\":{}}}",
		"{\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{},\"8000-8010/tcp\":{}}}",
		"EXPOSE 80 53/udp 8000-8010");
	CHANGED("{}", "{\"Volumes\":{\"/a\":{},\"/b\":{},\"/c\":{}}}", "VOLUME /a /b",
		"VOLUME [\"/b\", \"/c\"]");
	CHANGED("{}", "{\"User\":\"me:you\",\"WorkingDir\":\"/a/b\",\"StopSignal\":\"SIGINT\"}",
		"USER me:you", "WORKDIR /a", "WORKDIR b", "STOPSIGNAL SIGINT");
	CHANGED("{}", "{\"OnBuild\":[\"RUN x\"]}", "ONBUILD RUN x");
	CHANGED("{\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],\"Interval\":5},\"Shell\":[\"s\"],"
		"\"StopTimeout\":7,\"ArgsEscaped\":true}",
		"{\"User\":\"0\",\"StopTimeout\":7,\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"],"
		"\"Interval\":5},\"ArgsEscaped\":true,\"Shell\":[\"s\"]}",
		"USER 0");
}
END_TEST

START_TEST(what_is_none)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "RUN x", "change 'RUN x': 'RUN' is none of CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, "
			   "ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR" },
		{ "CMD", "change 'CMD': nothing is said" },
		{ "USER a b", "change 'USER a b': it takes one word" },
		{ "ENV A", "change 'ENV A': 'A' is not NAME=VALUE" },
		{ "ENV A=b C", "change 'ENV A=b C': 'C' is not NAME=VALUE" },
		{ "LABEL a=\"b", "change 'LABEL a=\"b': a quote is not closed" },
		{ "EXPOSE 80/x", "change 'EXPOSE 80/x': '80/x' is no port" },
		{ "VOLUME a", "change 'VOLUME a': 'a' is not an absolute path" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct image_config c = { 0 };
		ck_assert_int_eq(image_change(rows[i].text, &c.config, &e), -EINVAL);
		ck_assert_str_eq(e.text, rows[i].says);
		image_config_done(&c);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_image_change");
	TCase *cases = tcase_create("spec_image_change");

	tcase_add_test(cases, commands);
	tcase_add_test(cases, names_and_values);
	tcase_add_test(cases, the_others);
	tcase_add_test(cases, what_is_none);
	suite_add_tcase(suite, cases);
	return unit_run(suite) ? 1 : 0;
}
