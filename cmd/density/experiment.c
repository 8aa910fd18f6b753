/* Experiments: their table, what they leave out, and what is wrong with them. */
#include "cmd/density/experiment.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/density/way.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

static const struct enum_name huge_pages_names[] = { { "never", HUGE_PAGES_NEVER },
	{ "always", HUGE_PAGES_ALWAYS }, { 0 } };

static const struct field variant_fields[] = {
	FIELD(struct variant, "name", FIELD_STRING, name, .must = true),
	FIELD(struct variant, "huge_pages", FIELD_ENUM, huge_pages, .names = huge_pages_names),
	FIELD(struct variant, "merge", FIELD_BOOL, merge),
	FIELD_LIST(struct variant, "options", FIELD_STRING, options, n_options),
	FIELD(struct variant, "memory", FIELD_STRING, memory),
	FIELD(struct variant, "swappiness", FIELD_OPT_U64, swappiness),
	FIELD(struct variant, "overcommit", FIELD_OPT_U64, overcommit),
	{ 0 },
};

static const struct field engine_fields[] = {
	FIELD(struct engine, "name", FIELD_STRING, name, .must = true),
	FIELD_LIST(struct engine, "start", FIELD_STRING, start, n_start, .must = true),
	FIELD_LIST(struct engine, "stop", FIELD_STRING, stop, n_stop, .must = true),
	FIELD(struct engine, "bundle", FIELD_BOOL, bundle),
	FIELD(struct engine, "ours", FIELD_BOOL, ours),
	{ 0 },
};

const struct field experiment_fields[] = {
	FIELD(struct experiment, "name", FIELD_STRING, name),
	FIELD(struct experiment, "image", FIELD_STRING, image),
	FIELD_LIST(struct experiment, "command", FIELD_STRING, command, n_command),
	FIELD_LIST(struct experiment, "options", FIELD_STRING, options, n_options),
	FIELD_LIST(struct experiment, "counts", FIELD_U64, counts, n_counts),
	FIELD(struct experiment, "inside", FIELD_BOOL, inside),
	FIELD_LIST(struct experiment, "ways", FIELD_STRING, ways, n_ways),
	FIELD_LIST(struct experiment, "variants", FIELD_OBJECT, variants, n_variants,
		.inside = variant_fields, .size = sizeof(struct variant)),
	FIELD_LIST(struct experiment, "engines", FIELD_OBJECT, engines, n_engines,
		.inside = engine_fields, .size = sizeof(struct engine)),
	FIELD(struct experiment, "repetitions", FIELD_U32, repetitions),
	FIELD(struct experiment, "parallel", FIELD_U32, parallel),
	FIELD(struct experiment, "settle_seconds", FIELD_U32, settle_seconds),
	FIELD(struct experiment, "seed", FIELD_U64, seed),
	FIELD(struct experiment, "keep_free", FIELD_STRING, keep_free),
	{ 0 },
};

void experiment_done(struct experiment *x)
{
	json_free(experiment_fields, x);
}

int experiment_read(const char *path, struct experiment *ret, struct err *e)
{
	struct json_limits limits = json_usual_limits;
	autofree char *text = NULL;
	size_t n;
	int r = fd_read_stream(path, limits.bytes, &text, &n, e);

	limits.strict = true;
	if (r == 0)
		r = json_read(path, text, n, experiment_fields, ret, &limits, e);
	return r < 0 ? err_while(e, "read the experiment '%s'", path) : 0;
}

/* A list of one word, where there is none. */
static bool add_word(char ***list, size_t *n, const char *word)
{
	if (*n)
		return true;
	char **v = calloc(2, sizeof(*v));
	if (!v || !(v[0] = strdup(word))) {
		free(v);
		return false;
	}
	free(*list);
	*list = v;
	*n = 1;
	return true;
}

static bool add_counts(struct experiment *x)
{
	static const uint64_t usual[] = { 1, 10, 100 };

	if (x->n_counts)
		return true;
	free(x->counts);
	x->counts = malloc(sizeof(usual));
	if (!x->counts)
		return false;
	memcpy(x->counts, usual, sizeof(usual));
	x->n_counts = sizeof(usual) / sizeof(usual[0]);
	return true;
}

static bool add_variant(struct experiment *x)
{
	if (x->n_variants)
		return true;
	free(x->variants);
	x->variants = calloc(1, sizeof(*x->variants));
	if (!x->variants)
		return false;
	x->n_variants = 1;
	x->variants[0].name = strdup("plain");
	return x->variants[0].name != NULL;
}

