/* cow verify: what is damaged in the store. */
#include <stdio.h>
#include <string.h>

#include "cmd/export/commands.h"
#include "cmd/interrupt.h"
#include "overlay/confine.h"
#include "overlay/member.h"
#include "overlay/verify.h"

struct verify_words {
	bool json, repair;
};

static const struct option_row options[] = {
	{ "repair", 0, OPTION_FLAG, offsetof(struct verify_words, repair), NULL,
		"take away what is damaged, to be loaded or pulled again" },
	{ "json", 0, OPTION_FLAG, offsetof(struct verify_words, json), NULL, "for programs" },
	{ 0 },
};

static const char *const kinds[] = {
	[FINDING_IMAGE] = "image",
	[FINDING_LAYER] = "layer",
	[FINDING_DOCUMENT] = "document",
	[FINDING_LEFT] = "left",
	[FINDING_KEPT] = "kept",
	[FINDING_NOTE] = "note",
};

struct row {
	char *kind, *name, *path, *what;
};

struct report {
	uint64_t images, layers, documents, objects;
	struct row *damaged, *notes;
	size_t n_damaged, n_notes;
	bool json, failed;
};

static const struct field row_fields[] = {
	FIELD(struct row, "kind", FIELD_STRING, kind),
	FIELD(struct row, "name", FIELD_STRING, name),
	FIELD(struct row, "path", FIELD_STRING, path),
	FIELD(struct row, "what", FIELD_STRING, what),
	{ 0 },
};

static const struct field report_fields[] = {
	FIELD(struct report, "images", FIELD_U64, images, .always = true),
	FIELD(struct report, "layers", FIELD_U64, layers, .always = true),
	FIELD(struct report, "documents", FIELD_U64, documents, .always = true),
	FIELD(struct report, "objects", FIELD_U64, objects, .always = true),
	FIELD_LIST(struct report, "damaged", FIELD_OBJECT, damaged, n_damaged, .always = true,
		.inside = row_fields, .size = sizeof(struct row)),
	FIELD_LIST(struct report, "notes", FIELD_OBJECT, notes, n_notes, .always = true,
		.inside = row_fields, .size = sizeof(struct row)),
	{ 0 },
};

static void report_done(struct report *r)
{
	json_free(report_fields, r);
}
DEFINE_AUTO(report, report_done)

static void keep_row(struct report *r, const struct finding *f)
{
	bool is_note = f->kind >= FINDING_LEFT;
	struct row **rows = is_note ? &r->notes : &r->damaged;
	size_t *n = is_note ? &r->n_notes : &r->n_damaged;
	struct row *more = reallocarray(*rows, *n + 1, sizeof(*more));

	if (!more) {
		r->failed = true;
		return;
	}
	*rows = more;
	more[*n] = (struct row){ .kind = strdup(kinds[f->kind]),
		.name = strdup(f->name),
		.path = f->path ? strdup(f->path) : NULL,
		.what = strdup(f->what) };
	r->failed |= !more[*n].kind || !more[*n].name || !more[*n].what;
	++*n;
}

static void tell(void *to, const struct finding *f)
{
	struct report *r = to;
	struct member_text shown;

	if (r->json)
		keep_row(r, f);
	else if (f->path)
		printf("%s %s: '%s': %s\n", kinds[f->kind], f->name, member_show(f->path, &shown),
			f->what);
	else
		printf("%s %s: %s\n", kinds[f->kind], f->name, f->what);
}

static int print_json(struct report *r, const struct verify_result *result, struct err *e)
{
	automatic(str) struct str text = { 0 };

	r->images = result->images;
	r->layers = result->layers;
	r->documents = result->documents;
	r->objects = result->objects;
	json_write(report_fields, r, JSON_INDENTED, &text);
	if (r->failed || !str_ok(&text))
		return err_set(e, ENOMEM, "print what was found");
	puts(text.data);
	return 0;
}

static void print_sum(const struct verify_result *r)
{
	printf("%ju images, %ju documents, %ju layers, %ju shared contents: ", (uintmax_t)r->images,
		(uintmax_t)r->documents, (uintmax_t)r->layers, (uintmax_t)r->objects);
	if (r->findings)
		printf("%ju things are not as they were\n", (uintmax_t)r->findings);
	else
		puts("all is as it was");
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(store) struct store store = STORE_NONE;
	automatic(report) struct report report = { 0 };
	automatic(verify_result) struct verify_result result = { 0 };
	const struct verify_words *w = data;
	const struct verify_options how = { .refs = argv,
		.n_refs = (size_t)argc,
		.tell = tell,
		.to = &report,
		.cancelled = &interrupted };

	report.json = w->json;
	int r = store_open(c->store, STORE_READ, &store, e);
	if (r < 0)
		return r;
	interrupt_watch();
	confine_import();
	r = verify_store(&store, &how, &result, e);
	if (r == 0 && w->repair)
		r = verify_repair(&store, &how, &result, e);
	if (r < 0)
		return r;
	if (w->json)
		r = print_json(&report, &result, e);
	else
		print_sum(&result);
	return r < 0 ? r : result.findings > 0;
}

const struct command verify_command = {
	.name = "verify",
	.arguments = "[options] [IMAGE ...]",
	.summary =
		"Holds the store, or some images in it, against what it once took in: documents by\n"
		"their digests, layers by the digests of their tars, and every name, owner, mode, time\n"
		"and attribute in them. Exit status 1 where anything is damaged.",
	.options = options,
	.options_size = sizeof(struct verify_words),
	.max_words = -1,
	.mixed = true,
	.run = run,
};
