/* What a container may use, from the command line. */
#include "cmd/cow/limits.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "spec/base/str.h"

enum { CPU_PERIOD = 100000 /* microseconds, the kernel's default */ };

void limits_done(struct limits *l)
{
	for (size_t i = 0; i < l->n_devices; i++)
		derive_device_done(&l->devices[i]);
	free(l->rlimits);
	free(l->devices);
	*l = (struct limits){ 0 };
}

static int read_cpus(const struct limit_words *w, struct cpu_limits *cpu, struct err *e)
{
	char *end;

	if (!w->cpus)
		return 0;
	if (cpu->period.set || cpu->quota.set)
		return err_say(e, ERR_USAGE,
			"options --cpus and --cpu-%s exclude each other: both say the same",
			cpu->period.set ? "period" : "quota");
	double cpus = strtod(w->cpus, &end);
	if (end == w->cpus || *end || !(cpus >= 0.001 && cpus <= 100000))
		return err_say(e, ERR_USAGE,
			"option --cpus: '%s' is not a number of CPUs (like 0.5)", w->cpus);
	cpu->period = (struct opt_u64){ true, CPU_PERIOD };
	cpu->quota = (struct opt_i64){ true, (int64_t)(cpus * 1000 + 0.5) * (CPU_PERIOD / 1000) };
	return 0;
}

static int read_oom_score(const char *text, struct opt_i64 *ret, struct err *e)
{
	bool minus = text && *text == '-';
	uint64_t n;

	if (!text)
		return 0;
	if (!str_to_u64(text + minus, 1000, &n))
		return err_say(e, ERR_USAGE,
			"option --oom-score-adj: '%s' is not a number from -1000 to 1000", text);
	*ret = (struct opt_i64){ true, minus ? -(int64_t)n : (int64_t)n };
	return 0;
}

static int read_ulimits(const struct option_list *list, struct limits *l, struct err *e)
{
	int r = 0;

	l->rlimits = calloc(list->n + 1, sizeof(*l->rlimits));
	if (!l->rlimits)
		return err_set(e, ENOMEM, "read the command line");
	for (size_t i = 0; r == 0 && i < list->n; i++)
		r = derive_ulimit_parse(list->v[i], &l->rlimits[l->n_rlimits++], e);
	return r < 0 ? err_while(e, "option --ulimit") : 0;
}

/* What the path is on the host. */
static int look_at_device(struct derive_device *d, struct err *e)
{
	struct device_spec *node = &d->node;
	struct stat st;

	if (stat(d->source, &st) < 0)
		return err_set(e, errno, "open '%s'", d->source);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_say(e, ENODEV, "'%s' is not a device", d->source);
	node->type = S_ISCHR(st.st_mode) ? DEVICE_CHAR : DEVICE_BLOCK;
	node->major = (struct opt_i64){ true, major(st.st_rdev) };
	node->minor = (struct opt_i64){ true, minor(st.st_rdev) };
	node->mode = (struct opt_u64){ true, st.st_mode & 07777 };
	node->uid = (struct opt_u64){ true, st.st_uid };
	node->gid = (struct opt_u64){ true, st.st_gid };
	return 0;
}

static int read_devices(const struct option_list *list, struct limits *l, struct err *e)
{
	int r = 0;

	l->devices = calloc(list->n + 1, sizeof(*l->devices));
	if (!l->devices)
		return err_set(e, ENOMEM, "read the command line");
	for (size_t i = 0; r == 0 && i < list->n; i++) {
		struct derive_device *d = &l->devices[l->n_devices++];
		r = derive_device_parse(list->v[i], d, e);
		if (r == 0)
			r = look_at_device(d, e);
	}
	return r < 0 ? err_while(e, "option --device") : 0;
}

int limits_read(const struct limit_words *words, struct limits *ret, struct launch_options *o,
	struct err *e)
{
	struct resources *limits = &o->derive.limits;

	*limits = words->limits;
	limits->cpu.cpus = (char *)words->cpuset_cpus;
	limits->cpu.mems = (char *)words->cpuset_mems;
	o->derive.shm_size = words->shm_size;
	if (words->shm_size.value < 0)
		return err_say(e, ERR_USAGE, "option --shm-size: -1 is not a size");
	int r = read_cpus(words, &limits->cpu, e);
	if (r == 0)
		r = read_oom_score(words->oom_score, &o->derive.oom_score_adj, e);
	if (r == 0)
		r = read_ulimits(&words->ulimits, ret, e);
	if (r == 0)
		r = read_devices(&words->devices, ret, e);
	o->derive.rlimits = ret->rlimits;
	o->derive.n_rlimits = ret->n_rlimits;
	o->derive.devices = ret->devices;
	o->derive.n_devices = ret->n_devices;
	o->cgroup_parent = words->cgroup_parent;
	return r;
}
