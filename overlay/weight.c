/* How much of an image's size is its own. */
#include "overlay/weight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/layer.h"

/* That an image has a layer. */
struct use {
	const char *layer, *image;
	size_t index;
};

static int compare(const void *a, const void *b)
{
	const struct use *u = a, *v = b;
	int layers = strcmp(u->layer, v->layer), images = strcmp(u->image, v->image);

	if (layers || images)
		return layers ? layers : images;
	return u->index < v->index ? -1 : u->index > v->index;
}

/* Sorted by layer, then by image. */
static struct use *list_uses(const struct image_list *list, size_t *ret_n)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		n += list->records[i].n_layers;
	struct use *uses = calloc(n + 1, sizeof(*uses));
	*ret_n = 0;
	for (size_t i = 0; uses && i < list->n; i++)
		for (size_t j = 0; j < list->records[i].n_layers; j++)
			uses[(*ret_n)++] = (struct use){ list->records[i].layers[j],
				list->records[i].config, i };
	if (uses && n)
		qsort(uses, n, sizeof(*uses), compare);
	return uses;
}

/* A layer that is not there, or is damaged, weighs nothing. */
static uint64_t size_of(const struct store *store, const char *layer)
{
	automatic(layer_meta) struct layer_meta meta = { 0 };
	struct err ignored;

	return layer_read(store, layer, &meta, &ignored) == 0 ? meta.size : 0;
}

/* The n uses of one layer; an image that has it twice has it once. */
static void add_layer(
	const struct store *store, const struct use *uses, size_t n, struct weight *weights)
{
	uint64_t size = size_of(store, uses[0].layer);
	bool shared = strcmp(uses[0].image, uses[n - 1].image) != 0;

	for (size_t i = 0; i < n; i++)
		if (i == 0 || uses[i].index != uses[i - 1].index)
			*(shared ? &weights[uses[i].index].shared : &weights[uses[i].index].own) +=
				size;
}

int weights_read(const struct store *store, const struct image_list *list, struct weight **ret,
	struct err *e)
{
	struct weight *weights = calloc(list->n + 1, sizeof(*weights));
	size_t n, end;
	autofree struct use *uses = list_uses(list, &n);

	if (!weights || !uses) {
		free(weights);
		return err_set(e, ENOMEM, "list images");
	}
	for (size_t i = 0; i < n; i = end) {
		for (end = i + 1; end < n && strcmp(uses[i].layer, uses[end].layer) == 0;)
			end++;
		add_layer(store, uses + i, end - i, weights);
	}
	*ret = weights;
	return 0;
}
