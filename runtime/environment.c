/* Names and values for execve(). */
#include "runtime/environment.h"

#include <string.h>

#include "runtime/account.h"

/* The order of names, and of entries of one name: pointers into the list stay in its order. */
static int by_name(const void *a, const void *b)
{
	char *const *const *x = a, *const *const *y = b;
	size_t n = strcspn(**x, "="), m = strcspn(**y, "=");
	int order = strncmp(**x, **y, n < m ? n : m);

	if (order == 0 && n != m)
		order = n < m ? -1 : 1;
	return order ? order : (*x > *y) - (*x < *y);
}

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n) == 0 && b[n] == '=';
}

/* All but the last entry of each name are taken out of `v`. */
static int keep_last(char **v, size_t *n)
{
	autofree char ***sorted = calloc(*n + 1, sizeof(*sorted));
	size_t kept = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < *n; i++)
		sorted[i] = &v[i];
	qsort(sorted, *n, sizeof(*sorted), by_name);
	for (size_t i = 0; i + 1 < *n; i++)
		if (same_name(*sorted[i], *sorted[i + 1]))
			*sorted[i] = NULL;
	for (size_t i = 0; i < *n; i++)
		if (v[i])
			v[kept++] = v[i];
	*n = kept;
	return 0;
}

/* An empty one is none (runc sees it so, too). */
static bool has_home(struct environment *env)
{
	for (size_t i = 0; i < env->n; i++) {
		if (!same_name(env->v[i], "HOME="))
			continue;
		if (env->v[i][strlen("HOME=")])
			return true;
		memmove(&env->v[i], &env->v[i + 1], (--env->n - i) * sizeof(*env->v));
	}
	return false;
}

int environment_make(const struct process_spec *p, int root, struct environment *ret, struct err *e)
{
	automatic(environment) struct environment env = { .v = calloc(p->n_env + 2, sizeof(*env.v)),
		.n = p->n_env };

	if (!env.v)
		return err_set(e, ENOMEM, "draw up the environment");
	if (p->n_env)
		memcpy(env.v, p->env, p->n_env * sizeof(*env.v));
	if (keep_last(env.v, &env.n) < 0)
		return err_set(e, ENOMEM, "draw up the environment");
	if (root >= 0 && !has_home(&env)) {
		env.home = account_home_entry(root, p->user.uid);
		if (!env.home)
			return err_set(e, ENOMEM, "draw up the environment");
		env.v[env.n++] = env.home;
	}
	env.v[env.n] = NULL;
	*ret = env;
	env = (struct environment){ 0 };
	return 0;
}

void environment_done(struct environment *env)
{
	free(env->v);
	free(env->home);
	*env = (struct environment){ 0 };
}

const char *environment_get(const struct environment *env, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], name, n) == 0 && env->v[i][n] == '=')
			return env->v[i] + n + 1;
	return NULL;
}
