/* Annotations as properties of a unit: values in GVariant's text format. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/property.h"

#define USEC_PER_SEC 1000000

/* A value, and the rest of the text behind it. */
struct value {
	char type[3]; /* D-Bus's: "s", "t", "as" */
	struct str text;
	const char *rest;
};

static const struct number_type {
	const char *word;
	char type;
	int64_t least;
	uint64_t most;
} number_types[] = {
	{ "byte", 'y', 0, UINT8_MAX },
	{ "int16", 'n', INT16_MIN, INT16_MAX },
	{ "uint16", 'q', 0, UINT16_MAX },
	{ "int32", 'i', INT32_MIN, INT32_MAX },
	{ "uint32", 'u', 0, UINT32_MAX },
	{ "int64", 'x', INT64_MIN, INT64_MAX },
	{ "uint64", 't', 0, UINT64_MAX },
	{ "double", 'd', 0, 0 },
};
static const struct number_type plain_number = { "", 'i', INT32_MIN, INT32_MAX };
static const struct number_type plain_double = { "", 'd', 0, 0 };

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t\n");
}

/* 'text' or "text", where a backslash takes the next letter as it is. */
static bool read_text(const char *at, struct value *v)
{
	char quote = *at++;

	snprintf(v->type, sizeof(v->type), "s");
	str_add(&v->text, "");
	for (; *at && *at != quote; at++) {
		if (*at == '\\' && !*++at)
			return false;
		/* Lines and tabs part what we write. No property has them. */
		if (iscntrl((unsigned char)*at))
			return false;
		str_add_bytes(&v->text, at, 1);
	}
	v->rest = at + (*at == quote);
	return *at == quote;
}

static bool read_number(const char *at, const struct number_type *type, struct value *v)
{
	bool negative = *at == '-';
	char *end;

	/* What strtod() and strtoull() take beyond numbers: words, and blanks before them. */
	if (!isdigit((unsigned char)at[negative]))
		return false;
	v->type[0] = type->type;
	v->type[1] = '\0';
	errno = 0;
	if (type->type == 'd') {
		str_addf(&v->text, "%.17g", strtod(at, &end));
	} else if (negative) {
		int64_t n = strtoll(at, &end, 0);
		if (n < type->least)
			return false;
		str_addf(&v->text, "%" PRId64, n);
	} else {
		uint64_t n = strtoull(at, &end, 0);
		if (n > type->most)
			return false;
		str_addf(&v->text, "%" PRIu64, n);
	}
	v->rest = end;
	return errno == 0 && (!*end || strchr(" \t\n,]", *end));
}

static bool read_word(const char *at, size_t n, struct value *v)
{
	for (size_t i = 0; i < sizeof(number_types) / sizeof(number_types[0]); i++)
		if (strlen(number_types[i].word) == n && strncmp(number_types[i].word, at, n) == 0)
			return read_number(skip_blanks(at + n), &number_types[i], v);
	if ((n != 4 || strncmp(at, "true", 4) != 0) && (n != 5 || strncmp(at, "false", 5) != 0))
		return false;
	snprintf(v->type, sizeof(v->type), "b");
	str_add_bytes(&v->text, at, n);
	v->rest = at + n;
	return true;
}

static bool read_single(const char *at, struct value *v)
{
	size_t word = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789");

	if (*at == '\'' || *at == '"')
		return read_text(at, v);
	if (isalpha((unsigned char)*at))
		return read_word(at, word, v);
	bool is_double = at[strspn(at, "-0123456789")] == '.';
	return read_number(at, is_double ? &plain_double : &plain_number, v);
}

/* [a, b]: the first one says of which type all are. */
static bool read_list(const char *at, struct value *v)
{
	do {
		struct value one = { 0 };
		at = skip_blanks(at + 1);
		bool good = read_single(at, &one) && (!v->type[0] || v->type[1] == one.type[0]);
		if (good) {
			snprintf(v->type, sizeof(v->type), "a%c", one.type[0]);
			str_addf(&v->text, "\t%s", one.text.data);
			at = skip_blanks(one.rest);
		}
		str_done(&one.text);
		if (!good)
			return false;
	} while (*at == ',');
	v->rest = at + 1;
	return *at == ']';
}

/* TimeoutStopSec of a unit file is TimeoutStopUSec on the bus. */
static bool as_usec(struct value *v)
{
	if (!strchr("ynqiuxtd", v->type[0]))
		return false;
	double usec = strtod(v->text.data, NULL) * USEC_PER_SEC;
	if (!(usec >= 0 && usec < (double)UINT64_MAX))
		return false;
	str_done(&v->text);
	v->text = (struct str){ 0 };
	str_addf(&v->text, "%" PRIu64, (uint64_t)llround(usec));
	snprintf(v->type, sizeof(v->type), "t");
	return true;
}

static int check_name(const char *name, struct err *e)
{
	/* Who lives in it, and where it is. */
	static const char *const ours[] = { "PIDs", "PIDFDs", "Slice", "Delegate" };
	size_t n = strlen(name);

	if (n < 3 || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != n)
		return err_say(e, EINVAL,
			"annotations." PROPERTY_ANNOTATION "%.60s: no name of a property", name);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcmp(ours[i], name) == 0)
			return err_say(e, EINVAL,
				"annotations." PROPERTY_ANNOTATION
				"%s: is not for config.json to say",
				name);
	return 0;
}

int property_annotation(const char *name, const char *text, struct str *to, struct err *e)
{
	struct value v = { 0 };
	size_t n = strlen(name);
	int r = check_name(name, e);

	if (r < 0)
		return r;
	text = skip_blanks(text);
	bool good = *text == '[' ? read_list(text, &v) : read_single(text, &v);
	good = good && !*skip_blanks(v.rest);
	/* ...Sec, and not the ...USec that it is already. */
	bool seconds =
		n > 3 && strcmp(name + n - 3, "Sec") == 0 && islower((unsigned char)name[n - 4]);
	autofree char *usec = seconds ? str_format("%.*sUSec", (int)n - 3, name) : NULL;
	if (good && seconds)
		good = as_usec(&v);
	if (good)
		property_add(to, 0, seconds ? usec : name, v.type, v.text.data);
	if (!str_ok(&v.text) || (seconds && !usec))
		to->failed = true;
	str_done(&v.text);
	return good ? 0
		    : err_say(e, EINVAL,
			      "annotations." PROPERTY_ANNOTATION
			      "%s: '%.80s' is no value of a property (hint: 'text', true, uint64 5, ['a', 'b'])",
			      name, text);
}
