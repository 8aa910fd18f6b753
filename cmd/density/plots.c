/* Plots: a table of them, their data, and gnuplot. */
#include "cmd/density/plots.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/density/errands.h"
#include "cmd/density/stage.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

/* A curve for each way and variant that has been tried, in the order of the experiment. */
struct curve {
	const char *variant, *way;
	const struct cell *cells; /* n of them, by count */
	size_t n;
};

/* A value with what it spreads. */
struct point {
	bool set;
	double value, low, high;
};

static struct point spread_point(const struct cell *c, const struct spread *s)
{
	return (struct point){ c->n > 0, (double)s->median, (double)s->p10, (double)s->p90 };
}

static struct point start_point(const struct cell *c)
{
	struct point p = spread_point(c, &c->containers_us);

	p.set = p.set && c->containers_us.median;
	return p;
}

static struct point cost_point(const struct cell *c)
{
	return spread_point(c, &c->cost_each);
}

static struct point taken_point(const struct cell *c)
{
	struct point p = spread_point(c, &c->taken_each);

	p.set = p.set && c->taken_each.median;
	return p;
}

static struct point union_point(const struct cell *c)
{
	return spread_point(c, &c->union_bytes);
}

static struct point saved_point(const struct cell *c)
{
	return spread_point(c, &c->saved_bytes);
}

static struct point rate_point(const struct cell *c)
{
	return spread_point(c, &c->rate_milli);
}

static struct point swap_point(const struct cell *c)
{
	double bytes = (double)c->each.swap.value;

	return (struct point){ c->each.swap.set, bytes, bytes, bytes };
}

/* Against the count, one curve for each way and variant. */
static const struct plot {
	const char *name, *title, *axis; /* the axis behind the unit of bytes, if these are bytes */
	struct point (*point)(const struct cell *c);
	double unit; /* 0: bytes */
} plots[] = {
	{ "cost", "What each container costs", " each", cost_point, 0 },
	{ "host", "What the host has less, for each container", " each", taken_point, 0 },
	{ "start", "Time to start one container, among as many as there are processors",
		"milliseconds", start_point, 1000 },
	{ "rate", "Containers started in a second", "containers / s", rate_point, 1000 },
	{ "union", "Memory of all containers together", "", union_point, 0 },
	{ "saved", "Memory that sharing saves", "", saved_point, 0 },
	{ "swap", "Memory of each container that is swapped out", " each", swap_point, 0 },
};

static const struct unit {
	const char *name;
	double size;
} units[] = { { "GiB", 1 << 30 }, { "MiB", 1 << 20 }, { "KiB", 1 << 10 } };

/* In which the most is a number of a few digits. */
static const struct unit *unit_of(double most)
{
	const struct unit *u = units;

	while (u->size > 1 << 10 && most < 4 * u->size)
		u++;
	return u;
}

/* Of a bar: from below to above, with the colours that cow mem --html has for the same things. */
static const struct part {
	const char *name, *colour;
	size_t offset; /* of a struct opt_u64 in struct portion */
} parts[] = {
	{ "anonymous", "#8a43b8", offsetof(struct portion, anon) },
	{ "inherited by fork", "#d23c86", offsetof(struct portion, forked) },
	{ "files", "#2c8a4b", offsetof(struct portion, file) },
	{ "shmem", "#0b8ea0", offsetof(struct portion, shmem) },
	{ "merged", "#9a7d00", offsetof(struct portion, ksm) },
	{ "kernel", "#6d7682", offsetof(struct portion, kernel) },
	{ "monitor", "#3f4650", offsetof(struct portion, monitor) },
};

/* What is left of the cost: page cache, and files in memory, that are not mapped. */
#define REST "page cache"
#define REST_COLOUR "#9fd3b0"

#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

/*
 * Ways have colours of their own, in the order of the experiment, as in the report (page.css); where
 * there is but one way, variants have. What else differs is told by dashes and points.
 */
static const char *const colours[] = { "#1f6fd0", "#d96a00", "#2c8a4b", "#8a43b8", "#0b8ea0",
	"#d23c86", "#6d7682", "#9a7d00", "#3f4650", "#8a5a3c" };

#define N_COLOURS (sizeof(colours) / sizeof(colours[0]))

static const unsigned points[] = { 7, 5, 9, 13 };

#define N_POINTS (sizeof(points) / sizeof(points[0]))

/* Characters of a name that a key and an axis have room for. */
#define NAME_MAX_SHOWN 30

