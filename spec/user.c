/* USER[:GROUP] looked up in an image's account files. */
#include "spec/user.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "spec/base/str.h"
#include "spec/id.h"

enum { NAME_BYTES = 256, FIELDS = 7 };

/* A piece of a file's text. */
struct piece {
	const char *at;
	size_t n;
};

/* A line of a file, split at its colons. */
struct entry {
	struct piece field[FIELDS];
	size_t n;
};

enum passwd_field { PASSWD_NAME, PASSWD_UID = 2, PASSWD_GID, PASSWD_HOME = 5 };
enum group_field { GROUP_NAME, GROUP_GID = 2, GROUP_MEMBERS };

/* What is before the next `at`; the rest goes on behind it. */
static struct piece cut(struct piece *rest, char at)
{
	const char *end = memchr(rest->at, at, rest->n);
	struct piece piece = { rest->at, end ? (size_t)(end - rest->at) : rest->n };
	size_t taken = piece.n + (end != NULL);

	rest->at += taken;
	rest->n -= taken;
	return piece;
}

/* The next line with at least `need` fields; others are not entries, and are passed over. */
static bool next_entry(struct piece *file, size_t need, struct entry *ret)
{
	while (file->n) {
		struct piece line = cut(file, '\n');
		if (memchr(line.at, '\0', line.n))
			continue;
		ret->n = 0;
		while (ret->n < FIELDS && line.n)
			ret->field[ret->n++] = cut(&line, ':');
		if (ret->n >= need)
			return true;
	}
	return false;
}

static bool piece_is(struct piece p, const char *text)
{
	return strlen(text) == p.n && memcmp(p.at, text, p.n) == 0;
}

/* By the same judge as numbers of the command line. */
static bool piece_number(struct piece p, uint32_t *ret)
{
	char text[16];

	if (p.n >= sizeof(text))
		return false;
	memcpy(text, p.at, p.n);
	text[p.n] = '\0';
	return id_number(text, ret);
}

