/* Whose container a cgroup is, and what it is called. */
#include "cmd/engine.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/fd.h"
#include "spec/base/json.h"
#include "spec/base/str.h"

enum {
	ID_LENGTH = 64, /* hexadecimal digits */
	ID_SHOWN = 12,
	NAME_MAX_BYTES = 256,
	NAMESPACES_MAX = 64,
};

/* A list of a thousand containers is one megabyte. */
static const struct json_limits limits = { .bytes = 16 << 20, .depth = 32, .values = 500000 };

struct engine_container {
	char *id;
	char **names;
	size_t n_names;
};

/* --- where engines keep their files ---------------------------------------------------------- */

enum place { PLACE_DOCKER, PLACE_PODMAN, PLACE_CRIO, PLACE_CONTAINERD };

static const struct {
	const char *variable; /* of the environment, where it is another */
	const char *usual;
	const char *of_user; /* in an ordinary user's home */
} places[] = {
	[PLACE_DOCKER] = { "COW_DOCKER_DIR", "/var/lib/docker", ".local/share/docker" },
	[PLACE_PODMAN] = { "COW_PODMAN_DIR", "/var/lib/containers/storage",
		".local/share/containers/storage" },
	[PLACE_CRIO] = { "COW_CRIO_DIR", "/run/containers/storage", NULL },
	[PLACE_CONTAINERD] = { "COW_CONTAINERD_DIR", "/run/containerd", NULL },
};

static int place_open(enum place place)
{
	const char *path = getenv(places[place].variable), *home = getenv("HOME");
	autofree char *own = NULL;

	if (!path || !*path)
		path = places[place].usual;
	if (path == places[place].usual && geteuid() != 0 && places[place].of_user && home)
		path = own = str_format("%s/%s", home, places[place].of_user);
	return path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
}

/* Neither a name that leads elsewhere nor anything but a file of a sane size is read. */
static char *read_file(int dir, const char *path, size_t *ret_n)
{
	autofd int fd = fd_open_beneath(dir, path, O_PATH | O_NOFOLLOW);
	char self[40];
	char *text = NULL;
	struct err ignored;

	if (fd < 0)
		return NULL;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return fd_read_file(AT_FDCWD, self, limits.bytes, &text, ret_n, &ignored) < 0 ? NULL : text;
}

static bool read_json(int dir, const char *path, const struct field *table, void *into)
{
	struct err ignored;
	size_t n = 0;
	autofree char *text = read_file(dir, path, &n);

	return text && json_read(path, text, n, table, into, &limits, &ignored) == 0;
}

/* --- names ----------------------------------------------------------------------------------- */

/* A name, as much of it as can be shown; none at all is NULL. */
static char *make_safe(const char *name)
{
	char *safe = name && *name ? strndup(name, NAME_MAX_BYTES) : NULL;

	for (unsigned char *at = (unsigned char *)safe; at && *at; at++)
		if (*at < 0x20 || *at >= 0x7f)
			*at = '?';
	return safe;
}

/* Where an engine's files say nothing: by what its containers are called in their groups' names. */
static char *short_id(const char *id)
{
	return strlen(id) == ID_LENGTH ? strndup(id, ID_SHOWN) : make_safe(id);
}

typedef char *find_name(struct engines *s, const char *id, const char *above);

struct docker_config {
	char *name;
};

static const struct field docker_fields[] = {
	FIELD(struct docker_config, "Name", FIELD_STRING, name),
	{ 0 },
};

static char *find_docker(struct engines *s, const char *id, const char *above)
{
	struct docker_config config = { 0 };
	autofd int dir = place_open(PLACE_DOCKER);
	autofree char *path = str_format("containers/%s/config.v2.json", id);
	char *name = NULL;

	(void)s, (void)above;
	if (dir >= 0 && path && read_json(dir, path, docker_fields, &config))
		name = make_safe(
			config.name && *config.name == '/' ? config.name + 1 : config.name);
	json_free(docker_fields, &config);
	return name;
}

static const struct field stored_fields[] = {
	FIELD(struct engine_container, "id", FIELD_STRING, id, .must = true),
	FIELD_LIST(struct engine_container, "names", FIELD_STRING, names, n_names),
	{ 0 },
};

static const struct field stored_list = FIELD_LIST(struct engines, "containers", FIELD_OBJECT,
	stored, n_stored, .inside = stored_fields, .size = sizeof(struct engine_container));

static const struct field engines_fields[] = {
	FIELD_LIST(struct engines, "containers", FIELD_OBJECT, stored, n_stored,
		.inside = stored_fields, .size = sizeof(struct engine_container)),
	{ 0 },
};

void engines_done(struct engines *s)
{
	json_free(engines_fields, s);
	*s = (struct engines){ 0 };
}

