/* A census of groups that never rest: who stands still for it, and what it says then. */
#include <sys/mman.h>
#include <time.h>

#include "cgroup/census.h"
#include "cgroup/frost.h"
#include "cgroup/guardian.h"
#include "tests/unit/frozen.h"

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))
#define N_THINGS 3
#define ALWAYS 99

/* Groups to measure, and what shall happen while that is done. */
struct scene {
	struct cgroup groups[N_THINGS];
	char names[N_THINGS]
		  [32]; /* of the groups: one that a failed test leaves is in nobody's way */
	struct census_thing things[N_THINGS];
	unsigned n_calls, at; /* the list that something happens before */
	void (*happens)(const struct scene *s);
	pid_t victim;
	_Atomic unsigned *rounds; /* that the restless have made */
};

static int list(void *context, size_t thing, pid_t **ret_pids, size_t *ret_n, struct err *why)
{
	struct scene *s = context;

	if (++s->n_calls == s->at || (s->at == ALWAYS && thing == 0))
		s->happens(s);
	return cgroup_processes(s->groups[thing].fd, true, ret_pids, ret_n, why);
}

static struct scene set_up(void)
{
	static const char *const names[N_THINGS] = { "calm", "busy", "other" };
	struct scene s = { .rounds = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0) };

	for (size_t i = 0; i < N_THINGS; i++) {
		snprintf(s.names[i], sizeof(s.names[i]), "%s-%d", names[i], (int)getpid());
		s.groups[i] = make(s.names[i]);
		s.things[i] = (struct census_thing){ .name = names[i], .group = s.groups[i].fd };
	}
	live_in(&s.groups[0]);
	live_in(&s.groups[2]);
	return s;
}

static void take_down(struct scene *s)
{
	for (size_t i = 0; i < N_THINGS; i++)
		removed(&s->groups[i], s->names[i]);
}

static struct census take_of(struct scene *s, enum census_freeze freeze)
{
	struct census_options o = { .list = list, .context = s, .freeze = freeze };
	struct census c = { 0 };

	OK(census_take(s->things, N_THINGS, &o, &c, &e));
	for (size_t i = 0; i < N_THINGS; i++)
		runs_again(&s->groups[i]);
	return c;
}

/* It has done so much more, whoever has the processors. */
static void goes_on(const struct scene *s)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (unsigned before = *s->rounds; *s->rounds - before < 3;)
		nanosleep(&moment, NULL);
}

/* Its memory comes and goes as fast as it can. */
static void churn(const struct scene *s)
{
	char *memory =
		mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (;; ++*s->rounds) {
		for (size_t i = 0; i < 64; i++)
			memory[i * PAGE] = 1;
		madvise(memory, 64 * PAGE, MADV_DONTNEED);
	}
}

/* Its processes are born and die all the time. */
static void breed(const struct scene *s)
{
	signal(SIGCHLD, SIG_IGN);
	for (;; ++*s->rounds)
		if (fork() == 0)
			_exit(0);
}

static void live_restless(const struct scene *s, void (*life)(const struct scene *s))
{
	if (born_in(s->groups[1].fd) == 0)
		life(s);
	goes_on(s);
}

static bool is_told(void)
{
	struct census c = { 0 };

	OK(census_take(NULL, 0, NULL, &c, &e));
	bool told = !c.estimated;
	census_done(&c);
	if (!told)
		puts("# skip: page frames are not told here (no CAP_SYS_ADMIN)");
	return told;
}

/*
 * A machine where others want the processors too may keep the reader from having done in time: then
 * it says that it is not exact, and may be asked again.
 */
static struct census held(struct scene *s, enum census_freeze freeze, size_t n_frozen)
{
	for (unsigned tries = 1;; tries++) {
		s->n_calls = 0;
		struct census c = take_of(s, freeze);
		if ((c.exact && c.n_frozen == n_frozen) || tries == 50)
			return c;
		census_done(&c);
	}
}

START_TEST(the_restless_are_exact_when_they_stand_still)
{
	struct scene s = set_up();

	if (!is_told())
		return;
	live_restless(&s, _i == 0 ? churn : breed);
	struct census c = held(&s, CENSUS_FREEZE_ALL, N_THINGS);
	ck_assert_msg(c.exact, "%s", c.why);
	ck_assert_uint_eq(c.n_frozen, 3);
	ck_assert_uint_gt(c.frozen_ns, 0);
	ck_assert_uint_ge(c.usages[1].processes, 1);
	census_done(&c);
	/* Left alone they are not. */
	s.at = ALWAYS;
	s.happens = goes_on;
	c = take_of(&s, CENSUS_FREEZE_NEVER);
	ck_assert(!c.exact);
	ck_assert_uint_eq(c.n_frozen, 0);
	ck_assert_ptr_nonnull(strstr(c.why, "changed while being read"));
	census_done(&c);
	take_down(&s);
}
END_TEST

