/* Field tables without JSON: sizes, names, and the end of what they describe. */
#include "spec/base/json.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/json_scan.h"
#include "spec/base/opt.h"

const char *enum_name_of(const struct enum_name *names, int value)
{
	for (; names->name; names++)
		if (names->value == value)
			return names->name;
	return NULL;
}

int enum_value_of(const struct enum_name *names, const char *name)
{
	for (; names->name; names++)
		if (strcmp(names->name, name) == 0)
			return names->value;
	return 0;
}

size_t field_size(const struct field *f)
{
	switch (f->kind) {
	case FIELD_STRING:
	case FIELD_KEYS:
		return sizeof(char *);
	case FIELD_BOOL:
	case FIELD_PRESENT:
		return sizeof(bool);
	case FIELD_I32:
	case FIELD_U32:
		return sizeof(uint32_t);
	case FIELD_U64:
		return sizeof(uint64_t);
	case FIELD_ENUM:
		return sizeof(int);
	case FIELD_OPT_BOOL:
		return sizeof(struct opt_bool);
	case FIELD_OPT_I64:
	case FIELD_OPT_U64:
		return sizeof(struct opt_u64);
	case FIELD_OBJECT:
	case FIELD_OBJECT_PTR:
	case FIELD_OBJECT_MAP:
		return f->size;
	case FIELD_MAP:
		return sizeof(struct string_pair);
	case FIELD_TEXT:
		return sizeof(struct json_text);
	case FIELD_END:
		break;
	}
	return 0;
}

static void free_element(const struct field *f, void *at)
{
	struct string_pair *pair = at;

	if (f->kind == FIELD_OBJECT || f->kind == FIELD_OBJECT_MAP)
		json_free(f->inside, at);
	if (f->kind == FIELD_STRING || f->kind == FIELD_KEYS || f->kind == FIELD_OBJECT_MAP)
		free(*(char **)at);
	if (f->kind == FIELD_MAP) {
		free(pair->key);
		free(pair->value);
	}
}

size_t json_text_path(const struct field *table, const char **ret_keys, size_t room)
{
	for (const struct field *f = table; room && f->name; f++) {
		size_t n = 0;
		if (f->kind == FIELD_TEXT)
			n = 1;
		else if (f->kind == FIELD_OBJECT && !f->list)
			n = json_text_path(f->inside, ret_keys + 1, room - 1);
		if (!n)
			continue;
		ret_keys[0] = f->name;
		return n + (f->kind == FIELD_OBJECT);
	}
	return 0;
}

bool field_is_map(const struct field *f)
{
	return f->kind == FIELD_MAP || f->kind == FIELD_KEYS || f->kind == FIELD_OBJECT_MAP;
}

/* Owners of nothing are left as they are: whoever frees a struct does not read it again, but one
 * that is read into twice must lose its lists together with their counts. */
static void free_field(const struct field *f, char *of)
{
	char **v = (char **)(of + f->offset);

	if (f->list || field_is_map(f)) {
		size_t *n = (size_t *)(of + f->count_offset);
		for (size_t i = 0; *v && i < *n; i++)
			free_element(f, *v + i * field_size(f));
		free(*v);
		*v = NULL;
		*n = 0;
	} else if (f->kind == FIELD_STRING) {
		free(*v);
		*v = NULL;
	} else if (f->kind == FIELD_TEXT) {
		struct json_text *text = (struct json_text *)v;
		free(text->text);
		*text = (struct json_text){ 0 };
	} else if (f->kind == FIELD_OBJECT) {
		json_free(f->inside, of + f->offset);
	} else if (f->kind == FIELD_OBJECT_PTR) {
		if (*v)
			json_free(f->inside, *v);
		free(*v);
		*v = NULL;
	} else {
		memset(of + f->offset, 0, field_size(f));
	}
}

void json_free(const struct field *table, void *of)
{
	for (const struct field *f = table; f->name; f++)
		free_field(f, of);
}
