/* Images out of what `docker save` writes. */
#include <errno.h>
#include <string.h>

#include "overlay/digest.h"
#include "overlay/layout.h"

/* Docker up to 24 names the config by its digest: where it does, that is checked. */
static int check_name(const struct package *p, const char *member, struct err *e)
{
	const char *base = strrchr(member, '/');
	struct digest_text is;

	base = base ? base + 1 : member;
	int r = digest_of(p->config, p->config_len, &is, e);
	if (r < 0)
		return r;
	size_t digits = strspn(base, "0123456789abcdef");
	if (digits == DIGEST_HEX && (base[digits] == '\0' || strcmp(base + digits, ".json") == 0) &&
		memcmp(base, digest_hex(is.text), DIGEST_HEX) != 0)
		return err_say(
			e, ERR_DAMAGED, "'%s' is corrupt: its digest is %s", member, is.text);
	return 0;
}

static int load_image(const struct store *store, const struct parcel *parcel,
	const struct docker_image *image, const struct import_options *options,
	struct image_list *ret, struct err *e)
{
	autofree struct package_layer *layers = calloc(image->n_layers + 1, sizeof(*layers));
	autofree char *config = NULL;
	struct package p = {
		.refs = options->name ? &options->name : (const char *const *)image->repo_tags,
		.n_refs = options->name ? 1 : image->n_repo_tags,
		.layers = layers,
		.n_layers = image->n_layers,
	};

	if (!layers)
		return err_set(e, ENOMEM, "read '%s'", parcel->path);
	if (p.n_refs == 0)
		return err_say(e, ERR_NO_IMAGE,
			"'%s' has an image without a name: give it one (--name)", parcel->path);
	for (size_t i = 0; i < image->n_layers; i++)
		layers[i] =
			(struct package_layer){ .member = image->layers[i], .size = UINT64_MAX };
	int r = parcel_read(parcel, image->config, IMAGE_CONFIG_MAX, &config, &p.config_len, e);
	if (r < 0)
		return r;
	p.config = config;
	r = check_name(&p, image->config, e);
	return r < 0 ? r : package_load(store, parcel, &p, options, ret, e);
}

int docker_load(const struct store *store, const struct parcel *parcel,
	const struct import_options *options, struct image_list *ret, struct err *e)
{
	automatic(docker_archive) struct docker_archive archive = { 0 };
	autofree char *text = NULL;
	size_t len;

	int r = parcel_read(parcel, "manifest.json", IMAGE_DOCUMENT_MAX, &text, &len, e);
	if (r == 0)
		r = docker_archive_parse("manifest.json", text, len, &archive, e);
	if (r < 0)
		return err_while(e, "docker archive '%s'", parcel->path);
	if (archive.n_images == 0)
		return err_say(e, ERR_NO_IMAGE, "'%s' has no image", parcel->path);
	if (options->name && archive.n_images > 1)
		return err_say(e, ERR_USAGE, "'%s' has several images: one name does not fit all",
			parcel->path);
	for (size_t i = 0; r == 0 && i < archive.n_images; i++)
		r = load_image(store, parcel, &archive.images[i], options, ret, e);
	return r;
}
