/* From an image and wishes to a config.json that passes validation, and the default profile. */
#include <check.h>
#include <errno.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/resource.h>

#include "spec/base/str.h"
#include "spec/derive.h"
#include "spec/profile.h"
#include "tests/unit/run.h"

#define TEXTS(...) ((char *[]){ __VA_ARGS__, NULL })
#define WORDS(...) ((const char *[]){ __VA_ARGS__, NULL })

static struct image_config image;

static void setup(void)
{
	static char *env[] = { (char *)"LANG=C", (char *)"PATH=/img/bin" };
	static char *entrypoint[] = { (char *)"/entry", (char *)"-x" };
	static char *cmd[] = { (char *)"serve" };

	image = (struct image_config){ .os = (char *)"linux",
		.architecture = (char *)"amd64",
		.config = { .env = env,
			.n_env = 2,
			.entrypoint = entrypoint,
			.n_entrypoint = 2,
			.cmd = cmd,
			.n_cmd = 1,
			.working_dir = (char *)"/srv" } };
}

/* Derived, validated, and the same after it was written and read. */
static struct spec derive(const struct derive_options *o)
{
	automatic(str) struct str first = { 0 }, second = { 0 };
	automatic(spec) struct spec again = { 0 };
	struct spec s = { 0 };
	struct err e = { 0 };

	ck_assert_msg(derive_spec(&image, o, &s, &e) == 0, "%s", e.text);
	ck_assert_msg(spec_validate(&s, &e) == 0, "%s", e.text);
	json_write(spec_fields, &s, JSON_COMPACT, &first);
	ck_assert_msg(spec_parse("derived", first.data, first.len, &again, &e) == 0, "%s", e.text);
	json_write(spec_fields, &again, JSON_COMPACT, &second);
	ck_assert_str_eq(first.data, second.data);
	return s;
}

static void check_list(char *const *v, size_t n, const char *expect)
{
	automatic(str) struct str joined = { 0 };

	str_add(&joined, "");
	for (size_t i = 0; i < n; i++)
		str_addf(&joined, "%s%s", i ? " " : "", v[i]);
	ck_assert_str_eq(joined.data, expect);
	if (v)
		ck_assert_ptr_null(v[n]);
}

START_TEST(takes_the_images_word)
{
	const struct derive_options o = { 0 };
	automatic(spec) struct spec s = derive(&o);

	check_list(s.process->args, s.process->n_args, "/entry -x serve");
	check_list(s.process->env, s.process->n_env, "LANG=C PATH=/img/bin HOME=/root");
	ck_assert_str_eq(s.process->cwd, "/srv");
	ck_assert_str_eq(s.root->path, "rootfs");
	ck_assert(!s.root->readonly);
	ck_assert_ptr_null(s.hostname);
	ck_assert_uint_eq(s.n_annotations, 0);
	ck_assert_uint_eq(s.process->n_rlimits, 0);
}
END_TEST

static const struct {
	const char *entrypoint, *arg, *args;
} commands[] = {
	{ NULL, NULL, "/entry -x serve" },
	{ NULL, "sh", "/entry -x sh" },
	{ "/other", NULL, "/other" },
	{ "/other", "sh", "/other sh" },
	{ "", "sh", "sh" },
};

START_TEST(chooses_the_command)
{
	const struct derive_options o = { .entrypoint = commands[_i].entrypoint,
		.args = WORDS(commands[_i].arg),
		.n_args = commands[_i].arg ? 1 : 0 };
	automatic(spec) struct spec s = derive(&o);

	check_list(s.process->args, s.process->n_args, commands[_i].args);
}
END_TEST

START_TEST(refuses_nothing_to_run)
{
	const struct derive_options o = { .entrypoint = _i ? "" : NULL };
	struct spec s = { 0 };
	struct err e = { 0 };

	if (!_i)
		image.config.n_entrypoint = image.config.n_cmd = 0;
	ck_assert_int_eq(derive_spec(&image, &o, &s, &e), -EINVAL);
	ck_assert_str_eq(e.text, "nothing to run: the image names no command, and none was given");
	ck_assert_ptr_null(s.process);
}
END_TEST

START_TEST(refuses_other_systems)
{
	const struct derive_options o = { 0 };
	struct spec s = { 0 };
	struct err e = { 0 };

	image.os = (char *)"windows";
	ck_assert_int_eq(derive_spec(&image, &o, &s, &e), -ENOEXEC);
	ck_assert_str_eq(e.text, "the image is for 'windows', not for linux");
}
END_TEST

