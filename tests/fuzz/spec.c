/*
 * Documents of strangers, mutated: config.json, its parts as exec and update are given them, and the
 * image documents, read by their tables.
 *
 *	spec [SEED [ROUNDS]]
 *
 * Seeds are the folders of tests/data/spec; a round takes one, changes it a little and reads it as
 * everything that this room reads. It must be taken or refused with one line, never crash, leak (a
 * build with sanitizers tells), or be taken and then read differently after it was written. One
 * seed is one course: a failure names the round, and can be had again. Runs from the project's
 * root.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/fd.h"
#include "spec/image.h"
#include "spec/mounts.h"
#include "spec/resources.h"
#include "spec/seccomp.h"
#include "spec/spec.h"
#include "spec/state.h"

#define DATA "tests/data/spec"
enum { SEEDS_MAX = 1000, SEED_BYTES = 1 << 16, CHANGES = 6 };

struct text {
	char *data;
	size_t len;
};

static struct text seeds[SEEDS_MAX];
static size_t n_seeds;
static uint64_t state;

/* splitmix64: small, and the same everywhere. */
static uint64_t next_random(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static size_t below(size_t n)
{
	return n ? next_random() % n : 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of their names: a seed must mean the same course on every machine. */
static void load_seeds(const char *folder)
{
	char *names[SEEDS_MAX];
	size_t n = 0;
	DIR *dir = opendir(folder);

	for (struct dirent *d; dir && (d = readdir(dir)) && n < SEEDS_MAX;)
		if (d->d_name[0] != '.')
			names[n++] = strdup(d->d_name);
	if (dir)
		closedir(dir);
	qsort(names, n, sizeof(names[0]), by_text);
	for (size_t i = 0; i < n; i++) {
		autofree char *path = str_format("%s/%s/config.json", folder, names[i]);
		struct text *to = &seeds[n_seeds];
		struct err e;
		if (n_seeds < SEEDS_MAX &&
			fd_read_file(AT_FDCWD, path, SEED_BYTES, &to->data, &to->len, &e) == 0)
			n_seeds++;
		free(names[i]);
	}
}

static const char *const tokens[] = { "null", "true", "false", "0", "-1", "1.0", "1e3",
	"4294967296", "9223372036854775808", "18446744073709551615", "18446744073709551616", "{}",
	"[]", "\"\"", "\"..\"", "\"\\u0000\"", "\"\\ud800\"", "\xff", "[[[[[[[[", "{\"a\":", "}",
	"]", ",", ":", "\"", "\\", "/", "\n" };

/* Puts n bytes in the place of `cut` bytes at `at`. */
static void replace(struct text *t, size_t at, size_t cut, const char *bytes, size_t n)
{
	struct str s = { 0 };

	cut = cut < t->len - at ? cut : t->len - at;
	str_add_bytes(&s, t->data, at);
	str_add_bytes(&s, bytes, n);
	str_add_bytes(&s, t->data + at + cut, t->len - at - cut);
	free(t->data);
	t->data = s.data;
	t->len = s.len;
}

static void change(struct text *t)
{
	size_t at = below(t->len + 1);
	const char *token = tokens[below(sizeof(tokens) / sizeof(tokens[0]))];
	const struct text *other = &seeds[below(n_seeds)];
	size_t from = below(other->len), n = below(64);
	char byte = (char)next_random();

	switch (below(6)) {
	case 0:
		replace(t, at, 1, &byte, 1);
		break;
	case 1:
		replace(t, at, below(16), "", 0);
		break;
	case 2:
		replace(t, at, below(4), token, strlen(token));
		break;
	case 3: /* a piece of another document */
		replace(t, at, below(64), other->data + from,
			n < other->len - from ? n : other->len - from);
		break;
	case 4: /* a piece of itself, again */
		n = n < t->len - at ? n : t->len - at;
		replace(t, below(t->len + 1), 0, t->data + at, n);
		break;
	default: /* cut off */
		if (below(8) == 0)
			t->len = at;
		break;
	}
}

_Noreturn static void report(const struct text *t, const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n%.*s\n", what, why, (int)t->len, t->data);
	abort();
}

static void check_error(const struct text *t, const char *what, int r, const struct err *e)
{
	if (r > 0 || (r < 0 && r != -e->code))
		report(t, what, "the status is not the error's");
	if (r < 0 && (!*e->text || strchr(e->text, '\n')))
		report(t, what, "the error is not one line");
}

static void check_mounts(const struct text *t, const struct spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		automatic(mount_flags) struct mount_flags f = { 0 };
		struct err e = { 0 };
		int r = mount_flags_parse(&s->mounts[i], &f, &e);
		check_error(t, "mount options", r, &e);
		if (r == 0 && (f.n_data > 0 && f.data[f.n_data]))
			report(t, "mount options", "not ended");
	}
}

/* What was read, written and read again must be written the same. */
static void check_round_trip(const struct text *t, const struct spec *s)
{
	automatic(str) struct str first = { 0 }, second = { 0 };
	automatic(spec) struct spec again = { 0 };
	struct err e = { 0 };

	json_write(spec_fields, s, JSON_INDENTED, &first);
	if (spec_parse("written", first.data, first.len, &again, &e) < 0)
		report(t, "written", e.text);
	json_write(spec_fields, &again, JSON_INDENTED, &second);
	if (strcmp(first.data, second.data) != 0)
		report(t, "written", second.data);
}

/* What exec and update are given: a part of a document that was taken, changed again. */
static void read_part(const struct field *fields, const void *from, size_t size, bool is_process)
{
	automatic(str) struct str written = { 0 };
	autofree void *part = calloc(1, size);
	struct err e = { 0 };

	json_write(fields, from, JSON_COMPACT, &written);
	struct text t = { malloc(written.len + 1), written.len };
	memcpy(t.data, written.data, written.len);
	for (size_t n = below(3); n; n--)
		change(&t);
	int r = json_read("part", t.data, t.len, fields, part, &json_usual_limits, &e);
	check_error(&t, "part", r, &e);
	if (r == 0)
		r = is_process ? process_validate(part, "process", &e)
			       : resources_validate(part, "resources", &e);
	check_error(&t, "validate a part", r, &e);
	json_free(fields, part);
	free(t.data);
}

static void read_seccomp(const struct text *t, const struct json_text *section)
{
	automatic(seccomp_spec) struct seccomp_spec s = { 0 };
	struct err e = { 0 };

	if (section->text)
		check_error(t, "seccomp", seccomp_read(section, &s, &e), &e);
}

static bool read_spec(const struct text *t)
{
	automatic(spec) struct spec s = { 0 };
	struct err e = { 0 };

	int r = spec_parse("config.json", t->data, t->len, &s, &e);
	check_error(t, "config.json", r, &e);
	if (r < 0)
		return false;
	check_error(t, "validate", spec_validate(&s, &e), &e);
	check_mounts(t, &s);
	check_round_trip(t, &s);
	read_seccomp(t, &s.linux_.seccomp);
	if (s.process)
		read_part(process_fields, s.process, sizeof(*s.process), true);
	read_part(resources_fields, &s.linux_.resources, sizeof(s.linux_.resources), false);
	return true;
}

static void read_images(const struct text *t)
{
	automatic(index_doc) struct index_doc index = { 0 };
	automatic(manifest_doc) struct manifest_doc manifest = { 0 };
	automatic(image_config) struct image_config config = { 0 };
	automatic(docker_archive) struct docker_archive archive = { 0 };
	automatic(image_record) struct image_record record = { 0 };
	automatic(state_doc) struct state_doc doc = { 0 };
	struct err e = { 0 };

	check_error(t, "index", index_parse("index", t->data, t->len, &index, &e), &e);
	check_error(t, "manifest", manifest_parse("manifest", t->data, t->len, &manifest, &e), &e);
	check_error(t, "config", image_config_parse("config", t->data, t->len, &config, &e), &e);
	check_error(
		t, "archive", docker_archive_parse("archive", t->data, t->len, &archive, &e), &e);
	check_error(t, "record", image_record_parse("record", t->data, t->len, &record, &e), &e);
	check_error(t, "state", state_parse("state", t->data, t->len, &doc, &e), &e);
}

/* How many of the rounds were taken as a config.json. */
static size_t fuzz(uint64_t seed, size_t rounds)
{
	size_t taken = 0;

	load_seeds(DATA "/valid");
	load_seeds(DATA "/invalid");
	if (!n_seeds) {
		fprintf(stderr, "no seeds in %s\n", DATA);
		exit(1);
	}
	for (size_t i = 0; i < rounds; i++) {
		state = seed + i * 0x632be59bd9b4e019;
		const struct text *from = &seeds[below(n_seeds)];
		struct text t = { malloc(from->len + 1), from->len };
		memcpy(t.data, from->data, from->len);
		for (size_t n = below(CHANGES); n; n--)
			change(&t);
		taken += read_spec(&t);
		if (i % 4 == 0)
			read_images(&t);
		free(t.data);
	}
	while (n_seeds)
		free(seeds[--n_seeds].data);
	return taken;
}

#ifndef FUZZ_NO_MAIN
int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	size_t rounds = argc > 2 ? strtoull(argv[2], NULL, 0) : 100000;
	size_t taken = fuzz(seed, rounds);

	printf("seed %llu: %zu rounds, %zu taken\n", (unsigned long long)seed, rounds, taken);
	return 0;
}
#endif
