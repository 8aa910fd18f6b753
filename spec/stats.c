/* The documents of `events`. */
#include "spec/stats.h"

static const struct field usage_fields[] = {
	FIELD(struct stats, "total", FIELD_OPT_U64, cpu.total),
	FIELD(struct stats, "kernel", FIELD_OPT_U64, cpu.kernel),
	FIELD(struct stats, "user", FIELD_OPT_U64, cpu.user),
	{ 0 },
};

static const struct field throttling_fields[] = {
	FIELD(struct stats, "periods", FIELD_OPT_U64, cpu.periods),
	FIELD(struct stats, "throttledPeriods", FIELD_OPT_U64, cpu.throttled_periods),
	FIELD(struct stats, "throttledTime", FIELD_OPT_U64, cpu.throttled_time),
	{ 0 },
};

/* The document nests where the struct need not: an object within the same struct. */
#define PART(key, table)                                                                           \
	{                                                                                          \
		.name = (key), .kind = FIELD_OBJECT, .offset = 0, .inside = (table)                \
	}

static const struct field cpu_fields[] = {
	PART("usage", usage_fields),
	PART("throttling", throttling_fields),
	FIELD(struct stats, "psi", FIELD_TEXT, cpu.psi),
	{ 0 },
};

static const struct field cpuset_fields[] = {
	FIELD(struct stats, "cpus", FIELD_TEXT, cpus),
	FIELD(struct stats, "mems", FIELD_TEXT, mems),
	{ 0 },
};

static const struct field figures_fields[] = {
	FIELD(struct memory_figures, "limit", FIELD_OPT_U64, limit),
	FIELD(struct memory_figures, "usage", FIELD_OPT_U64, usage),
	FIELD(struct memory_figures, "max", FIELD_OPT_U64, max),
	FIELD(struct memory_figures, "failcnt", FIELD_OPT_U64, failcnt),
	{ 0 },
};

static const struct field memory_fields[] = {
	FIELD(struct stats, "cache", FIELD_OPT_U64, memory.cache),
	FIELD(struct stats, "usage", FIELD_OBJECT, memory.usage, .inside = figures_fields),
	FIELD(struct stats, "swap", FIELD_OBJECT, memory.swap, .inside = figures_fields),
	FIELD(struct stats, "raw", FIELD_TEXT, memory.raw),
	FIELD(struct stats, "psi", FIELD_TEXT, memory.psi),
	{ 0 },
};

static const struct field pids_fields[] = {
	FIELD(struct stats, "current", FIELD_OPT_U64, pids),
	FIELD(struct stats, "limit", FIELD_OPT_U64, pids_limit),
	{ 0 },
};

static const struct field block_fields[] = {
	FIELD(struct block_figure, "major", FIELD_U32, major, .always = true),
	FIELD(struct block_figure, "minor", FIELD_U32, minor, .always = true),
	FIELD(struct block_figure, "op", FIELD_STRING, op),
	FIELD(struct block_figure, "value", FIELD_U64, value, .always = true),
	{ 0 },
};

static const struct field blkio_fields[] = {
	FIELD_LIST(struct stats, "ioServiceBytesRecursive", FIELD_OBJECT, bytes, n_bytes,
		.inside = block_fields, .size = sizeof(struct block_figure)),
	FIELD_LIST(struct stats, "ioServicedRecursive", FIELD_OBJECT, operations, n_operations,
		.inside = block_fields, .size = sizeof(struct block_figure)),
	FIELD(struct stats, "psi", FIELD_TEXT, io_psi),
	{ 0 },
};

static const struct field hugepage_fields[] = {
	FIELD(struct hugepage_figures, "usage", FIELD_OPT_U64, usage),
	FIELD(struct hugepage_figures, "failcnt", FIELD_OPT_U64, failcnt),
	{ 0 },
};

static const struct field stats_fields[] = {
	PART("cpu", cpu_fields),
	PART("cpuset", cpuset_fields),
	PART("memory", memory_fields),
	PART("pids", pids_fields),
	PART("blkio", blkio_fields),
	FIELD_LIST(struct stats, "hugetlb", FIELD_OBJECT_MAP, hugepages, n_hugepages,
		.inside = hugepage_fields, .size = sizeof(struct hugepage_figures)),
	{ 0 },
};

void stats_done(struct stats *s)
{
	json_free(stats_fields, s);
}

static void begin(const char *type, const char *id, struct str *out)
{
	str_addf(out, "{\"type\":\"%s\",\"id\":", type);
	json_write_string(id, out);
}

void stats_write(const char *id, const struct stats *s, struct str *out)
{
	begin("stats", id, out);
	str_add(out, ",\"data\":");
	json_write(stats_fields, s, JSON_COMPACT, out);
	str_add(out, "}");
}

void stats_write_oom(const char *id, struct str *out)
{
	begin("oom", id, out);
	str_add(out, "}");
}
