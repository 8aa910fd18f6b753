/* The directory of an experiment. */
#include "cmd/density/results.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/fd.h"
#include "spec/base/str.h"

#define TRIALS_MAX ((size_t)64 << 20)
#define HEADING                                                                                    \
	"trial,variant,way,count,repetition,container,start_us,stop_us,processes,unique_bytes,"    \
	"private_bytes,shared_bytes,kernel_bytes,monitor_bytes,cost_bytes\n"

static const struct field running_fields[] = {
	FIELD(struct running, "prefix", FIELD_STRING, prefix, .must = true),
	FIELD(struct running, "variant", FIELD_U32, variant),
	FIELD(struct running, "way", FIELD_U32, way),
	FIELD(struct running, "count", FIELD_U32, count),
	FIELD(struct running, "repetition", FIELD_U32, repetition),
	{ 0 },
};

void results_done(struct results *r)
{
	for (size_t i = 0; i < r->n; i++)
		result_done(&r->v[i]);
	free(r->v);
	free(r->path);
	experiment_done(&r->experiment);
	host_done(&r->host);
	json_free(running_fields, &r->running);
	if (r->dir >= 0)
		close(r->dir);
	*r = (struct results)RESULTS_NONE;
}

static int write_document(const struct results *r, const char *name, const struct field *table,
	const void *from, struct err *e)
{
	automatic(str) struct str text = { 0 };

	json_write(table, from, JSON_INDENTED, &text);
	str_add(&text, "\n");
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "write '%s/%s'", r->path, name);
	return fd_replace_file(r->dir, name, text.data, text.len, 0644, e);
}

static int read_document(const struct results *r, const char *name, const struct field *table,
	void *into, struct err *e)
{
	autofree char *text = NULL;
	size_t n;
	int failed = fd_read_file(r->dir, name, json_usual_limits.bytes, &text, &n, e);

	return failed < 0 ? failed : json_read(name, text, n, table, into, &json_usual_limits, e);
}

/* Takes the result. */
static int keep(struct results *r, struct result *result, struct err *e)
{
	struct result *v = reallocarray(r->v, r->n + 1, sizeof(*v));

	if (!v)
		return err_set(e, ENOMEM, "keep the results");
	r->v = v;
	v[r->n++] = *result;
	*result = (struct result){ 0 };
	return 0;
}

/* A last line without its end was being written when we were killed: that trial is made again. */
static int read_trials(struct results *r, bool cut, struct err *e)
{
	autofree char *text = NULL;
	size_t n, n_lines = 0;
	int failed = fd_read_file(r->dir, "trials.jsonl", TRIALS_MAX, &text, &n, e);

	if (failed == -ENOENT)
		return 0;
	for (char *line = text, *end; failed == 0 && (end = strchr(line, '\n')); line = end + 1) {
		automatic(result) struct result result = { 0 };
		failed = json_read("a trial", line, (size_t)(end - line), result_fields, &result,
			&json_usual_limits, e);
		if (failed == 0)
			failed = keep(r, &result, e);
		n_lines++;
		if (failed < 0)
			err_while(e, "line %zu of 'trials.jsonl'", n_lines);
	}
	if (failed == 0 && cut && n && text[n - 1] != '\n') {
		const char *last = memrchr(text, '\n', n);
		autofd int fd = openat(r->dir, "trials.jsonl", O_WRONLY | O_CLOEXEC);
		if (fd < 0 || ftruncate(fd, last ? last + 1 - text : 0) < 0)
			failed = err_set(e, errno, "cut '%s/trials.jsonl'", r->path);
	}
	return failed;
}

static int open_dir(const char *path, struct results *r, struct err *e)
{
	r->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir < 0)
		return err_set(e, errno, "open the directory '%s'", path);
	r->path = realpath(path, NULL);
	return r->path ? 0 : err_set(e, errno, "find the directory '%s'", path);
}

static int read_results(const char *path, bool cut, struct results *ret, struct err *e)
{
	automatic(results) struct results r = RESULTS_NONE;
	int failed = open_dir(path, &r, e);

	if (failed == 0)
		failed = read_document(&r, "experiment.json", experiment_fields, &r.experiment, e);
	if (failed == 0)
		failed = experiment_complete(&r.experiment, e);
	if (failed == 0)
		failed = read_document(&r, "host.json", host_fields, &r.host, e);
	if (failed == 0)
		failed = read_trials(&r, cut, e);
	if (failed < 0)
		return err_while(e, "read the results in '%s'", path);
	failed = read_document(&r, "running.json", running_fields, &r.running, e);
	if (failed < 0 && failed != -ENOENT)
		return failed;
	*ret = r;
	r = (struct results)RESULTS_NONE;
	return 0;
}

