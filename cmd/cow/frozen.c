/* What is told of the freezing of a template's memory. */
#include "cmd/cow/frozen.h"

#include <stdio.h>

#include "spec/base/err.h"

#define LEFT(name, reason) FIELD(struct freeze_report, name, FIELD_U64, left[reason].bytes)

static const struct field left_fields[] = {
	LEFT("not_allowed", FREEZE_NOT_ALLOWED),
	LEFT("small", FREEZE_SMALL),
	LEFT("file", FREEZE_FILE),
	LEFT("stack", FREEZE_STACK),
	LEFT("kept", FREEZE_KEPT),
	LEFT("hot", FREEZE_HOT),
	LEFT("no_access", FREEZE_NO_ACCESS),
	LEFT("shared", FREEZE_SHARED),
	LEFT("locked", FREEZE_LOCKED),
	LEFT("not_forked", FREEZE_NOT_FORKED),
	LEFT("wiped", FREEZE_WIPED),
	LEFT("userfault", FREEZE_USERFAULT),
	LEFT("special", FREEZE_SPECIAL),
	LEFT("unmoved", FREEZE_UNMOVED),
	{ 0 },
};

const struct field frozen_fields[] = {
	FIELD(struct frozen, "verdict", FIELD_STRING, verdict),
	FIELD(struct frozen, "why", FIELD_STRING, why),
	FIELD(struct frozen, "because", FIELD_STRING, because),
	FIELD(struct frozen, "frozen_bytes", FIELD_U64, report.frozen.bytes, .always = true),
	FIELD(struct frozen, "frozen_mappings", FIELD_U64, report.frozen.n, .always = true),
	FIELD(struct frozen, "zero_bytes", FIELD_U64, report.zero_bytes, .always = true),
	FIELD(struct frozen, "still_hot_bytes", FIELD_U64, report.still_hot.bytes, .always = true),
	FIELD(struct frozen, "left_bytes", FIELD_U64, left_bytes, .always = true),
	FIELD(struct frozen, "left", FIELD_OBJECT, report, .inside = left_fields),
	{ 0 },
};

static const struct {
	const char *name, *why;
} verdicts[FREEZE_VERDICTS] = {
	[FREEZE_DONE] = { "done", NULL },
	[FREEZE_NOT_ASKED] = { "never", "it is not to be" },
	[FREEZE_UNKNOWN] = { "unknown", "nothing says that the program bears it" },
	[FREEZE_REFUSED] = { "refused", "it is known not to bear it" },
	[FREEZE_FAILED] = { "failed", NULL },
};

void frozen_tell(const struct freeze_report *report, struct frozen *ret)
{
	*ret = (struct frozen){ .report = *report };
	if (ret->report.verdict >= FREEZE_VERDICTS)
		ret->report.verdict = FREEZE_FAILED;
	ret->verdict = verdicts[ret->report.verdict].name;
	ret->why = verdicts[ret->report.verdict].why;
	if (*ret->report.because)
		ret->because = ret->report.because;
	if (ret->report.verdict == FREEZE_FAILED) {
		snprintf(ret->text, sizeof(ret->text), "the kernel refuses: %s",
			err_reason(report->error));
		ret->why = ret->text;
	}
	for (int i = 0; i < FREEZE_REASONS; i++)
		ret->left_bytes += report->left[i].bytes;
}
