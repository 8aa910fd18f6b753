/*
 * A group's figures as `events` tells them (spec/stats.h): version 2's files in version 1's words.
 */
#ifndef CGROUP_REPORT_H
#define CGROUP_REPORT_H

#include "spec/base/err.h"
#include "spec/stats.h"

/* The caller ends it with stats_done(). -ENODEV when the group is gone. */
int cgroup_report(int fd, struct stats *ret, struct err *e);

/* Pure: the texts of the kernel's files as JSON. False when a text is not as the kernel's are. */

/* "0-2,7\n" as [0,1,2,7]: at most 8192 numbers. */
bool report_list(const char *text, struct str *out);
/* memory.stat, lines of "key number", as {"key":number,...}. */
bool report_numbers(const char *text, struct str *out);
/* cpu.pressure, "some avg10=0.00 ...\nfull ...", as {"some":{"avg10":0.00,...},"full":{...}}. */
bool report_pressure(const char *text, struct str *out);
/* One line of io.stat, "8:16 rbytes=1 wbytes=2 rios=3 wios=4 ...". -ENOMEM. */
int report_block_line(char *line, struct stats *s);

#endif
