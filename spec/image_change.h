/*
 * Changes of an image's config in the words of a Dockerfile, as `docker commit --change` takes them:
 *
 *	CMD ["sh", "-c", "..."]		or a shell's line, which /bin/sh -c gets
 *	ENTRYPOINT ...			the same; the image's CMD goes with it
 *	ENV NAME=VALUE ...		or NAME and the rest of the line
 *	LABEL NAME=VALUE ...
 *	EXPOSE 80 443/tcp ...
 *	VOLUME /a /b ...		or a JSON list
 *	USER NAME[:GROUP]
 *	WORKDIR DIR			relative to the one that there is
 *	STOPSIGNAL SIGNAL
 *	ONBUILD INSTRUCTION
 *
 * Words may be quoted as in a Dockerfile; variables are not replaced. Pure.
 */
#ifndef SPEC_IMAGE_CHANGE_H
#define SPEC_IMAGE_CHANGE_H

#include "spec/image.h"

/* -EINVAL with what is wrong; then the config may hold a part of it, and is not to be used. */
int image_change(const char *text, struct image_process *config, struct err *e);

#endif
