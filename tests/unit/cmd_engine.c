/* Whose container a group is, and its name, by files that may be anything. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/engine.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"
#include "tests/unit/run.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "b123456789abcdefb123456789abcdefb123456789abcdefb123456789abcdef"

static const char *const variables[] = { "COW_DOCKER_DIR", "COW_PODMAN_DIR", "COW_CRIO_DIR",
	"COW_CONTAINERD_DIR" };

static char scratch[] = "/dev/shm/cowrun-unit-engine.XXXXXX";

/* Everything that an engine keeps is below one directory here. */
static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(scratch));
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		setenv(variables[i], scratch, 1);
}

static void tear_down(void)
{
	int shm = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e;

	ck_assert_int_eq(fd_remove_tree(shm, strrchr(scratch, '/') + 1, &e), 0);
	close(shm);
}

/* Its directories too. */
static char *path_of(const char *name)
{
	char *path = str_format("%s/%s", scratch, name);

	for (char *at = path + strlen(scratch); (at = strchr(at + 1, '/'));) {
		*at = '\0';
		mkdir(path, 0700);
		*at = '/';
	}
	return path;
}

static void write_file(const char *name, const char *text)
{
	autofree char *path = path_of(name);
	FILE *to = fopen(path, "w");

	ck_assert_ptr_nonnull(to);
	fputs(text, to);
	fclose(to);
}

static void is(const char *path, const char *engine, const char *id, const char *name)
{
	automatic(engines) struct engines s = { 0 };
	struct engine_group g = { 0 };

	ck_assert_msg(engine_recognise(&s, path, 0, &g), "%s", path);
	ck_assert_msg(str_equal(g.engine, engine), "%s: %s", path, g.engine);
	ck_assert_str_eq(g.id, id);
	ck_assert_str_eq(g.name, name);
	free(g.id);
	free(g.name);
}

static void is_nobodys(const char *path)
{
	automatic(engines) struct engines s = { 0 };
	struct engine_group g = { 0 };

	ck_assert_msg(!engine_recognise(&s, path, 0, &g), "%s: %s", path, g.name);
}

