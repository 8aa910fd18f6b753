/* Settings of the host, and back. */
#include "cmd/density/knobs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "spec/base/fd.h"
#include "spec/base/str.h"

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67 /* 6.4 */
#endif

#define WRITTEN_DOWN "knobs"

struct knob {
	char *path, *was;
};

struct knobs {
	struct knob *v;
	size_t n;
};

static const struct field knob_fields[] = {
	FIELD(struct knob, "path", FIELD_STRING, path, .must = true),
	FIELD(struct knob, "was", FIELD_STRING, was, .must = true),
	{ 0 },
};

static const struct field knobs_fields[] = {
	FIELD_LIST(struct knobs, "knobs", FIELD_OBJECT, v, n, .inside = knob_fields,
		.size = sizeof(struct knob), .always = true),
	{ 0 },
};

static void knobs_done(struct knobs *k)
{
	json_free(knobs_fields, k);
}
DEFINE_AUTO(knobs, knobs_done)

/* No path from the written list is opened that is not one of these. */
static const char *const places[] = {
	"/sys/kernel/mm/transparent_hugepage/enabled",
	"/sys/kernel/mm/ksm/run",
	"/proc/sys/vm/swappiness",
	"/proc/sys/vm/overcommit_memory",
};

#define N_PLACES (sizeof(places) / sizeof(places[0]))

enum place { PLACE_HUGE_PAGES, PLACE_MERGE, PLACE_SWAPPINESS, PLACE_OVERCOMMIT };

/* The value of "always [madvise] never" is what stands in brackets. */
static void choice_of(char *text)
{
	char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;

	text[strcspn(text, "\n")] = '\0';
	if (!close)
		return;
	*close = '\0';
	memmove(text, open + 1, strlen(open + 1) + 1);
}

static int write_text(const char *path, const char *text, struct err *e)
{
	autofd int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, errno, "open '%s'", path);
	int r = fd_write_all(fd, text, strlen(text));
	return r < 0 ? err_set(e, -r, "write '%s' to '%s'", text, path) : 0;
}

/* What is there now, added to the list. */
static int remember(struct knobs *k, const char *path, struct err *e)
{
	size_t n;
	struct knob *v = reallocarray(k->v, k->n + 1, sizeof(*v));

	if (!v)
		return err_set(e, ENOMEM, "remember '%s'", path);
	k->v = v;
	v[k->n] = (struct knob){ 0 };
	int r = fd_read_file(AT_FDCWD, path, 4096, &v[k->n].was, &n, e);
	if (r < 0)
		return r;
	choice_of(v[k->n].was);
	v[k->n++].path = strdup(path);
	return v[k->n - 1].path ? 0 : err_set(e, ENOMEM, "remember '%s'", path);
}

static int write_down(int dir, const struct knobs *k, struct err *e)
{
	automatic(str) struct str text = { 0 };

	json_write(knobs_fields, k, JSON_INDENTED, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "write down the settings of this host");
	int r = fd_replace_file(dir, WRITTEN_DOWN, text.data, text.len, 0600, e);
	if (r == 0 && syncfs(dir) < 0)
		r = err_set(e, errno, "sync the settings of this host");
	return r;
}

int knobs_turn(int dir, const struct variant *v, struct err *e)
{
	automatic(knobs) struct knobs were = { 0 };
	char swappiness[24], overcommit[24];
	const char *wanted[N_PLACES] = { NULL };

	snprintf(swappiness, sizeof(swappiness), "%" PRIu64, v->swappiness.value);
	snprintf(overcommit, sizeof(overcommit), "%" PRIu64, v->overcommit.value);
	wanted[PLACE_HUGE_PAGES] = v->huge_pages == HUGE_PAGES_ALWAYS ? "always" : NULL;
	wanted[PLACE_MERGE] = v->merge ? "1" : NULL;
	wanted[PLACE_SWAPPINESS] = v->swappiness.set ? swappiness : NULL;
	wanted[PLACE_OVERCOMMIT] = v->overcommit.set ? overcommit : NULL;
	int r = knobs_restore(dir, e);
	size_t n = 0;
	for (size_t i = 0; r == 0 && i < N_PLACES; i++) {
		n += wanted[i] != NULL;
		r = wanted[i] ? remember(&were, places[i], e) : 0;
	}
	if (r == 0 && n)
		r = write_down(dir, &were, e);
	for (size_t i = 0; r == 0 && i < N_PLACES; i++)
		r = wanted[i] ? write_text(places[i], wanted[i], e) : 0;
	return r;
}

static bool is_place(const char *path)
{
	for (size_t i = 0; i < N_PLACES; i++)
		if (str_equal(places[i], path))
			return true;
	return false;
}

int knobs_restore(int dir, struct err *e)
{
	automatic(knobs) struct knobs were = { 0 };
	autofree char *text = NULL;
	size_t n;
	int r = fd_read_file(dir, WRITTEN_DOWN, 1 << 16, &text, &n, e);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = json_read(WRITTEN_DOWN, text, n, knobs_fields, &were, &json_usual_limits, e);
	for (size_t i = 0; r == 0 && i < were.n; i++)
		if (is_place(were.v[i].path))
			r = write_text(were.v[i].path, were.v[i].was, e);
	if (r == 0 && unlinkat(dir, WRITTEN_DOWN, 0) < 0)
		r = err_set(e, errno, "remove '%s'", WRITTEN_DOWN);
	return r < 0 ? err_while(e, "put back the settings of this host") : 0;
}

int knobs_of_process(const struct variant *v, bool on, struct err *e)
{
	/* Both are kept by execve(): the program of the container has them. */
	if (v->huge_pages == HUGE_PAGES_NEVER && prctl(PR_SET_THP_DISABLE, on, 0, 0, 0) < 0)
		return err_set(e, errno, "set huge pages for what is started");
	if (v->merge && prctl(PR_SET_MEMORY_MERGE, on, 0, 0, 0) < 0)
		return err_set(e, errno, "set merging for what is started");
	return 0;
}
