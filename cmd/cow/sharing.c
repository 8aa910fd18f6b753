/* What images have in common, as a table. */
#include "cmd/cow/sharing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/table.h"
#include "overlay/savings.h"
#include "spec/base/json.h"
#include "spec/base/str.h"

#define PEERS_SHOWN 2

#define BYTES(type, key, member) FIELD(type, key, FIELD_U64, member, .always = true)

static const struct field peer_fields[] = {
	FIELD(struct saving_peer, "name", FIELD_STRING, name),
	BYTES(struct saving_peer, "bytes", bytes),
	{ 0 },
};

static const struct field saving_fields[] = {
	FIELD(struct saving, "name", FIELD_STRING, name),
	BYTES(struct saving, "own_bytes", own),
	BYTES(struct saving, "own_files", own_files),
	BYTES(struct saving, "shared_bytes", shared),
	BYTES(struct saving, "shared_files", shared_files),
	FIELD_LIST(struct saving, "shared_with", FIELD_OBJECT, peers, n_peers,
		.inside = peer_fields, .size = sizeof(struct saving_peer), .always = true),
	{ 0 },
};

struct savings_document {
	struct savings savings;
	uint64_t saved;
};

static const struct field savings_fields[] = {
	FIELD_LIST(struct savings_document, "images", FIELD_OBJECT, savings.all, savings.n,
		.inside = saving_fields, .size = sizeof(struct saving), .always = true),
	BYTES(struct savings_document, "disk_bytes", savings.disk),
	BYTES(struct savings_document, "apart_bytes", savings.apart),
	BYTES(struct savings_document, "saved_bytes", saved),
	{ 0 },
};

static int print_json(const struct savings *s, struct err *e)
{
	const struct savings_document document = { *s, s->apart - s->disk };
	automatic(str) struct str text = { 0 };

	json_write(savings_fields, &document, JSON_INDENTED, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "print what images share");
	puts(text.data);
	return 0;
}

static void add_peers(struct table *t, const struct saving *s)
{
	automatic(str) struct str with = { 0 };

	for (size_t i = 0; i < s->n_peers && i < PEERS_SHOWN; i++)
		str_addf(&with, "%s%s", i ? " " : "", s->peers[i].name);
	if (s->n_peers > PEERS_SHOWN)
		str_addf(&with, " +%zu", s->n_peers - PEERS_SHOWN);
	table_add(t, with.data);
}

static int print_table(const struct savings *s, struct err *e)
{
	static const struct table_column columns[] = { { "NAME", TABLE_LEFT, 60 },
		{ "OWN", TABLE_RIGHT, 0 }, { "FILES", TABLE_RIGHT, 0 },
		{ "SHARED", TABLE_RIGHT, 0 }, { "FILES", TABLE_RIGHT, 0 },
		{ "WITH", TABLE_LEFT, 60 }, { 0 } };
	automatic(table) struct table t = { .columns = columns, .bold = isatty(1) };
	char disk[16], apart[16], saved[16];

	for (size_t i = 0; i < s->n; i++) {
		const struct saving *row = &s->all[i];
		table_add(&t, row->name);
		table_add_bytes(&t, (struct opt_u64){ true, row->own }, "");
		table_addf(&t, "%" PRIu64, row->own_files);
		table_add_bytes(&t, (struct opt_u64){ true, row->shared }, "");
		table_addf(&t, "%" PRIu64, row->shared_files);
		add_peers(&t, row);
	}
	int r = table_print(&t, stdout, isatty(1), e);
	if (r == 0)
		printf("%zu images: %s on disk, %s without sharing, %s saved (%u %%).\n", s->n,
			str_human(s->disk, disk), str_human(s->apart, apart),
			str_human(s->apart - s->disk, saved),
			(unsigned)(s->apart ? (s->apart - s->disk) * 100 / s->apart : 0));
	return r;
}

int sharing_print(const struct store *store, bool json, struct err *e)
{
	automatic(savings) struct savings savings = { 0 };
	int r = store ? savings_read(store, &savings, e) : 0;

	if (r < 0)
		return r;
	return json ? print_json(&savings, e) : print_table(&savings, e);
}
