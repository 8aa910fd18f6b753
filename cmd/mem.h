/* A census as people and programs read it. */
#ifndef CMD_MEM_H
#define CMD_MEM_H

#include <stdbool.h>
#include <stdio.h>

#include "cgroup/census.h"
#include "spec/base/json.h"

/* What there is a row for; in the order of the words of --by. */
enum mem_by { MEM_BY_CONTAINER, MEM_BY_PROCESS, MEM_BY_KIND, MEM_BY_FILE, MEM_BY_LAYER };
#define MEM_BY_WORDS "process|kind|file|layer"

/* What must be asked for (measured_take) to tell that. */
unsigned mem_details(enum mem_by by);

/*
 * One row for each container and template, and a summary. Estimates have a "~" before them, what
 * the host cannot tell is "-". `terminal`: bold header, long names cut.
 */
int mem_print_table(FILE *to, const struct census *c, bool terminal, struct err *e);

/* The sums, and what the figures are worth: the line below every table. */
void mem_print_summary(FILE *to, const struct census *c);

/* Who shares how much with whom; on the diagonal what each maps. */
int mem_print_matrix(FILE *to, const struct census *c, bool terminal, struct err *e);

/* The table of `by`, with the summary. Processes: of each container the largest first. */
int mem_print_by(FILE *to, const struct census *c, enum mem_by by, bool terminal, struct err *e);

/*
 * Files and layers, largest first, with a line of sums. `terminal`: no more than MEM_FILES_SHOWN
 * files, and how many more there are.
 */
#define MEM_FILES_SHOWN 40
int mem_print_files(FILE *to, const struct census *c, bool terminal, struct err *e);
int mem_print_layers(FILE *to, const struct census *c, bool terminal, struct err *e);

/* What of a container is of one kind. Bytes; what the host cannot tell is unset. */
struct mem_kind_row {
	char *container; /* the usage's */
	char *kind;	 /* static */
	struct opt_u64 private, shared;
};

/* The kinds that each container has, the caller frees the list. */
int mem_list_kinds(const struct census *c, struct mem_kind_row **ret, size_t *ret_n, struct err *e);

/* What the words mean; the last word is NULL. */
struct mem_word {
	const char *word, *meaning;
};
extern const struct mem_word mem_legend[];

/* Kinds of memory by the names of their JSON keys. */
#define MEM_KINDS 6
struct mem_kind {
	const char *name;
	size_t offset; /* of the struct memory_kind in struct memory_kinds */
};
extern const struct mem_kind mem_kinds[MEM_KINDS];
void mem_print_legend(FILE *to);

/*
 * {"exact", "containers": [...], "union_bytes", ...}: bytes, null where the host cannot tell. Fills
 * in what census_rank() does.
 */
int mem_print_json(FILE *to, struct census *c, struct err *e);

/* A line of keys and one for each row; what the host cannot tell is empty. */
int mem_print_csv(FILE *to, const struct census *c, enum mem_by by, struct err *e);

/* The object of mem_print_json(); without census_rank() each "shared_with" is empty. */
int mem_add_json(struct str *out, const struct census *c, enum json_style style, struct err *e);

/* It as a page for a browser, in `file`; "-" is the standard output. */
int mem_save_page(const char *file, const struct census *c, struct err *e);

#endif
