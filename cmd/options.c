/* Command lines by tables. */
#include "cmd/options.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/opt.h"
#include "spec/base/own.h"
#include "spec/base/str.h"

enum { HELP_COLUMN = 38 };

static bool takes_value(const struct option_row *row)
{
	return row->kind != OPTION_FLAG && row->kind != OPTION_SWITCH &&
	       row->kind != OPTION_IGNORED_FLAG;
}

static int set_flag(bool *into, const char *name, const char *value, struct err *e)
{
	if (!value || !strcmp(value, "true") || !strcmp(value, "1"))
		*into = true;
	else if (!strcmp(value, "false") || !strcmp(value, "0"))
		*into = false;
	else
		return err_say(
			e, ERR_USAGE, "option --%s: '%s' is neither true nor false", name, value);
	return 0;
}

static int set_list(struct option_list *list, const char *value, struct err *e)
{
	char **more = realloc(list->v, (list->n + 1) * sizeof(*more));

	if (!more)
		return err_set(e, ENOMEM, "read the command line");
	more[list->n++] = (char *)value;
	list->v = more;
	return 0;
}

static int set_choice(const struct option_row *row, const char *value, int *into, struct err *e)
{
	const char *word = row->value;

	for (int i = 1;; i++) {
		size_t n = strcspn(word, "|");
		if (strlen(value) == n && strncmp(word, value, n) == 0) {
			*into = i;
			return 0;
		}
		if (!word[n])
			return err_say(e, ERR_USAGE, "option --%s: '%s' is none of %s", row->name,
				value, row->value);
		word += n + 1;
	}
}

static int set(const struct option_row *row, const char *value, void *into, struct err *e)
{
	void *at = (char *)into + row->offset;
	uint64_t n;

	switch (row->kind) {
	case OPTION_FLAG:
		return set_flag(at, row->name, value, e);
	case OPTION_SWITCH:
		((struct opt_bool *)at)->set = true;
		return set_flag(&((struct opt_bool *)at)->value, row->name, value, e);
	case OPTION_TEXT:
		*(const char **)at = value;
		return 0;
	case OPTION_LIST:
		return set_list(at, value, e);
	case OPTION_COUNT:
		if (!str_to_u64(value, INT32_MAX, &n))
			return err_say(e, ERR_USAGE, "option --%s: '%s' is not a number", row->name,
				value);
		*(int *)at = (int)n;
		return 0;
	case OPTION_CHOICE:
		return set_choice(row, value, at, e);
	case OPTION_BYTES:
		if (!str_to_bytes(value, &n) || (n > INT64_MAX && n != UINT64_MAX))
			return err_say(e, ERR_USAGE,
				"option --%s: '%s' is not a size (like 512, 64k, 32m, 1.5g, or -1)",
				row->name, value);
		*(struct opt_i64 *)at = (struct opt_i64){ .set = true, .value = (int64_t)n };
		return 0;
	case OPTION_SIGNED:
		if (strcmp(value, "-1") != 0 && !str_to_u64(value, INT64_MAX, &n))
			return err_say(e, ERR_USAGE, "option --%s: '%s' is neither a number nor -1",
				row->name, value);
		*(struct opt_i64 *)at = (struct opt_i64){ true, *value == '-' ? -1 : (int64_t)n };
		return 0;
	case OPTION_UNSIGNED:
		if (!str_to_u64(value, UINT64_MAX, &n))
			return err_say(e, ERR_USAGE, "option --%s: '%s' is not a number", row->name,
				value);
		*(struct opt_u64 *)at = (struct opt_u64){ true, n };
		return 0;
	case OPTION_END:
	case OPTION_IGNORED:
	case OPTION_IGNORED_FLAG:
		break;
	}
	return 0;
}

static const struct option_row *by_name(const struct option_row *rows, const char *name, size_t n)
{
	for (; rows && rows->kind; rows++)
		if (strlen(rows->name) == n && strncmp(rows->name, name, n) == 0)
			return rows;
	return NULL;
}

static const struct option_row *by_letter(const struct option_row *rows, char letter)
{
	for (; rows && rows->kind; rows++)
		if (rows->letter == letter)
			return rows;
	return NULL;
}

/* A word with a long name; `name` is behind its dashes. How many words it takes, or an error. */
static int parse_long(
	const struct option_row *row, const char *name, char *next, void *into, struct err *e)
{
	const char *equals = strchr(name, '=');
	const char *value = equals ? equals + 1 : NULL;
	int words = 1;

	if (!value && takes_value(row)) {
		if (!next)
			return err_say(
				e, ERR_USAGE, "option --%s: flag needs an argument", row->name);
		value = next;
		words = 2;
	}
	int r = set(row, value, into, e);
	return r < 0 ? r : words;
}

/* A word of letters: flags together, the last one perhaps with its value behind it. */
static int parse_letters(
	const struct option_row *rows, const char *word, char *next, void *into, struct err *e)
{
	for (const char *at = word + 1; *at; at++) {
		const struct option_row *row = by_letter(rows, *at);
		if (!row)
			return err_say(e, ERR_USAGE, "unknown option '%s'", word);
		if (!takes_value(row)) {
			int r = set(row, NULL, into, e);
			if (r < 0)
				return r;
			continue;
		}
		const char *value = at[1] == '=' ? at + 2 : at[1] ? at + 1 : next;
		if (!value)
			return err_say(e, ERR_USAGE, "option -%c: flag needs an argument", *at);
		int r = set(row, value, into, e);
		return r < 0 ? r : value == next ? 2 : 1;
	}
	return 1;
}

int options_parse(const struct option_row *rows, int argc, char **argv, void *into, bool *ret_help,
	struct err *e)
{
	int i = 0;

	*ret_help = false;
	while (i < argc) {
		char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		if (word[0] != '-' || !word[1])
			break;
		if (!strcmp(word, "--"))
			return i + 1;
		const char *name = word + (word[1] == '-' ? 2 : 1);
		const struct option_row *row = by_name(rows, name, strcspn(name, "="));
		bool one_letter = word[1] != '-' && (!word[2] || word[2] == '=');
		if (!row && (!strcmp(word, "--help") ||
				    (!strcmp(word, "-h") && !by_letter(rows, 'h')))) {
			*ret_help = true;
			return i;
		}
		int words;
		if (row && !one_letter)
			words = parse_long(row, name, next, into, e);
		else if (word[1] == '-')
			words = err_say(e, ERR_USAGE, "unknown option '%s'", word);
		else
			words = parse_letters(rows, word, next, into, e);
		if (words < 0)
			return words;
		i += words;
	}
	return i;
}

void options_done(const struct option_row *rows, void *into)
{
	for (; rows && rows->kind; rows++)
		if (rows->kind == OPTION_LIST)
			free(take(((struct option_list *)((char *)into + rows->offset))->v));
}

void options_print(FILE *to, const struct option_row *rows)
{
	for (; rows && rows->kind; rows++) {
		if (!rows->help)
			continue;
		char left[64];
		snprintf(left, sizeof(left), "%c%c%s--%s%s%s", rows->letter ? '-' : ' ',
			rows->letter ? rows->letter : ' ', rows->letter ? ", " : "  ", rows->name,
			takes_value(rows) ? " " : "", takes_value(rows) ? rows->value : "");
		/* One that is too long for its column has the line for itself. */
		if (strlen(left) > HELP_COLUMN) {
			fprintf(to, "  %s\n", left);
			*left = '\0';
		}
		fprintf(to, "  %-*s %s\n", HELP_COLUMN, left, rows->help);
	}
}
