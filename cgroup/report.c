/* Figures of a group, as they are told to engines. */
#include "cgroup/report.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cgroup/knob.h"
#include "cgroup/stat.h"

/* --- texts ----------------------------------------------------------------------------------- */

bool report_list(const char *text, struct str *out)
{
	enum { NUMBERS_MAX = 8192 };
	size_t n = 0;

	str_add(out, "[");
	while (isdigit((unsigned char)*text)) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last - first >= NUMBERS_MAX - n)
			return false;
		for (; first <= last; first++)
			str_addf(out, "%s%lu", n++ ? "," : "", first);
		text = *end == ',' ? end + 1 : end;
	}
	str_add(out, "]");
	return !*text || *text == '\n';
}

/* A name of the kernel's, which needs no escapes in JSON; its length, 0 when it is none. */
static size_t name_length(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
}

bool report_numbers(const char *text, struct str *out)
{
	bool first = true;

	str_add(out, "{");
	while (*text) {
		size_t n = name_length(text);
		uint64_t value;
		if (!n || text[n] != ' ' || !knob_number(text + n + 1, &value))
			return false;
		str_addf(out, "%s\"%.*s\":%ju", first ? "" : ",", (int)n, text, (uintmax_t)value);
		first = false;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	str_add(out, "}");
	return true;
}

/* Of a number as JSON has it too: "12", "0.05"; 0 when it is none. */
static size_t decimal_length(const char *text)
{
	const char *digits = "0123456789";
	size_t n = strspn(text, digits);

	if (!n || text[n] != '.')
		return n;
	size_t behind = strspn(text + n + 1, digits);
	return behind ? n + 1 + behind : 0;
}

/* "avg10=0.00 avg60=0.00" up to the end of the line. */
static const char *add_pairs(const char *text, struct str *out)
{
	for (bool first = true; *text == ' '; first = false) {
		size_t n = name_length(++text);
		size_t digits = text[n] == '=' ? decimal_length(text + n + 1) : 0;
		if (!n || !digits)
			return NULL;
		str_addf(out, "%s\"%.*s\":%.*s", first ? "" : ",", (int)n, text, (int)digits,
			text + n + 1);
		text += n + 1 + digits;
	}
	return *text == '\n' ? text + 1 : *text ? NULL : text;
}

bool report_pressure(const char *text, struct str *out)
{
	bool first = true;

	str_add(out, "{");
	while (text && *text) {
		size_t n = name_length(text);
		if (!n || text[n] != ' ')
			return false;
		str_addf(out, "%s\"%.*s\":{", first ? "" : ",", (int)n, text);
		first = false;
		text = add_pairs(text + n, out);
		str_add(out, "}");
	}
	str_add(out, "}");
	return text && !first;
}

/* A file that is not there, or is not as we know it, is left out. */
static int take_text(int fd, const char *file, bool (*convert)(const char *, struct str *),
	struct json_text *ret)
{
	automatic(str) struct str out = { 0 };
	char text[KNOB_TEXT_MAX];

	if (knob_read(fd, file, text, sizeof(text)) <= 0 || !convert(text, &out))
		return 0;
	if (!str_ok(&out))
		return -ENOMEM;
	ret->len = out.len;
	ret->text = take(out.data);
	return 0;
}

/* --- block devices --------------------------------------------------------------------------- */

static int add_figure(
	struct block_figure **list, size_t *n, struct block_figure figure, const char *op)
{
	struct block_figure *more = realloc(*list, (*n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	*list = more;
	figure.op = strdup(op);
	more[(*n)++] = figure;
	return figure.op ? 0 : -ENOMEM;
}

int report_block_line(char *line, struct stats *s)
{
	struct block_figure figure = { 0 };
	int at = 0, r = 0;

	if (sscanf(line, "%" SCNu32 ":%" SCNu32 "%n", &figure.major, &figure.minor, &at) != 2)
		return 0;
	for (char *save, *word = strtok_r(line + at, " ", &save); r == 0 && word;
		word = strtok_r(NULL, " ", &save)) {
		char *equals = strchr(word, '=');
		if (!equals || !knob_number(equals + 1, &figure.value))
			continue;
		*equals = '\0';
		if (strcmp(word, "rbytes") == 0)
			r = add_figure(&s->bytes, &s->n_bytes, figure, "Read");
		else if (strcmp(word, "wbytes") == 0)
			r = add_figure(&s->bytes, &s->n_bytes, figure, "Write");
		else if (strcmp(word, "rios") == 0)
			r = add_figure(&s->operations, &s->n_operations, figure, "Read");
		else if (strcmp(word, "wios") == 0)
			r = add_figure(&s->operations, &s->n_operations, figure, "Write");
	}
	return r;
}

static int take_block_devices(int fd, struct stats *s)
{
	char text[KNOB_TEXT_MAX];
	int r = 0;

	if (knob_read(fd, "io.stat", text, sizeof(text)) <= 0)
		return 0;
	for (char *save, *line = strtok_r(text, "\n", &save); r == 0 && line;
		line = strtok_r(NULL, "\n", &save))
		r = report_block_line(line, s);
	return r;
}

/* --- huge pages ------------------------------------------------------------------------------ */

static int take_hugepage(int fd, const char *size, int n, struct stats *s)
{
	struct hugepage_figures figures = { 0 };
	char file[64];

	snprintf(file, sizeof(file), "hugetlb.%.*s.current", n, size);
	figures.usage.set = knob_read_number(fd, file, &figures.usage.value) == 0;
	snprintf(file, sizeof(file), "hugetlb.%.*s.events", n, size);
	figures.failcnt.set = knob_read_value(fd, file, "max", &figures.failcnt.value) == 0;
	void *more = realloc(s->hugepages, (s->n_hugepages + 1) * sizeof(figures));
	if (!more)
		return -ENOMEM;
	s->hugepages = more;
	figures.size = strndup(size, (size_t)n);
	s->hugepages[s->n_hugepages++] = figures;
	return figures.size ? 0 : -ENOMEM;
}

/* The sizes are in the names of the files: "hugetlb.2MB.current". */
static int take_hugepages(int fd, struct stats *s)
{
	int list = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = list < 0 ? NULL : fdopendir(list);

	if (!dir) {
		r = -errno;
		own_close(&list);
		return r;
	}
	for (struct dirent *d; r == 0 && (d = readdir(dir));) {
		if (!str_starts(d->d_name, "hugetlb."))
			continue;
		const char *size = d->d_name + 8;
		int n = (int)strcspn(size, ".");
		if (n < 16 && str_equal(size + n, ".current"))
			r = take_hugepage(fd, size, n, s);
	}
	closedir(dir);
	return r;
}

/* --- all ------------------------------------------------------------------------------------- */

static struct opt_u64 nanoseconds(struct opt_u64 microseconds)
{
	microseconds.value *= 1000;
	return microseconds;
}

/* As version 1 had it: memory and swap in one number. */
static struct opt_u64 sum(struct opt_u64 a, struct opt_u64 b)
{
	struct opt_u64 both = { a.set && b.set, 0 };

	if (__builtin_add_overflow(a.value, b.value, &both.value))
		both.value = UINT64_MAX;
	return both;
}

static void take_numbers(const struct cgroup_stat *from, struct stats *s)
{
	s->cpu.total = nanoseconds(from->cpu.usage_usec);
	s->cpu.user = nanoseconds(from->cpu.user_usec);
	s->cpu.kernel = nanoseconds(from->cpu.system_usec);
	s->cpu.periods = from->cpu.periods;
	s->cpu.throttled_periods = from->cpu.throttled;
	s->cpu.throttled_time = nanoseconds(from->cpu.throttled_usec);
	s->memory.cache = from->memory.file;
	s->memory.usage = (struct memory_figures){ .limit = from->memory.max,
		.usage = from->memory.current,
		.max = from->memory.peak,
		.failcnt = from->memory_events.max };
	s->memory.swap = (struct memory_figures){
		.limit = sum(from->memory.max, from->memory.swap_max),
		.usage = sum(from->memory.current, from->memory.swap),
	};
	s->pids = from->pids.current;
	s->pids_limit = from->pids.max;
	if (from->pids.max.value == UINT64_MAX) /* absent is none, as other runtimes have it */
		s->pids_limit = (struct opt_u64){ 0 };
}

int cgroup_report(int fd, struct stats *ret, struct err *e)
{
	automatic(stats) struct stats s = { 0 };
	struct cgroup_stat numbers;

	int r = cgroup_stat_read(fd, &numbers, e);
	if (r < 0)
		return r;
	take_numbers(&numbers, &s);
	const struct {
		const char *file;
		bool (*convert)(const char *, struct str *);
		struct json_text *into;
	} texts[] = {
		{ "cpu.pressure", report_pressure, &s.cpu.psi },
		{ "memory.pressure", report_pressure, &s.memory.psi },
		{ "io.pressure", report_pressure, &s.io_psi },
		{ "memory.stat", report_numbers, &s.memory.raw },
		{ "cpuset.cpus.effective", report_list, &s.cpus },
		{ "cpuset.mems.effective", report_list, &s.mems },
	};
	for (size_t i = 0; r == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		r = take_text(fd, texts[i].file, texts[i].convert, texts[i].into);
	if (r == 0)
		r = take_block_devices(fd, &s);
	if (r == 0)
		r = take_hugepages(fd, &s);
	if (r < 0)
		return knob_error(e, -r, "read the figures of the cgroup");
	*ret = s;
	s = (struct stats){ 0 };
	return 0;
}
