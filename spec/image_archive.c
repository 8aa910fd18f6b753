/* The documents beside an image: `docker save`'s manifest.json, and the oci-layout file. */
#include <errno.h>

#include "spec/image_read.h"

static const struct field docker_image_fields[] = {
	FIELD(struct docker_image, "Config", FIELD_STRING, config, .must = true),
	FIELD_LIST(struct docker_image, "RepoTags", FIELD_STRING, repo_tags, n_repo_tags),
	FIELD_LIST(struct docker_image, "Layers", FIELD_STRING, layers, n_layers),
	{ 0 },
};

static const struct field docker_archive_fields[] = {
	FIELD_LIST(struct docker_archive, "images", FIELD_OBJECT, images, n_images,
		.inside = docker_image_fields, .size = sizeof(struct docker_image)),
	{ 0 },
};

int docker_archive_parse(
	const char *what, const char *text, size_t len, struct docker_archive *ret, struct err *e)
{
	automatic(docker_archive) struct docker_archive archive = { 0 };

	if (json_read_list(
		    what, text, len, docker_archive_fields, &archive, &json_usual_limits, e) < 0)
		return image_blame(what, e);
	for (size_t i = 0; i < archive.n_images; i++)
		if (archive.images[i].n_layers > IMAGE_LAYERS_MAX)
			return err_say(e, EFBIG,
				"%s: [%zu].Layers: %zu layers, more than the %d allowed", what, i,
				archive.images[i].n_layers, IMAGE_LAYERS_MAX);
	*ret = archive;
	archive = (struct docker_archive){ 0 };
	return 0;
}

void docker_archive_done(struct docker_archive *archive)
{
	json_free(docker_archive_fields, archive);
}

struct layout {
	char *version;
};

static const struct field layout_fields[] = {
	FIELD(struct layout, "imageLayoutVersion", FIELD_STRING, version, .must = true),
	{ 0 },
};

int image_layout_check(const char *what, const char *text, size_t len, struct err *e)
{
	struct layout layout = { 0 };

	if (json_read(what, text, len, layout_fields, &layout, &json_usual_limits, e) < 0)
		return image_blame(what, e);
	int r = 0;
	if (!str_starts(layout.version, "1."))
		r = err_say(e, EINVAL, "%s: imageLayoutVersion: '%.40s' is not supported, only 1.x",
			what, layout.version);
	json_free(layout_fields, &layout);
	return r;
}