START_TEST(sets_the_environment)
{
	const struct derive_options o = { .env = WORDS("LANG=de", "LANGUAGE=x", "A=1", "A=2", "E="),
		.n_env = 5,
		.hostname = "web" };
	automatic(spec) struct spec s = derive(&o);

	check_list(s.process->env, s.process->n_env,
		"LANG=de PATH=/img/bin LANGUAGE=x A=2 E= HOME=/root HOSTNAME=web");
}
END_TEST

START_TEST(puts_a_directory_into_pythonpath)
{
	static const char *const given[] = { "A=1", "PYTHONPATH=/app:/lib", "PYTHONPATH=" };
	static const char *const derived[] = { "A=1 HOME=/root PYTHONPATH=/run/x",
		"PYTHONPATH=/run/x:/app:/lib HOME=/root", "PYTHONPATH=/run/x HOME=/root" };
	const struct derive_options o = { .python_path = "/run/x", .env = &given[_i], .n_env = 1 };
	automatic(spec) struct spec s = derive(&o);
	autofree char *expected = str_format("LANG=C PATH=/img/bin %s", derived[_i]);

	check_list(s.process->env, s.process->n_env, expected);
}
END_TEST

START_TEST(defaults_the_environment)
{
	const struct user user = { .uid = 5, .home = (char *)"/home/u" };
	const struct derive_options o = { .user = &user };

	image.config.n_env = 0;
	automatic(spec) struct spec s = derive(&o);
	check_list(s.process->env, s.process->n_env,
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/home/u");
}
END_TEST

START_TEST(root_has_eleven_capabilities)
{
	const struct derive_options o = { 0 };
	automatic(spec) struct spec s = derive(&o);
	const struct capability_spec *c = s.process->capabilities;

	ck_assert_uint_eq(c->n_bounding, 11);
	ck_assert_uint_eq(c->n_effective, 11);
	ck_assert_uint_eq(c->n_permitted, 11);
	ck_assert_uint_eq(c->n_inheritable + c->n_ambient, 0);
	ck_assert(s.process->no_new_privileges);
	ck_assert_uint_eq(s.process->user.umask.value, 0022);
}
END_TEST

START_TEST(others_have_none)
{
	uint32_t gids[] = { 100, 29 };
	const struct user user = { 1000, 100, gids, 2, NULL };
	const struct derive_options o = { .user = &user, .allow_new_privileges = true };
	automatic(spec) struct spec s = derive(&o);
	const struct capability_spec *c = s.process->capabilities;

	ck_assert_uint_eq(s.process->user.uid, 1000);
	ck_assert_uint_eq(s.process->user.gid, 100);
	ck_assert_uint_eq(s.process->user.n_gids, 2);
	ck_assert_uint_eq(s.process->user.gids[1], 29);
	ck_assert_uint_eq(c->n_bounding, 11);
	ck_assert_uint_eq(c->n_effective + c->n_permitted + c->n_inheritable + c->n_ambient, 0);
	ck_assert(!s.process->no_new_privileges);
}
END_TEST

START_TEST(limits_files_by_the_host)
{
	static const struct {
		uint64_t host, soft, hard;
	} rows[] = {
		{ 1048576, 1024, 524288 },
		{ 4096, 1024, 4096 },
		{ 256, 256, 256 },
		{ UINT64_MAX, 1024, 524288 },
	};
	const struct derive_options o = { .nofile_hard = rows[_i].host };
	automatic(spec) struct spec s = derive(&o);

	ck_assert_int_eq(s.process->rlimits[0].type, RLIMIT_NOFILE + 1);
	ck_assert_uint_eq(s.process->rlimits[0].soft, rows[_i].soft);
	ck_assert_uint_eq(s.process->rlimits[0].hard, rows[_i].hard);
	ck_assert_int_eq(s.process->rlimits[1].type, RLIMIT_CORE + 1);
	ck_assert_uint_eq(s.process->rlimits[1].hard, 0);
}
END_TEST

START_TEST(limits_nothing_unasked)
{
	const struct derive_options o = { 0 };
	automatic(spec) struct spec s = derive(&o);
	const struct resources *r = &s.linux_.resources;

	ck_assert(!resources_limit_memory(r) && !resources_limit_cpu(r));
	ck_assert(!resources_limit_pids(r) && !resources_limit_cpuset(r));
}
END_TEST

START_TEST(limits_what_is_asked)
{
	const struct derive_options o = { .limits = { .memory.limit = { true, 64 << 20 },
						  .cpu.quota = { true, 150000 } },
		.has_pids_controller = true };
	automatic(spec) struct spec s = derive(&o);
	const struct resources *r = &s.linux_.resources;

	ck_assert_int_eq(r->memory.limit.value, 64 << 20);
	ck_assert_int_eq(r->memory.swap.value, 64 << 20); /* both together: no swap */
	ck_assert_int_eq(r->cpu.quota.value, 150000);
	ck_assert_int_eq(r->pids.limit.value, DERIVE_PIDS_LIMIT);
	ck_assert(resources_limit_memory(r) && resources_limit_cpu(r) && resources_limit_pids(r));
}
END_TEST

START_TEST(limits_as_asked)
{
	const struct derive_options o = {
		.limits = { .memory = { .limit = { true, 64 << 20 }, .swap = { true, -1 } },
			.pids.limit = { true, -1 } },
		.has_pids_controller = true
	};
	automatic(spec) struct spec s = derive(&o);

	ck_assert_int_eq(s.linux_.resources.memory.swap.value, -1);
	ck_assert(!resources_limit_pids(&s.linux_.resources));
}
END_TEST

START_TEST(ulimits_take_the_place_of_the_usual_ones)
{
	const struct rlimit_spec asked[] = { { RLIMIT_NPROC + 1, 5, 6 },
		{ RLIMIT_NOFILE + 1, 7, 8 } };
	const struct derive_options o = {
		.rlimits = asked, .n_rlimits = 2, .nofile_hard = 1 << 20
	};
	automatic(spec) struct spec s = derive(&o);
	const struct process_spec *p = s.process;

	ck_assert_uint_eq(p->n_rlimits, 3);
	ck_assert(p->rlimits[0].type == RLIMIT_NOFILE + 1 && p->rlimits[0].hard == 8);
	ck_assert(p->rlimits[1].type == RLIMIT_CORE + 1 && p->rlimits[1].hard == 0);
	ck_assert(p->rlimits[2].type == RLIMIT_NPROC + 1 && p->rlimits[2].soft == 5);
}
END_TEST

START_TEST(a_device_is_a_node_and_a_rule)
{
	const struct derive_device asked = { .node = { .path = (char *)"/dev/b",
						     .type = DEVICE_BLOCK,
						     .major = { true, 7 },
						     .minor = { true, 1 } },
		.access = (char *)"r" };
	const struct derive_options o = { .devices = &asked, .n_devices = 1 };
	automatic(spec) struct spec s = derive(&o);
	const struct resources *r = &s.linux_.resources;

	ck_assert_uint_eq(s.linux_.n_devices, 1);
	ck_assert_str_eq(s.linux_.devices[0].path, "/dev/b");
	ck_assert_uint_eq(r->n_devices, 2);
	ck_assert(!r->devices[0].allow && r->devices[1].allow);
	ck_assert_str_eq(r->devices[1].type, "b");
	ck_assert_str_eq(r->devices[1].access, "r");
	ck_assert(r->devices[1].major.value == 7 && r->devices[1].minor.value == 1);
}
END_TEST

START_TEST(has_the_profiles_namespaces)
{
	const struct derive_options o = { .network =
						  _i ? DERIVE_NETWORK_HOST : DERIVE_NETWORK_NONE };
	automatic(spec) struct spec s = derive(&o);

	ck_assert_ptr_nonnull(spec_namespace(&s, CLONE_NEWPID));
	ck_assert_ptr_nonnull(spec_namespace(&s, CLONE_NEWNS));
	ck_assert_ptr_nonnull(spec_namespace(&s, CLONE_NEWIPC));
	ck_assert_ptr_nonnull(spec_namespace(&s, CLONE_NEWUTS));
	ck_assert_ptr_nonnull(spec_namespace(&s, CLONE_NEWCGROUP));
	ck_assert_ptr_null(spec_namespace(&s, CLONE_NEWUSER));
	ck_assert((spec_namespace(&s, CLONE_NEWNET) == NULL) == (_i == 1));
	/* Kernel parameters of the host's network are not ours to set. */
	ck_assert_uint_eq(s.linux_.n_sysctl, _i ? 0 : 1);
}
END_TEST

static bool holds(char *const *v, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i], text) == 0)
			return true;
	return false;
}