bool plots_can_be_made(void)
{
	return stage_has_program("gnuplot");
}

static size_t count_curves(const struct results *r)
{
	return r->experiment.n_variants * r->experiment.n_ways;
}

static struct curve curve_of(const struct results *r, const struct summary *s, size_t i)
{
	size_t n = r->experiment.n_counts;
	const struct cell *cells = &s->v[i * n];

	return (struct curve){ cells->variant, cells->way, cells, n };
}

/* A long name with its end, as beginnings are often alike. */
static void shorten(struct str *name)
{
	size_t n = 0, head = 0, tail = 0;

	for (const char *at = name->data; at && *at; at += str_utf8_length(at))
		n++;
	if (n <= NAME_MAX_SHOWN)
		return;
	for (size_t i = 0, at = 0; i < n; at += str_utf8_length(name->data + at), i++) {
		head = i == NAME_MAX_SHOWN / 2 ? at : head;
		tail = i == n - NAME_MAX_SHOWN / 2 + 1 ? at : tail;
	}
	autofree char *end = strdup(name->data + tail);
	if (!end) {
		name->failed = true;
		return;
	}
	name->len = head;
	str_add(name, "…");
	str_add(name, end);
}

/* Names are the experiment's: a quote or a backslash in one would be gnuplot's. */
static void add_title(struct str *script, const struct results *r, const struct curve *c)
{
	automatic(str) struct str title = { 0 };

	if (r->experiment.n_variants > 1)
		str_add(&title, c->variant);
	if (r->experiment.n_variants > 1 && r->experiment.n_ways > 1)
		str_add(&title, ", ");
	if (r->experiment.n_variants < 2 || r->experiment.n_ways > 1)
		str_add(&title, c->way);
	for (char *at = title.data; at && *at; at++)
		if (strchr("\"\\'`@{}^_&~$", *at) || (unsigned char)*at < ' ' ||
			!str_utf8_length(at))
			*at = ' ';
	if (str_ok(&title))
		shorten(&title);
	str_addf(script, "\"%s\"", str_ok(&title) ? title.data : "");
	script->failed |= !str_ok(&title);
}

/* Where an experiment has many, pictures grow with their keys. */
struct size {
	size_t width, height;
};

#define USUAL_WIDTH 900
#define USUAL_HEIGHT 480
#define KEY_LINE 19

static size_t at_least(size_t n, size_t least)
{
	return n > least ? n : least;
}

struct look {
	const char *colour;
	unsigned dash, point;
};

static struct look look_of(const struct results *r, size_t i)
{
	size_t n_ways = r->experiment.n_ways, way = i % n_ways, variant = i / n_ways;
	size_t colour = n_ways > 1 ? way : variant;
	size_t other = colour / N_COLOURS + (n_ways > 1 ? variant : 0);

	return (struct look){ colours[colour % N_COLOURS], (unsigned)(other % N_POINTS) + 1,
		points[other % N_POINTS] };
}

static void add_head(
	struct str *script, const char *name, const char *title, const char *unit, const char *axis)
{
	str_addf(script,
		"set title \"%s\"\nset ylabel \"%s%s\"\nset grid ytics lt 1 lw 1 lc rgb '#d5d9de'\n"
		"set encoding utf8\nset format y '%%.12g'\n"
		"set key outside right top Left reverse\nset border 3 lc rgb '#545b64'\n"
		"set tics nomirror\nset yrange [0:*]\n",
		title, unit, axis);
	str_addf(script, "name = '%s'\n", name);
}

/* Both files from one description: gnuplot draws twice. */
static void add_drawing(struct str *script, const char *plot, struct size size)
{
	static const struct {
		const char *terminal, *font, *suffix;
	} outputs[] = {
		{ "svg", "'DejaVu Sans,13'", "svg" },
		{ "pngcairo", "'DejaVu Sans,11'", "png" },
	};

	for (size_t i = 0; i < 2; i++)
		str_addf(script,
			"set terminal %s size %zu,%zu enhanced font %s background rgb 'white'\n"
			"set output name.'.%s'\n%s\n",
			outputs[i].terminal, size.width, size.height, outputs[i].font,
			outputs[i].suffix, plot);
}

/* The values of all curves of a plot, and their counts. */
struct extent {
	double least, most, first, last;
};

