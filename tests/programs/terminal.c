/*
 * terminal: plays the one in front of a terminal, and the one who is handed one.
 *
 *   terminal run ROWSxCOLUMNS STEP... -- COMMAND...
 *       COMMAND with a terminal of that size as controlling terminal. Afterwards all that it wrote
 *       was copied to standard output; "attributes: kept" or "attributes: changed" follows. Ends
 *       with COMMAND's status.
 *   terminal console SOCKET STEP...
 *       listens, takes the message of --console-socket, prints "name: ...", and copies what is
 *       written until nobody has the terminal open any more, or the steps are over and it is idle
 *   terminal pidfd SOCKET SIGNAL
 *       listens, takes the message of --pidfd-socket, prints "pid: ...", and sends the signal
 *       when SOCKET is removed
 *   terminal notify SOCKET N
 *       listens for datagrams, prints N of them, and lets a BARRIER=1 go
 *   terminal say SOCKET TEXT
 *       sends it there
 *
 * Steps: wait:TEXT (until it was written, from the last match on), send:TEXT (\n and \ooo are
 * read), size:ROWSxCOLUMNS, kill:SIGNAL and stop (to COMMAND; waits until it stands), ends (until
 * COMMAND has ended), raw (until the terminal is in raw mode), cooked, touch:FILE (makes it). What
 * does not come within 60 seconds ends the whole with status 99.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 60

static int master = -1, slave = -1; /* slave: held open, -1 when it is somebody else's */
static pid_t command = -1;
static int command_status = -1;
static char seen[1 << 20];
static size_t n_seen, n_matched;

static _Noreturn void give_up(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "terminal: %s: not within %d seconds (or: %s); seen: %.*s\n", what, SECONDS,
		strerror(errno), (int)(n_seen - n_matched), seen + n_matched);
	if (command > 0)
		kill(command, SIGKILL);
	exit(99);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Copies what is there, or comes within some time. 0: nothing came, -1: nobody can write more. */
static int copy(int timeout_ms)
{
	struct pollfd p = { .fd = master, .events = POLLIN };
	char bytes[4096];

	if (poll(&p, 1, timeout_ms) <= 0)
		return 0;
	ssize_t n = read(master, bytes, sizeof(bytes));
	if (n <= 0)
		return -1;
	fwrite(bytes, 1, (size_t)n, stdout);
	fflush(stdout);
	if (n_seen + (size_t)n < sizeof(seen)) {
		memcpy(seen + n_seen, bytes, (size_t)n);
		n_seen += (size_t)n;
	}
	return 1;
}

static int has_ended(void)
{
	int status;

	if (command_status < 0 && waitpid(command, &status, WNOHANG) == command)
		command_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return command_status >= 0;
}

static int has_seen(const char *text)
{
	char *at = memmem(seen + n_matched, n_seen - n_matched, text, strlen(text));

	if (at)
		n_matched = (size_t)(at - seen) + strlen(text);
	return at != NULL;
}

static int is_raw(void)
{
	struct termios t;

	return tcgetattr(master, &t) == 0 && !(t.c_lflag & (ICANON | ECHO | ISIG));
}

static int is_stopped(void)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)command, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == command;
}

static void set_size(const char *text)
{
	struct winsize size = { 0 };

	if (sscanf(text, "%hux%hu", &size.ws_row, &size.ws_col) != 2 ||
		ioctl(master, TIOCSWINSZ, &size) < 0)
		give_up(text);
}

static int signal_number(const char *name)
{
	for (int s = 1; s < 32; s++)
		if (sigabbrev_np(s) && strcmp(sigabbrev_np(s), name) == 0)
			return s;
	give_up(name);
}

static void send_text(const char *text)
{
	for (; *text; text++) {
		char c = *text;
		if (c == '\\' && text[1] == 'n') {
			c = '\n';
			text++;
		} else if (c == '\\' && text[1] >= '0' && text[1] <= '3') {
			char digits[4] = { text[1], text[2], text[3] };
			c = (char)strtol(digits, NULL, 8);
			text += 3;
		}
		if (write(master, &c, 1) != 1)
			give_up("send");
	}
}