START_TEST(paths_tell_engine_and_id)
{
	static const struct {
		const char *path, *engine, *id, *name;
	} rows[] = {
		{ "/machine.slice/libpod-" A ".scope", "podman", A, "aaaaaaaaaaaa" },
		{ "/libpod_parent/libpod-" B, "podman", B, "b123456789ab" },
		{ "/user.slice/libpod-payload-" B, "podman", B, "b123456789ab" },
		{ "/system.slice/docker-" A ".scope", "docker", A, "aaaaaaaaaaaa" },
		{ "/docker/" A, "docker", A, "aaaaaaaaaaaa" },
		{ "/kubepods.slice/kubepods-burstable.slice/cri-containerd-" A ".scope",
			"containerd", A, "aaaaaaaaaaaa" },
		{ "/kubepods.slice/crio-" A ".scope", "cri-o", A, "aaaaaaaaaaaa" },
		{ "/kubepods/burstable/pod01/" A, NULL, A, "aaaaaaaaaaaa" },
		{ "/lxc.payload.web", "lxc", "web", "web" },
		{ "/system.slice/cron.service", "systemd", "cron.service", "cron.service" },
		{ "/user.slice/user-0.slice/session-3.scope", "systemd", "session-3.scope",
			"session-3.scope" },
		{ "/machine.slice/libpod-conmon-" A ".scope", "systemd",
			"libpod-conmon-" A ".scope", "libpod-conmon-" A ".scope" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		is(rows[i].path, rows[i].engine, rows[i].id, rows[i].name);
	is_nobodys("/");
	is_nobodys("");
	is_nobodys("/docker");
	is_nobodys("/.service");
	is_nobodys("/libpod_parent/conmon");
	is_nobodys("/default/web");
	/* An id has 64 digits of lower case, and nothing that leads elsewhere. */
	is_nobodys("/docker/" A "a");
	is_nobodys("/docker/../../../../etc/passwd");
	is_nobodys("/docker/A" A);
}
END_TEST

START_TEST(names_are_in_the_engines_files)
{
	write_file("containers/" A "/config.v2.json",
		"{\"ID\": \"" A "\", \"Name\": \"/web\", \"Config\": {\"Env\": [1, null]}}");
	is("/docker/" A, "docker", A, "web");
	is("/system.slice/docker-" A ".scope", "docker", A, "web");
	is("/some/parent/" A, "docker", A, "web");
	write_file("vfs-containers/containers.json",
		"[{\"id\": \"" A "\", \"names\": [\"first\"]},\n"
		" {\"id\": \"" B "\", \"names\": [\"second\", \"alias\"], \"layer\": \"x\"}]");
	is("/machine.slice/libpod-" A ".scope", "podman", A, "first");
	is("/libpod_parent/libpod-" B, "podman", B, "second");
	write_file("io.containerd.runtime.v2.task/k8s.io/" A "/config.json",
		"{\"ociVersion\": \"1.0.2\", \"annotations\": {"
		"\"io.kubernetes.cri.container-name\": \"app\","
		"\"io.kubernetes.cri.sandbox-name\": \"pod-1\"}}");
	is("/kubepods.slice/cri-containerd-" A ".scope", "containerd", A, "pod-1/app");
	write_file("io.containerd.runtime.v2.task/k8s.io/" B "/config.json",
		"{\"annotations\": {\"io.kubernetes.cri.sandbox-name\": \"pod-1\"}}");
	is("/kubepods/besteffort/pod1/" B, "containerd", B, "pod-1/sandbox");
	write_file("overlay-containers/" B "/userdata/config.json",
		"{\"annotations\": {\"io.kubernetes.pod.name\": \"p\","
		" \"io.kubernetes.container.name\": \"c\"}}");
	is("/kubepods.slice/crio-" B ".scope", "cri-o", B, "p/c");
	write_file("io.containerd.runtime.v2.task/default/web/config.json", "{}");
	is("/default/web", "containerd", "web", "web");
	is_nobodys("/other/web");
}
END_TEST

START_TEST(files_may_be_anything)
{
	static const char *const texts[] = { "", "{", "null", "[]", "42", "{\"Name\": 1}",
		"{\"Name\": null}", "{\"Name\": \"\"}", "{\"Name\": \"/\"}", "{\"Name\": {}}",
		"{\"Name\": [\"/web\"]}", "\xff\xfe", "[[[[[[[[[[[[[[[[[[[[" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file("containers/" A "/config.v2.json", texts[i]);
		write_file("overlay-containers/containers.json", texts[i]);
		is("/docker/" A, "docker", A, "aaaaaaaaaaaa");
		is("/libpod-" A, "podman", A, "aaaaaaaaaaaa");
	}
	write_file("containers/" A "/config.v2.json", "{\"Name\": \"/a\\n\\u001b[2J\\u00e9\"}");
	is("/docker/" A, "docker", A, "a??[2J??");
	write_file("overlay-containers/containers.json",
		"[{\"id\": \"" A "\", \"names\": []}, {\"id\": \"" B "\"}, {\"names\": [\"x\"]}]");
	is("/libpod-" A, "podman", A, "aaaaaaaaaaaa");
	/* Neither a symlink nor a FIFO is followed or waited for. */
	autofree char *path = path_of("containers/" A "/config.v2.json");
	autofree char *other = path_of("other.json");
	write_file("other.json", "{\"Name\": \"/elsewhere\"}");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink(other, path), 0);
	is("/docker/" A, "docker", A, "aaaaaaaaaaaa");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	is("/docker/" A, "docker", A, "aaaaaaaaaaaa");
	/* Nor one that is too large. */
	ck_assert_int_eq(unlink(path), 0);
	write_file("containers/" A "/config.v2.json", "{\"Name\": \"/web\"}");
	is("/docker/" A, "docker", A, "web");
	ck_assert_int_eq(truncate(path, 64 << 20), 0);
	is("/docker/" A, "docker", A, "aaaaaaaaaaaa");
}
END_TEST

START_TEST(names_have_an_end)
{
	automatic(str) struct str text = { 0 };
	automatic(engines) struct engines s = { 0 };
	struct engine_group g = { 0 };

	str_add(&text, "{\"Name\": \"/");
	for (int i = 0; i < 10000; i++)
		str_add(&text, "x");
	str_add(&text, "\"}");
	write_file("containers/" A "/config.v2.json", text.data);
	ck_assert(engine_recognise(&s, "/docker/" A, 0, &g));
	ck_assert_uint_eq(strlen(g.name), 256);
	free(g.id);
	free(g.name);
}
END_TEST

/* By the user of that uid, with root's files at hand. */
static void is_of(uid_t maker, const char *path, const char *engine, const char *name)
{
	automatic(engines) struct engines s = { 0 };
	struct engine_group g = { 0 };

	bool known = engine_recognise(&s, path, maker, &g) && g.is_container;
	ck_assert_msg(known == (name != NULL), "%s: %s", path, g.name);
	ck_assert(!known || (str_equal(g.engine, engine) && str_equal(g.name, name)));
	free(g.id);
	free(g.name);
}

#define MANAGER "/user.slice/user-1000.slice/user@1000.service/"

START_TEST(nobody_poses_as_another)
{
	write_file("containers/" A "/config.v2.json", "{\"Name\": \"/web\"}");
	write_file("io.containerd.runtime.v2.task/default/web/config.json", "{}");
	is_of(0, "/docker/" A, "docker", "web");
	is_of(0, "/default/web", "containerd", "web");
	is_of(1000, "/docker/" A, NULL, NULL);
	is_of(1000, "/default/web", NULL, NULL);
	is_of(1000, "/system.slice/own.service/docker-" A ".scope", NULL, NULL);
	is_of((uid_t)-1, "/system.slice/docker-" A ".scope", NULL, NULL);
	is_of(1000, MANAGER "default/web", NULL, NULL);
	is_of(1000, MANAGER "lxc.payload.web", NULL, NULL);
	is_of(1000, MANAGER "crio-" A ".scope", NULL, NULL);
	is_of(1001, MANAGER "docker-" A ".scope", NULL, NULL);
	/* As his rootless engine has it, and never by the name that root's has. */
	is_of(1000, MANAGER "user.slice/libpod-" A ".scope", "podman", "aaaaaaaaaaaa");
	is_of(1000, MANAGER "app.slice/docker-" A ".scope", "docker", "aaaaaaaaaaaa");
}
END_TEST

START_TEST(the_maker_has_the_group_above)
{
	autofree char *path = path_of("above/group/x");
	char *above = strndup(path, strlen(path) - 2);
	autofd int fd = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);

	ck_assert_uint_eq(engine_maker(fd, "/above/group"), 0);
	ck_assert_uint_eq(engine_maker(fd, MANAGER "group"), 1000);
	ck_assert_uint_eq(engine_maker(fd, "/user@1000.service"), 0);
	ck_assert_int_eq(fchownat(fd, "", 1000, 1000, AT_EMPTY_PATH), 0);
	ck_assert_uint_eq(engine_maker(fd, "/above/group"), 0);
	ck_assert_int_eq(fchownat(fd, "..", 1000, 1000, 0), 0);
	ck_assert_uint_eq(engine_maker(fd, "/above/group"), 1000);
	ck_assert_uint_eq(engine_maker(-1, "/above/group"), (uid_t)-1);
	free(above);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_engine");
	TCase *tests = tcase_create("engine");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, paths_tell_engine_and_id);
	tcase_add_test(tests, names_are_in_the_engines_files);
	tcase_add_test(tests, files_may_be_anything);
	tcase_add_test(tests, names_have_an_end);
	tcase_add_test(tests, nobody_poses_as_another);
	tcase_add_test(tests, the_maker_has_the_group_above);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