START_TEST(hides_the_host)
{
	const struct derive_options o = { 0 };
	automatic(spec) struct spec s = derive(&o);
	const struct linux_spec *l = &s.linux_;

	ck_assert(holds(l->masked_paths, l->n_masked_paths, "/proc/kcore"));
	ck_assert(holds(l->masked_paths, l->n_masked_paths, "/proc/kpageflags"));
	ck_assert(holds(l->masked_paths, l->n_masked_paths, "/sys/firmware"));
	ck_assert(holds(l->readonly_paths, l->n_readonly_paths, "/proc/sys"));
	ck_assert_str_eq(s.mounts[0].destination, "/proc");
	ck_assert_str_eq(s.mounts[5].destination, "/sys");
	ck_assert(holds(s.mounts[5].options, s.mounts[5].n_options, "ro"));
	ck_assert_str_eq(s.mounts[6].destination, "/sys/fs/cgroup");
	ck_assert(holds(s.mounts[6].options, s.mounts[6].n_options, "ro"));
}
END_TEST

/* CVE-2026-53488: what an image says about itself selects nothing on the host. */
START_TEST(ignores_labels_and_volumes)
{
	struct string_pair labels[] = { { (char *)"run.oci.hooks.stdout", (char *)"/etc/x" } };
	const struct derive_options o = { 0 };

	image.config.labels = labels;
	image.config.n_labels = 1;
	image.config.volumes = TEXTS((char *)"/etc");
	image.config.n_volumes = 1;
	image.config.stop_signal = (char *)"SIGQUIT";
	automatic(spec) struct spec s = derive(&o);
	ck_assert_uint_eq(s.n_annotations, 1);
	ck_assert_str_eq(spec_annotation(&s, DERIVE_STOP_SIGNAL), "SIGQUIT");
	ck_assert_ptr_null(spec_annotation(&s, "run.oci.hooks.stdout"));
	ck_assert_uint_eq(s.n_mounts, 7);
}
END_TEST