static void extend(struct extent *x, double value, uint64_t count)
{
	if (x->first == 0 || value < x->least)
		x->least = value;
	if (x->first == 0 || value > x->most)
		x->most = value;
	if (x->first == 0 || (double)count < x->first)
		x->first = (double)count;
	if ((double)count > x->last)
		x->last = (double)count;
}

/* Ways that are far apart would otherwise be a line on the ground and one at the top. */
#define FAR_APART 40

static bool is_far(const struct extent *x)
{
	return x->least > 0 && x->most / x->least > FAR_APART;
}

/* The counts that were tried are the marks: decades alone say nothing of 20 and 60. */
static void add_axes(struct str *script, const struct results *r, const struct extent *x)
{
	str_addf(script, "set xrange [%.6g:%.6g]\nset xtics (", x->first / 1.25, x->last * 1.25);
	for (size_t i = 0; i < r->experiment.n_counts; i++)
		str_addf(script, "%s%" PRIu64, i ? "," : "", r->experiment.counts[i]);
	str_add(script, ")\n");
	if (is_far(x))
		str_add(script, "set yrange [*:*]\nset logscale y\n");
}

/* Blocks of "count value low high", two empty lines between: gnuplot's `index`. */
static bool add_curve(struct str *data, const struct curve *c, const struct plot *p, double unit)
{
	bool any = false;

	for (size_t i = 0; i < c->n; i++) {
		struct point point = p->point(&c->cells[i]);
		if (!point.set)
			continue;
		str_addf(data, "%" PRIu64 " %.6g %.6g %.6g\n", c->cells[i].count,
			point.value / unit, point.low / unit, point.high / unit);
		any = true;
	}
	return any;
}

/* Of all curves, in no unit yet. */
static struct extent extent_of(const struct summary *s, const struct plot *p)
{
	struct extent extent = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		struct point point = p->point(&s->v[i]);
		if (point.set)
			extend(&extent, point.value, s->v[i].count);
	}
	return extent;
}

static int write_file(
	int dir, const char *name, const char *suffix, const struct str *text, struct err *e)
{
	autofree char *file = str_format("%s.%s", name, suffix);

	if (!file || !str_ok(text))
		return err_set(e, ENOMEM, "write the plot '%s'", name);
	return fd_replace_file(dir, file, text->data, text->len, 0644, e);
}

/* The curves' data and script; false in ret_any: there is nothing to show, or it is nothing everywhere. */
static int write_curves(int dir, const struct results *r, const struct summary *s,
	const struct plot *p, bool *ret_any, struct err *e)
{
	automatic(str) struct str data = { 0 }, script = { 0 }, drawing = { 0 };
	struct extent extent = extent_of(s, p);
	const struct unit *unit = unit_of(is_far(&extent) ? 4 * extent.least : extent.most);
	size_t n = 0;

	*ret_any = extent.most > 0;
	if (!*ret_any)
		return 0;
	add_head(&script, p->name, p->title, p->unit > 0 ? "" : unit->name, p->axis);
	str_addf(&script, "set xlabel \"%s\"\nset logscale x\n",
		r->experiment.inside ? "so many in one container" : "containers at once");
	str_add(&drawing, "plot ");
	for (size_t i = 0; i < count_curves(r); i++) {
		struct curve c = curve_of(r, s, i);
		if (!add_curve(&data, &c, p, p->unit > 0 ? p->unit : unit->size))
			continue;
		str_add(&data, "\n\n");
		struct look look = look_of(r, i);
		str_addf(&drawing,
			"%sname.'.dat' index %zu using 1:2:3:4 with yerrorlines lw 2 dt %u pt %u "
			"ps 0.7 lc rgb '%s' title ",
			n ? ", " : "", n, look.dash, look.point, look.colour);
		add_title(&drawing, r, &c);
		n++;
	}
	add_axes(&script, r, &extent);
	add_drawing(&script, drawing.data,
		(struct size){ USUAL_WIDTH, at_least(n * KEY_LINE + 60, USUAL_HEIGHT) });
	script.failed |= drawing.failed;
	int failed = write_file(dir, p->name, "dat", &data, e);
	return failed < 0 ? failed : write_file(dir, p->name, "gp", &script, e);
}

static void add_bar(struct str *data, const struct cell *c, double unit)
{
	double rest = (double)c->each.cost.value / unit;

	for (size_t p = 0; p < N_PARTS; p++) {
		const struct opt_u64 *v =
			(const struct opt_u64 *)((const char *)&c->each + parts[p].offset);
		double part = (double)v->value / unit;
		str_addf(data, " %.6g", part);
		rest -= part;
	}
	str_addf(data, " %.6g\n", rest > 0 ? rest : 0);
}