/* Whether the step is done. */
static int step_is_done(const char *step)
{
	if (!strncmp(step, "wait:", 5))
		return has_seen(step + 5);
	if (!strcmp(step, "ends"))
		return has_ended();
	if (!strcmp(step, "raw"))
		return is_raw();
	if (!strcmp(step, "cooked"))
		return !is_raw();
	if (!strcmp(step, "stop"))
		return is_stopped();
	if (!strncmp(step, "send:", 5))
		send_text(step + 5);
	else if (!strncmp(step, "size:", 5))
		set_size(step + 5);
	else if (!strncmp(step, "kill:", 5))
		kill(command, signal_number(step + 5));
	else if (!strncmp(step, "touch:", 6))
		close(open(step + 6, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	else {
		fprintf(stderr, "terminal: unknown step '%s'\n", step);
		exit(2);
	}
	return 1;
}

static void play(char **steps, int n)
{
	for (int i = 0; i < n; i++) {
		double end = now() + SECONDS;
		while (!step_is_done(steps[i])) {
			if (now() > end)
				give_up(steps[i]);
			if (copy(20) < 0)
				usleep(10000);
		}
	}
}

static int differ(const struct termios *a, const struct termios *b)
{
	return a->c_iflag != b->c_iflag || a->c_oflag != b->c_oflag || a->c_cflag != b->c_cflag ||
	       a->c_lflag != b->c_lflag || memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) != 0;
}

static int run(const char *size, int argc, char **argv)
{
	struct termios before, after;
	int n = 0;

	while (n < argc && strcmp(argv[n], "--") != 0)
		n++;
	if (n + 1 >= argc)
		return 2;
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		give_up("openpty");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	set_size(size);
	tcgetattr(slave, &before);
	command = fork();
	if (command == 0) {
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		for (int fd = 0; fd < 3; fd++)
			dup2(slave, fd);
		execvp(argv[n + 1], argv + n + 1);
		_exit(127);
	}
	play(argv, n);
	for (double end = now() + SECONDS; !has_ended();) {
		if (now() > end)
			give_up("its end");
		copy(20);
	}
	while (copy(0) > 0)
		;
	/* Another start, since its session took the terminal with it. */
	int again = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	tcgetattr(again, &after);
	printf("\nattributes: %s\n", differ(&before, &after) ? "changed" : "kept");
	return command_status;
}

/* A socket of any length of path, which is there when somebody listens. */
static int listen_at(char *path, int type)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char *directory = dirname(strdup(path)), *name = basename(strdup(path));
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s.new", name);
	if (chdir(directory) < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		(type == SOCK_STREAM && listen(fd, 1) < 0) || rename(at.sun_path, name) < 0)
		give_up(path);
	return fd;
}

/* One message: a name and one fd. */
static int receive(int socket, char *text, size_t room)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control;
	struct iovec io = { text, room - 1 };
	struct msghdr m = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct pollfd p = { .fd = socket, .events = POLLIN };
	int fd = -1;

	ssize_t n = poll(&p, 1, SECONDS * 1000) > 0 ? recvmsg(socket, &m, MSG_CMSG_CLOEXEC) : -1;
	if (n <= 0)
		give_up("a message");
	text[n] = '\0';
	struct cmsghdr *at = CMSG_FIRSTHDR(&m);
	if (at && at->cmsg_type == SCM_RIGHTS && at->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(at), sizeof(fd));
	return fd;
}

static int receive_handover(char *path, char name[256])
{
	int listener = listen_at(path, SOCK_STREAM);
	struct pollfd p = { .fd = listener, .events = POLLIN };
	int fd = poll(&p, 1, SECONDS * 1000) > 0 ? accept(listener, NULL, NULL) : -1;

	if (fd < 0)
		give_up("a connection");
	int got = receive(fd, name, 256);
	if (got < 0)
		give_up("one file descriptor");
	char more;
	if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, SECONDS * 1000) <= 0 ||
		read(fd, &more, 1) != 0)
		give_up("the end of the connection");
	return got;
}

static int console(char *path, int n, char **steps)
{
	char name[256];
	int open = 1;

	master = receive_handover(path, name);
	printf("name: %s\n", name);
	fflush(stdout);
	play(steps, n);
	for (double end = now() + SECONDS; open >= 0 && now() < end;)
		open = copy(100);
	return 0;
}

static int pidfd(char *path, const char *signal)
{
	char name[256], line[256];
	int fd = receive_handover(path, name);

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	FILE *info = fopen(name, "r");
	while (info && fgets(line, sizeof(line), info))
		if (!strncmp(line, "Pid:", 4))
			printf("pid: %d\n", atoi(line + 4));
	fflush(stdout);
	for (double end = now() + SECONDS; access(basename(path), F_OK) == 0; usleep(10000))
		if (now() > end)
			give_up("its removal");
	return pidfd_send_signal(fd, signal_number(signal), NULL, 0) < 0;
}

static int notify(char *path, int n)
{
	int fd = listen_at(path, SOCK_DGRAM);
	char text[4096];

	for (; n > 0; n--) {
		int barrier = receive(fd, text, sizeof(text));
		printf("%s%s", text, text[strlen(text) - 1] == '\n' ? "" : "\n");
		if (barrier >= 0)
			close(barrier);
	}
	return 0;
}

static int say(const char *path, const char *text)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	return sendto(fd, text, strlen(text), 0, (struct sockaddr *)&at, sizeof(at)) < 0;
}

int main(int argc, char **argv)
{
	if (argc > 4 && !strcmp(argv[1], "run"))
		return run(argv[2], argc - 3, argv + 3);
	if (argc > 2 && !strcmp(argv[1], "console"))
		return console(argv[2], argc - 3, argv + 3);
	if (argc == 4 && !strcmp(argv[1], "pidfd"))
		return pidfd(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "notify"))
		return notify(argv[2], atoi(argv[3]));
	if (argc == 4 && !strcmp(argv[1], "say"))
		return say(argv[2], argv[3]);
	fprintf(stderr, "usage: terminal run|console|pidfd|notify|say ... (see its source)\n");
	return 2;
}
