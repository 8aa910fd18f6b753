/* Kernel parameters that belong to a container: which there are, and which namespace holds each. */
#ifndef SPEC_SYSCTL_H
#define SPEC_SYSCTL_H

#include <stdbool.h>

#define SYSCTL_PATH_MAX 256

/*
 * The path below /proc/sys of a key in either spelling ("net.ipv4.ip_forward", or with slashes when
 * a component holds a dot). False when it is no key: empty components, "..", other characters.
 */
bool sysctl_path(const char *key, char ret_path[SYSCTL_PATH_MAX]);

/* The CLONE_NEW* type of the namespace that holds it; 0: it is the whole kernel's. */
int sysctl_namespace(const char *path);

#endif
