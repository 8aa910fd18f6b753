/* Broken pages and page faults as people read them. */
#include "cmd/faults.h"

#include <errno.h>
#include <unistd.h>

#include "cmd/table.h"
#include "spec/base/str.h"

/* What the counts of a row are called. */
#define COUNT_COLUMNS                                                                              \
	{ "BROKEN", TABLE_RIGHT, 0 }, { "PAGES", TABLE_RIGHT, 0 },                                 \
		{ "INHERITED", TABLE_RIGHT, 0 }, { "ORIGIN WROTE", TABLE_RIGHT, 0 },               \
	{                                                                                          \
		"UNCLEAR", TABLE_RIGHT, 0                                                          \
	}

static const struct table_column mapping_columns[] = {
	{ "MAPPING", TABLE_LEFT, 40 },
	COUNT_COLUMNS,
	{ 0 },
};

static const struct table_column process_columns[] = {
	{ "PID", TABLE_RIGHT, 0 },
	{ "COMMAND", TABLE_LEFT, 16 },
	{ "ORIGIN", TABLE_RIGHT, 0 },
	COUNT_COLUMNS,
	{ "NEW", TABLE_RIGHT, 0 },
	{ "MINOR", TABLE_RIGHT, 0 },
	{ "MAJOR", TABLE_RIGHT, 0 },
	{ 0 },
};

void faults_estimate(
	const struct breaks *before, const struct breaks *now, struct fault_counts *add)
{
	for (size_t i = 0; i < now->n_processes; i++) {
		const struct breaks_process *p = &now->processes[i];
		uint64_t faults = 0, major = 0;
		for (size_t j = 0; j < before->n_processes; j++)
			if (before->processes[j].pid == p->pid &&
				before->processes[j].start == p->start) {
				faults = before->processes[j].faults;
				major = before->processes[j].major;
			}
		add->of[FAULT_MINOR].value += (p->faults - p->major) - (faults - major);
		add->of[FAULT_MAJOR].value += p->major - major;
	}
	add->of[FAULT_MINOR].set = add->of[FAULT_MAJOR].set = true;
}

