/* Labels of security modules: what the child is to write, and that nothing is left out silently. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "runtime/labels.h"
#include "tests/unit/run.h"

static struct draft draft;
static struct err e;

static void begin(void)
{
	draft_begin(&draft);
}

static void end(void)
{
	draft_done(&draft);
}

static const char *text_at(place at)
{
	return at ? draft.block.data + at : "";
}

static const struct plan_label *label_at(uint32_t i)
{
	ck_assert_uint_lt(i, draft.plan.n_labels);
	return (const struct plan_label *)(const void *)(draft.block.data + draft.plan.labels) + i;
}

static void check_label(uint32_t i, const char *file, const char *fallback, const char *value)
{
	ck_assert_str_eq(text_at(label_at(i)->file), file);
	ck_assert_str_eq(text_at(label_at(i)->fallback), fallback);
	ck_assert_str_eq(text_at(label_at(i)->value), value);
}

START_TEST(none_asked_is_nothing_written)
{
	struct process_spec p = { .apparmor_profile = (char *)"", .selinux_label = NULL };

	ck_assert(!labels_asked(&p, NULL));
	ck_assert_int_eq(labels_plan(&p, NULL, "", &draft, &e), 0);
	ck_assert_uint_eq(draft.plan.n_labels, 0);
	ck_assert_uint_eq(draft.plan.keyring_label, 0);
}
END_TEST

START_TEST(a_profile_goes_to_its_modules_file)
{
	struct process_spec p = { .apparmor_profile = (char *)"box" };

	ck_assert(labels_asked(&p, NULL));
	ck_assert_int_eq(labels_plan(&p, NULL, "capability,apparmor,bpf", &draft, &e), 0);
	ck_assert_uint_eq(draft.plan.n_labels, 1);
	check_label(0, "self/attr/apparmor/exec", "self/attr/exec", "exec box");
	ck_assert_uint_eq(draft.plan.keyring_label, 0);
}
END_TEST

START_TEST(a_context_is_the_keyrings_as_well)
{
	struct process_spec p = { .selinux_label = (char *)"u:r:t:s0" };

	ck_assert_int_eq(labels_plan(&p, NULL, "selinux", &draft, &e), 0);
	ck_assert_uint_eq(draft.plan.n_labels, 1);
	check_label(0, "self/attr/exec", "", "u:r:t:s0");
	ck_assert_str_eq(text_at(draft.plan.keyring_label), "u:r:t:s0");
}
END_TEST

START_TEST(both_are_written_in_order)
{
	struct process_spec p = { .apparmor_profile = (char *)"a", .selinux_label = (char *)"s" };

	ck_assert_int_eq(labels_plan(&p, NULL, "selinux,apparmor", &draft, &e), 0);
	ck_assert_uint_eq(draft.plan.n_labels, 2);
	check_label(0, "self/attr/apparmor/exec", "self/attr/exec", "exec a");
	check_label(1, "self/attr/exec", "", "s");
}
END_TEST

START_TEST(execs_own_labels_come_before_the_containers)
{
	struct process_spec first = { .apparmor_profile = (char *)"of-container",
		.selinux_label = (char *)"of-container" };
	struct process_spec own = { .apparmor_profile = (char *)"own",
		.selinux_label = (char *)"" };

	ck_assert_int_eq(labels_plan(&own, &first, "selinux,apparmor", &draft, &e), 0);
	check_label(0, "self/attr/apparmor/exec", "self/attr/exec", "exec own");
	check_label(1, "self/attr/exec", "", "of-container");
}
END_TEST

static const struct {
	const char *profile, *context, *modules, *text;
} refused[] = {
	{ "box", NULL, "lockdown,capability,landlock,bpf",
		"process.apparmorProfile: 'box' requested but AppArmor is not enabled in this kernel "
		"(LSMs: lockdown,capability,landlock,bpf)" },
	{ "box", NULL, "apparmor2,noapparmor",
		"process.apparmorProfile: 'box' requested but AppArmor is not enabled in this kernel "
		"(LSMs: apparmor2,noapparmor)" },
	{ NULL, "a:b", "apparmor",
		"process.selinuxLabel: 'a:b' requested but SELinux is not enabled in this kernel "
		"(LSMs: apparmor)" },
	{ "box", "a:b", "apparmor",
		"process.selinuxLabel: 'a:b' requested but SELinux is not enabled in this kernel "
		"(LSMs: apparmor)" },
	{ "box", NULL, "",
		"process.apparmorProfile: 'box' requested but AppArmor is not enabled in this kernel "
		"(LSMs: it does not tell)" },
};

START_TEST(a_module_that_is_not_there_is_told)
{
	struct process_spec p = { .apparmor_profile = (char *)refused[_i].profile,
		.selinux_label = (char *)refused[_i].context };

	ck_assert_int_eq(labels_plan(&p, NULL, refused[_i].modules, &draft, &e), -ENOTSUP);
	ck_assert_str_eq(e.text, refused[_i].text);
	ck_assert_uint_eq(draft.plan.n_labels, 0);
}
END_TEST

START_TEST(this_kernel_tells_its_modules)
{
	automatic(str) struct str modules = { 0 };

	/* Nothing where neither 6.8's call nor securityfs is there; else words and commas. */
	labels_modules(&modules);
	if (modules.len)
		ck_assert_uint_eq(strspn(modules.data, "abcdefghijklmnopqrstuvwxyz,"), modules.len);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runtime_labels");
	TCase *cases = tcase_create("labels");

	tcase_add_checked_fixture(cases, begin, end);
	tcase_add_test(cases, none_asked_is_nothing_written);
	tcase_add_test(cases, a_profile_goes_to_its_modules_file);
	tcase_add_test(cases, a_context_is_the_keyrings_as_well);
	tcase_add_test(cases, both_are_written_in_order);
	tcase_add_test(cases, execs_own_labels_come_before_the_containers);
	tcase_add_loop_test(
		cases, a_module_that_is_not_there_is_told, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(cases, this_kernel_tells_its_modules);
	suite_add_tcase(suite, cases);
	return unit_run(suite);
}
