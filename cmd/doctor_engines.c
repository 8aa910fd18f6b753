/* Engines on this host, and whether their configuration knows cowrun. */
#include <ctype.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/doctor.h"
#include "spec/base/fd.h"
#include "spec/base/str.h"

#define FILE_MAX ((size_t)1 << 20)
#define RUNTIME "cowrun"

/* Files are patterns of glob(7) below the system's root; what comes later counts more. */
static const struct engine {
	const char *name;
	const char *program; /* it is there when this is */
	const char *files[4];
	const char *choice; /* the key of the runtime that is used unasked */
	const char *passed; /* keys that begin so name runtimes, and make none known */
	const char *remedy;
} engines[] = {
	{ "podman", "podman",
		{ "usr/share/containers/containers.conf", "etc/containers/containers.conf",
			"etc/containers/containers.conf.d/*.conf" },
		"runtime", "runtime_supports_",
		"podman --runtime PATH, or [engine.runtimes] in /etc/containers/containers.conf" },
	{ "containerd", "containerd", { "etc/containerd/config.toml" }, "default_runtime_name",
		NULL, "ctr run --runc-binary PATH, or BinaryName in /etc/containerd/config.toml" },
	{ "Docker", "dockerd", { "etc/docker/daemon.json" }, "default-runtime", NULL,
		"'runtimes' in /etc/docker/daemon.json" },
	{ "CRI-O", "crio", { "etc/crio/crio.conf", "etc/crio/crio.conf.d/*" }, "default_runtime",
		NULL, "[crio.runtime.runtimes." RUNTIME "] in /etc/crio/crio.conf.d" },
};

static bool is_of_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* Where the word begins in the text: nothing of a name is beside it. NULL: nowhere. */
static const char *find_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += n)
		if ((at == text || !is_of_name(at[-1])) && !is_of_name(at[n]))
			return at;
	return NULL;
}

/* What the files of an engine say. */
struct told {
	char *file; /* the last one that names it; NULL: none does */
	unsigned line;
	bool chosen; /* it is the runtime that is used unasked */
};

/* What is chosen by KEY = "VALUE" or "KEY": "VALUE" in a line: cowrun, by its name or path? */
static bool chooses_us(const char *value)
{
	value += strspn(value, "=: \t\"'");
	size_t n = strcspn(value, "\"', \t\r");
	const char *slash = memrchr(value, '/', n);
	const char *name = slash ? slash + 1 : value;

	return (size_t)(value + n - name) == strlen(RUNTIME) && str_starts(name, RUNTIME);
}

/* A line of TOML, or of JSON, which has no comments. Quotes are no part of a name. */
static void look_at_line(const struct engine *engine, const char *path, char *line, unsigned number,
	struct told *told)
{
	line[strcspn(line, "#")] = '\0';
	if (engine->passed && str_starts(line + strspn(line, " \t"), engine->passed))
		return;
	const char *key = find_word(line, engine->choice);
	const char *value = key ? key + strlen(engine->choice) : "";
	value += strspn(value, " \t\"'");
	if (*value == '=' || *value == ':')
		told->chosen = chooses_us(value);
	const char *name = find_word(line, RUNTIME);
	if (!name)
		return;
	free(told->file);
	told->file = strdup(path);
	told->line = number;
}

static void look_into_file(const struct engine *engine, const char *path, struct told *told)
{
	autofree char *text = NULL;
	struct err ignored;
	size_t n;
	unsigned number = 0;

	if (fd_read_file(AT_FDCWD, path, FILE_MAX, &text, &n, &ignored) < 0)
		return;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
		look_at_line(engine, path, line, ++number, told);
}

static void look_into_files(const struct engine *engine, const char *system, struct told *told)
{
	for (size_t i = 0; i < sizeof(engine->files) / sizeof(*engine->files); i++) {
		glob_t found = { 0 };
		autofree char *pattern =
			engine->files[i] ? str_format("%s/%s", system, engine->files[i]) : NULL;
		if (pattern && glob(pattern, 0, NULL, &found) == 0)
			for (size_t k = 0; k < found.gl_pathc; k++)
				look_into_file(engine, found.gl_pathv[k], told);
		globfree(&found);
	}
}

static bool is_installed(const char *system, const char *program)
{
	static const char *const directories[] = { "usr/local/sbin", "usr/local/bin", "usr/sbin",
		"usr/bin", "sbin", "bin" };

	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++) {
		autofree char *path = str_format("%s/%s/%s", system, directories[i], program);
		if (path && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

void doctor_engines(const struct places *p, struct findings *f)
{
	const char *system = p->system ? p->system : "";

	for (size_t i = 0; i < sizeof(engines) / sizeof(*engines); i++) {
		const struct engine *engine = &engines[i];
		struct told told = { 0 };
		look_into_files(engine, system, &told);
		const char *there = is_installed(system, engine->program) ? "" : "not installed; ";
		if (told.file)
			findings_add(f, engine->name, FINDING_OK, NULL,
				"%sknows " RUNTIME " (%s:%u)%s", there, told.file, told.line,
				told.chosen ? ", and uses it unasked" : "");
		else if (*there)
			findings_add(f, engine->name, FINDING_OK, NULL, "not installed");
		else
			findings_add(f, engine->name, FINDING_LACKS, engine->remedy,
				"no file of its configuration names " RUNTIME);
		free(told.file);
	}
}
