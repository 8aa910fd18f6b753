/* Limits as properties of a unit. */
#include "cgroup/property.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/knob.h"
#include "cgroup/limits.h"
#include "spec/number_list.h"

#define PERCENT_USEC 10000 /* of a cpu, in each second */
#define PERIOD_USEC 100000 /* the kernel's, and systemd's */

void property_add(
	struct str *to, unsigned since, const char *name, const char *type, const char *value)
{
	str_addf(to, "%u %s %s %s\n", since, name, type, value);
}

static void add_number(struct str *to, unsigned since, const char *name, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	property_add(to, since, name, "t", text);
}

/* --- what is written to a file, as a property: nothing where systemd has no word for it ----------- */

struct row;
typedef void translate(const struct row *row, const char *text, struct str *to);

struct row {
	const char *file;
	unsigned since; /* version of systemd */
	const char *property;
	translate *translate;
	unsigned when; /* of enum property_time */
};

/* "max" is systemd's "infinity", the highest number. */
static void number(const struct row *row, const char *text, struct str *to)
{
	uint64_t n;

	if (knob_number(text, &n))
		add_number(to, row->since, row->property, n);
}

/* The kernel takes 64M for a number of bytes. */
static void bytes(const struct row *row, const char *text, struct str *to)
{
	uint64_t n;

	if (knob_number(text, &n) || str_to_bytes(text, &n))
		add_number(to, row->since, row->property, n);
}

/* systemd has no 0, which is what a group can hold that has one process and forks none. */
static void tasks(const struct row *row, const char *text, struct str *to)
{
	number(row, strcmp(text, "0") == 0 ? "1" : text, to);
}

/* "8:16 200" is of one device, and stays the file's. */
static void weight(const struct row *row, const char *text, struct str *to)
{
	number(row, str_starts(text, "default ") ? text + strlen("default ") : text, to);
}

/* An idle group is one without a weight. */
static void idle(const struct row *row, const char *text, struct str *to)
{
	if (strcmp(text, "1") == 0)
		add_number(to, row->since, row->property, 0);
}

/*
 * "QUOTA [PERIOD]" as time in each second. Unit files, from which systemd reads the property when it
 * is reloaded, have whole percents: rounded up, since less than was asked for would be a limit that
 * nobody set.
 */
static void bandwidth(const struct row *row, const char *text, struct str *to)
{
	uint64_t quota, period = PERIOD_USEC, usec = UINT64_MAX;
	char word[24];

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(text, " \n"), text);
	const char *space = strchr(text, ' ');
	if (!knob_number(word, &quota) || (space && !knob_number(space + 1, &period)) || !period)
		return;
	if (space)
		add_number(to, 242, "CPUQuotaPeriodUSec", period);
	if (quota < UINT64_MAX / 1000000) {
		usec = quota * 1000000 / period;
		usec = (usec + PERCENT_USEC - 1) / PERCENT_USEC * PERCENT_USEC;
	}
	add_number(to, row->since, row->property, usec);
}

static void bits(const struct row *row, const char *text, struct str *to)
{
	automatic(str) struct str hex = { 0 };
	struct number_list list;

	if (!number_list_read(text, &list))
		return;
	for (unsigned n = 0; n < list.end; n += 8)
		str_addf(&hex, "%02x", (unsigned)(list.bits[n / 64] >> (n % 64)) & 0xff);
	if (str_ok(&hex))
		property_add(to, row->since, row->property, "ay", hex.data);
	else
		to->failed = true;
}

static void oom_policy(const struct row *row, const char *text, struct str *to)
{
	property_add(
		to, row->since, row->property, "s", strcmp(text, "1") == 0 ? "kill" : "continue");
}

enum { ALWAYS = PROPERTY_AT_START | PROPERTY_UPDATE };

/*
 * By the file that limits_plan() would write, so that `unified` is among them. The limit of
 * processes waits until the one that keeps the empty scope alive is gone: it would count. The
 * versions are those of the properties as cgroup v2 has them (systemd.resource-control(5)).
 */
static const struct row rows[] = {
	{ "memory.max", 231, "MemoryMax", bytes, ALWAYS },
	{ "memory.high", 231, "MemoryHigh", bytes, ALWAYS },
	{ "memory.low", 231, "MemoryLow", bytes, ALWAYS },
	{ "memory.min", 240, "MemoryMin", bytes, ALWAYS },
	{ "memory.swap.max", 232, "MemorySwapMax", bytes, ALWAYS },
	{ "memory.zswap.max", 253, "MemoryZSwapMax", bytes, ALWAYS },
	{ "memory.oom.group", 253, "OOMPolicy", oom_policy, PROPERTY_AT_START },
	{ "cpu.weight", 232, "CPUWeight", number, ALWAYS },
	{ "cpu.idle", 252, "CPUWeight", idle, ALWAYS },
	{ "cpu.max", 213, "CPUQuotaPerSecUSec", bandwidth, ALWAYS },
	{ "cpuset.cpus", 244, "AllowedCPUs", bits, ALWAYS },
	{ "cpuset.mems", 244, "AllowedMemoryNodes", bits, ALWAYS },
	{ "io.weight", 230, "IOWeight", weight, ALWAYS },
	{ "pids.max", 227, "TasksMax", tasks, PROPERTY_SETTLED | PROPERTY_UPDATE },
};

int property_limits(const struct resources *r, enum property_time at, struct str *to, struct err *e)
{
	automatic(limits_plan) struct limits_plan plan = { 0 };
	int bad = limits_plan(r, &plan, e);

	for (size_t i = 0; bad == 0 && i < plan.n; i++)
		for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
			const struct limit_write *w = &plan.v[i];
			if (rows[k].when & at && strcmp(rows[k].file, w->file) == 0)
				rows[k].translate(&rows[k], w->text ? w->text : w->value, to);
		}
	return bad;
}
