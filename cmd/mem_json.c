/* A census as programs read it. */
#include "cmd/mem.h"

#include <errno.h>

#include "spec/base/json.h"

/* What the host cannot tell is null: never 0, never absent. */
#define BYTES(type, key, member) FIELD(type, key, FIELD_OPT_U64, member, .always = true)

static const struct field share_fields[] = {
	FIELD(struct memory_share, "name", FIELD_STRING, name),
	FIELD(struct memory_share, "bytes", FIELD_U64, bytes, .always = true),
	{ 0 },
};

static const struct field kind_fields[] = {
	FIELD(struct memory_kind, "private_bytes", FIELD_U64, private_bytes, .always = true),
	FIELD(struct memory_kind, "shared_bytes", FIELD_U64, shared_bytes, .always = true),
	{ 0 },
};

#define KIND(key, member)                                                                          \
	FIELD(struct memory_kinds, key, FIELD_OBJECT, member, .inside = kind_fields, .always = true)

static const struct field kinds_fields[] = {
	KIND("anon", anon),
	KIND("forked", forked),
	KIND("file", file),
	KIND("shmem", shmem),
	KIND("ksm", ksm),
	KIND("hugetlb", hugetlb),
	{ 0 },
};

static const struct field usage_fields[] = {
	FIELD(struct memory_usage, "name", FIELD_STRING, name),
	FIELD(struct memory_usage, "id", FIELD_STRING, id),
	FIELD(struct memory_usage, "template", FIELD_BOOL, is_template),
	FIELD(struct memory_usage, "host", FIELD_BOOL, is_host),
	FIELD(struct memory_usage, "processes", FIELD_U64, processes, .always = true),
	BYTES(struct memory_usage, "unique_bytes", unique),
	BYTES(struct memory_usage, "private_bytes", private),
	BYTES(struct memory_usage, "shared_bytes", shared),
	FIELD_LIST(struct memory_usage, "shared_with", FIELD_OBJECT, with, n_with,
		.inside = share_fields, .size = sizeof(struct memory_share), .always = true),
	BYTES(struct memory_usage, "shared_with_host_bytes", outside),
	BYTES(struct memory_usage, "kernel_bytes", kernel),
	BYTES(struct memory_usage, "page_table_bytes", page_tables),
	BYTES(struct memory_usage, "kernel_stack_bytes", kernel_stacks),
	BYTES(struct memory_usage, "private_cache_bytes", private_cache),
	BYTES(struct memory_usage, "monitor_bytes", monitor),
	BYTES(struct memory_usage, "cost_bytes", cost),
	BYTES(struct memory_usage, "swap_bytes", swap),
	BYTES(struct memory_usage, "swap_private_bytes", swap_private),
	BYTES(struct memory_usage, "swap_shared_bytes", swap_shared),
	BYTES(struct memory_usage, "large_page_bytes", large),
	FIELD(struct memory_usage, "pss_bytes", FIELD_OPT_U64, pss),
	BYTES(struct memory_usage, "charged_bytes", charged),
	BYTES(struct memory_usage, "limit_bytes", limit),
	FIELD(struct memory_usage, "kinds", FIELD_OBJECT_PTR, kinds, .inside = kinds_fields,
		.size = sizeof(struct memory_kinds), .always = true),
	{ 0 },
};

static const struct field census_fields[] = {
	FIELD(struct census, "exact", FIELD_BOOL, exact, .always = true),
	FIELD(struct census, "why", FIELD_STRING, why),
	FIELD_LIST(struct census, "containers", FIELD_OBJECT, usages, n_usages,
		.inside = usage_fields, .size = sizeof(struct memory_usage), .always = true),
	BYTES(struct census, "union_bytes", union_bytes),
	BYTES(struct census, "unshared_bytes", unshared_bytes),
	BYTES(struct census, "saved_bytes", saved_bytes),
	{ 0 },
};

int mem_print_json(FILE *to, struct census *c, struct err *e)
{
	automatic(str) struct str text = { 0 };
	int r = census_rank(c, e);

	if (r < 0)
		return r;
	json_write(census_fields, c, JSON_INDENTED, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "print %zu containers", c->n_usages);
	fprintf(to, "%s\n", text.data);
	return ferror(to) ? err_set(e, EIO, "print %zu containers", c->n_usages) : 0;
}
