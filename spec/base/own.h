/*
 * Ownership by scope.
 *
 * Whoever makes a thing frees it, at the end of its scope; take() and take_fd() are the only ways
 * to give it away. Destructors accept NULL, -1, zeroed and half-built objects. "No fd" is -1, and
 * the test is always `>= 0`.
 */
#ifndef SPEC_BASE_OWN_H
#define SPEC_BASE_OWN_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void own_free(void *p)
{
	free(*(void **)p);
}

/* Keeps errno, since errors are often on their way up when scopes end. */
static inline void own_close(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

#define autofree __attribute__((cleanup(own_free)))
#define autofd __attribute__((cleanup(own_close)))
#define automatic(type) __attribute__((cleanup(type##_scope_end)))

/* DEFINE_AUTO(str, str_done) makes `automatic(str) struct str s = { 0 };` call str_done(&s). */
#define DEFINE_AUTO(type, done)                                                                    \
	static inline void type##_scope_end(struct type *object)                                   \
	{                                                                                          \
		done(object);                                                                      \
	}

#define take(pointer)                                                                              \
	({                                                                                         \
		__typeof__(pointer) taken_ = (pointer);                                            \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
