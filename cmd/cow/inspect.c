/* cow inspect: all that is known of a container, or of an image, as JSON. */
#include <stdio.h>

#include "cgroup/stat.h"
#include "cmd/cow/commands.h"
#include "cmd/cow/inspect.h"
#include "cmd/cow/network.h"
#include "runtime/container.h"
#include "spec/id.h"

enum inspect_type { INSPECT_CONTAINER = 1, INSPECT_IMAGE };

struct inspect_words {
	int type; /* enum inspect_type; 0: a container, else an image */
};

static const struct option_row options[] = {
	{ "type", 0, OPTION_CHOICE, offsetof(struct inspect_words, type), "container|image",
		"of that kind alone" },
	{ 0 },
};

/* The document; sizes in bytes, absent where the host cannot tell. */
struct inspection {
	char *name, *status, *image, *command, *created, *ended, *bundle, *cgroup, *store,
		*snapshotter, *oom, *network, *template;
	int32_t pid, monitor, keeper;
	struct port_list ports;
	struct opt_i64 exit_status;
	bool oom_killed, is_template;
	struct opt_u64 memory, memory_peak, memory_limit, swap, pids, pids_limit, cpu_usec;
};

static const struct field fields[] = {
	FIELD(struct inspection, "name", FIELD_STRING, name),
	FIELD(struct inspection, "status", FIELD_STRING, status),
	FIELD(struct inspection, "image", FIELD_STRING, image),
	FIELD(struct inspection, "command", FIELD_STRING, command),
	FIELD(struct inspection, "is_template", FIELD_BOOL, is_template),
	FIELD(struct inspection, "template", FIELD_STRING, template),
	FIELD(struct inspection, "pid", FIELD_I32, pid, .always = true),
	FIELD(struct inspection, "monitor_pid", FIELD_I32, monitor),
	FIELD(struct inspection, "created", FIELD_STRING, created),
	FIELD(struct inspection, "ended", FIELD_STRING, ended),
	FIELD(struct inspection, "exit_status", FIELD_OPT_I64, exit_status),
	FIELD(struct inspection, "oom_killed", FIELD_BOOL, oom_killed, .always = true),
	FIELD(struct inspection, "reason", FIELD_STRING, oom),
	FIELD(struct inspection, "bundle", FIELD_STRING, bundle),
	FIELD(struct inspection, "cgroup", FIELD_STRING, cgroup),
	FIELD(struct inspection, "store", FIELD_STRING, store),
	FIELD(struct inspection, "snapshotter", FIELD_STRING, snapshotter),
	FIELD(struct inspection, "network", FIELD_STRING, network),
	FIELD(struct inspection, "network_pid", FIELD_I32, keeper),
	FIELD_LIST(struct inspection, "ports", FIELD_STRING, ports.v, ports.n),
	FIELD(struct inspection, "memory_bytes", FIELD_OPT_U64, memory),
	FIELD(struct inspection, "memory_peak_bytes", FIELD_OPT_U64, memory_peak),
	FIELD(struct inspection, "memory_limit_bytes", FIELD_OPT_U64, memory_limit),
	FIELD(struct inspection, "swap_bytes", FIELD_OPT_U64, swap),
	FIELD(struct inspection, "pids", FIELD_OPT_U64, pids),
	FIELD(struct inspection, "pids_limit", FIELD_OPT_U64, pids_limit),
	FIELD(struct inspection, "cpu_usec", FIELD_OPT_U64, cpu_usec),
	{ 0 },
};

static struct opt_u64 unless_max(struct opt_u64 n)
{
	return (struct opt_u64){ n.set && n.value != UINT64_MAX, n.value };
}

static void add_stat(struct inspection *i, const struct record *record)
{
	struct cgroup group = CGROUP_NONE;
	struct cgroup_stat stat = { 0 };
	struct err ignored;

	if (container_cgroup(record, &group) == 0 &&
		cgroup_stat_read(group.fd, &stat, &ignored) == 0) {
		i->memory = stat.memory.current;
		i->memory_peak = stat.memory.peak;
		i->memory_limit = unless_max(stat.memory.max);
		i->swap = stat.memory.swap;
		i->pids = stat.pids.current;
		i->pids_limit = unless_max(stat.pids.max);
		i->cpu_usec = stat.cpu.usage_usec;
	}
	cgroup_done(&group);
}

static int print(const struct home *h, const struct record *r, struct str *out, struct err *e)
{
	automatic(port_list) struct port_list ports = { 0 };
	enum state_status status = container_status(h, r);
	autofree char *created = record_time_text(&r->created);
	autofree char *ended = r->ended ? record_time_text(&r->ended_at) : NULL;
	struct inspection i = { .name = r->id,
		.status = (char *)enum_name_of(state_status_names, (int)status),
		.image = r->image,
		.command = r->command,
		.created = created,
		.ended = ended,
		.bundle = r->bundle,
		.cgroup = r->cgroup,
		.store = r->store,
		.snapshotter = r->snapshotter ? r->snapshotter
			       : r->store     ? (char *)"overlay"
					      : NULL,
		.network = r->network ? r->network : (char *)"none",
		.keeper = mark_is_alive(&r->network_keeper) ? r->network_keeper.pid : 0,
		.is_template = r->is_template,
		.template = r->forked_from,
		.oom = r->oom,
		.oom_killed = r->oom,
		.pid = status == STATE_STOPPED ? 0 : r->init.pid,
		.monitor = mark_is_alive(&r->monitor) ? r->monitor.pid : 0,
		.exit_status = { r->ended, r->exit_status } };

	int bad = port_list_read(r->ports, &ports, e);
	if (bad < 0)
		return bad;
	i.ports = ports;
	add_stat(&i, r);
	json_write(fields, &i, JSON_INDENTED, out);
	return 0;
}

static int add_container(const struct home *h, const char *name, struct str *out, struct err *e)
{
	automatic(record) struct record record = { 0 };
	int r = record_read(h, name, &record, e);

	return r < 0 ? r : print(h, &record, out, e);
}

/* Of both kinds a name may be the one of a container alone, as with docker. */
static int add(const struct context *c, const struct inspect_words *w, const char *name,
	struct str *out, struct err *e)
{
	bool could_be = w->type == INSPECT_CONTAINER || id_check(name, e) == 0;
	int r = -ERR_NO_CONTAINER;

	if (w->type != INSPECT_IMAGE && could_be)
		r = add_container(&c->home, name, out, e);
	if (r != -ERR_NO_CONTAINER || w->type == INSPECT_CONTAINER)
		return r;
	r = inspect_image(c->store, name, out, e);
	if (r == -ERR_NO_IMAGE && w->type != INSPECT_IMAGE)
		return err_say(e, ERR_NO_CONTAINER, "no container and no image '%s'", name);
	return r;
}

static int run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	automatic(str) struct str text = { 0 };
	const struct inspect_words *w = data;

	int r = command_open_home(c, false, e);
	str_add(&text, "[");
	for (int i = 0; r == 0 && i < argc; i++) {
		str_add(&text, i ? ",\n" : "");
		r = add(c, w, argv[i], &text, e);
	}
	str_add(&text, "]");
	if (r < 0)
		return r;
	return !str_ok(&text) || puts(text.data) < 0 ? err_set(e, EIO, "print") : 0;
}

const struct command inspect_command = {
	.name = "inspect",
	.arguments = "[options] NAME ...",
	.summary = "Prints all that is known of containers and images, as JSON.",
	.options = options,
	.options_size = sizeof(struct inspect_words),
	.min_words = 1,
	.max_words = -1,
	.mixed = true,
	.run = run,
};