/* The storage of podman has a list for each way of keeping files; a host uses one of them. */
static void read_stored(struct engines *s)
{
	static const char *const drivers[] = { "overlay", "vfs", "btrfs", "zfs" };
	autofd int dir = place_open(PLACE_PODMAN);

	s->has_stored = true;
	for (size_t i = 0; dir >= 0 && !s->n_stored && i < sizeof(drivers) / sizeof(drivers[0]);
		i++) {
		autofree char *path = str_format("%s-containers/containers.json", drivers[i]);
		struct err ignored;
		size_t n = 0;
		autofree char *text = path ? read_file(dir, path, &n) : NULL;
		if (text)
			json_read_list(path, text, n, &stored_list, s, &limits, &ignored);
	}
}

static char *find_podman(struct engines *s, const char *id, const char *above)
{
	(void)above;
	if (!s->has_stored)
		read_stored(s);
	for (size_t i = 0; i < s->n_stored; i++)
		if (str_equal(s->stored[i].id, id))
			return s->stored[i].n_names ? make_safe(s->stored[i].names[0]) : NULL;
	return NULL;
}

struct bundle {
	struct string_pair *annotations;
	size_t n_annotations;
};

static const struct field bundle_fields[] = {
	FIELD(struct bundle, "annotations", FIELD_MAP, annotations,
		.count_offset = offsetof(struct bundle, n_annotations)),
	{ 0 },
};

static const char *annotation(const struct bundle *b, const char *key)
{
	for (size_t i = 0; i < b->n_annotations; i++)
		if (str_equal(b->annotations[i].key, key))
			return b->annotations[i].value;
	return NULL;
}

/* What engines below Kubernetes note of a container, and nerdctl of its own. */
static const struct {
	const char *pod, *container;
} annotated[] = {
	{ "io.kubernetes.cri.sandbox-name", "io.kubernetes.cri.container-name" },
	{ "io.kubernetes.pod.name", "io.kubernetes.container.name" },
	{ NULL, "nerdctl/name" },
};

/* POD/CONTAINER; the container that holds a pod together has no name of its own. */
static char *name_annotated(const struct bundle *b)
{
	for (size_t i = 0; i < sizeof(annotated) / sizeof(annotated[0]); i++) {
		const char *container = annotation(b, annotated[i].container);
		const char *pod = annotated[i].pod ? annotation(b, annotated[i].pod) : NULL;
		if (!pod && !container)
			continue;
		autofree char *name = str_format("%s%s%s", pod ? pod : "", pod ? "/" : "",
			container ? container : "sandbox");
		return make_safe(name);
	}
	return NULL;
}

static char *find_in_bundle(int dir, const char *path)
{
	struct bundle bundle = { 0 };
	char *name = NULL;

	if (path && read_json(dir, path, bundle_fields, &bundle))
		name = name_annotated(&bundle);
	json_free(bundle_fields, &bundle);
	return name;
}

static char *find_crio(struct engines *s, const char *id, const char *above)
{
	autofd int dir = place_open(PLACE_CRIO);
	autofree char *path = str_format("overlay-containers/%s/userdata/config.json", id);

	(void)s, (void)above;
	return dir < 0 ? NULL : find_in_bundle(dir, path);
}

#define TASKS "io.containerd.runtime.v2.task"

static char *find_containerd(struct engines *s, const char *id, const char *above)
{
	autofd int place = place_open(PLACE_CONTAINERD);
	DIR *tasks = place < 0 ? NULL : fdopendir(openat(place, TASKS, O_RDONLY | O_CLOEXEC));
	char *name = NULL;
	int n = 0;

	(void)s, (void)above;
	for (struct dirent *d; !name && tasks && (d = readdir(tasks)) && n++ < NAMESPACES_MAX;) {
		autofree char *path = str_format("%s/%s/config.json", d->d_name, id);
		if (*d->d_name != '.')
			name = find_in_bundle(dirfd(tasks), path);
	}
	if (tasks)
		closedir(tasks);
	return name;
}

/* ctr's are in /NAMESPACE/ID, and called by that id; they are it if containerd knows them. */
static char *find_task(struct engines *s, const char *id, const char *above)
{
	autofd int place = place_open(PLACE_CONTAINERD);
	autofree char *path = str_format(TASKS "/%s/%s/config.json", above, id);
	autofd int file =
		place >= 0 && path ? fd_open_beneath(place, path, O_PATH | O_NOFOLLOW) : -1;

	(void)s;
	return file < 0 || !*above ? NULL : make_safe(id);
}

/* --- paths ----------------------------------------------------------------------------------- */

enum id_kind {
	ID_HEX,	 /* ID_LENGTH digits */
	ID_WORD, /* anything that may be a name */
};

