/* A program, found again. */
#include "cgroup/kept_program.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup/bpf.h"
#include "spec/base/fd.h"
#include "spec/base/log.h"
#include "spec/base/str.h"

#define FILE_NAME ".devices"
#define NEW_NAME ".devices.new"
#define MAGIC "cowDEV1\n"

enum { INSNS_MAX = 1024 };

/* The file: this, and the instructions. */
struct kept {
	char magic[8];
	uint64_t load_time, n;
	unsigned char tag[BPF_TAG_SIZE];
	uint32_t id, spare;
};

static int look(int program, struct kept *ret)
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.info.bpf_fd = (uint32_t)program;
	a.info.info_len = sizeof(info);
	a.info.info = (uint64_t)(uintptr_t)&info;
	int r = bpf_call(BPF_OBJ_GET_INFO_BY_FD, &a);
	if (r < 0)
		return r;
	*ret = (struct kept){ .magic = MAGIC, .load_time = info.load_time, .id = info.id };
	memcpy(ret->tag, info.tag, sizeof(ret->tag));
	return 0;
}

/* What is written down, if it is of these instructions. */
static int read_kept(int dir, const struct device_program *p, struct kept *ret)
{
	struct {
		struct kept head;
		struct bpf_insn v[INSNS_MAX];
	} file;
	struct stat st;
	size_t size = sizeof(file.head) + p->n * sizeof(*p->v);

	autofd int fd = fd_open_beneath(dir, FILE_NAME, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
		st.st_mode & 022 || (size_t)st.st_size != size ||
		fd_read_full(fd, &file, size) != (ssize_t)size ||
		memcmp(file.head.magic, MAGIC, sizeof(file.head.magic)) != 0 ||
		file.head.n != p->n || memcmp(file.v, p->v, p->n * sizeof(*p->v)) != 0)
		return -ENOENT;
	*ret = file.head;
	return 0;
}

int kept_program_open(int dir, const struct device_program *p)
{
	struct kept kept, now;
	union bpf_attr a;

	if (dir < 0 || p->n > INSNS_MAX || read_kept(dir, p, &kept) < 0)
		return -ENOENT;
	memset(&a, 0, sizeof(a));
	a.prog_id = kept.id;
	autofd int program = bpf_call(BPF_PROG_GET_FD_BY_ID, &a);
	if (program < 0 || look(program, &now) < 0 || now.load_time != kept.load_time ||
		memcmp(now.tag, kept.tag, sizeof(now.tag)) != 0)
		return -ENOENT;
	return take_fd(&program);
}

/*
 * Whoever is killed meanwhile leaves a file that the next one takes over, since there is one name for it. Two at once
 * may write the same file: what is read is compared, and passed over where it is not whole.
 */
static int replace(int dir, const void *data, size_t n)
{
	autofd int fd = openat(dir, NEW_NAME, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || ftruncate(fd, 0) < 0)
		return -errno;
	int r = fd_write_all(fd, data, n);
	if (r == 0 && renameat(dir, NEW_NAME, dir, FILE_NAME) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir, NEW_NAME, 0);
	return r;
}

void kept_program_keep(int dir, const struct device_program *p, int program)
{
	automatic(str) struct str text = { 0 };
	struct kept kept;

	if (dir < 0 || p->n > INSNS_MAX || look(program, &kept) < 0)
		return;
	kept.n = p->n;
	str_add_bytes(&text, &kept, sizeof(kept));
	str_add_bytes(&text, p->v, p->n * sizeof(*p->v));
	int r = str_ok(&text) ? replace(dir, text.data, text.len) : -ENOMEM;
	if (r < 0)
		log_debug("keep the program of device rules: error %d", -r);
}
