/* Address spaces already seen. */
#include "cgroup/spaces.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct space {
	pid_t pid;
	size_t thing;	     /* the last one that has it */
	uint64_t outline[4]; /* equal for one address space; for forked ones often too */
};

static long compare_spaces(pid_t a, pid_t b)
{
	long r = syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0);

	return r < 0 ? -errno : r;
}

void spaces_init(struct spaces *s, int proc, struct pagemap *pagemap)
{
	*s = (struct spaces){ .pagemap = pagemap, .proc = proc };
	s->orders = compare_spaces(getpid(), getpid()) == 0;
}

void spaces_done(struct spaces *s)
{
	free(s->seen);
	*s = (struct spaces){ 0 };
}

void spaces_clear(struct spaces *s)
{
	s->n = s->thing = 0;
}

void spaces_turn(struct spaces *s, size_t thing)
{
	if (!s->orders)
		spaces_clear(s);
	s->thing = thing;
}

static bool has_same_pages(const struct spaces *s, pid_t a, pid_t b)
{
	autofd int process = process_open(s->proc, a);
	autofd int other = process_open(s->proc, b);

	return s->pagemap && process >= 0 && other >= 0 &&
	       pagemap_is_same(s->pagemap, process, other);
}

/* Below, equal, above: by outline, then as kcmp orders (0 equal, 1 below, 2 above). */
static int order(const struct spaces *s, const struct space *a, const struct space *b)
{
	int by_outline = memcmp(a->outline, b->outline, sizeof(a->outline));

	if (by_outline || a->pid == b->pid)
		return by_outline;
	long r = s->orders ? compare_spaces(a->pid, b->pid) : -ENOSYS;
	if (r >= 0)
		return r == 0 ? 0 : r == 1 ? -1 : 1;
	/* No kcmp, or one of them has ended: an order is not needed, only whether they are one. */
	return !s->orders && has_same_pages(s, a->pid, b->pid) ? 0 : 1;
}

/* Where it is, or belongs. */
static size_t find(const struct spaces *s, const struct space *wanted, bool *ret_found)
{
	size_t low = 0, high = s->n;

	*ret_found = false;
	while (low < high) {
		/* Without kcmp all of the same outline must be looked at, so one after the other.
		 */
		size_t middle = s->orders ? low + (high - low) / 2 : low;
		int r = order(s, wanted, &s->seen[middle]);
		if (r == 0) {
			*ret_found = true;
			return middle;
		}
		if (r < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

int spaces_add(struct spaces *s, pid_t pid, const struct process_stat *stat)
{
	/* The first thread that has ended has none. */
	pid_t owner = stat->thread ? stat->thread : pid;
	struct space space = { owner, s->thing,
		{ stat->size, stat->stack, stat->code, stat->brk } };
	bool found;
	size_t at = find(s, &space, &found);

	s->last = at;
	if (found) {
		bool ours = s->seen[at].thing == s->thing;
		s->seen[at].thing = s->thing;
		return ours ? SPACE_KNOWN : SPACE_OF_OTHERS;
	}
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 16;
		struct space *seen = realloc(s->seen, room * sizeof(*seen));
		if (!seen)
			return -ENOMEM;
		s->seen = seen;
		s->room = room;
	}
	memmove(&s->seen[at + 1], &s->seen[at], (s->n - at) * sizeof(space));
	s->seen[at] = space;
	s->n++;
	return SPACE_NEW;
}

void spaces_drop(struct spaces *s)
{
	s->n--;
	memmove(&s->seen[s->last], &s->seen[s->last + 1], (s->n - s->last) * sizeof(*s->seen));
}
