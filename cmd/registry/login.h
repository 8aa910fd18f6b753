/*
 * Where credentials are kept on this machine: the files of podman and docker, the first one that
 * has some for a registry counts.
 *
 *	the one that was asked for, else $REGISTRY_AUTH_FILE, and then no other; else
 *	$XDG_RUNTIME_DIR/containers/auth.json, or /run/containers/UID/auth.json
 *	$XDG_CONFIG_HOME/containers/auth.json, or ~/.config/containers/auth.json
 *	$DOCKER_CONFIG/config.json, or ~/.docker/config.json
 *
 * LIMIT: refresh tokens ("identitytoken"), as some clouds' login keeps them, are not used.
 */
#ifndef CMD_REGISTRY_LOGIN_H
#define CMD_REGISTRY_LOGIN_H

#include "spec/reference.h"

/* `file`: asked for, or NULL. `ret`: base64 of "user:password", the caller's; NULL: there are none.
 */
int login_find(const char *file, const struct reference *ref, char **ret, struct err *e);

#endif
