/* The mappings of this process. */
#include "runtime/init/text.h"
#include "runtime/template/mappings.h"

static void keep_text(char *to, size_t room, const char *from)
{
	struct text t = { to, 0, room };
	size_t n = strlen(from);

	text_add(&t, n < room ? from : from + (n - room + 1));
}

static enum mapping_kind kind_of(const char *name)
{
	if (!*name || text_equal(name, "[heap]") || text_starts(name, "[anon:"))
		return MAPPING_ANON;
	if (text_starts(name, "[stack"))
		return MAPPING_STACK;
	return *name == '[' ? MAPPING_KERNEL : MAPPING_FILE;
}

/* "5581c000-5581d000 rw-p 00000000 00:00 0    [heap]" */
static void read_head(const char *s, struct mapping *m)
{
	m->start = lines_number(&s, 16);
	s += *s == '-';
	m->end = lines_number(&s, 16);
	if (strlen(s) < 5)
		return;
	m->readable = s[0] == 'r';
	m->writable = s[1] == 'w';
	m->executable = s[2] == 'x';
	m->shared = s[3] == 's';
	s += 5;
	lines_number(&s, 16);
	while (*s && *s != ' ') /* the device */
		s++;
	while (*s == ' ')
		s++;
	bool has_inode = lines_number(&s, 10) != 0;
	keep_text(m->name, sizeof(m->name), s);
	m->kind = has_inode ? MAPPING_FILE : kind_of(s);
}

static void read_value(const char *line, struct mapping *m)
{
	const char *s = text_find(line, ':');

	if (!s)
		return;
	for (s++; *s == ' '; s++)
		;
	if (text_starts(line, "KernelPageSize:"))
		m->page = lines_number(&s, 10) * 1024;
	else if (text_starts(line, "Anonymous:") || text_starts(line, "Swap:"))
		m->anonymous += lines_number(&s, 10) * 1024;
	else if (text_starts(line, "ProtectionKey:"))
		m->key = (unsigned)lines_number(&s, 10);
}

/* Values begin with a capital, the head does not; VmFlags is the last of all. */
bool mapping_next(struct lines *l, struct mapping *ret)
{
	const char *line;

	memset(ret, 0, sizeof(*ret));
	while ((line = lines_next(l))) {
		if (text_starts(line, "VmFlags:")) {
			keep_text(ret->flags, sizeof(ret->flags), line + sizeof("VmFlags:") - 1);
			return true;
		}
		if (*line >= 'A' && *line <= 'Z')
			read_value(line, ret);
		else
			read_head(line, ret);
	}
	return false;
}

bool mapping_has(const struct mapping *m, const char flag[2])
{
	for (const char *s = m->flags; s[0] && s[1] && s[2]; s++)
		if (s[0] == ' ' && s[1] == flag[0] && s[2] == flag[1])
			return true;
	return false;
}
