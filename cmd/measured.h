/*
 * What is measured: containers by name, or all of them, and what the options of those who measure
 * add: one table of rows for every command that takes a census.
 *
 *	automatic(measured) struct measured m = { 0 };
 *	measured_open(&m, context, &words, names, n_names, e);
 *	measured_take(&m, 0, &census, e);
 *
 * A measured set is of the moment that it was opened; only the processes in it are listed afresh by
 * each measured_take(). Who looks again and again, at containers that come and go, opens it again.
 *
 * What cannot be opened or listed (too many files are open) is a row without figures, and a reason
 * why the census is not exact; it is not the end of the others. The limit of open files is raised
 * for all of this program: open_files.h.
 */
#ifndef CMD_MEASURED_H
#define CMD_MEASURED_H

#include "cgroup/census.h"
#include "cgroup/cgroup.h"
#include "cgroup/family.h"
#include "cmd/commands.h"
#include "cmd/engine.h"
#include "cmd/listing.h"

struct measured_words {
	struct option_list cgroups, pids;
	bool all, fast, no_freeze, host;
	bool never_freeze; /* no word: of those who look again and again, and must not disturb */
};

#define MEASURED_ROW(type, words, name, kind, member, value, help)                                 \
	{                                                                                          \
		name, 0, kind, offsetof(type, words.member), value, help                           \
	}

/* `words`: the member of `type` that is a struct measured_words. */
#define MEASURED_LIVE_ROWS(type, words)                                                            \
	MEASURED_ROW(type, words, "cgroup", OPTION_LIST, cgroups, "DIR",                           \
		"measure this cgroup directory too, whoever made it"),                             \
		MEASURED_ROW(type, words, "pid", OPTION_LIST, pids, "PID",                         \
			"measure this process and its descendants too"),                           \
		MEASURED_ROW(type, words, "host", OPTION_FLAG, host, NULL,                         \
			"all other processes as a row too"),                                       \
		MEASURED_ROW(type, words, "fast", OPTION_FLAG, fast, NULL,                         \
			"estimate, by the kernel's own sums")

/* The same, and how it is read. */
#define MEASURED_ROWS(type, words)                                                                 \
	MEASURED_LIVE_ROWS(type, words),                                                           \
		MEASURED_ROW(type, words, "no-freeze", OPTION_FLAG, no_freeze, NULL,               \
			"freeze only what changes while it is read")

/* Of commands that open by measured_open_any(): beside the others. */
#define MEASURED_ALL_ROW(type, words)                                                              \
	MEASURED_ROW(type, words, "all", OPTION_FLAG, all, NULL,                                   \
		"containers of all engines, services, and every other group too")

/* Who belongs to a thing. */
enum measured_members {
	MEASURED_GROUP,	    /* all in its group and below */
	MEASURED_ALONE,	    /* all in its group */
	MEASURED_RESIDENTS, /* of a container without a group: runtime/residents.h */
	MEASURED_FAMILY,    /* a process and its descendants */
};

/*
 * Where the same process could belong to two things (in v2 and in v1, or because somebody named a
 * group that is found as well), it belongs to the one of the smallest rank; and of two groups of
 * that, one inside the other, to the innermost.
 */
enum measured_rank {
	RANK_NAMED, /* our containers and what else was named, and v2 groups of containers */
	RANK_CONTAINER_V1,
	RANK_GROUP,
	RANK_GROUP_V1,
};

/* Where a thing is from, beside it: sources[i] of things[i]. */
struct measured_source {
	enum measured_members members;
	enum measured_rank rank;
	const struct record *record; /* of our container; NULL: not ours */
	struct cgroup group;	     /* fd -1: it has none that we could open */
	int failed;		     /* -errno: it has one, and we could not open it; 0 */
	bool is_unread;		     /* as of the last census: its processes could not be listed */
	bool is_v1;		     /* that one is of v1's memory hierarchy */
	dev_t dev;		     /* what that one is, whatever its path */
	ino_t ino;
	pid_t pid; /* the first of a family, and when it began */
	uint64_t start;
	uid_t maker;		  /* of its group: engine.h */
	char *whole;		  /* path of a group of RANK_NAMED; NULL: not looked for */
	bool has_inner;		  /* another of these is inside */
	char *path;		  /* below its hierarchy's root; NULL: not looked for */
	char *name, *id, *engine; /* what things[i] borrows */
};

void measured_source_done(struct measured_source *s);
DEFINE_AUTO(measured_source, measured_source_done)

struct measured_claim {
	pid_t pid;
	enum measured_rank rank;
	size_t depth; /* of its group; 0: none, or nobody asks */
};

struct measured {
	struct listing listing; /* whose records the sources borrow */
	struct census_thing *things;
	struct measured_source *sources;
	size_t n;
	const struct measured_words *words; /* borrowed */
	/* Containers that have too many files to know their page cache; the first of them, said. */
	size_t n_without_cache;
	struct err without_cache;
	/* Groups that could not be looked for, and the first of them, said; and those of one census. */
	size_t n_unseen, n_unread;
	struct err unseen, unread;
	const char *store; /* all of whose layers may be asked for, borrowed; NULL: none */
	struct engines engines;
	/* As of the look that is going on. */
	struct families families;
	struct measured_claim *claims; /* by pid: only where ranks and depths can matter */
	size_t n_claims;
	size_t last_listed;
};

/*
 * `names`: these containers; none: all that live, unless the words name something else to measure.
 * Opens c->home if it must. On failure `ret` is as it was. The process that measures, and what it
 * has started, is left out of all: it would not be there if nobody looked.
 */
int measured_open(struct measured *ret, struct context *c, const struct measured_words *words,
	char *const *names, size_t n_names, struct err *e);

/*
 * The same, and with --all all other groups with processes: v2's, and those of v1's memory
 * hierarchy. For programs that link libcgroup.
 */
int measured_open_any(struct measured *ret, struct context *c, const struct measured_words *words,
	char *const *names, size_t n_names, struct err *e);

/* One more thing. Takes the source, also when it fails. */
int measured_add(struct measured *m, struct measured_source s, struct err *e);

/* Finds out where it is, and whether a thing that is measured is inside; before it is added. */
int measured_place(const struct measured *m, struct measured_source *s, struct err *e);

/* What a group's path and maker tell of it: name and engine, and the id of a container. */
void measured_recognise(struct measured *m, const char *path, struct measured_source *s);

/* Another look begins: who belongs to whom is found out afresh. */
void measured_look(struct measured *m);

/*
 * Its processes but for us and for those that a thing of a smaller rank, or inside, has. Those of a group that
 * has gone are none.
 */
int measured_list(struct measured *m, const struct measured_source *s, pid_t **ret, size_t *ret_n,
	struct err *e);

/*
 * A census of them; `details`: that of census_options. With CENSUS_FILES it is found of which layers
 * these are; with MEASURED_LAYERS also how much of each layer is in memory.
 */
#define MEASURED_LAYERS (1U << 16)
int measured_take(struct measured *m, unsigned details, struct census *ret, struct err *e);

void measured_done(struct measured *m);
DEFINE_AUTO(measured, measured_done)

#endif
