/*
 * A blob on its way into a registry: asked for first, taken from another repository there if it has
 * it, and sent only then.
 */
#ifndef CMD_REGISTRY_UPLOAD_H
#define CMD_REGISTRY_UPLOAD_H

#include "cmd/registry/registry.h"
#include "overlay/digest.h"

enum upload_result {
	UPLOAD_RUNS = 0,
	UPLOAD_THERE,	/* the repository had it */
	UPLOAD_MOUNTED, /* another one of that registry had */
	UPLOAD_SENT,
	UPLOAD_MISSING, /* nobody has it, nor have we */
};

struct upload {
	struct exchange x;
	const struct registry *registry;
	const struct reference *ref;
	const char *from; /* another repository of that registry, which may have it; NULL: none */
	struct digest_text digest;
	char what[100];
	int fd;		  /* its bytes, or ... */
	const char *text; /* ... these. -1 and NULL: we have not got them */
	uint64_t size;
	enum upload_result result;
	enum { UPLOAD_ASKS = 0, UPLOAD_MOUNTS, UPLOAD_SENDS } stage;
	bool told;
};

/* `what`: "layer", "config". Must not move from here on. Bytes may be given before it is performed. */
void upload_begin(struct upload *u, const struct registry *r, const struct reference *ref,
	const char *what, const char *digest);

/* Performs those that have no result yet. */
int upload_perform(struct registry *r, struct upload **list, size_t n, void (*watch)(void *),
	void *watched, struct err *e);

/* For another go, with bytes. */
void upload_again(struct upload *u, int fd, uint64_t size, const char *digest);

void upload_done(struct upload *u);

#endif
