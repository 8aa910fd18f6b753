/* What has come, handed over. */
#include "cmd/registry/hand.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/fd.h"
#include "spec/base/libexec.h"
#include "spec/base/log.h"

#define COMPLAINT_MAX (16u << 10)

int hand_begin(const struct store *store, struct hand *ret, struct err *e)
{
	automatic(hand) struct hand hand = HAND_NONE;

	hand.store = store;
	int r = work_begin(store, NULL, &hand.work, e);
	if (r < 0)
		return r;
	if (mkdirat(hand.work.dir, "blobs", 0700) < 0 ||
		mkdirat(hand.work.dir, "blobs/sha256", 0700) < 0)
		return err_set(e, errno, "create '%s/tmp/%s/blobs'", store->path, hand.work.name);
	hand.blobs = openat(
		hand.work.dir, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (hand.blobs < 0)
		return err_set(e, errno, "open '%s/tmp/%s/blobs'", store->path, hand.work.name);
	*ret = hand;
	hand = (struct hand)HAND_NONE;
	return 0;
}

void hand_done(struct hand *hand)
{
	own_close(&hand->blobs);
	hand->blobs = -1;
	work_end(&hand->work);
}

/* No flush: nothing here outlives this program. */
static int put(int dir, const char *name, const void *data, size_t n, struct err *e)
{
	autofd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : fd_write_all(fd, data, n);

	return r < 0 ? err_set(e, -r, "write '%s'", name) : 0;
}

int hand_documents(const struct hand *hand, const struct pulled *p, struct err *e)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	automatic(str) struct str index = { 0 };

	str_addf(&index,
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\","
		"\"size\":%zu}]}",
		"application/vnd.oci.image.manifest.v1+json", p->digest.text, p->manifest_len);
	if (!str_ok(&index))
		return err_set(e, ENOMEM, "write 'index.json'");
	int r = put(hand->work.dir, "oci-layout", layout, sizeof(layout) - 1, e);
	if (r == 0)
		r = put(hand->work.dir, "index.json", index.data, index.len, e);
	if (r == 0)
		r = put(hand->blobs, digest_hex(p->digest.text), p->manifest, p->manifest_len, e);
	if (r == 0)
		r = put(hand->blobs, digest_hex(p->doc.config.digest), p->config, p->config_len, e);
	return r;
}

/* In the child. It ends with us, and its complaints are ours to tell. */
static void become_import(const char *program, char *const argv[], int complaint)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (dup2(complaint, STDERR_FILENO) >= 0)
		execv(program, argv);
	dprintf(STDERR_FILENO, "execute '%s': %s\n", program, strerrorname_np(errno));
	_exit(127);
}

/* Reads on through signals: the child is told of the first one, and clears up. */
static size_t listen_to(
	int fd, pid_t pid, const volatile sig_atomic_t *cancelled, char *text, size_t most)
{
	size_t n = 0;
	bool told = false;

	for (;;) {
		ssize_t got = read(fd, text + n, most - n);
		if (got > 0)
			n += (size_t)got;
		if (*cancelled && !told) {
			kill(pid, SIGTERM);
			told = true;
		}
		if (got == 0 || (got < 0 && errno != EINTR) || n == most)
			return n;
	}
}

/* "cow: load: TEXT" is said as ours; what stands before the last line is a warning. */
static int complain(char *text, size_t n, bool failed, struct err *e)
{
	while (n && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	char *last = strrchr(text, '\n');
	char *line = last ? last + 1 : text;
	if (!failed) {
		if (n)
			fprintf(stderr, "%s\n", text);
		return 0;
	}
	if (last)
		fprintf(stderr, "%.*s\n", (int)(last - text), text);
	const char *prefix = "cow: load: ";
	if (str_starts(line, prefix))
		line += strlen(prefix);
	return err_say(e, EIO, "%.900s", *line ? line : "cow-import ended without a word");
}

static int run(const char *program, char *const argv[], const volatile sig_atomic_t *cancelled,
	struct err *e)
{
	static const volatile sig_atomic_t never;
	autofree char *text = malloc(COMPLAINT_MAX + 1);
	int ends[2], status;

	if (!text || pipe2(ends, O_CLOEXEC) < 0)
		return err_set(e, errno, "run '%s'", program);
	autofd int ours = ends[0], theirs = ends[1];
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		become_import(program, argv, theirs);
	if (pid < 0)
		return err_set(e, errno, "run '%s'", program);
	close(take_fd(&theirs));
	size_t n = listen_to(ours, pid, cancelled ? cancelled : &never, text, COMPLAINT_MAX);
	close(take_fd(&ours));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		if (cancelled && *cancelled)
			kill(pid, SIGTERM);
	bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	int r = complain(text, n, failed, e);
	if (failed && cancelled && *cancelled)
		return err_say(e, ECANCELED, "interrupted");
	return r;
}

int hand_over_to_import(const struct hand *hand, const char *name,
	const struct pull_options *options, struct err *e)
{
	const struct store *store = hand->store;
	autofree char *path = str_format("%s/tmp/%s", store->path, hand->work.name);
	char program[4096];

	if (!path)
		return err_set(e, ENOMEM, "run 'cow-import'");
	int r = libexec_find("cow-import", program, e);
	if (r < 0)
		return r;
	char *argv[12] = { (char *)"cow-import", (char *)"--store", store->path, (char *)"load",
		(char *)"--quiet", (char *)"--name", (char *)name };
	size_t n = 7;
	const char *at = strchr(name, '@');
	if (at) {
		argv[n++] = (char *)"--digest";
		argv[n++] = (char *)at + 1;
	}
	if (options->json)
		argv[n++] = (char *)"--json";
	argv[n] = path;
	log_debug("handing over '%s'", path);
	return run(program, argv, options->registry.cancelled, e);
}