int results_open(const char *path, struct results *ret, struct err *e)
{
	return read_results(path, true, ret, e);
}

int results_look(const char *path, struct results *ret, struct err *e)
{
	return read_results(path, false, ret, e);
}

static bool is_same(const struct experiment *a, const struct experiment *b)
{
	automatic(str) struct str x = { 0 }, y = { 0 };

	json_write(experiment_fields, a, JSON_COMPACT, &x);
	json_write(experiment_fields, b, JSON_COMPACT, &y);
	return str_ok(&x) && str_ok(&y) && str_equal(x.data, y.data);
}

/* The experiment last: a directory that has it has all. */
static int make(
	const char *path, int records, struct experiment *x, struct results *r, struct err *e)
{
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return err_set(e, errno, "make the directory '%s'", path);
	int failed = open_dir(path, r, e);
	if (failed == 0)
		failed = host_read(records, &r->host, e);
	r->experiment = *x;
	*x = (struct experiment){ 0 };
	if (failed == 0)
		failed = write_document(r, "host.json", host_fields, &r->host, e);
	if (failed == 0)
		failed = write_document(r, "experiment.json", experiment_fields, &r->experiment, e);
	return failed;
}

int results_begin(
	const char *path, int records, struct experiment *x, struct results *ret, struct err *e)
{
	automatic(results) struct results r = RESULTS_NONE;
	uint64_t keep_free = x->keep_free_bytes;
	int failed = results_open(path, &r, e);

	if (failed == -ENOENT)
		failed = make(path, records, x, &r, e);
	else if (failed == 0 && !is_same(&r.experiment, x))
		failed = err_say(e, EEXIST, "'%s' has the results of another experiment", path);
	if (failed < 0)
		return failed;
	r.experiment.keep_free_bytes = keep_free;
	*ret = r;
	r = (struct results)RESULTS_NONE;
	return 0;
}

bool results_has(const struct results *r, const struct trial *t)
{
	const struct experiment *x = &r->experiment;

	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].repetition == t->repetition && r->v[i].count == x->counts[t->count] &&
			str_equal(r->v[i].way, x->ways[t->way]) &&
			str_equal(r->v[i].variant, x->variants[t->variant].name))
			return true;
	return false;
}

int results_will_run(struct results *r, const struct trial *t, const char *prefix, struct err *e)
{
	json_free(running_fields, &r->running);
	r->running =
		(struct running){ strdup(prefix), t->variant, t->way, t->count, t->repetition };
	if (!r->running.prefix)
		return err_set(e, ENOMEM, "begin a trial");
	return write_document(r, "running.json", running_fields, &r->running, e);
}

static int append(const struct results *r, const struct result *result, struct err *e)
{
	automatic(str) struct str text = { 0 };
	autofd int fd =
		openat(r->dir, "trials.jsonl", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_set(e, errno, "open '%s/trials.jsonl'", r->path);
	json_write(result_fields, result, JSON_COMPACT, &text);
	str_add(&text, "\n");
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "write '%s/trials.jsonl'", r->path);
	int failed = fd_write_all(fd, text.data, text.len);
	if (failed == 0 && fsync(fd) < 0)
		failed = -errno;
	return failed < 0 ? err_set(e, -failed, "write '%s/trials.jsonl'", r->path) : 0;
}

int results_have_run(struct results *r, struct result *result, struct err *e)
{
	int failed = 0;

	if (result)
		failed = append(r, result, e);
	if (failed == 0 && result)
		failed = keep(r, result, e);
	if (failed == 0 && unlinkat(r->dir, "running.json", 0) < 0 && errno != ENOENT)
		failed = err_set(e, errno, "remove '%s/running.json'", r->path);
	json_free(running_fields, &r->running);
	return failed;
}

int results_open_table(const struct results *r, FILE **ret, struct err *e)
{
	int fd = openat(r->dir, "containers.csv", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "a");
	struct stat st;

	if (!file) {
		int code = errno;
		if (fd >= 0)
			close(fd);
		return err_set(e, code, "open '%s/containers.csv'", r->path);
	}
	if (fstat(fd, &st) == 0 && st.st_size == 0)
		fputs(HEADING, file);
	*ret = file;
	return 0;
}
