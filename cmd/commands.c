/* Commands as data: dispatch, usage, --help, errors. */
#include "cmd/commands.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "cmd/libexec.h"
#include "overlay/store.h"
#include "spec/base/log.h"
#include "spec/base/own.h"
#include "spec/base/userns.h"

static void print_program(FILE *to, const struct program *p)
{
	fprintf(to, "usage: %s [options] command [options] ...\n\n%s\n\ncommands:\n", p->name,
		p->summary);
	for (size_t i = 0; p->commands[i]; i++)
		if (p->commands[i]->summary)
			fprintf(to, "  %-16s %s\n", p->commands[i]->name, p->commands[i]->summary);
	fputs("\noptions:\n", to);
	options_print(to, p->options);
	fprintf(to, "\n'%s command --help' tells more of a command.\n", p->name);
}

static void print_command(FILE *to, const struct program *p, const struct command *c)
{
	fprintf(to, "usage: %s %s%s%s\n\n%s\n", p->name, c->name, *c->arguments ? " " : "",
		c->arguments, c->summary);
	if (c->options && c->options->kind) {
		fputs("\noptions:\n", to);
		options_print(to, c->options);
	}
}

/* Of one or two words ("template create"): how many of argv they are; 0: it is not the name. */
static int matches(const char *name, int argc, char **argv)
{
	size_t n = strcspn(name, " ");

	if (strncmp(name, argv[0], n) != 0 || argv[0][n])
		return 0;
	if (!name[n])
		return 1;
	return argc > 1 && strcmp(name + n + 1, argv[1]) == 0 ? 2 : 0;
}

static const struct command *find(const struct program *p, int argc, char **argv, int *ret_words)
{
	for (size_t i = 0; p->commands[i]; i++)
		if ((*ret_words = matches(p->commands[i]->name, argc, argv)))
			return p->commands[i];
	return NULL;
}

/* "template", alone or with a word that is none of its: NULL when there are none of that name. */
static bool print_group(FILE *to, const struct program *p, const char *word)
{
	size_t n = strlen(word);
	bool any = false;

	for (size_t i = 0; p->commands[i]; i++) {
		const struct command *c = p->commands[i];
		if (strncmp(c->name, word, n) != 0 || c->name[n] != ' ')
			continue;
		if (!any)
			fprintf(to, "usage: %s %s command [options] ...\n\ncommands:\n", p->name,
				word);
		any = true;
		fprintf(to, "  %-16s %s\n", c->name, c->summary);
	}
	return any;
}

/*
 * As runc has it: the host's root has one root, in whatever session. Engines run some of
 * our commands with an empty environment but for this variable, so that nothing else may count. A
 * user without it has the directory that systemd-logind makes, or one of his own in /tmp, which
 * home_open() takes only if it is his and no symlink.
 */
static const char *usual_root(char out[PATH_MAX])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	uid_t user = geteuid();

	if (runtime && *runtime && (user != 0 || userns_is_inner())) {
		snprintf(out, PATH_MAX, "%s/cowrun", runtime);
		return out;
	}
	if (user == 0)
		return HOME_DEFAULT;
	snprintf(out, PATH_MAX, "/run/user/%u", user);
	bool has_session = access(out, W_OK | X_OK) == 0;
	snprintf(out, PATH_MAX, has_session ? "/run/user/%u/cowrun" : "/tmp/cowrun-%u", user);
	return out;
}

/* A user's is where his data is (XDG Base Directory Specification). */
static const char *usual_store(char out[PATH_MAX])
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (!rootless_is_needed() || !((data && *data == '/') || (home && *home)))
		return STORE_DEFAULT;
	if (data && *data == '/')
		snprintf(out, PATH_MAX, "%s/cowrun", data);
	else
		snprintf(out, PATH_MAX, "%s/.local/share/cowrun", home);
	return out;
}

int command_open_home(struct context *c, bool create, struct err *e)
{
	bool usual = c->usual_root && strcmp(c->usual_root, HOME_DEFAULT) != 0;

	return home_open(c->root, create, usual, &c->home, e);
}

/*
 * Options that stand behind a word, as engines and people write `update ID --memory 64m`. The words
 * move to the front of what is left; their number.
 */
static int parse_behind(const struct command *c, void *options, int argc, char **argv,
	bool *ret_help, struct err *e)
{
	int n_words = 0;

	for (int i = 0; i < argc && !*ret_help;) {
		argv[n_words++] = argv[i++];
		int words = options_parse(c->options, argc - i, argv + i, options, ret_help, e);
		if (words < 0)
			return words;
		i += words;
	}
	return n_words;
}

/* Behind --help and what is wrong with the words, which need no ids. */
static int enter_own(struct context *context, const struct command *c, struct err *e)
{
	if (!c->owns || !rootless_is_needed())
		return 0;
	int r = libexec_locate(e);
	return r < 0 ? r : rootless_enter(ROOTLESS_MOST, &context->own, e);
}

static int run_parsed(const struct program *p, struct context *context, const struct command *c,
	void *options, int argc, char **argv, struct err *e)
{
	bool help;

	int words = options_parse(c->options, argc, argv, options, &help, e);
	if (words < 0)
		return words;
	argc -= words;
	argv += words;
	if (c->mixed && !help)
		argc = parse_behind(c, options, argc, argv, &help, e);
	if (argc < 0)
		return argc;
	if (help) {
		print_command(stdout, p, c);
		return 0;
	}
	if (argc < c->min_words || (c->max_words >= 0 && argc > c->max_words))
		return err_say(e, ERR_USAGE, "usage: %s %s %s", p->name, c->name, c->arguments);
	int r = enter_own(context, c, e);
	return r < 0 ? r : c->run(context, options, argc, argv, e);
}

