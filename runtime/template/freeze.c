/*
 * Freezing, as a whole: what may be moved and why the rest may not, the moving, the rehearsal, and
 * the pages that it has shown to be hot.
 */
#ifdef __x86_64__
#include <asm/prctl.h>
#endif
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#include "runtime/init/sys.h"
#include "runtime/init/text.h"
#include "runtime/template/allow.h"
#include "runtime/template/freeze.h"
#include "runtime/template/pieces.h"

/*
 * What the stub calls lies below this frame, what called it above: those who called it write the end
 * of their frames as they go on. Most often the whole stack is left anyhow; a program may have
 * called from a stack in its heap.
 */
#define STACK_BELOW ((uintptr_t)256 << 10)
#define STACK_ABOVE ((uintptr_t)64 << 10)
/*
 * Around the thread pointer: libc's own record of the thread, into which the kernel itself writes
 * (rseq), and errno.
 */
#define THREAD_BELOW ((uintptr_t)4096)
#define THREAD_ABOVE ((uintptr_t)8192)

/* A process may have 65530 mappings; each piece may become some. */
#define MAPPINGS_MAX 32768
#define REHEARSALS 3

static const struct {
	char flag[3];
	enum freeze_reason reason;
} flags[] = {
	/* clang-format off */
	{ "gd", FREEZE_STACK },
	{ "ss", FREEZE_STACK },
	{ "dc", FREEZE_NOT_FORKED },
	{ "wf", FREEZE_WIPED },
	{ "dp", FREEZE_WIPED },
	{ "lo", FREEZE_LOCKED },
	{ "um", FREEZE_USERFAULT },
	{ "uw", FREEZE_USERFAULT },
	{ "ui", FREEZE_USERFAULT },
	{ "ht", FREEZE_SPECIAL },
	{ "gu", FREEZE_SPECIAL }, /* pages of it are guards, which would be gone */
	{ "sl", FREEZE_SPECIAL },
	{ "io", FREEZE_SPECIAL },
	{ "pf", FREEZE_SPECIAL },
	{ "mm", FREEZE_SPECIAL },
	{ "mt", FREEZE_SPECIAL }, /* arm64's memory tags */
	/* clang-format on */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* FREEZE_REASONS: none. */
static enum freeze_reason why_not(const struct mapping *m)
{
	if (m->shared)
		return FREEZE_SHARED;
	if (m->kind == MAPPING_STACK)
		return FREEZE_STACK;
	if (m->kind == MAPPING_FILE)
		return FREEZE_FILE;
	if (m->kind == MAPPING_KERNEL || m->key)
		return FREEZE_SPECIAL;
	for (size_t i = 0; i < COUNT(flags); i++)
		if (mapping_has(m, flags[i].flag))
			return flags[i].reason;
	if (!m->readable)
		return FREEZE_NO_ACCESS;
	return m->anonymous < FREEZE_LEAST ? FREEZE_SMALL : FREEZE_REASONS;
}

static void keep(struct pieces *p, uintptr_t start, uintptr_t end)
{
	if (p->n_kept < KEPT_MAX)
		p->kept[p->n_kept++] = (struct kept){ start, end };
}

static uintptr_t thread_pointer(void)
{
	uintptr_t at = 0;
#ifdef __x86_64__
	sys(arch_prctl, ARCH_GET_FS, &at);
#else
	__asm__("mrs %0, tpidr_el0" : "=r"(at));
#endif
	return at;
}

static void keep_what_is_written(struct pieces *p, const struct freeze_options *options)
{
	uintptr_t stack = (uintptr_t)__builtin_frame_address(0), thread = thread_pointer();

	keep(p, stack - STACK_BELOW, stack + STACK_ABOVE);
	if (thread)
		keep(p, thread - THREAD_BELOW, thread + THREAD_ABOVE);
	keep(p, (uintptr_t)p->report, (uintptr_t)(p->report + 1));
	for (unsigned i = 0; i < options->n_keep; i++)
		keep(p, (uintptr_t)options->keep[i].at,
			(uintptr_t)options->keep[i].at + options->keep[i].bytes);
}

/* The first part from `at` on that is kept, in whole pages; nothing at `end`: none. */
static struct kept next_kept(const struct pieces *p, uintptr_t at, uintptr_t end, uintptr_t page)
{
	struct kept first = { end, end };

	for (unsigned i = 0; i < p->n_kept; i++) {
		uintptr_t from = p->kept[i].start & ~(page - 1);
		uintptr_t to = (p->kept[i].end + page - 1) & ~(page - 1);
		from = from < at ? at : from;
		if (to > from && from < first.start)
			first = (struct kept){ from, to < end ? to : end };
	}
	return first;
}

static void add_piece(struct pieces *p, struct piece piece)
{
	if (p->n == PIECES_MAX) {
		p->report->verdict = FREEZE_FAILED;
		p->report->error = E2BIG;
		size_add(&p->report->left[FREEZE_UNMOVED], piece_anonymous(p, &piece, piece.start));
		return;
	}
	piece.offset = p->file_end;
	p->file_end += ((piece.end - piece.start) & ~(PIECE_GAP - 1)) + 2 * PIECE_GAP;
	p->all[p->n++] = piece;
}

static void add_pieces(struct pieces *p, const struct mapping *m)
{
	struct piece part = {
		.page = (uint32_t)m->page,
		.protection = (uint8_t)(PROT_READ | (m->writable ? PROT_WRITE : 0) |
					(m->executable ? PROT_EXEC : 0)),
		.unreserved = mapping_has(m, "nr"),
	};

	for (uintptr_t at = m->start; at < m->end;) {
		struct kept kept = next_kept(p, at, m->end, m->page);
		part.start = at;
		part.end = kept.start;
		if (part.end > part.start)
			add_piece(p, part);
		part.start = kept.start;
		part.end = at = kept.end;
		size_add(&p->report->left[FREEZE_KEPT], piece_anonymous(p, &part, part.start));
	}
}

/* All mappings: what of them is to be moved, and whose they are. */
static int survey(struct pieces *p, struct allow *allow)
{
	unsigned n = 0;
	struct mapping m;
	int r = lines_open(&p->lines, "/proc/self/smaps", '\n');

	if (r < 0)
		return r;
	while (mapping_next(&p->lines, &m)) {
		enum freeze_reason reason = why_not(&m);
		if (m.start <= (uintptr_t)p && m.end > (uintptr_t)p)
			p->locks_all = mapping_has(&m, "lo");
		allow_see(allow, &m);
		if (reason == FREEZE_REASONS)
			add_pieces(p, &m);
		else
			size_add(&p->report->left[reason], m.anonymous);
		n++;
	}
	lines_close(&p->lines);
	return n > MAPPINGS_MAX ? -E2BIG : 0;
}

static enum freeze_verdict judge(const struct freeze_options *options, const struct allow *allow,
	struct freeze_report *report)
{
	struct text because = TEXT_IN(report->because);

	if (options->ask == FREEZE_NEVER)
		return FREEZE_NOT_ASKED;
	if (options->ask == FREEZE_ALWAYS || options->allowed)
		return FREEZE_DONE;
	text_add(&because, *allow->refused ? allow->refused : allow->granted);
	if (*allow->refused)
		return FREEZE_REFUSED;
	return allow->known ? FREEZE_DONE : FREEZE_UNKNOWN;
}

static void leave_all(struct pieces *p, enum freeze_reason reason)
{
	for (unsigned i = 0; i < p->n; i++)
		size_add(&p->report->left[reason], piece_anonymous(p, &p->all[i], p->all[i].start));
	p->n = 0;
}

/* A rehearsal that cannot be done, or whose hot pages are too many, is no reason to end. */
static int rehearse(struct pieces *p, const struct freeze_options *options)
{
	for (int i = 0; i < REHEARSALS && options->rehearse && p->n; i++) {
		if (options->rehearse(options->context) < 0)
			return 0;
		int r = pieces_split_hot(p);
		if (r <= 0)
			return r;
	}
	return 0;
}

static int freeze(struct pieces *p, const struct freeze_options *options)
{
	struct freeze_report *report = p->report;
	struct allow allow = { 0 };

	keep_what_is_written(p, options);
	int r = survey(p, &allow);
	if (r < 0) {
		leave_all(p, FREEZE_UNMOVED);
		report->verdict = FREEZE_FAILED;
		report->error = -r;
		return 0;
	}
	if (options->ask == FREEZE_AUTO)
		allow_look(&allow, &p->lines);
	enum freeze_verdict verdict = judge(options, &allow, report);
	if (verdict != FREEZE_DONE) {
		leave_all(p, FREEZE_NOT_ALLOWED);
		report->verdict = verdict;
		report->error = 0;
		return 0;
	}
	/* mlockall(MCL_FUTURE): whatever is mapped is locked, and a private copy of it made. */
	if (p->locks_all)
		leave_all(p, FREEZE_LOCKED);
	if (!p->n)
		return 0;
	r = pieces_move(p);
	return r < 0 ? r : rehearse(p, options);
}

/* All signals: a handler would write to memory that has just been copied. */
static void block_signals(uint64_t *ret_was)
{
	uint64_t all = ~0ULL;

	sys(rt_sigprocmask, SIG_BLOCK, &all, ret_was, sizeof(all));
}

/* In the report; the program is as it was. */
static int refused(struct freeze_report *report, long error)
{
	report->verdict = FREEZE_FAILED;
	report->error = (int)-error;
	return 0;
}

static int freeze_in(struct pieces *p, const struct freeze_options *options)
{
	uint64_t mask = 0;

	p->memfd = -1;
	p->pagemap = (int)sys(openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (p->pagemap < 0)
		return refused(p->report, p->pagemap);
	block_signals(&mask);
	int r = freeze(p, options);
	sys(rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof(mask));
	sys(close, p->pagemap);
	if (p->memfd >= 0)
		sys(close, p->memfd);
	return r;
}

int template_freeze(const struct freeze_options *options, struct freeze_report *ret_report)
{
	const int protection = PROT_READ | PROT_WRITE, kind = MAP_SHARED | MAP_ANONYMOUS;
	long at = sys(mmap, 0, sizeof(struct pieces), protection, kind, -1, 0);

	memset(ret_report, 0, sizeof(*ret_report));
	if (at <= 0) /* of a program's addresses none is negative */
		return refused(ret_report, at);
	struct pieces *p = (struct pieces *)at;
	p->report = ret_report;
	int r = freeze_in(p, options);
	sys(munmap, at, sizeof(*p));
	return r;
}
