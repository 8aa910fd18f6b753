/*
 * JSON by field tables: one table reads, writes and frees a struct.
 *
 *	static const struct field user_fields[] = {
 *		FIELD(struct user_spec, "uid", FIELD_U32, uid, .must = true),
 *		FIELD_LIST(struct user_spec, "additionalGids", FIELD_U32, gids, n_gids),
 *		{ 0 }
 *	};
 *
 * Reading: unknown keys are ignored (the OCI rule), unless the limits are strict; `null` is as
 * absent; a wrong type or a number out of range is an error with its path ("process.args[1]:
 * expected a string, found 7"), a syntax error one with line and column; duplicate keys, too deep
 * nesting and too large documents are errors (struct json_limits). What is read into must be zeroed
 * (or hold defaults); on failure it is freed. Strings, lists and optional objects are allocated;
 * json_free() frees what the table names. Writing: absent values are left out, in table order, and
 * bytes that are not UTF-8 become U+FFFD, so that what was written can be read. jansson is known to
 * json.c alone.
 */
#ifndef SPEC_BASE_JSON_H
#define SPEC_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/err.h"
#include "spec/base/str.h"

enum field_kind {
	FIELD_END = 0,
	FIELD_STRING,	/* char *; NULL: absent */
	FIELD_BOOL,	/* bool; written only when true, unless .always */
	FIELD_I32,	/* int32_t; 0 as absent when written, unless .always */
	FIELD_U32,	/* uint32_t */
	FIELD_U64,	/* uint64_t; accepts up to 18446744073709551615 (jansson itself does not) */
	FIELD_ENUM,	/* int, by .names; the value 0 is "absent" */
	FIELD_OPT_BOOL, /* struct opt_bool */
	FIELD_OPT_I64,	/* struct opt_i64 */
	FIELD_OPT_U64,	/* struct opt_u64 */
	FIELD_OBJECT,	/* an embedded struct, described by .inside */
	FIELD_OBJECT_PTR, /* a pointer to one of .size bytes; NULL: absent */
	FIELD_MAP,  /* struct string_pair *, with a count: {"key": "string"} in document order */
	FIELD_KEYS, /* char **, with a count: the keys of an object; what they hold is not looked
			  at, and is written as {} */
	FIELD_OBJECT_MAP, /* structs of .size bytes, with a count: {"key": {...}}; each begins with
			     a char * that takes the key, .inside describes the rest */
	FIELD_PRESENT, /* bool: the key asks for something: it holds no null and no empty object or
			  list. What it holds is not looked at, and not written */
	FIELD_TEXT,    /* struct json_text: an object that is kept as the text that it is, and not
			  looked into before json_read_text(). One in a document; an empty object
			  is as absent */
};

struct json_text {
	char *text; /* NULL: absent */
	size_t len;
};

struct enum_name {
	const char *name; /* NULL ends the list */
	int value;	  /* not 0 */
};

struct string_pair {
	char *key, *value;
};

/* In this order, with no gaps: tables of them are most of what is relocated when a program starts. */
struct field {
	const char *name;
	enum field_kind kind;
	uint32_t offset;
	uint32_t count_offset; /* of a list: `offset` is that of the pointer, this one that of its
				  size_t count. Lists of strings end with a NULL */
	uint32_t size;	       /* for object lists and pointers: sizeof the struct */
	const struct field *inside; /* for objects: their table */
	const struct enum_name *names;
	bool list;   /* a list of `kind` */
	bool must;   /* absent is an error */
	bool always; /* written also when zero, false or an empty list; null when unset */
};

#define FIELD(type, key, what, member, ...)                                                        \
	{                                                                                          \
		.name = (key), .kind = (what), .offset = offsetof(type, member), __VA_ARGS__       \
	}
#define FIELD_LIST(type, key, what, member, count, ...)                                            \
	{                                                                                          \
		.name = (key), .kind = (what), .list = true, .offset = offsetof(type, member),     \
		.count_offset = offsetof(type, count), __VA_ARGS__                                 \
	}

struct json_limits {
	size_t bytes;  /* of the whole text */
	size_t depth;  /* of nesting */
	size_t values; /* in the document */
	bool strict;   /* keys that the table does not have are errors */
};

/* What fits every document that we read: 4 MiB, 64 deep, 100 000 values. */
extern const struct json_limits json_usual_limits;

/*
 * `what` names the document in errors ("config.json"). `into` is the struct that `table` describes.
 * -EINVAL with the place and what was found there; -EFBIG beyond a limit.
 */
int json_read(const char *what, const char *text, size_t len, const struct field *table, void *into,
	const struct json_limits *limits, struct err *e);

/*
 * The same where the document is a list of objects: `list` is the FIELD_LIST row of the member of
 * `into` that takes it; its name is not used.
 */
int json_read_list(const char *what, const char *text, size_t len, const struct field *list,
	void *into, const struct json_limits *limits, struct err *e);

/*
 * Reads what a FIELD_TEXT kept. Errors begin with `path` ("linux.seccomp.flags[0]: ..."); those of
 * syntax, which the document's own reading did not see, have line and column in the kept text.
 */
int json_read_text(const char *path, const struct json_text *from, const struct field *table,
	void *into, const struct json_limits *limits, struct err *e);

enum json_style { JSON_COMPACT, JSON_INDENTED };

/* Adds the object to `out` (no newline behind it). */
void json_write(
	const struct field *table, const void *from, enum json_style style, struct str *out);

/* The list that `list` describes, "[]" when it is empty. */
void json_write_list(
	const struct field *list, const void *from, enum json_style style, struct str *out);

/* Adds `text` as a JSON string with its quotes. */
void json_write_string(const char *text, struct str *out);

/* Frees what the table's fields own and zeroes them; `of` itself is the caller's. */
void json_free(const struct field *table, void *of);

/* The bytes that one value (one element, in a list) takes in the struct. */
size_t field_size(const struct field *f);

/* Whether it is an object with keys of the document's choosing: several values, with a count. */
bool field_is_map(const struct field *f);

/* The name of an enum's value, NULL when it has none; and back, 0 when unknown. */
const char *enum_name_of(const struct enum_name *names, int value);
int enum_value_of(const struct enum_name *names, const char *name);

#endif