/* The first that fits. What stands before and after the id, and above it, is as it is written. */
static const struct row {
	const char *engine; /* NULL: whose finder knows it */
	const char *before, *after, *above;
	enum id_kind id;
	bool is_container, must_find;
	find_name *find;
	bool rootless; /* ordinary users have such too */
} rows[] = {
	{ "podman", "libpod-payload-", "", NULL, ID_HEX, true, false, find_podman, true },
	{ "podman", "libpod-", ".scope", NULL, ID_HEX, true, false, find_podman, true },
	{ "podman", "libpod-", "", NULL, ID_HEX, true, false, find_podman, true },
	{ "cri-o", "crio-", ".scope", NULL, ID_HEX, true, false, find_crio, false },
	{ "cri-o", "crio-", "", NULL, ID_HEX, true, false, find_crio, false },
	{ "docker", "docker-", ".scope", NULL, ID_HEX, true, false, find_docker, true },
	{ "docker", "", "", "docker", ID_HEX, true, false, find_docker, false },
	{ "containerd", "cri-containerd-", ".scope", NULL, ID_HEX, true, false, find_containerd,
		false },
	{ "containerd", "nerdctl-", ".scope", NULL, ID_HEX, true, false, find_containerd, true },
	/* As Kubernetes has them without systemd, and engines that are told a group above. */
	{ "docker", "", "", NULL, ID_HEX, true, true, find_docker, false },
	{ "containerd", "", "", NULL, ID_HEX, true, true, find_containerd, false },
	{ "cri-o", "", "", NULL, ID_HEX, true, true, find_crio, false },
	{ NULL, "", "", NULL, ID_HEX, true, false, NULL, false },
	{ "containerd", "", "", NULL, ID_WORD, true, true, find_task, false },
	{ "lxc", "lxc.payload.", "", NULL, ID_WORD, true, false, NULL, false },
};

static const char *const unit_kinds[] = { ".service", ".scope", ".slice", ".socket", ".mount",
	".swap" };

static bool is_id(const char *id, enum id_kind kind)
{
	if (kind == ID_WORD)
		return *id && *id != '.';
	for (size_t i = 0; i < ID_LENGTH; i++)
		if (!isdigit((unsigned char)id[i]) && !(id[i] >= 'a' && id[i] <= 'f'))
			return false;
	return !id[ID_LENGTH];
}

/* The id that stands between what a row has before and after it; NULL: it does not fit. */
static char *id_by(const struct row *row, const char *last, const char *above)
{
	size_t n = strlen(last), before = strlen(row->before), after = strlen(row->after);

	if (n <= before + after || !str_starts(last, row->before) ||
		strcmp(last + n - after, row->after) != 0 ||
		(row->above && !str_equal(row->above, above)))
		return NULL;
	char *id = strndup(last + before, n - before - after);
	if (id && !is_id(id, row->id))
		free(take(id));
	return id;
}

static bool recognise_unit(const char *last, struct engine_group *ret)
{
	size_t n = strlen(last);

	for (size_t i = 0; i < sizeof(unit_kinds) / sizeof(unit_kinds[0]); i++) {
		size_t end = strlen(unit_kinds[i]);
		if (n <= end || strcmp(last + n - end, unit_kinds[i]) != 0)
			continue;
		*ret = (struct engine_group){ "systemd", strdup(last), make_safe(last), false };
		return true;
	}
	return false;
}

/* The user whose service manager a group is below; 0: nobody's but root's. */
static uid_t manager_of(const char *path)
{
	static const char before[] = "/user@";
	uid_t uid = 0;

	for (const char *at = path; uid == 0 && (at = strstr(at, before));) {
		at += strlen(before);
		size_t n = strspn(at, "0123456789");
		if (n && n < 10 && str_starts(at + n, ".service/"))
			uid = (uid_t)strtoul(at, NULL, 10);
	}
	return uid;
}

uid_t engine_maker(int group, const char *path)
{
	struct stat above;

	if (group < 0 || fstatat(group, "..", &above, 0) < 0)
		return (uid_t)-1;
	return above.st_uid ? above.st_uid : manager_of(path);
}

bool engine_recognise(struct engines *s, const char *path, uid_t maker, struct engine_group *ret)
{
	bool trusted = maker == 0 || maker == geteuid(), rootless = manager_of(path) == maker;
	const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
	const char *end = slash ? slash : path, *begin = end;

	while (begin > path && begin[-1] != '/')
		begin--;
	autofree char *above = strndup(begin, (size_t)(end - begin));
	for (size_t i = 0; above && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!trusted && !(rootless && rows[i].rootless))
			continue;
		autofree char *id = id_by(&rows[i], last, above);
		autofree char *name =
			id && trusted && rows[i].find ? rows[i].find(s, id, above) : NULL;
		if (!id || (rows[i].must_find && !name))
			continue;
		if (!name)
			name = short_id(id);
		*ret = (struct engine_group){ rows[i].engine, take(id), take(name),
			rows[i].is_container };
		return true;
	}
	return recognise_unit(last, ret);
}
