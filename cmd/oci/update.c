/* cowrun update: limits of a container that lives. */
#include <fcntl.h>
#include <string.h>

#include "cmd/oci/commands.h"
#include "runtime/container.h"
#include "spec/base/fd.h"

#define RESOURCES_BYTES_MAX (4u << 20)

struct update_words {
	const char *file, *cpus, *mems, *l3_cache, *memory_bandwidth;
	struct resources limits; /* owns nothing */
};

#define ROW(name, letter, kind, member, value, help)                                               \
	{                                                                                          \
		name, letter, kind, offsetof(struct update_words, member), value, help             \
	}

static const struct option_row options[] = {
	ROW("resources", 'r', OPTION_TEXT, file, "FILE",
		"limits as in config.json's linux.resources; '-': from standard input"),
	ROW("memory", 0, OPTION_BYTES, limits.memory.limit, "SIZE", "memory (64m; -1: no limit)"),
	ROW("memory-reservation", 0, OPTION_BYTES, limits.memory.reservation, "SIZE",
		"memory that is not reclaimed before others'"),
	ROW("memory-swap", 0, OPTION_BYTES, limits.memory.swap, "SIZE", "memory and swap together"),
	ROW("cpu-share", 0, OPTION_UNSIGNED, limits.cpu.shares, "N",
		"cpu time beside others (1024: as usual)"),
	ROW("cpu-quota", 0, OPTION_SIGNED, limits.cpu.quota, "US", "cpu time in each period"),
	ROW("cpu-period", 0, OPTION_UNSIGNED, limits.cpu.period, "US", "length of a period"),
	ROW("cpu-burst", 0, OPTION_UNSIGNED, limits.cpu.burst, "US",
		"cpu time that may be saved up beyond the quota"),
	ROW("cpu-idle", 0, OPTION_SIGNED, limits.cpu.idle, "0|1",
		"1: only when nobody else wants the cpu"),
	ROW("cpu-rt-period", 0, OPTION_UNSIGNED, limits.cpu.realtime_period, "US", NULL),
	ROW("cpu-rt-runtime", 0, OPTION_SIGNED, limits.cpu.realtime_runtime, "US", NULL),
	ROW("cpuset-cpus", 0, OPTION_TEXT, cpus, "LIST", "the cpus (0-3,7)"),
	ROW("cpuset-mems", 0, OPTION_TEXT, mems, "LIST", "the memory nodes"),
	ROW("pids-limit", 0, OPTION_SIGNED, limits.pids.limit, "N", "processes and threads"),
	ROW("blkio-weight", 0, OPTION_UNSIGNED, limits.block_io.weight, "N",
		"block devices' time beside others (10 to 1000)"),
	ROW("kernel-memory", 0, OPTION_BYTES, limits.memory.kernel, "SIZE", NULL),
	ROW("kernel-memory-tcp", 0, OPTION_BYTES, limits.memory.kernel_tcp, "SIZE", NULL),
	ROW("l3-cache-schema", 0, OPTION_TEXT, l3_cache, "TEXT", NULL),
	ROW("mem-bw-schema", 0, OPTION_TEXT, memory_bandwidth, "TEXT", NULL),
	{ 0 },
};

/* From a pipe too. */
static int read_limits(const char *path, struct resources *ret, struct err *e)
{
	bool is_input = strcmp(path, "-") == 0;
	autofree char *text = malloc(RESOURCES_BYTES_MAX + 1);
	autofd int file = is_input ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	if (!text || (!is_input && file < 0))
		return err_set(e, text ? errno : ENOMEM, "open '%s'", path);
	ssize_t n = fd_read_full(is_input ? 0 : file, text, RESOURCES_BYTES_MAX + 1);
	if (n < 0)
		return err_set(e, (int)-n, "read '%s'", path);
	return json_read(is_input ? "standard input" : path, text, (size_t)n, resources_fields, ret,
		&json_usual_limits, e);
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	struct update_words *w = data;
	struct resources given = { 0 };

	(void)argc;
	if (w->l3_cache || w->memory_bandwidth)
		return err_say(e, ENOTSUP,
			"option --%s: updating a container's Intel RDT configuration is not supported",
			w->l3_cache ? "l3-cache-schema" : "mem-bw-schema");
	int r = command_open_home(c, false, e);
	if (r < 0)
		return r;
	if (!w->file) {
		w->limits.cpu.cpus = (char *)w->cpus;
		w->limits.cpu.mems = (char *)w->mems;
		return container_update(&c->home, argv[0], &w->limits, e);
	}
	/* As with runc, a document stands for all options. */
	r = read_limits(w->file, &given, e);
	if (r == 0)
		r = container_update(&c->home, argv[0], &given, e);
	json_free(resources_fields, &given);
	return r;
}

const struct command update_command = {
	.name = "update",
	.arguments = "[options] ID",
	.summary = "Changes limits of a container that lives.",
	.options = options,
	.options_size = sizeof(struct update_words),
	.min_words = 1,
	.max_words = 1,
	.mixed = true,
	.run = run,
};
