/*
 * cow-registry: what `cow pull` and `cow push` start, to speak to registries apart from the rest.
 *
 *	cow-registry [--store DIR] pull [options] REF ...
 *	cow-registry [--store DIR] push [options] IMAGE [REF]
 *
 * On stdout: a line "NAME ID" for each image, or with --json what cow-import prints; of what was
 * pushed a line "NAME DIGEST". On stderr: bars
 * if that is a terminal, else a line for each layer, and errors. Exit status 0, or 1; interrupted,
 * it keeps what has come of the layers, for the next time, and nothing else.
 *
 * It links libcurl. What it fetches it does not unpack: cow-import does, which has no network.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/libexec.h"
#include "cmd/registry/pull.h"
#include "cmd/registry/push.h"
#include "overlay/package.h"
#include "spec/base/opt.h"

#define RETRIES 3

static volatile sig_atomic_t interrupted;

enum tls_verify { TLS_VERIFY_TRUE = 1, TLS_VERIFY_FALSE };

struct registry_words {
	const char *platform;
	const char *authority, *certificates, *credentials;
	struct opt_u64 retries;
	int tls_verify, compression;
	bool insecure, quiet, json;
};

#define ROW(name, letter, kind, member, value, help)                                               \
	{                                                                                          \
		name, letter, kind, offsetof(struct registry_words, member), value, help           \
	}

#define CONNECTION_ROWS                                                                            \
	ROW("tls-verify", 0, OPTION_CHOICE, tls_verify, "true|false", "false: as --insecure"),     \
		ROW("insecure", 0, OPTION_FLAG, insecure, NULL,                                    \
			"HTTP, and certificates of anybody, are good enough"),                     \
		ROW("ca", 0, OPTION_TEXT, authority, "FILE",                                       \
			"who may sign the registry's certificate"),                                \
		ROW("cert-dir", 0, OPTION_TEXT, certificates, "DIR",                               \
			"certificates for this registry: *.crt, *.cert, *.key"),                   \
		ROW("authfile", 0, OPTION_TEXT, credentials, "FILE",                               \
			"where credentials are kept"),                                             \
		ROW("retry", 0, OPTION_UNSIGNED, retries, "N", "how often to try again (3)"),      \
		ROW("quiet", 'q', OPTION_FLAG, quiet, NULL, "no progress")

static const struct option_row pull_options[] = {
	ROW("platform", 0, OPTION_TEXT, platform, "OS/ARCH[/VARIANT]",
		"for another machine than this one"),
	CONNECTION_ROWS,
	ROW("json", 0, OPTION_FLAG, json, NULL, "for programs"),
	{ 0 },
};

enum compression_choice { COMPRESSION_CHOICE_GZIP = 1, COMPRESSION_CHOICE_ZSTD };

static const struct option_row push_options[] = {
	ROW("compression", 0, OPTION_CHOICE, compression, "gzip|zstd",
		"of layers that are not there yet (gzip)"),
	CONNECTION_ROWS,
	{ 0 },
};

static void note_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

/*
 * No SA_RESTART: who waits for another pull's lock is to notice. And passwords in our memory are
 * nobody's: no core, no tracing.
 */
static void prepare(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = note_interrupt };

	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

static void read_registry_words(const struct registry_words *w, struct registry_options *ret)
{
	*ret = (struct registry_options){
		.insecure = w->insecure || w->tls_verify == TLS_VERIFY_FALSE,
		.quiet = w->quiet,
		.authority = w->authority,
		.certificates = w->certificates,
		.credentials = w->credentials,
		.retries =
			w->retries.set && w->retries.value < 100 ? (int)w->retries.value : RETRIES,
		.cancelled = &interrupted,
	};
}

/* `text` is a copy, which is cut into its parts. */
static int read_platform(char *text, struct pull_options *ret, struct err *e)
{
	char *arch = strchr(text, '/'), *variant = arch ? strchr(arch + 1, '/') : NULL;

	if (!arch || arch == text || !arch[1] || arch + 1 == variant ||
		(variant && (!variant[1] || strchr(variant + 1, '/'))))
		return err_say(
			e, ERR_USAGE, "option --platform: '%s' is not OS/ARCH[/VARIANT]", text);
	*arch = '\0';
	if (variant)
		*variant = '\0';
	if (strcmp(text, "linux") != 0)
		return err_say(e, ERR_USAGE, "option --platform: '%s' is not linux", text);
	ret->os = text;
	ret->architecture = arch + 1;
	ret->variant = variant ? variant + 1 : NULL;
	ret->chosen = true;
	return 0;
}

static int pull_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct registry_words *w = data;
	struct pull_options options = { .os = "linux", .json = w->json };
	automatic(store) struct store store = STORE_NONE;
	autofree char *platform = w->platform ? strdup(w->platform) : NULL;

	if (geteuid() != 0)
		return err_say(
			e, EPERM, "images are taken in by root only: their files have owners");
	options.architecture = package_architecture();
	read_registry_words(w, &options.registry);
	int r = platform ? read_platform(platform, &options, e) : 0;
	if (r < 0)
		return r;
	prepare();
	r = store_open(c->store, STORE_CREATE, &store, e);
	for (int i = 0; r == 0 && i < argc; i++)
		r = pull(&store, argv[i], &options, e);
	return r;
}

static int push_run(struct context *c, void *data, int argc, char **argv, struct err *e)
{
	const struct registry_words *w = data;
	automatic(store) struct store store = STORE_NONE;
	struct push_options options = {
		.compression = w->compression == COMPRESSION_CHOICE_ZSTD ? COMPRESSION_ZSTD
									 : COMPRESSION_GZIP,
	};

	read_registry_words(w, &options.registry);
	prepare();
	int r = store_open(c->store, STORE_READ, &store, e);
	if (r == -ENOENT)
		return err_say(e, ERR_NO_IMAGE, "no image '%s': there is no store '%s'", argv[0],
			c->store);
	return r < 0 ? r : push(&store, argv[0], argc > 1 ? argv[1] : NULL, &options, e);
}

static const struct command pull_command = {
	.name = "pull",
	.arguments = "[options] IMAGE ...",
	.summary = "Fetches images from a registry: [HOST[:PORT]/]PATH[:TAG][@DIGEST].",
	.options = pull_options,
	.options_size = sizeof(struct registry_words),
	.min_words = 1,
	.max_words = -1,
	.mixed = true,
	.run = pull_run,
};

static const struct command push_command = {
	.name = "push",
	.arguments = "[options] IMAGE [NAME]",
	.summary = "Sends an image to the registry that is in its name, or in NAME.",
	.options = push_options,
	.options_size = sizeof(struct registry_words),
	.min_words = 1,
	.max_words = 2,
	.mixed = true,
	.run = push_run,
};

static const struct command *const commands[] = { &pull_command, &push_command, NULL };

int main(int argc, char **argv)
{
	return libexec_main(
		"Fetches images from registries, and sends them there.", commands, argc, argv);
}
