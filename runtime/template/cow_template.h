/*
 * cow_template: what a program calls to become a template.
 *
 *	int main(int argc, char **argv)
 *	{
 *		load();					 // what every fork needs, once
 *		struct cow_fork fork = { argc, argv, NULL };
 *		cow_template_ready(&fork);		 // returns in each fork
 *		serve(fork.argc, fork.argv);
 *	}
 *
 * Below `cow template create` the call stays: the process is the template, which `cow fork` forks. It
 * returns 0 in each fork, which is a container by then: with namespaces, cgroup, files, user, environment
 * and standard streams of its own, and with no other file descriptor but those it was given.
 * Anywhere else it returns -ENOTCONN at once and changes nothing, so the same program runs plainly as well.
 *
 * A template has one thread. What it may not have (open files, writable shared memory, ...) is told to
 * whoever waits for it, by `cow template create`, and it ends; cow(1), TEMPLATES, has the list.
 *
 * Link with -lcow_template: a static or a shared library that needs nothing but a libc with fork().
 */
#ifndef COW_TEMPLATE_H
#define COW_TEMPLATE_H

#ifdef __cplusplus
extern "C" {
#endif

struct cow_fork {
	int argc;
	char **argv; /* the fork's own, NULL at the end; there for the life of the process */
	char **envp; /* `environ` points there too */
};

/* Fork by fork; NULL: nothing to do. For what a language's runtime must know of. */
struct cow_template_hooks {
	void (*before)(void);	    /* in the template, before each fork */
	void (*after_parent)(void); /* in the template, after it */
	void (*after_child)(
		void); /* in the fork, when it is a container, before the call returns */
};

/* 0 in a fork; -ENOTCONN: this process is no template; -EALREADY: it is a fork of one. */
int cow_template_ready(struct cow_fork *ret);

/* Before cow_template_ready(); copied. */
void cow_template_hooks(const struct cow_template_hooks *hooks);

/*
 * Before cow_template_ready(): the program bears it that its memory is frozen, that is, moved into one
 * sealed file of memory, so that a fork copies no page tables: a program of 1 GiB is forked as fast as one of
 * 1 MiB. It does, if nothing in it counts on madvise(MADV_DONTNEED) giving back zeros, nor needs
 * MADV_FREE: with glibc's or musl's malloc() it does, with jemalloc it does not. CPython needs not say so.
 */
void cow_template_allow_freeze(void);

/* The same, in the executable itself: COW_TEMPLATE_ALLOW_FREEZE; outside of any function. */
#define COW_TEMPLATE_ALLOW_FREEZE                                                                  \
	__asm__(".pushsection .note.cowrun, \"a\", %note\n"                                        \
		"	.balign 4\n"                                                                     \
		"	.long 7, 0, 1\n"                                                                 \
		"	.asciz \"cowrun\"\n"                                                             \
		"	.balign 4\n"                                                                     \
		"	.popsection")

#ifdef __cplusplus
}
#endif

#endif
