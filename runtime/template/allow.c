/* Which programs bear to be frozen. */
#include <elf.h>
#include <fcntl.h>

#include "runtime/init/sys.h"
#include "runtime/init/text.h"
#include "runtime/template/allow.h"

/*
 * Files by the beginning of their name, whose allocators take memory after MADV_DONTNEED for zeros, or
 * free by MADV_FREE, or whose garbage collector writes everywhere.
 */
static const char refused_files[][16] = {
	"libjemalloc",
	"libtcmalloc",
	"libmimalloc",
	"libsnmalloc",
	"libscudo",
	"libasan",
	"libtsan",
	"libarrow", /* jemalloc and mimalloc are in it */
	"polars",   /* jemalloc */
	"libgo.",
	"libpypy",
	"libjvm",
	"libnode",
	"libcoreclr",
	"libmonosgen",
};

/* CPython frees its arenas by munmap(), and glibc's malloc clears what it must. */
static const char python_files[][16] = { "libpython3.", "python3." };
static const char python_module[] = ".cpython-3";

/* Words of the environment: allocators that an interpreter takes by choice. */
static const char refused_words[][32] = { "PYTHONMALLOC=mimalloc" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void set(char *to, size_t room, const char *from)
{
	struct text t = { to, 0, room };

	text_add(&t, from);
}

static const char *base_of(const char *path)
{
	const char *base = path;

	for (; *path; path++)
		if (*path == '/')
			base = path + 1;
	return base;
}

/* Where the version begins, behind "3"; `ret_ends`: what may follow it. NULL: no Python. */
static const char *version_of(const char *name, const char **ret_ends)
{
	*ret_ends = ". "; /* " (deleted)" */
	for (size_t i = 0; i < COUNT(python_files); i++)
		if (text_starts(name, python_files[i]))
			return name + strlen(python_files[i]);
	*ret_ends = "-";
	for (; *name; name++)
		if (text_starts(name, python_module))
			return name + sizeof(python_module) - 1;
	return NULL;
}

/*
 * "libpython3.11.so.1.0", "python3.12", "_json.cpython-311-x86_64-linux-gnu.so". One without the global
 * lock, "python3.13t", has mimalloc.
 */
static bool is_python(const char *name, bool *ret_locked)
{
	const char *ends, *s = version_of(name, &ends);

	*ret_locked = true;
	if (text_starts(name, "python3") && (!name[7] || name[7] == ' '))
		return true;
	if (!s || *s < '0' || *s > '9')
		return false;
	while (*s >= '0' && *s <= '9')
		s++;
	*ret_locked = *s != 't';
	s += *s == 't' || *s == 'd';
	return !*s || text_find(ends, *s);
}

void allow_see(struct allow *a, const struct mapping *m)
{
	const char *name = base_of(m->name);
	bool locked;

	if (m->kind != MAPPING_FILE || !m->executable)
		return;
	for (size_t i = 0; i < COUNT(refused_files); i++)
		if (text_starts(name, refused_files[i]))
			set(a->refused, sizeof(a->refused), name);
	if (!is_python(name, &locked))
		return;
	if (locked) {
		a->known = true;
		set(a->granted, sizeof(a->granted), name);
	} else {
		set(a->refused, sizeof(a->refused), name);
	}
}

static void look_at_words(struct allow *a, struct lines *l)
{
	const char *word;

	if (lines_open(l, "/proc/self/environ", '\0') < 0)
		return;
	while ((word = lines_next(l)))
		for (size_t i = 0; i < COUNT(refused_words); i++)
			if (text_equal(word, refused_words[i]))
				set(a->refused, sizeof(a->refused), word);
	lines_close(l);
}

enum freeze_ask freeze_asked(const char *name)
{
	enum freeze_ask ask = FREEZE_AUTO;
	struct lines l;
	const char *word;

	if (lines_open(&l, "/proc/self/environ", '\0') < 0)
		return ask;
	while ((word = lines_next(&l))) {
		if (!text_starts(word, name))
			continue;
		word += strlen(name);
		if (text_equal(word, "always"))
			ask = FREEZE_ALWAYS;
		else if (text_equal(word, "never"))
			ask = FREEZE_NEVER;
		break;
	}
	lines_close(&l);
	return ask;
}

/* The program headers of the executable, as the kernel told them when it began. */
static const Elf64_Phdr *program_headers(size_t *ret_n)
{
	const Elf64_Phdr *at = NULL;
	Elf64_auxv_t pair = { 0 };
	long fd = sys(openat, AT_FDCWD, "/proc/self/auxv", O_RDONLY | O_CLOEXEC);

	*ret_n = 0;
	while (fd >= 0 && sys(read, fd, &pair, sizeof(pair)) == sizeof(pair)) {
		if (pair.a_type == AT_PHDR)
			at = (const Elf64_Phdr *)pair.a_un.a_val;
		if (pair.a_type == AT_PHNUM)
			*ret_n = pair.a_un.a_val;
	}
	if (fd >= 0)
		sys(close, fd);
	return at;
}

static bool has_note(const char *at, size_t bytes)
{
	const Elf64_Nhdr *note;

	for (size_t all; bytes >= sizeof(*note); at += all, bytes -= all) {
		note = (const Elf64_Nhdr *)at;
		all = sizeof(*note) + ((note->n_namesz + 3UL) & ~3UL) +
		      ((note->n_descsz + 3UL) & ~3UL);
		if (all > bytes)
			return false;
		if (note->n_type == COW_NOTE_FREEZE && note->n_namesz == sizeof(COW_NOTE_OWNER) &&
			memcmp(note + 1, COW_NOTE_OWNER, sizeof(COW_NOTE_OWNER)) == 0)
			return true;
	}
	return false;
}

/* A position-independent one lies where PT_PHDR is not. */
static bool executable_has_note(void)
{
	size_t n;
	const Elf64_Phdr *h = program_headers(&n);
	uintptr_t bias = 0;

	if (!h)
		return false;
	for (size_t i = 0; i < n; i++)
		if (h[i].p_type == PT_PHDR)
			bias = (uintptr_t)h - h[i].p_vaddr;
	for (size_t i = 0; i < n; i++)
		if (h[i].p_type == PT_NOTE && h[i].p_align <= 4 &&
			has_note((const char *)(bias + h[i].p_vaddr), h[i].p_memsz))
			return true;
	return false;
}

void allow_look(struct allow *a, struct lines *l)
{
	look_at_words(a, l);
	a->known = a->known || executable_has_note();
}
