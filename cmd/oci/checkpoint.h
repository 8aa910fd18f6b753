/* The options that `checkpoint` and `restore` have in common. */
#ifndef CMD_OCI_CHECKPOINT_H
#define CMD_OCI_CHECKPOINT_H

#include "runtime/checkpoint.h"

/* `criu`: the member of `type` that is a struct checkpoint_options. */
#define CHECKPOINT_ROWS(type, criu)                                                                \
	{ "image-path", 0, OPTION_TEXT, offsetof(type, criu.image), "DIR",                         \
		"directory of the images (checkpoint)" },                                          \
		{ "work-path", 0, OPTION_TEXT, offsetof(type, criu.work), "DIR",                   \
			"directory of CRIU's log and figures" },                                   \
		{ "tcp-established", 0, OPTION_FLAG, offsetof(type, criu.tcp_established), NULL,   \
			"connections of TCP too" },                                                \
		{ "ext-unix-sk", 0, OPTION_FLAG, offsetof(type, criu.ext_unix_sk), NULL,           \
			"sockets that lead out of it too" },                                       \
		{ "shell-job", 0, OPTION_FLAG, offsetof(type, criu.shell_job), NULL,               \
			"a job of a shell" },                                                      \
		{ "file-locks", 0, OPTION_FLAG, offsetof(type, criu.file_locks), NULL,             \
			"locks of files too" },                                                    \
		{ "link-remap", 0, OPTION_FLAG, offsetof(type, criu.link_remap), NULL,             \
			"files that have lost their name too" },                                   \
		{ "auto-dedup", 0, OPTION_FLAG, offsetof(type, criu.auto_dedup), NULL,             \
			"each page in one image only" },                                           \
		{ "lazy-pages", 0, OPTION_FLAG, offsetof(type, criu.lazy_pages), NULL,             \
			"pages when they are asked for" },                                         \
		{ "empty-ns", 0, OPTION_LIST, offsetof(type, empty_ns), "NAME",                    \
			"without what is in that namespace" },                                     \
	{                                                                                          \
		"manage-cgroups-mode", 0, OPTION_CHOICE, offsetof(type, cgroups), "soft|ignore",   \
			"accepted: the group is always made here"                                  \
	}

#endif
