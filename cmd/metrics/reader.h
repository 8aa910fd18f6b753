/*
 * A census in a process of its own, as text: while it goes on, connections are served, and when it
 * hangs or dies, they still are.
 */
#ifndef CMD_METRICS_READER_H
#define CMD_METRICS_READER_H

#include <sys/types.h>

#include "cmd/measured.h"
#include "spec/base/str.h"

/* What is measured, and what is told of it. */
struct subject {
	struct context *context;
	struct measured_words words;
	char *const *names;
	size_t n_names;
	bool pairs;
};

/* Measures here and now. */
int subject_read(const struct subject *s, uint64_t n_censuses, struct str *ret, struct err *e);

struct reader {
	pid_t pid; /* 0: none goes on */
	int fd;	   /* what it writes */
	struct str text;
};

#define READER_NONE ((struct reader){ .fd = -1 })

int reader_start(const struct subject *s, uint64_t n_censuses, struct reader *r, struct err *e);

/* Takes what is there. 0: there will be more; 1: it has ended, and reader_end() is due. */
int reader_take(struct reader *r);

/* 0, with the text, which is the caller's now; or why there is none. */
int reader_end(struct reader *r, struct str *ret, struct err *e);

/* Ends it; nothing that it has frozen stays so (cgroup/frost.h). */
void reader_done(struct reader *r);
DEFINE_AUTO(reader, reader_done)

#endif
