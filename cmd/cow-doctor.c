/* cow-doctor: what this host can and cannot do, one line each, with the remedy. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/doctor.h"
#include "cmd/libexec.h"
#include "cmd/table.h"
#include "overlay/store.h"
#include "spec/base/json.h"

/* As many processes as a kernel can have (PID_MAX_LIMIT), one each. */
#define DENSITY_MAX (1U << 22)

/* In the order in which they are told: what all else hangs on comes first. */
static void (*const checks[])(const struct places *, struct findings *) = {
	doctor_user,
	doctor_subordinate_ids,
	doctor_own_namespace,
	doctor_delegation,
	doctor_kernel,
	doctor_capabilities,
	doctor_programs,
	doctor_network,
	doctor_sealed_program,
	doctor_cgroup,
	doctor_birth,
	doctor_limits,
	doctor_root,
	doctor_store,
	doctor_overlay,
	doctor_snapshotters,
	doctor_user_namespaces,
	doctor_memory,
	doctor_swap,
	doctor_security,
	doctor_engines,
};

static const struct enum_name state_names[] = {
	{ "ok", FINDING_OK },
	{ "lacks", FINDING_LACKS },
	{ "broken", FINDING_BROKEN },
	{ 0 },
};

void findings_done(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].name);
		free(f->v[i].text);
		free(f->v[i].remedy);
	}
	free(f->v);
	*f = (struct findings){ 0 };
}

void findings_add(struct findings *f, const char *name, enum finding_state state,
	const char *remedy, const char *format, ...)
{
	struct finding *more = reallocarray(f->v, f->n + 1, sizeof(*more));
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	f->v = more ? more : f->v;
	f->failed |= !text || !more;
	if (!more || !text) {
		free(text);
		return;
	}
	more[f->n] = (struct finding){ strdup(name), text, state, remedy ? strdup(remedy) : NULL };
	f->failed |= !more[f->n].name || (remedy && !more[f->n].remedy);
	f->n++;
}

static size_t count(const struct findings *f, enum finding_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->v[i].state == (int)state;
	return n;
}

/* What the findings come to, in a line. */
static void print_verdict(const struct findings *f, uint64_t density)
{
	size_t broken = count(f, FINDING_BROKEN), lacks = count(f, FINDING_LACKS);
	const char *s = lacks == 1 ? "" : "s";

	if (density && lacks)
		printf("%zu thing%s %s in the way of %zu containers.\n", lacks, s,
			lacks == 1 ? "stands" : "stand", (size_t)density);
	else if (density)
		printf("Nothing stands in the way of %zu containers.\n", (size_t)density);
	else if (broken)
		printf("Containers cannot run here: %zu broken.\n", broken);
	else if (lacks)
		printf("Containers can run here; %zu thing%s they must do without.\n", lacks, s);
	else
		printf("Containers can run here, and nothing is missing.\n");
}

static int print_table(const struct findings *f, uint64_t density, struct err *e)
{
	static const struct table_column columns[] = { { "CHECK", TABLE_LEFT, 0 },
		{ "STATE", TABLE_LEFT, 0 }, { "DETAIL", TABLE_LEFT, 0 }, { 0 } };
	automatic(table) struct table t = { .columns = columns, .bold = isatty(1) };

	for (size_t i = 0; i < f->n; i++) {
		const struct finding *row = &f->v[i];
		table_add(&t, row->name);
		table_add(&t, enum_name_of(state_names, row->state));
		if (row->remedy)
			table_addf(&t, "%s (hint: %s)", row->text, row->remedy);
		else
			table_add(&t, row->text);
	}
	int r = table_print(&t, stdout, false, e);
	if (r == 0)
		print_verdict(f, density);
	return r;
}

static int print_json(const struct findings *f, bool good, struct err *e)
{
	static const struct field fields[] = {
		FIELD(struct finding, "name", FIELD_STRING, name),
		FIELD(struct finding, "state", FIELD_ENUM, state, .names = state_names),
		FIELD(struct finding, "detail", FIELD_STRING, text),
		FIELD(struct finding, "remedy", FIELD_STRING, remedy),
		{ 0 },
	};
	static const struct field list = FIELD_LIST(struct findings, "checks", FIELD_OBJECT, v, n,
		.inside = fields, .size = sizeof(struct finding));
	automatic(str) struct str text = { 0 };

	json_write_list(&list, f, JSON_INDENTED, &text);
	if (!str_ok(&text))
		return err_set(e, ENOMEM, "write JSON");
	printf("{\"runs\": %s, \"checks\": %s}\n", good ? "true" : "false", text.data);
	return 0;
}

struct doctor_words {
	bool json;
	const char *system;
	struct opt_u64 density;
};

static const struct option_row doctor_options[] = {
	{ "json", 0, OPTION_FLAG, offsetof(struct doctor_words, json), NULL, "for programs" },
	{ "density", 0, OPTION_UNSIGNED, offsetof(struct doctor_words, density), "N",
		"what stands in the way of N containers at once" },
	{ "system", 0, OPTION_TEXT, offsetof(struct doctor_words, system), "DIR",
		"look for engines, /proc and /sys below DIR" },
	{ 0 },
};

static void look(const struct places *places, struct context *c, struct findings *found)
{
	struct err e;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](places, found);
	/* Last, as there is no way back. */
	if (rootless_is_needed() && rootless_enter(ROOTLESS_MOST, &c->own, &e) == 0)
		doctor_overlay(places, found);
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(findings) struct findings found = { 0 };
	const struct doctor_words *w = data;
	const struct places places = { c->root, c->store, w->system };
	uint64_t density = w->density.value;

	(void)argc, (void)argv;
	if (w->density.set && (!density || density > DENSITY_MAX))
		return err_say(e, ERR_USAGE, "--density: from 1 to %u containers", DENSITY_MAX);
	if (density)
		doctor_density(&places, density, &found);
	else
		look(&places, c, &found);
	if (found.failed)
		return err_set(e, ENOMEM, "look at this host");
	bool good = !count(&found, FINDING_BROKEN) && !(density && count(&found, FINDING_LACKS));
	int r = w->json ? print_json(&found, good, e) : print_table(&found, density, e);
	return r < 0 ? r : good ? 0 : 1;
}

static const struct command doctor_command = {
	.name = "doctor",
	.arguments = "[options]",
	.summary = "Tells what this host can and cannot do; ends with 0 when containers run.",
	.options = doctor_options,
	.options_size = sizeof(struct doctor_words),
	.run = run,
};

static const struct command *const commands[] = { &doctor_command, NULL };

int main(int argc, char **argv)
{
	return libexec_main("Looks at this host.", commands, argc, argv);
}