/* What useradd(8) lets be a name, and capitals, "@" and "." of directory services. */
static bool is_name(const char *text)
{
	bool starts =
		(*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || *text == '_';

	return starts && strlen(text) <= NAME_BYTES &&
	       strspn(text,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@$-") ==
		       strlen(text);
}

/* What of an entry of passwd we use. */
struct account {
	bool found;
	struct piece name, home;
	uint32_t uid, gid;
};

/* By name, or by number where that is NULL. The first entry counts, as for getpwnam(). */
static struct account find_account(const struct accounts *a, const char *name, uint32_t uid)
{
	struct piece file = { a->passwd, a->passwd ? a->passwd_len : 0 };
	struct entry entry;

	while (next_entry(&file, PASSWD_GID + 1, &entry)) {
		struct account account = { .found = true, .name = entry.field[PASSWD_NAME] };
		if (name && !piece_is(account.name, name))
			continue;
		bool valid = piece_number(entry.field[PASSWD_UID], &account.uid) &&
			     piece_number(entry.field[PASSWD_GID], &account.gid);
		if (!valid && name)
			break; /* not: the next one of that name */
		if (!valid || (!name && account.uid != uid))
			continue;
		if (entry.n > PASSWD_HOME)
			account.home = entry.field[PASSWD_HOME];
		return account;
	}
	return (struct account){ 0 };
}

static bool find_group(const struct accounts *a, const char *name, uint32_t *ret)
{
	struct piece file = { a->group, a->group ? a->group_len : 0 };
	struct entry entry;

	while (next_entry(&file, GROUP_GID + 1, &entry))
		if (piece_is(entry.field[GROUP_NAME], name))
			return piece_number(entry.field[GROUP_GID], ret);
	return false;
}

static bool is_member(struct piece members, struct piece name)
{
	while (members.n) {
		struct piece member = cut(&members, ',');
		if (member.n == name.n && memcmp(member.at, name.at, name.n) == 0)
			return true;
	}
	return false;
}

/* Images have listed a user in millions of groups (CVE-2026-47262). */
static int add_group(const char *text, struct user *user, uint32_t gid, struct err *e)
{
	for (size_t i = 0; i < user->n_gids; i++)
		if (user->gids[i] == gid)
			return 0;
	if (user->n_gids == USER_GROUPS_MAX)
		return err_say(
			e, EINVAL, "user '%.80s': in more than %d groups", text, USER_GROUPS_MAX);
	user->gids[user->n_gids++] = gid;
	return 0;
}

static int add_groups(const char *text, const struct accounts *a, const struct account *account,
	struct user *user, struct err *e)
{
	struct piece file = { a->group, a->group ? a->group_len : 0 };
	struct entry entry;
	uint32_t gid;
	int r = 0;

	while (r == 0 && next_entry(&file, GROUP_MEMBERS + 1, &entry))
		if (is_member(entry.field[GROUP_MEMBERS], account->name) &&
			piece_number(entry.field[GROUP_GID], &gid))
			r = add_group(text, user, gid, e);
	return r;
}

static int resolve_name(const char *text, const char *name, const struct accounts *a,
	struct account *ret, struct err *e)
{
	uint32_t uid;

	if (name[0] >= '0' && name[0] <= '9') {
		if (!id_number(name, &uid))
			return err_say(e, EINVAL,
				"user '%.80s': '%.80s' is not a number from 0 to 4294967294", text,
				name);
		*ret = find_account(a, NULL, uid);
		ret->uid = uid;
		return 0;
	}
	if (!is_name(name))
		return err_say(e, EINVAL, "user '%.80s': '%.80s' is not a user's name", text, name);
	*ret = find_account(a, name, 0);
	if (!ret->found)
		return err_say(e, ENOENT,
			"user '%.80s': no valid entry '%.80s' in the image's "
			"/etc/passwd",
			text, name);
	return 0;
}

static int resolve_group(
	const char *text, const char *name, const struct accounts *a, uint32_t *ret, struct err *e)
{
	if (name[0] >= '0' && name[0] <= '9') {
		if (!id_number(name, ret))
			return err_say(e, EINVAL,
				"user '%.80s': '%.80s' is not a number from 0 to 4294967294", text,
				name);
		return 0;
	}
	if (!is_name(name))
		return err_say(
			e, EINVAL, "user '%.80s': '%.80s' is not a group's name", text, name);
	if (!find_group(a, name, ret))
		return err_say(e, ENOENT,
			"user '%.80s': no valid entry '%.80s' in the image's "
			"/etc/group",
			text, name);
	return 0;
}

static int fill(const char *text, const struct accounts *a, const struct account *account,
	const char *group, struct user *user, struct err *e)
{
	struct piece home = account->home;

	user->uid = account->uid;
	user->gid = account->gid;
	if (group) {
		int r = resolve_group(text, group, a, &user->gid, e);
		if (r < 0)
			return r;
	}
	user->gids = calloc(USER_GROUPS_MAX, sizeof(*user->gids));
	if (!user->gids ||
		(home.n && home.at[0] == '/' && !(user->home = strndup(home.at, home.n))))
		return err_set(e, ENOMEM, "user '%.80s'", text);
	int r = add_group(text, user, user->gid, e);
	return r < 0 || group || !account->found ? r : add_groups(text, a, account, user, e);
}

int user_resolve(const char *text, const struct accounts *accounts, struct user *ret, struct err *e)
{
	automatic(user) struct user user = { 0 };
	struct account account = { 0 };

	text = text && *text ? text : "0";
	autofree char *name = strdup(text);
	if (!name)
		return err_set(e, ENOMEM, "user '%.80s'", text);
	char *group = strchr(name, ':');
	if (group)
		*group++ = '\0';
	int r = resolve_name(text, name, accounts, &account, e);
	if (r == 0)
		r = fill(text, accounts, &account, group, &user, e);
	if (r < 0)
		return r;
	*ret = user;
	user = (struct user){ 0 };
	return 0;
}

void user_done(struct user *user)
{
	free(user->gids);
	free(user->home);
	*user = (struct user){ 0 };
}