START_TEST(keeps_annotations)
{
	struct string_pair given[] = { { (char *)"a", (char *)"1" },
		{ (char *)DERIVE_STOP_SIGNAL, (char *)"SIGINT" } };
	const struct derive_options o = { .annotations = given, .n_annotations = 2 };

	image.config.stop_signal = (char *)"SIGQUIT";
	automatic(spec) struct spec s = derive(&o);
	ck_assert_uint_eq(s.n_annotations, 2);
	ck_assert_str_eq(spec_annotation(&s, DERIVE_STOP_SIGNAL), "SIGINT");
}
END_TEST

START_TEST(adds_volumes)
{
	automatic(mount_spec) struct mount_spec m = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(derive_volume_parse("/src:/dst:ro", &m, &e), 0);
	const struct derive_options o = { .volumes = &m,
		.n_volumes = 1,
		.read_only = true,
		.workdir = "/w",
		.rootfs = "/abs/rootfs",
		.cgroups_path = "/cow/x" };
	automatic(spec) struct spec s = derive(&o);
	ck_assert_uint_eq(s.n_mounts, 8);
	ck_assert_str_eq(s.mounts[7].destination, "/dst");
	check_list(s.mounts[7].options, s.mounts[7].n_options, "ro rbind rprivate");
	ck_assert(s.root->readonly);
	ck_assert_str_eq(s.root->path, "/abs/rootfs");
	ck_assert_str_eq(s.process->cwd, "/w");
	ck_assert_str_eq(s.linux_.cgroups_path, "/cow/x");
}
END_TEST

static const struct {
	const char *text, *source, *destination, *options;
} volumes[] = {
	{ "/a:/b", "/a", "/b", "rbind rprivate" },
	{ "/a b:/c d:rw", "/a b", "/c d", "rw rbind rprivate" },
	{ "/a:/b:ro,nosuid,rslave", "/a", "/b", "ro nosuid rslave rbind" },
	{ "/a:/b:bind,rro,private", "/a", "/b", "bind rro private" },
};

START_TEST(reads_volume)
{
	automatic(mount_spec) struct mount_spec m = { 0 };
	struct err e = { 0 };

	ck_assert_msg(derive_volume_parse(volumes[_i].text, &m, &e) == 0, "%s", e.text);
	ck_assert_str_eq(m.source, volumes[_i].source);
	ck_assert_str_eq(m.destination, volumes[_i].destination);
	ck_assert_str_eq(m.type, "bind");
	check_list(m.options, m.n_options, volumes[_i].options);
}
END_TEST

