/* Namespaces on the child's side: join, make, fork; session, keyring, names, the loopback device.
 */
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/if.h>
#include <linux/prctl.h>
#include <sys/socket.h>

#include "runtime/init/child.h"
#include "runtime/init/text.h"

/*
 * Root of the user namespace that we are in. A change of identity makes a process what
 * fs.suid_dumpable says, so it is said again that nobody may look into us (CVE-2016-9962).
 */
static long become_root(void)
{
	long r = sys(setresgid, 0, 0, 0);

	if (r >= 0)
		r = sys(setresuid, 0, 0, 0);
	return r < 0 ? r : sys(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static void join_user(struct child *c, int fd)
{
	/* Behind it setgroups() may be denied for good, and root's must not be in there. An ordinary
	 * user's are what they are. */
	long r = sys(setgroups, 0, NULL);

	if (r >= 0 || (r == -EPERM && c->plan->flags & PLAN_KEEP_GROUPS))
		r = sys(setns, fd, CLONE_NEWUSER);
	if (r < 0)
		child_fail(c, (int)r, "join the user namespace");
	/* In there we are whoever its map makes of us: be its root. */
	if (become_root() < 0)
		child_refuse(c, EPERM, "join the user namespace: it does not map its own root");
}

/*
 * The user namespace behind all others: they need not belong to it, and root out here may join any.
 * Who is not root may join only what belongs to it, and only from in there.
 */
static void join_all(struct child *c)
{
	const struct plan_join *joins = child_list(c, c->plan->joins);
	uint32_t late = 0; /* a bit each; there are at most 8 */
	int user = -1;

	for (uint32_t i = 0; i < c->plan->n_joins; i++) {
		int fd = child_fd(c, joins[i].slot);
		uint32_t others = joins[i].flags & ~(uint32_t)CLONE_NEWUSER;
		long r = others ? sys(setns, fd, others) : 0;
		if (r == -EPERM)
			late |= 1U << i;
		else if (r < 0)
			child_fail(c, (int)r, "join the namespaces");
		if (joins[i].flags & CLONE_NEWUSER)
			user = fd;
	}
	if (user >= 0)
		join_user(c, user);
	for (uint32_t i = 0; i < c->plan->n_joins; i++) {
		int fd = child_fd(c, joins[i].slot);
		long r = late & (1U << i)
				 ? sys(setns, fd, joins[i].flags & ~(uint32_t)CLONE_NEWUSER)
				 : 0;
		if (r < 0)
			child_fail(c, (int)r, "join the namespaces");
		sys(close, fd);
	}
}

/*
 * The parent writes the maps: it has the privilege in the namespace above, and a verified procfs.
 * Everything made after this belongs to the new user namespace.
 */
static void unshare_user(struct child *c)
{
	long r = sys(unshare, CLONE_NEWUSER);

	/* Its words, "no space left", lead elsewhere. */
	if (r == -ENOSPC)
		child_refuse(c, ENOSPC,
			"make a user namespace: no more are allowed here (user.max_user_namespaces)");
	if (r < 0)
		child_fail(c, (int)r, "make a user namespace");
	channel_send(c, CHANNEL_NEED_MAPS, NULL, 0);
	channel_wait_go(c);
	if ((r = become_root()) < 0)
		child_fail(
			c, (int)r, "become root of the user namespace (is container id 0 mapped?)");
}

/*
 * The file of whoever may set clocks out here: its privilege is judged by who opened it, and what
 * is in a user namespace by then may not even open it, since an undumpable process belongs to the
 * host's root.
 */
void clocks_open(struct child *c)
{
	if (!c->plan->time_offsets)
		return;
	c->clocks = sys_openat2_path(child_fd(c, c->plan->proc), "self/timens_offsets",
		O_WRONLY | O_CLOEXEC | O_NOFOLLOW,
		RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
	if (c->clocks < 0)
		child_fail(c, c->clocks, "set the clocks of a time namespace");
}

/* Its clocks can be set until somebody is in it: a process enters with its next fork
 * (time_namespaces(7)). */
static void unshare_time(struct child *c)
{
	const char *offsets = child_text(c, c->plan->time_offsets);
	long r = sys(unshare, CLONE_NEWTIME);

	if (r == -EINVAL)
		child_refuse(
			c, ENOTSUP, "make a time namespace: this kernel has none (CONFIG_TIME_NS)");
	if (r < 0)
		child_fail(c, (int)r, "make a time namespace");
	if (!offsets)
		return;
	r = sys(write, c->clocks, offsets, strlen(offsets));
	if (r < 0)
		child_fail(c, (int)r, "set the clocks of the time namespace (linux.timeOffsets)");
	sys(close, c->clocks);
}

/*
 * A joined or new pid namespace begins with the next child. CLONE_PARENT makes it our sibling, so
 * that the parent waits for it as for any; we say its number and leave.
 */
static void fork_sibling(struct child *c)
{
	struct clone_args args = { .flags = CLONE_PARENT | c->plan->unshare };
	long pid = sys(clone3, &args, sizeof(args));

	if (pid == -ENOSPC)
		child_refuse(c, ENOSPC,
			"fork into the namespaces: no more of a kind are allowed here (user.max_*_namespaces)");
	if (pid < 0)
		child_fail(c, (int)pid, "fork into the namespaces");
	if (pid == 0)
		return;
	uint32_t number = (uint32_t)pid;
	channel_send(c, CHANNEL_FORKED, &number, sizeof(number));
	for (;;)
		sys(exit_group, 0);
}

/* The cgroup namespace too is rooted where we are: so not by clone3, which knows the cgroup of the
 * creator (cgroup_namespaces(7)). */
void namespaces_make(struct child *c, uint64_t flags)
{
	long r = 0;

	if (c->hollow >= 0 && flags & CLONE_NEWNS) {
		r = sys(setns, c->hollow, CLONE_NEWNS);
		sys(close, c->hollow);
		c->hollow = -1;
	}
	if (r >= 0 && flags)
		r = sys(unshare, flags);
	if (r < 0)
		child_fail(c, (int)r, "make the namespaces");
}

void namespaces_enter(struct child *c)
{
	join_all(c);
	if (c->plan->flags & PLAN_USERNS)
		unshare_user(c);
	if (c->plan->flags & PLAN_TIMENS)
		unshare_time(c);
	if (c->plan->flags & PLAN_FORK)
		fork_sibling(c);
	if (c->plan->flags & PLAN_CGROUPNS)
		namespaces_make(c, CLONE_NEWCGROUP);
}

/* SELinux gives the label to the keys that are made from now on; "": as ever. */
static void label_keys(struct child *c, const char *label)
{
	long r = knob_write(c, "self/attr/keycreate", label);

	if (r < 0)
		child_fail(
			c, (int)r, "process.selinuxLabel: label the session keyring '%s'", label);
}

/*
 * The session keyring is never the caller's, and a process of exec has one of its own: what others may
 * search, every container's root could join (runc lets them). So nobody looks for it by a name, and it
 * has none: with one the kernel compares it with that of each keyring there is.
 */
void session_begin(struct child *c)
{
	if (c->plan->flags & PLAN_SETSID)
		sys(setsid);
	if (!(c->plan->flags & PLAN_KEYRING))
		return;
	const char *label = child_text(c, c->plan->keyring_label);
	if (label)
		label_keys(c, label);
	long r = sys(keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	if (label)
		label_keys(c, "");
	if (r < 0 && r != -ENOSYS)
		child_fail(c, (int)r, "make the session keyring");
}

void loopback_raise(struct child *c)
{
	struct ifreq request;

	if (!(c->plan->flags & PLAN_LOOPBACK))
		return;
	memset(&request, 0, sizeof(request));
	memcpy(request.ifr_name, "lo", 3);
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	long fd = sys(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	long r = fd < 0 ? fd : sys(ioctl, fd, 0x8914 /* SIOCSIFFLAGS */, &request);
	if (r < 0)
		child_fail(c, (int)r, "bring up 'lo'");
	sys(close, fd);
}

void names_set(struct child *c)
{
	const char *host = child_text(c, c->plan->hostname);
	const char *domain = child_text(c, c->plan->domainname);
	long r;

	if (host && (r = sys(sethostname, host, strlen(host))) < 0)
		child_fail(c, (int)r, "set the host name '%s'", host);
	if (domain && (r = sys(setdomainname, domain, strlen(domain))) < 0)
		child_fail(c, (int)r, "set the domain name '%s'", domain);
}
