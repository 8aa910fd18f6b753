/*
 * A pool of workers that are forked from one process, after it has made ready what they need:
 *
 *	pool workers=N [inherit=MIB] [write=KIB] [fresh=MIB] [advice=huge|small] [memfd=1] [file=MIB]
 *
 * The parent writes to `inherit`, each worker to `write` of it; then each worker takes `fresh` of
 * its own and writes to one page of every 2 MiB. With `file` the parent reads a file of so much, three
 * times, when all are there. All then wait.
 */
#include <errno.h>

#include "../copy-on-write/lesson.h"

static size_t number(char **words, const char *name, size_t usual)
{
	size_t n = strlen(name);

	for (; *words; words++)
		if (strncmp(*words, name, n) == 0 && (*words)[n] == '=')
			return strtoull(*words + n + 1, NULL, 10);
	return usual;
}

static int advice(char **words)
{
	for (; *words; words++)
		if (strcmp(*words, "advice=huge") == 0 || strcmp(*words, "advice=small") == 0)
			return (*words)[7] == 'h' ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
	return 0;
}

/* The same bytes in a memory file, mapped privately: a fork copies no page tables of it. */
static void into_file(char *memory, size_t size)
{
	int file = memfd_create("pool", MFD_CLOEXEC);

	for (size_t done = 0; file >= 0 && done < size;) {
		ssize_t n = write(file, memory + done, size - done);
		if (n < 0)
			die("write");
		done += (size_t)n;
	}
	if (file < 0 || mmap(memory, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file,
				0) == MAP_FAILED)
		die("memfd");
	close(file);
}

/* Of the container's own files, on the disk: its pages can be left out and read again. */
static char *make_file(size_t size)
{
	int file = open("/pool.data", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char block[64 * 1024] = { 0 };

	for (size_t done = 0; file >= 0 && done < size; done += sizeof(block))
		if (write(file, block, sizeof(block)) != sizeof(block))
			die("write");
	char *memory = file < 0 || fdatasync(file) < 0
			       ? MAP_FAILED
			       : mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
	if (memory == MAP_FAILED)
		die("/pool.data");
	close(file);
	return memory;
}

static void work(char *inherited, size_t write, size_t fresh, int advised)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	settle();
	write_pages(inherited, write, 1000000);
	char *own = fresh ? reserve(fresh, advised) : NULL;
	for (size_t at = 0; at < fresh; at += 2 * MIB)
		own[at] = 1;
	for (;;)
		pause();
}

int main(int argc, char **words)
{
	(void)argc;
	size_t workers = number(words, "workers", 4), inherit = number(words, "inherit", 64) * MIB;
	size_t write = number(words, "write", 0) << 10, fresh = number(words, "fresh", 0) * MIB;
	int advised = advice(words);
	char *memory = reserve(inherit, advised);

	settle();
	write_pages(memory, inherit, 0);
	if (number(words, "memfd", 0)) {
		into_file(memory, inherit);
		read_pages(memory, inherit); /* what nobody maps is in no figure */
	}
	for (size_t i = 0; i < workers; i++) {
		pid_t worker = fork();
		if (worker == 0)
			work(memory, write < inherit ? write : inherit, fresh, advised);
		if (worker < 0) {
			fprintf(stderr, "%zu workers, then: %s\n", i, strerror(errno));
			break;
		}
	}
	size_t file = number(words, "file", 0) * MIB;
	const char *data = file ? make_file(file) : NULL;
	for (unsigned i = 0; file && i < 3; i++)
		read_pages(data, file);
	for (;;)
		pause();
}
