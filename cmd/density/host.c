/* What /proc and /sys say of this host. */
#include "cmd/density/host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "overlay/filesystem.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

#define TEXT_MAX ((size_t)4 << 20)

const struct field host_fields[] = {
	FIELD(struct host, "kernel", FIELD_STRING, kernel),
	FIELD(struct host, "machine", FIELD_STRING, machine),
	FIELD(struct host, "cpu", FIELD_STRING, cpu),
	FIELD(struct host, "processors", FIELD_U64, processors),
	FIELD(struct host, "memory_bytes", FIELD_U64, memory_bytes),
	FIELD(struct host, "swap_bytes", FIELD_U64, swap_bytes, .always = true),
	FIELD(struct host, "huge_pages", FIELD_STRING, huge_pages),
	FIELD(struct host, "merging", FIELD_STRING, merging),
	FIELD(struct host, "swappiness", FIELD_STRING, swappiness),
	FIELD(struct host, "overcommit", FIELD_STRING, overcommit),
	FIELD(struct host, "records", FIELD_STRING, records),
	FIELD(struct host, "version", FIELD_STRING, version),
	{ 0 },
};

void host_done(struct host *h)
{
	json_free(host_fields, h);
}

/* NULL when it cannot be read; without its last newline. */
static char *read_line(const char *path)
{
	struct err ignored;
	char *text;
	size_t n;

	if (fd_read_file(AT_FDCWD, path, TEXT_MAX, &text, &n, &ignored) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* "model name	: AMD EPYC" */
static char *read_cpu(void)
{
	struct err ignored;
	autofree char *text = NULL;
	size_t n;

	if (fd_read_file(AT_FDCWD, "/proc/cpuinfo", TEXT_MAX, &text, &n, &ignored) < 0)
		return NULL;
	char *line = strstr(text, "model name");
	char *colon = line ? strchr(line, ':') : NULL;
	return colon ? strndup(colon + 2, strcspn(colon + 2, "\n")) : NULL;
}

/* The bytes of a line "Key:   123 kB"; 0: there is none. */
static uint64_t bytes_of(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) << 10 : 0;
}

int host_memory_read(struct host_memory *ret, struct err *e)
{
	autofree char *text = NULL;
	size_t n;
	int r = fd_read_file(AT_FDCWD, "/proc/meminfo", TEXT_MAX, &text, &n, e);

	if (r < 0)
		return r;
	*ret = (struct host_memory){
		.available = bytes_of(text, "MemAvailable:"),
		.slab = bytes_of(text, "Slab:"),
		.kernel_stacks = bytes_of(text, "KernelStack:"),
		.page_tables = bytes_of(text, "PageTables:"),
		.per_cpu = bytes_of(text, "Percpu:"),
		.unused = bytes_of(text, "MemFree:") + bytes_of(text, "Buffers:") +
			  bytes_of(text, "\nCached:") - bytes_of(text, "Shmem:"),
	};
	return 0;
}

/* Root's; without it sums are some hundred pages behind. */
static void fold_sums(void)
{
	autofd int fd = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "1", 1) < 0)
		return;
}

int host_memory_sum(struct host_memory *ret, struct err *e)
{
	autofree char *zones = NULL;
	uint64_t pages = 0;
	size_t n;

	fold_sums();
	int r = fd_read_file(AT_FDCWD, "/proc/zoneinfo", TEXT_MAX, &zones, &n, e);
	if (r == 0)
		r = host_memory_read(ret, e);
	if (r < 0)
		return r;
	for (const char *at = zones; (at = strstr(at, " count:")); at++)
		pages += strtoull(at + strlen(" count:"), NULL, 10);
	ret->unused += pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

int host_read(int records, struct host *ret, struct err *e)
{
	struct utsname name;
	autofree char *memory = NULL;
	size_t n;
	int r = fd_read_file(AT_FDCWD, "/proc/meminfo", TEXT_MAX, &memory, &n, e);

	if (r == 0 && uname(&name) < 0)
		r = err_set(e, errno, "ask for the kernel's name");
	if (r < 0)
		return r;
	*ret = (struct host){
		.kernel = str_format("%s", name.release),
		.machine = str_format("%s", name.machine),
		.cpu = read_cpu(),
		.processors = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN),
		.memory_bytes = bytes_of(memory, "MemTotal:"),
		.swap_bytes = bytes_of(memory, "SwapTotal:"),
		.huge_pages = read_line("/sys/kernel/mm/transparent_hugepage/enabled"),
		.merging = read_line("/sys/kernel/mm/ksm/run"),
		.swappiness = read_line("/proc/sys/vm/swappiness"),
		.overcommit = read_line("/proc/sys/vm/overcommit_memory"),
		.records = str_format("%s", filesystem_of(records).name),
		.version = str_format("cowrun %s (%s)", COWRUN_VERSION, COWRUN_COMMIT),
	};
	return 0;
}
