/* Names of a tar's members. */
#include "overlay/member.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "spec/base/str.h"

static const char whiteout[] = ".wh.";
static const char opaque[] = ".wh..wh..opq";
static const char aufs[] = ".wh..wh.";

const char *member_show(const char *path, struct member_text *out)
{
	size_t at = 0;

	for (const unsigned char *c = (const unsigned char *)path; *c; c++) {
		if (at + 8 > sizeof(out->text)) {
			memcpy(out->text + at, "...", 4);
			return out->text;
		}
		if (*c < 0x20 || *c >= 0x7f || *c == '\\')
			at += (size_t)snprintf(out->text + at, 5, "\\x%02x", *c);
		else
			out->text[at++] = (char)*c;
	}
	out->text[at] = '\0';
	return out->text;
}

static int refuse(const char *path, int code, const char *why, struct err *e)
{
	struct member_text shown;

	return err_say(e, code, "member '%s': %s", member_show(path, &shown), why);
}

static bool is_component(const char *part, size_t len, const char *text)
{
	return strlen(text) == len && memcmp(part, text, len) == 0;
}

/* The base as it stands there, after its parent was split off. */
static int find_meaning(const char *path, struct member *m, struct err *e)
{
	m->meaning = MEMBER_PLAIN;
	if (!str_starts(m->base, whiteout))
		return 0;
	if (strcmp(m->base, opaque) == 0) {
		m->meaning = MEMBER_OPAQUE;
		return 0;
	}
	if (str_starts(m->base, aufs)) {
		m->meaning = MEMBER_IGNORED;
		return 0;
	}
	const char *hidden = m->base + sizeof(whiteout) - 1;
	if (*hidden == '\0' || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return refuse(path, ERR_DAMAGED, "a whiteout of nothing that can be named", e);
	memmove(m->base, hidden, strlen(hidden) + 1);
	m->meaning = MEMBER_WHITEOUT;
	return 0;
}

/* The last component so far turns out to be a directory on the way. */
static int push_parent(const char *path, struct member *m, struct err *e)
{
	size_t have = strlen(m->parent), more = strlen(m->base);

	if (more == 0)
		return 0;
	if (str_starts(m->base, aufs))
		m->meaning = MEMBER_IGNORED;
	else if (str_starts(m->base, whiteout))
		return refuse(path, ERR_DAMAGED, "it lies below a whiteout", e);
	if (have + more + 2 > sizeof(m->parent))
		return refuse(path, ENAMETOOLONG, "the name is too long", e);
	if (have)
		m->parent[have++] = '/';
	memcpy(m->parent + have, m->base, more + 1);
	return 0;
}

int member_parse(const char *path, struct member *ret, struct err *e)
{
	struct member m;
	int r = 0;

	m.meaning = MEMBER_ROOT;
	m.parent[0] = m.base[0] = '\0';
	for (const char *part = path; *part;) {
		size_t len = strcspn(part, "/");
		if (is_component(part, len, ".."))
			return refuse(path, EPERM, "'..' is not allowed in it", e);
		if (len > NAME_MAX)
			return refuse(path, ENAMETOOLONG, "a part of the name is too long", e);
		if (len && !is_component(part, len, ".")) {
			r = push_parent(path, &m, e);
			if (r < 0)
				return r;
			memcpy(m.base, part, len);
			m.base[len] = '\0';
		}
		part += len + (part[len] == '/');
	}
	if (m.base[0] && m.meaning != MEMBER_IGNORED)
		r = find_meaning(path, &m, e);
	if (r == 0)
		*ret = m;
	return r;
}