/* Names that have no room beside each other stand upright below their bars. */
#define UPRIGHT_HEIGHT 160
#define LINE_CHARACTERS 76 /* with the half of a bar's place at either end */
#define BAR_WIDTH 26

/* Bytes of the longest bar. */
static double most_of_last(const struct results *r, const struct summary *s)
{
	uint64_t most = 0;

	for (size_t i = 0; i < count_curves(r); i++) {
		struct curve c = curve_of(r, s, i);
		uint64_t cost = c.cells[c.n - 1].each.cost.value;
		most = cost > most ? cost : most;
	}
	return (double)most;
}

/* The last count of each curve as a stacked bar. */
static int write_bars(
	int dir, const struct results *r, const struct summary *s, bool *ret_any, struct err *e)
{
	automatic(str) struct str data = { 0 }, script = { 0 }, drawing = { 0 };
	const struct unit *unit = unit_of(most_of_last(r, s));
	size_t n = 0, longest = 0;

	add_head(&script, "kinds",
		"What one container has for itself, by kind, with the most of them up", unit->name,
		" each");
	str_add(&script, "set style data histograms\nset style histogram rowstacked\n"
			 "set style fill solid\nset boxwidth 0.6\n");
	for (size_t i = 0; i < count_curves(r); i++) {
		struct curve c = curve_of(r, s, i);
		const struct cell *last = &c.cells[c.n - 1];
		if (!last->n)
			continue;
		size_t before = data.len;
		add_title(&data, r, &c);
		longest = at_least(longest, data.len - before);
		add_bar(&data, last, unit->size);
		n++;
	}
	str_add(&drawing, "plot ");
	for (size_t p = 0; p < N_PARTS; p++)
		str_addf(&drawing, "%sname.'.dat' using %zu%s lc rgb '%s' title \"%s\"",
			p ? ", " : "", p + 2, p ? "" : ":xtic(1)", parts[p].colour, parts[p].name);
	str_addf(&drawing, ", name.'.dat' using %zu lc rgb '%s' title \"%s\"", N_PARTS + 2,
		REST_COLOUR, REST);
	*ret_any = n > 0;
	if (!n)
		return 0;
	bool upright = (n + 1) * longest > LINE_CHARACTERS;
	if (upright)
		str_add(&script, "set xtics rotate by 90 right\n");
	add_drawing(&script, drawing.data,
		(struct size){ at_least(n * BAR_WIDTH + 340, USUAL_WIDTH),
			USUAL_HEIGHT + (upright ? UPRIGHT_HEIGHT : 0) });
	script.failed |= drawing.failed;
	int failed = write_file(dir, "kinds", "dat", &data, e);
	return failed < 0 ? failed : write_file(dir, "kinds", "gp", &script, e);
}

static int draw(const char *dir, const char *name, struct err *e)
{
	autofree char *script = str_format("%s.gp", name);
	char program[] = "gnuplot";
	char *words[] = { program, script, NULL };
	struct errand errand = { .words = words };
	struct errands errands = { .v = &errand, .n = 1, .parallel = 1, .dir = dir };

	if (!script)
		return err_set(e, ENOMEM, "draw '%s'", name);
	int r = errands_run(&errands, e);
	return r < 0 ? err_while(e, "draw '%s'", name) : 0;
}

int plots_make(const struct results *r, const struct summary *s, struct err *e)
{
	if (mkdirat(r->dir, "plots", 0777) < 0 && errno != EEXIST)
		return err_set(e, errno, "make '%s/plots'", r->path);
	autofd int dir = openat(r->dir, "plots", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autofree char *path = str_format("%s/plots", r->path);
	if (!path)
		return err_set(e, ENOMEM, "draw '%s/plots'", r->path);
	if (dir < 0)
		return err_set(e, errno, "open '%s/plots'", r->path);
	bool any;
	int failed = write_bars(dir, r, s, &any, e);
	if (failed == 0 && any)
		failed = draw(path, "kinds", e);
	for (size_t i = 0; failed == 0 && i < sizeof(plots) / sizeof(plots[0]); i++) {
		failed = write_curves(dir, r, s, &plots[i], &any, e);
		if (failed == 0 && any)
			failed = draw(path, plots[i].name, e);
	}
	return failed;
}