static const struct {
	const char *text, *error;
} no_volumes[] = {
	{ "/a", "volume '/a': not SRC:DST[:OPTIONS]" },
	{ "", "volume '': not SRC:DST[:OPTIONS]" },
	{ "a:/b", "volume 'a:/b': source 'a' is not an absolute path" },
	{ ":/b", "volume ':/b': source '' is not an absolute path" },
	{ "/a:", "volume '/a:': destination '' is not an absolute path" },
	{ "/a:b", "volume '/a:b': destination 'b' is not an absolute path" },
	{ "/a:/b:ro:rw", "volume '/a:/b:ro:rw': not SRC:DST[:OPTIONS]" },
	{ "/a:/b:", "volume '/a:/b:': option '' is unknown" },
	{ "/a:/b:Z", "volume '/a:/b:Z': option 'Z' is unknown" },
	{ "/a:/b:ro,size=1", "volume '/a:/b:ro,size=1': option 'size=1' is unknown" },
	{ "/a:/b:idmap", "volume '/a:/b:idmap': option 'idmap' is not for a bind" },
	{ "/a:/b:tmpcopyup", "volume '/a:/b:tmpcopyup': option 'tmpcopyup' is not for a bind" },
	{ "/a:/b:sync", "volume '/a:/b:sync': option 'sync' is not for a bind" },
	{ "/a:/b:ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro",
		"volume '/a:/b:ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro,ro': more than 16 "
		"options" },
};

START_TEST(refuses_volume)
{
	struct mount_spec m = { 0 };
	struct err e = { 0 };

	ck_assert_msg(derive_volume_parse(no_volumes[_i].text, &m, &e) < 0, "%s", m.source);
	ck_assert_str_eq(e.text, no_volumes[_i].error);
	ck_assert_ptr_null(m.source);
}
END_TEST

/* `cowrun spec`: as it is written, it must be one that `cowrun run` takes. */
START_TEST(default_document_is_valid)
{
	automatic(spec) struct spec s = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(spec_default(_i == 1, &s, &e), 0);
	ck_assert_msg(spec_validate(&s, &e) == 0, "%s", e.text);
	ck_assert_str_eq(s.version, SPEC_VERSION);
	ck_assert_uint_eq(s.linux_.n_uid_maps, (size_t)_i);
	ck_assert(s.process->terminal);
	check_list(s.process->args, s.process->n_args, "sh");
	for (size_t i = 0; _i && i < s.n_mounts; i++)
		ck_assert(!holds(s.mounts[i].options, s.mounts[i].n_options, "gid=5"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spec_derive");
	TCase *cases = tcase_create("derive");

	tcase_add_checked_fixture(cases, setup, NULL);
	tcase_add_test(cases, takes_the_images_word);
	tcase_add_loop_test(
		cases, chooses_the_command, 0, (int)(sizeof(commands) / sizeof(commands[0])));
	tcase_add_loop_test(cases, refuses_nothing_to_run, 0, 2);
	tcase_add_test(cases, refuses_other_systems);
	tcase_add_test(cases, sets_the_environment);
	tcase_add_loop_test(cases, puts_a_directory_into_pythonpath, 0, 3);
	tcase_add_test(cases, defaults_the_environment);
	tcase_add_test(cases, root_has_eleven_capabilities);
	tcase_add_test(cases, others_have_none);
	tcase_add_loop_test(cases, limits_files_by_the_host, 0, 4);
	tcase_add_test(cases, limits_nothing_unasked);
	tcase_add_test(cases, limits_what_is_asked);
	tcase_add_test(cases, limits_as_asked);
	tcase_add_test(cases, ulimits_take_the_place_of_the_usual_ones);
	tcase_add_test(cases, a_device_is_a_node_and_a_rule);
	tcase_add_loop_test(cases, has_the_profiles_namespaces, 0, 2);
	tcase_add_test(cases, hides_the_host);
	tcase_add_test(cases, ignores_labels_and_volumes);
	tcase_add_test(cases, keeps_annotations);
	tcase_add_test(cases, adds_volumes);
	tcase_add_loop_test(cases, reads_volume, 0, (int)(sizeof(volumes) / sizeof(volumes[0])));
	tcase_add_loop_test(
		cases, refuses_volume, 0, (int)(sizeof(no_volumes) / sizeof(no_volumes[0])));
	tcase_add_loop_test(cases, default_document_is_valid, 0, 2);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