START_TEST(only_the_restless_are_frozen)
{
	struct scene s = set_up();
	struct census c = { 0 };

	if (!is_told())
		return;
	/* Nobody moves (any more): it is read twice, and nobody is frozen. */
	live_in(&s.groups[1]);
	for (unsigned tries = 0; tries < 50 && c.n_passes != 2; tries++) {
		census_done(&c);
		c = take_of(&s, CENSUS_FREEZE_CHANGED);
	}
	ck_assert_uint_eq(c.n_passes, 2);
	ck_assert_uint_eq(c.n_frozen, 0);
	census_done(&c);
	live_restless(&s, churn);
	/* It moves in the first two readings, and cannot in the third. */
	s.at = 4;
	s.happens = goes_on;
	c = held(&s, CENSUS_FREEZE_CHANGED, 1);
	ck_assert_uint_eq(c.n_passes, 3);
	ck_assert_uint_eq(c.n_frozen, 1);
	ck_assert_msg(c.exact, "%s", c.why);
	census_done(&c);
	take_down(&s);
}
END_TEST

static void kill_victim(const struct scene *s)
{
	kill(s->victim, SIGKILL);
	waitpid(s->victim, NULL, 0);
}

static void enter(const struct scene *s)
{
	live_in(&s->groups[2]);
}

static void thaw(const struct scene *s)
{
	for (size_t i = 0; i < N_THINGS; i++)
		runs_again(&s->groups[i]);
}

static void nothing_happens(const struct scene *s)
{
	(void)s;
}

static const struct {
	const char *what;
	void (*happens)(const struct scene *s);
	unsigned at;	   /* 1 to 3: lists for the reading; 4 to 6: before they run again */
	unsigned n_passes; /* that it takes then; 0: as it may be */
} meanwhile[] = {
	{ "nothing", nothing_happens, 1, 1 },
	{ "one is killed before it is read", kill_victim, 3, 1 },
	{ "one is killed after it was read", kill_victim, 6, 2 },
	{ "one comes after all were listed", enter, 6, 2 },
	{ "the reader takes too long, and nothing changes", thaw, 6, 0 },
};

/* A scene of its own for each try: that they do not stand still in time is nobody's fault. */
START_TEST(what_happens_in_the_instant)
{
	unsigned wanted = meanwhile[_i].n_passes;
	bool was_held = false;

	if (!is_told())
		return;
	for (unsigned tries = 0; tries < 50 && !was_held; tries++) {
		struct scene s = set_up();
		s.victim = live_in(&s.groups[2]);
		live_in(&s.groups[1]);
		s.happens = meanwhile[_i].happens;
		s.at = meanwhile[_i].at;
		struct census c = take_of(&s, CENSUS_FREEZE_ALL);
		was_held =
			!wanted || (c.n_frozen == N_THINGS && c.frozen_ns < guardian_patience(0));
		bool right = c.exact && (!wanted || c.n_passes == wanted);
		census_done(&c);
		take_down(&s);
		ck_assert_msg(right || !was_held, "%s", meanwhile[_i].what);
	}
	if (!was_held)
		puts("# skip: too much else runs here for three groups to stand still in time");
}
END_TEST

/* Thawed before it has done, and moving again: in both of its readings. */
static void thaw_and_go_on(const struct scene *s)
{
	thaw(s);
	goes_on(s);
}

START_TEST(too_long_is_said)
{
	struct scene s = set_up();

	if (!is_told())
		return;
	live_restless(&s, churn);
	s.at = ALWAYS;
	s.happens = thaw_and_go_on;
	struct census c = take_of(&s, CENSUS_FREEZE_ALL);
	ck_assert(!c.exact);
	ck_assert_ptr_nonnull(strstr(c.why, "changed while being read"));
	census_done(&c);
	take_down(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup_instant");
	TCase *tcase = tcase_create("instant");

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, the_restless_are_exact_when_they_stand_still, 0, 2);
	tcase_add_test(tcase, only_the_restless_are_frozen);
	tcase_add_loop_test(
		tcase, what_happens_in_the_instant, 0, sizeof(meanwhile) / sizeof(meanwhile[0]));
	tcase_add_test(tcase, too_long_is_said);
	return frozen_run(suite);
}
