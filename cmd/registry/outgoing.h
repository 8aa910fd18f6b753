/* The manifest of an image that goes out: the one that it came with, or one like it. */
#ifndef CMD_REGISTRY_OUTGOING_H
#define CMD_REGISTRY_OUTGOING_H

#include "overlay/image.h"
#include "spec/image.h"

struct outgoing_layer {
	const char *diff_id;
	/* As it came, with this image or another one of the store; digest "": not known. */
	struct outgoing_blob {
		char digest[DIGEST_LENGTH + 1];
		uint64_t size;
		enum compression compression;
	} came, goes; /* and as it goes out */
	char *home;   /* name of the image with which it came; NULL: not known */
};

struct outgoing {
	struct image image;
	char *config; /* its text */
	size_t config_len;
	char *old; /* the manifest that it came with; NULL: none */
	size_t old_len;
	struct manifest_doc old_doc;
	struct outgoing_layer *layers;
	size_t n_layers;
	bool docker; /* in Docker's spelling, as it came */
};

int outgoing_read(const struct store *store, const char *ref, struct outgoing *ret, struct err *e);

/* When all layers are known. `ret_type`: its media type. */
int outgoing_write(struct outgoing *o, struct str *ret, const char **ret_type, struct err *e);

void outgoing_done(struct outgoing *o);
DEFINE_AUTO(outgoing, outgoing_done)

#endif
