/*
 * The monitor of a detached container: cow-monitor, a program of its own.
 *
 * It is the parent of the container's first process. It copies the container's output into a log
 * and waits for its end; then it becomes `cow ended`, which writes that down. It is started by an
 * execve() of the process that made the container, so it has nothing of that one's memory, and its
 * fds are where this header says.
 */
#ifndef CMD_COW_MONITOR_H
#define CMD_COW_MONITOR_H

#define MONITOR_PROGRAM "cow-monitor"

enum monitor_fd {
	MONITOR_PIDFD = 3, /* of the container's first process, the monitor's child */
	MONITOR_OUT,	 /* the read ends of its standard output and error; or the master of its */
	MONITOR_ERR,	 /* terminal, and a slave of that, which keeps it from hanging up */
	MONITOR_LOG,	 /* appended to */
	MONITOR_JOURNAL, /* the record, should `cow ended` not be there any more */
	MONITOR_PIPES_FDS,
	MONITOR_LISTENER = MONITOR_PIPES_FDS, /* of the terminal: below */
	MONITOR_TERMINAL_FDS,
	MONITOR_VIEWER = MONITOR_TERMINAL_FDS, /* the first who looks at it */
	MONITOR_FDS,
};

/*
 * argv: cow-monitor COW ROOT STORE ID ["terminal" ["shown"]]: the words say which of the fds above
 * are there. The log is a line for each line of output, as the kubelet and CRI-O write it:
 * "2026-11-22T14:00:00.123456789Z stdout F text", with P instead of F where the line goes on in the
 * next one.
 *
 * Who connects to the socket "attach" beside the record, a stream, gets MONITOR_GREETING with the
 * terminal's master, and from then on what the terminal shows, until the container's end. What he
 * types, and his terminal's size, he gives to the master himself. A viewer who does not read is
 * waited for, and the container with him: as with any terminal.
 */
#define MONITOR_SOCKET "attach"
#define MONITOR_GREETING "terminal"
#define MONITOR_VIEWERS 8 /* at a time; more are turned away */

#endif
