/* Lines of /proc/PID/maps, read piece by piece. */
#include "cgroup/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int maps_open(struct maps *m, int process, const char *name)
{
	m->fd = openat(process, name, O_RDONLY | O_CLOEXEC);
	m->at = m->n = 0;
	if (m->fd >= 0)
		return 0;
	return errno == ENOENT ? -ESRCH : errno == EPERM ? -EACCES : -errno;
}

void maps_done(struct maps *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

int maps_line(struct maps *m, char *line, size_t room)
{
	for (size_t n = 0;;) {
		if (m->at == m->n) {
			ssize_t got = read(m->fd, m->text, sizeof(m->text));
			if (got <= 0)
				return got < 0 ? -errno : 0;
			m->n = (size_t)got;
			m->at = 0;
		}
		const char *from = m->text + m->at;
		const char *newline = memchr(from, '\n', m->n - m->at);
		size_t piece = newline ? (size_t)(newline - from) : m->n - m->at;
		size_t fits = piece < room - 1 - n ? piece : room - 1 - n;
		memcpy(line + n, from, fits);
		n += fits;
		m->at += piece + (newline != NULL);
		if (newline) {
			line[n] = '\0';
			return 1;
		}
	}
}

/* A hexadecimal number that ends with this character. */
static bool parse_hex(const char **at, char after, uint64_t *ret)
{
	char *end;

	*ret = strtoull(*at, &end, 16);
	if (end == *at || *end != after)
		return false;
	*at = end + 1;
	return true;
}

/* "start-end perms offset major:minor inode   path", the first ones in hexadecimal. */
bool maps_parse(const char *line, struct mapping *ret)
{
	struct mapping m = { 0 };
	uint64_t major, minor;
	const char *at = line;

	if (!parse_hex(&at, '-', &m.start) || !parse_hex(&at, ' ', &m.end) || m.end >> 63)
		return false;
	at = strchr(at, ' ');
	if (!at++ || !parse_hex(&at, ' ', &m.offset) || !parse_hex(&at, ':', &major) ||
		!parse_hex(&at, ' ', &minor))
		return false;
	char *end;
	m.ino = strtoull(at, &end, 10);
	if (end == at)
		return false;
	m.dev = makedev((unsigned)major, (unsigned)minor);
	m.path = end + strspn(end, " ");
	*ret = m;
	return true;
}