static bool add_text(char **member, const char *text)
{
	return *member || (*member = strdup(text)) != NULL;
}

int experiment_complete(struct experiment *x, struct err *e)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (!x->parallel)
		x->parallel = processors > 0 ? (uint32_t)processors : 1;
	if (!x->repetitions)
		x->repetitions = 3;
	if (!x->settle_seconds)
		x->settle_seconds = 30;
	if (!x->seed)
		x->seed = 1;
	if (!add_text(&x->name, "density") || !add_text(&x->keep_free, "1g") || !add_counts(x) ||
		!add_variant(x) || !add_word(&x->ways, &x->n_ways, "overlay"))
		return err_set(e, ENOMEM, "read an experiment");
	return 0;
}

const struct engine *experiment_engine(const struct experiment *x, const char *name)
{
	for (size_t i = 0; i < x->n_engines; i++)
		if (str_equal(x->engines[i].name, name))
			return &x->engines[i];
	return NULL;
}

static int check_counts(const struct experiment *x, struct err *e)
{
	for (size_t i = 0; i < x->n_counts; i++)
		if (x->counts[i] < 1 || x->counts[i] > EXPERIMENT_COUNT_MAX)
			return err_say(e, EINVAL, "counts[%zu]: %" PRIu64 " is not from 1 to %d", i,
				x->counts[i], EXPERIMENT_COUNT_MAX);
	return 0;
}

static int check_ways(const struct experiment *x, struct err *e)
{
	for (size_t i = 0; i < x->n_ways; i++) {
		if (!way_find(x->ways[i]) && !experiment_engine(x, x->ways[i]))
			return err_say(e, EINVAL,
				"ways[%zu]: '%s' is neither a way to start (%s) nor one of 'engines'",
				i, x->ways[i], way_names());
		for (size_t j = 0; j < i; j++)
			if (str_equal(x->ways[i], x->ways[j]))
				return err_say(e, EINVAL, "ways[%zu]: '%s' is there already", i,
					x->ways[i]);
	}
	return 0;
}

static int check_variants(const struct experiment *x, struct err *e)
{
	for (size_t i = 0; i < x->n_variants; i++) {
		const struct variant *v = &x->variants[i];
		uint64_t bytes;
		if (v->memory && !str_to_bytes(v->memory, &bytes))
			return err_say(
				e, EINVAL, "variants[%zu].memory: '%s' is no size", i, v->memory);
		if (v->swappiness.set && v->swappiness.value > 200)
			return err_say(e, EINVAL, "variants[%zu].swappiness: from 0 to 200", i);
		if (v->overcommit.set && v->overcommit.value > 2)
			return err_say(e, EINVAL, "variants[%zu].overcommit: 0, 1 or 2", i);
		for (size_t j = 0; j < i; j++)
			if (str_equal(v->name, x->variants[j].name))
				return err_say(e, EINVAL, "variants[%zu]: '%s' is there already", i,
					v->name);
	}
	return 0;
}

static int check_engines(const struct experiment *x, struct err *e)
{
	for (size_t i = 0; i < x->n_engines; i++) {
		if (!x->engines[i].n_start || !x->engines[i].n_stop)
			return err_say(e, EINVAL, "engines[%zu]: 'start' and 'stop' need words", i);
		if (way_find(x->engines[i].name))
			return err_say(e, EINVAL, "engines[%zu]: '%s' is the name of a way", i,
				x->engines[i].name);
	}
	return 0;
}

int experiment_check(struct experiment *x, struct err *e)
{
	if (!x->image)
		return err_say(e, EINVAL, "which image? ('image' in the experiment, or --image)");
	if (x->repetitions > 1000)
		return err_say(e, EINVAL, "repetitions: %u is above 1000", x->repetitions);
	if (x->parallel > 1000)
		return err_say(e, EINVAL, "parallel: %u is above 1000", x->parallel);
	if (!str_to_bytes(x->keep_free, &x->keep_free_bytes))
		return err_say(e, EINVAL, "keep_free: '%s' is no size", x->keep_free);
	int r = check_counts(x, e);
	if (r == 0)
		r = check_engines(x, e);
	if (r == 0)
		r = check_ways(x, e);
	if (r == 0)
		r = check_variants(x, e);
	size_t trials = x->n_counts * x->n_ways * x->n_variants * x->repetitions;
	if (r == 0 && trials > EXPERIMENT_TRIALS_MAX)
		r = err_say(e, EINVAL,
			"%zu trials (counts, ways, variants and repetitions): at most %d", trials,
			EXPERIMENT_TRIALS_MAX);
	return r;
}
