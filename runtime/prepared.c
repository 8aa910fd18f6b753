/* File systems of a container that are made ahead. */
#include "runtime/prepared.h"

#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/init/dev_links.h"
#include "spec/base/own.h"

bool prepared_can(const char *type)
{
	return strcmp(type, "tmpfs") == 0 || strcmp(type, "devpts") == 0;
}

static int set_word(int fs, const char *word)
{
	const char *equals = strchr(word, '=');
	char key[64];
	size_t n = equals ? (size_t)(equals - word) : 0;

	if (!equals)
		return fsconfig(fs, FSCONFIG_SET_FLAG, word, NULL, 0);
	if (n >= sizeof(key))
		return -1;
	memcpy(key, word, n);
	key[n] = '\0';
	return fsconfig(fs, FSCONFIG_SET_STRING, key, equals + 1, 0);
}

int prepared_make(
	const char *type, const char *source, const char *const *words, size_t n, uint64_t attr)
{
	autofd int fs = fsopen(type, FSOPEN_CLOEXEC);
	int r = fs < 0 || !source ? fs : fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0);

	for (size_t i = 0; r >= 0 && i < n; i++)
		r = set_word(fs, words[i]);
	if (r >= 0)
		r = fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	return r < 0 ? -1 : fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attr);
}

bool prepared_dev(int dev, const struct prepared_device *devices, size_t n)
{
	bool made = true;

	for (size_t i = 0; made && i < n; i++)
		made = mknodat(dev, devices[i].name, devices[i].mode,
			       makedev(devices[i].major, devices[i].minor)) == 0;
	for (size_t i = 0; made && i < n_dev_links; i++)
		made = symlinkat(dev_links[i].to, dev, dev_links[i].name) == 0;
	return made;
}
