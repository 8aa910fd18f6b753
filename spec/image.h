/*
 * OCI image documents as plain values (image-spec 1.1), and Docker's spelling of the same.
 *
 * Everything here comes from strangers: each *_parse() bounds size, depth and counts, checks every
 * digest against its grammar (so that it may be used as a file name), and refuses a document that
 * could be read as two things. Sizes and digests of blobs are the store's to verify. What is parsed
 * is ended with *_done(); on failure nothing is left to end.
 */
#ifndef SPEC_IMAGE_H
#define SPEC_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/json.h"
#include "spec/base/opt.h"

#define DIGEST_PREFIX "sha256:"
#define DIGEST_HEX 64					       /* digits behind the prefix */
#define DIGEST_LENGTH (sizeof(DIGEST_PREFIX) - 1 + DIGEST_HEX) /* without the '\0' */

#define IMAGE_DOCUMENT_MAX (4u << 20) /* bytes of an index, a manifest, an oci-layout file */
#define IMAGE_CONFIG_MAX (8u << 20)
#define IMAGE_LAYERS_MAX 500 /* what one overlay mount takes */

/* "sha256:" and 64 lower-case hex digits, nothing else. NULL is false. */
bool digest_check(const char *digest);
/* The 64 digits of a checked digest, inside of it. */
const char *digest_hex(const char *digest);

enum media_kind { MEDIA_INDEX = 1, MEDIA_MANIFEST, MEDIA_CONFIG, MEDIA_LAYER };
enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

struct media_type {
	const char *name;
	enum media_kind kind;
	enum compression compression;
	bool foreign; /* "not distributable": its blob may be missing on purpose */
};

extern const struct media_type media_types[]; /* ends with a NULL name */
/* The row of that name, NULL when we do not know it (or it is NULL). */
const struct media_type *media_type_of(const char *name);
/* And back, in the spelling of OCI, or Docker's; of all compressions layers only have one. */
const char *media_type_name(enum media_kind kind, enum compression compression, bool docker);
bool media_type_is_docker(const char *name);

struct platform {
	char *os, *architecture, *variant, *os_version; /* Go's names: linux, amd64, v8 */
};

struct descriptor {
	char *media_type; /* NULL: not given */
	char *digest;	  /* checked */
	uint64_t size;
	struct platform *platform; /* of index entries; NULL: not given */
	struct string_pair *annotations;
	size_t n_annotations;
};

/* The tag of an entry of index.json, and the full reference that containerd writes beside it. */
#define ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"
#define ANNOTATION_IMAGE_NAME "io.containerd.image.name"

/* NULL when absent. */
const char *descriptor_annotation(const struct descriptor *d, const char *key);

struct index_doc {
	uint32_t schema_version;
	char *media_type;
	struct descriptor *manifests; /* manifests, nested indexes, and kinds we do not know */
	size_t n_manifests;
	bool has_layers, has_config; /* a manifest's keys: such a document is refused */
};

int index_parse(
	const char *what, const char *text, size_t len, struct index_doc *ret, struct err *e);
void index_done(struct index_doc *index);
DEFINE_AUTO(index_doc, index_done)

/*
 * The first entry for that platform (variant may be NULL: any); where entries name no platform at
 * all, the first image or index among these. NULL when there is none.
 */
const struct descriptor *index_select(const struct index_doc *index, const char *os,
	const char *architecture, const char *variant);

struct manifest_doc {
	uint32_t schema_version;
	char *media_type;
	struct descriptor config;
	struct descriptor *layers; /* base first; may be none */
	size_t n_layers;
	struct string_pair *annotations;
	size_t n_annotations;
	bool has_manifests; /* an index's key: such a document is refused */
};

/* Also checks that it is an image (its config's and layers' media types are of media_types[]). */
int manifest_parse(
	const char *what, const char *text, size_t len, struct manifest_doc *ret, struct err *e);
void manifest_done(struct manifest_doc *manifest);
DEFINE_AUTO(manifest_doc, manifest_done)

struct image_healthcheck {
	char **test;
	size_t n_test;
	struct opt_i64 interval, timeout, start_period, start_interval, retries;
};

/* The image config's "config": what a container of it runs unless told otherwise. */
struct image_process {
	char *user, *working_dir, *stop_signal;
	char **env, **entrypoint, **cmd;
	char **volumes, **exposed_ports; /* the keys of these objects */
	struct string_pair *labels;
	size_t n_env, n_entrypoint, n_cmd, n_volumes, n_exposed_ports, n_labels;
	/* What Docker adds: kept for whoever knows it, and of no effect here. */
	struct image_healthcheck *healthcheck;
	char **on_build, **shell;
	size_t n_on_build, n_shell;
	struct opt_i64 stop_timeout;
	bool args_escaped;
};

extern const struct field image_process_fields[];

/* How a layer came to be, or a change of the config alone. */
struct image_history {
	char *created, *created_by, *author, *comment; /* NULL: not told */
	bool empty_layer;			       /* none of diff_ids is of this entry */
};

extern const struct field image_history_fields[];

enum rootfs_type { ROOTFS_LAYERS = 1 };

struct image_config {
	char *architecture, *os, *variant, *created, *author, *os_version;
	char **os_features;
	size_t n_os_features;
	struct image_process config;
	int rootfs_type; /* enum rootfs_type */
	char **diff_ids; /* checked digests of the uncompressed layers, base first */
	size_t n_diff_ids;
	struct image_history *history; /* oldest first; may be none, whatever the layers are */
	size_t n_history;
};

int image_config_parse(
	const char *what, const char *text, size_t len, struct image_config *ret, struct err *e);
void image_config_done(struct image_config *config);
DEFINE_AUTO(image_config, image_config_done)
/*
 * The document, compact; the image's id is the sha256 of these bytes. For an imported root file
 * system architecture, os, created and the one diffID are enough; rootfs_type is filled in.
 */
void image_config_write(const struct image_config *config, struct str *out);
/*
 * A manifest: its version is filled in, and its media type with that of OCI unless it has one; those
 * of its descriptors are not.
 */
void manifest_write(const struct manifest_doc *manifest, struct str *out);

/* `docker save`: manifest.json is a list of these; names are members of the archive. */
struct docker_image {
	char *config;
	char **repo_tags, **layers;
	size_t n_repo_tags, n_layers;
};

struct docker_archive {
	struct docker_image *images;
	size_t n_images;
};

int docker_archive_parse(
	const char *what, const char *text, size_t len, struct docker_archive *ret, struct err *e);
void docker_archive_done(struct docker_archive *archive);
DEFINE_AUTO(docker_archive, docker_archive_done)

/* The oci-layout file: 0 when it is a layout of version 1.x. */
int image_layout_check(const char *what, const char *text, size_t len, struct err *e);

/* What the store keeps of an image's name: images/<sha256 of ref>.json. */
struct image_record {
	char *ref;
	char *manifest; /* digest; NULL: there was none (docker archive, root file system) */
	char *config;	/* digest: the image's id */
	char **layers;	/* diffIDs, base first */
	size_t n_layers;
	uint64_t size;		   /* bytes of the layers, unpacked */
	char *created, *pulled_at; /* RFC 3339 */
};

int image_record_parse(
	const char *what, const char *text, size_t len, struct image_record *ret, struct err *e);
void image_record_write(const struct image_record *record, struct str *out);
void image_record_done(struct image_record *record);
DEFINE_AUTO(image_record, image_record_done)

#endif
