#include "runtime/graft.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __x86_64__
enum { GRAFT_MACHINE = EM_X86_64, GRAFT_RELATIVE = R_X86_64_RELATIVE };
#else
enum { GRAFT_MACHINE = EM_AARCH64, GRAFT_RELATIVE = R_AARCH64_RELATIVE };
#endif

enum { GRAFT_SIZE_MAX = 1 << 24 };

static bool lies_in(uint64_t at, uint64_t n, uint64_t size)
{
	return n <= size && at <= size - n;
}

static int refuse(struct err *e, const char *what)
{
	return err_say(e, EINVAL, "the program to be injected %s", what);
}

/* Its i-th program header; the table was found to lie in the file. */
static Elf64_Phdr header_at(const struct graft *g, int i)
{
	Elf64_Ehdr elf;
	Elf64_Phdr header;

	memcpy(&elf, g->file, sizeof(elf));
	memcpy(&header, g->file + elf.e_phoff + (size_t)i * sizeof(header), sizeof(header));
	return header;
}

static int n_headers(const struct graft *g)
{
	Elf64_Ehdr elf;

	memcpy(&elf, g->file, sizeof(elf));
	return elf.e_phnum;
}

static int add_segment(struct graft *g, const Elf64_Phdr *h, struct err *e)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (g->n_segments == GRAFT_SEGMENTS_MAX)
		return refuse(e, "has too many segments");
	if (!lies_in(h->p_offset, h->p_filesz, g->n_file) || h->p_filesz > h->p_memsz ||
		!lies_in(h->p_vaddr, h->p_memsz, GRAFT_SIZE_MAX))
		return refuse(e, "has a segment outside of it");
	struct graft_segment s = { .begin = h->p_vaddr / page * page,
		.end = (h->p_vaddr + h->p_memsz + page - 1) / page * page,
		.filled = h->p_vaddr + h->p_filesz,
		.protection = (h->p_flags & PF_R ? PROT_READ : 0) |
			      (h->p_flags & PF_W ? PROT_WRITE : 0) |
			      (h->p_flags & PF_X ? PROT_EXEC : 0) };
	if (s.begin < g->size)
		return refuse(e, "has segments that share a page");
	g->size = s.end;
	g->segments[g->n_segments++] = s;
	return 0;
}

int graft_read(const void *file, size_t n, struct graft *ret, struct err *e)
{
	struct graft g = { .file = file, .n_file = n };
	Elf64_Ehdr elf;

	if (n < sizeof(elf))
		return refuse(e, "is no ELF file");
	memcpy(&elf, file, sizeof(elf));
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_ident[EI_CLASS] != ELFCLASS64 ||
		elf.e_machine != GRAFT_MACHINE || elf.e_type != ET_DYN ||
		elf.e_phentsize != sizeof(Elf64_Phdr))
		return refuse(e, "is no position-independent one for this host");
	if (!lies_in(elf.e_phoff, (uint64_t)elf.e_phnum * sizeof(Elf64_Phdr), n))
		return refuse(e, "is cut off");
	for (int i = 0; i < elf.e_phnum; i++) {
		Elf64_Phdr h = header_at(&g, i);
		int r = h.p_type == PT_LOAD && h.p_memsz ? add_segment(&g, &h, e) : 0;
		if (r < 0)
			return r;
	}
	g.entry = elf.e_entry;
	if (g.entry >= g.size)
		return refuse(e, "has no entry");
	*ret = g;
	return 0;
}

/* The table of relocations, as the dynamic section in its memory tells. */
static int find_relocations(const struct graft *g, const unsigned char *memory, uint64_t *ret_at,
	uint64_t *ret_n, struct err *e)
{
	uint64_t at = 0, n = 0;

	for (int i = 0; i < n_headers(g); i++) {
		Elf64_Phdr h = header_at(g, i);
		if (h.p_type != PT_DYNAMIC || !lies_in(h.p_vaddr, h.p_memsz, g->size))
			continue;
		for (uint64_t j = 0; j < h.p_memsz / sizeof(Elf64_Dyn); j++) {
			Elf64_Dyn d;
			memcpy(&d, memory + h.p_vaddr + j * sizeof(d), sizeof(d));
			if (d.d_tag == DT_NULL)
				break;
			if (d.d_tag == DT_REL || d.d_tag == DT_RELR || d.d_tag == DT_JMPREL ||
				d.d_tag == DT_NEEDED)
				return refuse(e, "needs more than its own addresses");
			at = d.d_tag == DT_RELA ? d.d_un.d_ptr : at;
			n = d.d_tag == DT_RELASZ ? d.d_un.d_val : n;
		}
	}
	if (!lies_in(at, n, g->size))
		return refuse(e, "has relocations outside of it");
	*ret_at = at;
	*ret_n = n / sizeof(Elf64_Rela);
	return 0;
}

int graft_place(const struct graft *g, uint64_t base, unsigned char *memory, struct err *e)
{
	uint64_t at = 0, n = 0;

	for (int i = 0; i < n_headers(g); i++) {
		Elf64_Phdr h = header_at(g, i);
		if (h.p_type == PT_LOAD)
			memcpy(memory + h.p_vaddr, g->file + h.p_offset, h.p_filesz);
	}
	int r = find_relocations(g, memory, &at, &n, e);
	for (uint64_t i = 0; r == 0 && i < n; i++) {
		Elf64_Rela rela;
		memcpy(&rela, memory + at + i * sizeof(rela), sizeof(rela));
		uint64_t value = base + (uint64_t)rela.r_addend;
		if (ELF64_R_TYPE(rela.r_info) != GRAFT_RELATIVE)
			return refuse(e, "needs more than its own addresses");
		if (!lies_in(rela.r_offset, sizeof(value), g->size))
			return refuse(e, "has relocations outside of it");
		memcpy(memory + rela.r_offset, &value, sizeof(value));
	}
	return r;
}
