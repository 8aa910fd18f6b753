/*
 * Answers scrapes: one census for all that wait for one, and the next when it is asked for again.
 *
 * Everything is done by one thread that never waits for anybody: who is slow is dropped after a
 * while, and when there are too many, the oldest that has not asked yet. After a census there is a
 * pause of four times as long, so that those who ask all the time do not take a processor.
 * libmicrohttpd is known here only.
 */
#ifndef CMD_METRICS_SERVER_H
#define CMD_METRICS_SERVER_H

#include "cmd/metrics/listener.h"
#include "cmd/metrics/reader.h"

/* Until SIGTERM, SIGINT or SIGHUP. */
int server_run(const struct listener *l, const struct subject *s, struct err *e);

#endif