static int run(const struct program *p, struct context *context, const struct command *c, int argc,
	char **argv, struct err *e)
{
	if (c->program) {
		bool help = argc > 0 && strcmp(argv[0], "--help") == 0;
		int r = help ? 0 : enter_own(context, c, e);
		return r < 0 ? r : libexec_run(context, c, argc, argv, e);
	}
	autofree void *options = calloc(1, c->options_size + 1);
	if (!options)
		return err_set(e, ENOMEM, "read the command line");
	int r = run_parsed(p, context, c, options, argc, argv, e);
	options_done(c->options, options);
	return r;
}

static int open_log(struct context *c, struct err *e)
{
	struct log_options log = { .name = c->program,
		.fd = -1,
		.json = c->log_format == LOG_FORMAT_JSON,
		.level = c->debug ? LEVEL_DEBUG : (enum log_level)c->log_level };

	if (c->log && *c->log) {
		log.fd = open(c->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
		if (log.fd < 0)
			return err_set(e, errno, "open the log '%s'", c->log);
	}
	log_open(&log);
	return 0;
}

/* A closed standard stream would be the number of the first file that we open. */
static void fill_standard_streams(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			_exit(1);
}

/*
 * What the caller ignores is inherited. Children that nobody need wait for (SIGCHLD ignored) would
 * take their status with them; a reader of our output that has gone must not end us half-way
 * through making or removing something, so SIGPIPE is blocked (ignored, it would be handed on).
 */
static void set_signals(void)
{
	sigset_t pipe;

	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipe, NULL);
}

/*
 * Whoever may start containers owns the host; setuid, we would give it to all. (By the kernel's word
 * to the program: a system call less.)
 */
static bool is_setuid(void)
{
	return getauxval(AT_UID) != getauxval(AT_EUID) || getauxval(AT_GID) != getauxval(AT_EGID);
}

static int end(const struct command *command, const char *name, const struct err *e)
{
	char text[ERR_TEXT_MAX + 64];

	bool refused = (e->code == EPERM || e->code == EACCES) && geteuid() != 0 &&
		       !strstr(e->text, "hint:");
	snprintf(text, sizeof(text), "%s%s%s%s", name ? name : "", name ? ": " : "", e->text,
		refused ? " (hint: this needs root)" : "");
	log_error(text);
	int status = command && command->failure_status ? command->failure_status : 1;
	if (status == STATUS_RUN_FAILED && e->code == ERR_PROGRAM_MISSING)
		return 127;
	if (status == STATUS_RUN_FAILED && e->code == ERR_PROGRAM_REFUSED)
		return 126;
	return status;
}

/* A reader that went away has seen enough; output that did not arrive is an error else. */
/* What we were writing to, a pipe, has nobody any more who reads it. */
static bool reader_has_left(void)
{
	struct pollfd out = { .fd = 1 };

	return ferror(stdout) && poll(&out, 1, 0) == 1 && out.revents & POLLERR;
}

static int finish(const struct command *command, int status, struct err *e)
{
	bool arrived = fflush(stdout) == 0 && !ferror(stdout);

	if (!arrived && (status == 0 || status == -EIO) && reader_has_left())
		return 128 + SIGPIPE;
	if (status == 0 && !arrived)
		status = err_set(e, errno, "write the output");
	return status < 0 ? end(command, command ? command->name : NULL, e) : status;
}

int program_main(const struct program *p, struct context *c, int argc, char **argv)
{
	/* Not on the stack, of which every page would be touched. */
	static char usual[PATH_MAX], store[PATH_MAX];
	struct err e = { 0 }, unopened;
	bool help = false;

	fill_standard_streams();
	umask(077);
	set_signals();
	c->program = p->name;
	c->home = (struct home)HOME_NONE;
	struct log_options stderr_only = { .name = p->name, .fd = -1 };
	log_open(&stderr_only);
	if (is_setuid()) {
		err_say(&e, EPERM, "setuid or setgid, which this program must not be");
		return end(NULL, NULL, &e);
	}
	int words = options_parse(p->options, argc - 1, argv + 1, c, &help, &e);
	if (words >= 0 && c->version) {
		p->print_version();
		return finish(NULL, 0, &e);
	}
	if (!c->root)
		c->root = c->usual_root = usual_root(usual);
	if (!c->store && p->has_store)
		c->store = usual_store(store);
	/* What is wrong with a later option is told to the log that an earlier one named. */
	int opened = open_log(c, words < 0 ? &unopened : &e);
	if (words < 0 || opened < 0)
		return end(NULL, NULL, &e);
	argc -= 1 + words;
	argv += 1 + words;
	if (help || argc == 0) {
		print_program(stdout, p);
		return finish(NULL, 0, &e);
	}
	int name_words;
	const struct command *command = find(p, argc, argv, &name_words);
	if (!command && (argc == 1 || str_equal(argv[1], "--help") || str_equal(argv[1], "-h")) &&
		print_group(stdout, p, argv[0]))
		return finish(NULL, 0, &e);
	if (!command) {
		/* In the words that runc has for it, and cowrun with its status too. */
		err_say(&e, ERR_USAGE,
			"unknown command: No help topic for '%s' (hint: '%s --help' lists them)",
			argv[0], p->name);
		end(NULL, NULL, &e);
		return p->unknown_status;
	}
	int status = run(p, c, command, argc - name_words, argv + name_words, &e);
	home_done(&c->home);
	rootless_done(&c->own);
	return finish(command, status, &e);
}
