/*
 * The error value.
 *
 * A function that can fail takes a `struct err *` last and returns 0 or -errno. The value is the
 * caller's, needs no freeing and no allocation, so it works when memory is out, and one write()
 * carries a child's whole failure to its parent. Context is added on the way up, outermost first:
 *
 *	if (fsconfig(...) < 0)
 *		return err_set(e, errno, "set lower layer '%s'", dir);
 *	if (unpack_layer(...) < 0)
 *		return err_while(e, "layer %zu of '%s'", i, name);
 *
 * gives "layer 2 of 'debian': set lower layer 'x': no such file or directory". Text is one line,
 * lower case, objects in single quotes, no full stop. Test for a cause by `code`, never by text.
 */
#ifndef SPEC_BASE_ERR_H
#define SPEC_BASE_ERR_H

#define ERR_TEXT_MAX 1020

struct err {
	int code; /* an errno, or one of enum err_code; 0: no error */
	char text[ERR_TEXT_MAX];
};

/* Causes that no errno names. Returned negated, as errnos are. */
enum err_code {
	ERR_PROGRAM_MISSING = 4096, /* the container's program does not exist: exit status 127 */
	ERR_PROGRAM_REFUSED,	    /* it exists and cannot be run: exit status 126 */
	ERR_NO_CONTAINER,	    /* no container of that id */
	ERR_NOT_RUNNING,	    /* the container is in no state for what was asked */
	ERR_NO_CONTROLLER, /* a limit whose cgroup controller this host does not offer in v2 */
	ERR_NO_IMAGE,	   /* no image of that name in the store */
	ERR_DAMAGED,	   /* bytes that are not what their digest, size or format says */
	ERR_USAGE,	   /* the command line is wrong */
};

/* What was attempted on which object, and the reason that errno `code` stands for. Returns -code.
 */
int err_set(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, where the text says the reason itself. Returns -code. */
int err_say(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<context>: " before the text of an error already set. Returns -e->code. */
int err_while(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * One line, whatever the names in it hold: control characters, also those of U+0080 to U+009F, which
 * would split it, hide it or command a terminal, become '?'.
 */
void err_clean(char *text);

/* The system's words for an errno, lower case; for other codes "". */
const char *err_reason(int code);

#endif
