/* What is kept from one container for the next. */
#include "runtime/stock.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cgroup/hierarchy.h"
#include "runtime/procfs.h"
#include "runtime/template.h"
#include "spec/base/own.h"
#include "spec/base/userns.h"

void stock_done(struct stock *s)
{
	filter_done(&s->filter);
	free(s->section.text);
	own_close(&s->proc);
	own_close(&s->hierarchy);
	*s = (struct stock)STOCK_NONE;
}

static bool is_same(const struct json_text *a, const struct json_text *b)
{
	return a->text && b->text && a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* Without memory for its text it is made again for the next. */
static void keep_section(struct stock *s, const struct json_text *section)
{
	free(s->section.text);
	s->section = (struct json_text){ malloc(section->len + 1), section->len };
	if (s->section.text)
		memcpy(s->section.text, section->text, section->len + 1);
}

int stock_filter(struct stock *s, const struct home *h, const struct json_text *section,
	struct filter *own, const struct filter **ret, struct err *e)
{
	if (s && is_same(section, &s->section)) {
		*ret = &s->filter;
		return 0;
	}
	int r = filter_take(h, section, own, e);
	if (r < 0)
		return r;
	*ret = own;
	if (!s || !section->text)
		return 0;
	filter_done(&s->filter);
	s->filter = *own;
	*own = (struct filter){ 0 };
	*ret = &s->filter;
	keep_section(s, section);
	return 0;
}

/* A further fd of what is kept. */
static int again(int fd, struct err *e)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? err_set(e, errno, "copy a file descriptor") : copy;
}

int stock_procfs(struct stock *s, struct err *e)
{
	if (!s)
		return procfs_open(e);
	if (s->proc < 0) {
		int fd = procfs_open(e);
		if (fd < 0)
			return fd;
		s->proc = fd;
	}
	return again(s->proc, e);
}

int stock_hierarchy(struct stock *s, int *ret, struct err *e)
{
	int r = 0;

	if (!s)
		return hierarchy_open(ret, e);
	if (s->hierarchy < 0)
		r = hierarchy_open(&s->hierarchy, e);
	int fd = r < 0 ? r : again(s->hierarchy, e);
	if (fd < 0)
		return fd;
	*ret = fd;
	return 0;
}

bool stock_is_inner(struct stock *s)
{
	if (!s)
		return userns_is_inner();
	if (!s->is_looked_at)
		s->is_inner = userns_is_inner();
	s->is_looked_at = true;
	return s->is_inner;
}

int stock_check_user(
	struct stock *s, const struct template *t, const struct spec *spec, struct err *e)
{
	if (s && s->user_fits)
		return 0;
	int r = template_check_user(t, spec, e);
	if (s)
		s->user_fits = r == 0;
	return r;
}
