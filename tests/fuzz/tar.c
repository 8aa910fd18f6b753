/* A tar's members, their names, attributes and contents. */
#include "overlay/attributes.h"
#include "overlay/member.h"
#include "tests/fuzz/tarry.h"

static void read_member(struct tar *tar, const struct tar_member *m)
{
	automatic(str) struct str xattrs = { 0 };
	struct member_text shown;
	struct member name;
	struct err e = { 0 };
	const void *data;
	uint64_t offset, end = 0;
	size_t n;
	int r = member_parse(m->path, &name, &e);

	fuzz_check("name", r, &e);
	member_show(m->path, &shown);
	if (r == 0 && (strchr(name.base, '/') || strcmp(name.base, "..") == 0))
		fuzz_report("a name was taken", name.base);
	fuzz_check("attributes", attributes_pack(tar, &xattrs, &e), &e);
	while ((r = tar_read(tar, &data, &n, &offset, &e)) > 0 && end < 1 << 20)
		end += n;
	fuzz_check("content", r, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tarry from = tarry_begin(data, size);
	struct tar_member member;
	struct err e = { 0 };
	struct tar *tar;

	int r = tar_open(tarry_next, &from, &tar, &e);
	fuzz_check("open", r, &e);
	if (r == 0) {
		while ((r = tar_next(tar, &member, &e)) > 0)
			read_member(tar, &member);
		fuzz_check("tar", r, &e);
		tar_free(tar);
	}
	free(from.data);
	return 0;
}
