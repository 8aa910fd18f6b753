/* The usual links of /dev (runtime-spec runtime-linux.md, "Dev symbolic links"), and the one of its terminals. */
#ifndef RUNTIME_INIT_DEV_LINKS_H
#define RUNTIME_INIT_DEV_LINKS_H

#include <stddef.h>

static const struct dev_link {
	const char *name, *to;
} dev_links[] = { { "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" }, { "core", "/proc/kcore" },
	{ "ptmx", "pts/ptmx" } };
static const size_t n_dev_links = sizeof(dev_links) / sizeof(dev_links[0]);

#endif
