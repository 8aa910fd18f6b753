/* The template and its forks, from the hand-over to their end. */
#include "cmd/reaper/ward.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/reaper/visitor.h"

static void ward_free(const struct reaper *r, struct ward *w)
{
	for (int i = 0; i < 2; i++)
		stream_end(r, &w->streams[i]);
	own_close(&w->log);
	own_close(&w->status_to);
	free(w->id);
	free(w);
}

/* Whether it is our child, which may have ended, and been reaped, before it was handed over. */
static int look_at(pid_t pid, bool *ret_reaped, int *ret_status)
{
	siginfo_t info = { 0 };

	*ret_reaped = false;
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
		return 0;
	int code = errno;
	if (code != ECHILD || !reaper_recall(pid, ret_status))
		return -code;
	*ret_reaped = true;
	return 0;
}

int ward_take(struct reaper *r, const struct reaper_ward *from, bool is_template)
{
	struct ward *w = calloc(1, sizeof(*w));
	bool reaped = false;
	int status = 0;

	if (!w) {
		int fds[] = { from->out, from->err, from->log, from->status };
		for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
			own_close(&fds[i]);
		return -ENOMEM;
	}
	w->pid = from->pid;
	w->is_template = is_template;
	w->log = from->log;
	w->status_to = from->status;
	w->id = strdup(from->id);
	if (w->status_to >= 0)
		fcntl(w->status_to, F_SETFL, O_WRONLY | O_NONBLOCK);
	int result = stream_begin(r, &w->streams[0], from->out, w->log, "stdout");
	int second = stream_begin(r, &w->streams[1], from->err, w->log, "stderr");
	if (result == 0)
		result = w->id ? second : -ENOMEM;
	if (result == 0 && ward_find(r, w->pid))
		result = -EEXIST;
	if (result == 0)
		result = look_at(w->pid, &reaped, &status);
	if (result < 0) {
		ward_free(r, w);
		return result;
	}
	w->next = r->wards;
	r->wards = w;
	if (reaped)
		ward_ended(r, w, status);
	r->due = r->due || reaped;
	return 0;
}

struct ward *ward_find(const struct reaper *r, pid_t pid)
{
	struct ward *w = r->wards;

	while (w && (w->ended || w->pid != pid))
		w = w->next;
	return w;
}

void ward_ended(const struct reaper *r, struct ward *w, int status)
{
	w->ended = true;
	w->status = status;
	for (int i = 0; i < 2; i++)
		stream_end(r, &w->streams[i]);
	own_close(&w->log);
	w->log = -1;
	/* A pipe that is new has room for it; who has closed it does not want it. */
	if (w->status_to >= 0 && write(w->status_to, &status, sizeof(status)) < 0) {
		own_close(&w->status_to);
		w->status_to = -1;
	}
}

void ward_told(struct reaper *r, struct ward *w)
{
	struct ward **at = &r->wards;

	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
	visitors_tell(r, w->id, w->pid);
	ward_free(r, w);
}