static uint64_t bytes_of(uint64_t pages)
{
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t faults_exposure(const struct breaks *b)
{
	return bytes_of(b->exposed_anon + b->exposed_file + b->exposed_swap);
}

static void add_pages(struct table *t, uint64_t pages)
{
	table_add_bytes(t, (struct opt_u64){ true, bytes_of(pages) }, "");
}

static void add_counts(struct table *t, const struct breaks_counts *c)
{
	add_pages(t, c->pages[PAGE_BROKEN]);
	table_addf(t, "%ju", (uintmax_t)c->pages[PAGE_BROKEN]);
	add_pages(t, c->pages[PAGE_INHERITED]);
	add_pages(t, c->pages[PAGE_LEFT]);
	add_pages(t, c->pages[PAGE_UNCLEAR]);
}

/* Memory that is a process's own from the beginning says nothing of copies. */
static bool is_shown(const struct breaks_counts *c)
{
	return c->pages[PAGE_BROKEN] || c->pages[PAGE_INHERITED] || c->pages[PAGE_LEFT] ||
	       c->pages[PAGE_UNCLEAR];
}

static int print_mappings(FILE *to, const struct breaks *b, bool terminal, struct err *e)
{
	automatic(table) struct table t = { .columns = mapping_columns, .bold = terminal };

	for (size_t i = 0; i < b->n_mappings; i++)
		if (is_shown(&b->mappings[i].counts)) {
			table_add(&t, b->mappings[i].name);
			add_counts(&t, &b->mappings[i].counts);
		}
	return table_print(&t, to, terminal, e);
}

static int print_processes(FILE *to, const struct breaks *b, bool terminal, struct err *e)
{
	automatic(table) struct table t = { .columns = process_columns, .bold = terminal };

	for (size_t i = 0; i < b->n_processes; i++) {
		const struct breaks_process *p = &b->processes[i];
		table_addf(&t, "%d", (int)p->pid);
		table_add(&t, p->command);
		if (p->origin)
			table_addf(&t, "%d", (int)p->origin);
		else
			table_add(&t, NULL);
		add_counts(&t, &p->counts);
		add_pages(&t, p->counts.pages[PAGE_OWN]);
		table_addf(&t, "%ju", (uintmax_t)(p->faults - p->major));
		table_addf(&t, "%ju", (uintmax_t)p->major);
	}
	return table_print(&t, to, terminal, e);
}

/* What of it was inherited: shared still, or by now two pages. */
static uint64_t heritage(const struct breaks_counts *c)
{
	return c->pages[PAGE_BROKEN] + c->pages[PAGE_INHERITED] + c->pages[PAGE_LEFT] +
	       c->pages[PAGE_UNCLEAR];
}

static void print_warning(FILE *to, const struct faults_look *l)
{
	uint64_t need = faults_exposure(&l->breaks);
	char why[HEADROOM_TEXT], text[16];

	if (headroom_is_exceeded(&l->headroom, need, why))
		fprintf(to, "warning: if it wrote all: +%s; %s\n", str_human(need, text), why);
}

static void print_summary(FILE *to, const struct faults_look *l)
{
	const struct breaks *b = &l->breaks;
	uint64_t all = heritage(&b->counts), broken = b->counts.pages[PAGE_BROKEN];
	char one[16], two[16], three[16];

	fprintf(to, "%zu process%s: %s broken", b->n_processes, b->n_processes == 1 ? "" : "es",
		str_human(bytes_of(broken), one));
	if (all)
		fprintf(to, " of %s (%.0f %%)", str_human(bytes_of(all), two),
			100.0 * (double)broken / (double)all);
	if (b->n_unread)
		fprintf(to, ". Not exact: %ju could not be read.\n", (uintmax_t)b->n_unread);
	else if (b->n_changed)
		fprintf(to, ". Each page exact for its moment: %ju changed meanwhile.\n",
			(uintmax_t)b->n_changed);
	else
		fputs(". Exact.\n", to);
	fprintf(to, "If it wrote all: %s%s (%s anonymous, %s of files%s%s).\n",
		b->exposure_estimated ? "at least +" : "+", str_human(faults_exposure(b), one),
		str_human(bytes_of(b->exposed_anon), two),
		str_human(bytes_of(b->exposed_file), three), b->exposed_swap ? ", and swap" : "",
		b->exposure_estimated ? "; kpagecount is not told" : "");
	print_warning(to, l);
}

int faults_print_table(FILE *to, const struct faults_look *l, bool processes, struct err *e)
{
	bool terminal = isatty(fileno(to));
	int r = print_mappings(to, &l->breaks, terminal, e);

	if (r == 0 && processes) {
		fputc('\n', to);
		r = print_processes(to, &l->breaks, terminal, e);
	}
	if (r == 0)
		print_summary(to, l);
	return r;
}

void faults_print_header(FILE *to)
{
	fprintf(to, "\n%8s  %10s  %10s  %10s  %9s  %9s  %9s  %10s\n", "SECONDS", "BROKEN",
		"+BROKEN", "INHERITED", "WP/S", "MINOR/S", "MAJOR/S", "IF ALL");
}

/* A rate into `out`: "12.5", "~3.0" where some may be missing, "-" where it is not told. */
static const char *rate(const struct faults_look *l, enum fault_kind kind, char out[16])
{
	const struct opt_u64 *n = &l->interval.of[kind];
	bool estimated = str_equal(l->source, "processes");

	if (!n->set || !l->interval_ms)
		return "-";
	snprintf(out, 16, "%s%.1f", estimated ? "~" : "",
		1000.0 * (double)n->value / (double)l->interval_ms);
	return out;
}

void faults_print_line(FILE *to, const struct faults_look *l)
{
	const struct breaks_counts *c = &l->breaks.counts;
	char text[7][16];

	fprintf(to, "%8.1f  %10s  %10s  %10s  %9s  %9s  %9s  %10s\n",
		(double)l->elapsed_ms / 1000.0, str_human(bytes_of(c->pages[PAGE_BROKEN]), text[0]),
		str_human(bytes_of(c->broken_now), text[1]),
		str_human(bytes_of(c->pages[PAGE_INHERITED]), text[2]),
		rate(l, FAULT_WRITE_PROTECT, text[3]), rate(l, FAULT_MINOR, text[4]),
		rate(l, FAULT_MAJOR, text[5]), str_human(faults_exposure(&l->breaks), text[6]));
	print_warning(to, l);
}
