/* Network devices, by netlink (rtnetlink(7)): moved, given their addresses again, brought up. */
#include "runtime/net_devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "spec/base/own.h"

enum { ADDRESSES_MAX = 256, DUMP_BYTES = 32 * 1024 };

/* One address: its family, length and what says it (IFA_LOCAL, IFA_ADDRESS, IFA_BROADCAST). */
struct address {
	struct ifaddrmsg head;
	struct kept {
		uint8_t bytes[16];
		size_t len;
	} kept[IFA_BROADCAST + 1];
};

struct request {
	struct nlmsghdr head;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
	};
	char rest[256];
};

static int netlink(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

static void begin(struct request *r, int type, int flags, size_t body)
{
	*r = (struct request){ .head = { .nlmsg_len = (uint32_t)NLMSG_LENGTH(body),
				       .nlmsg_type = (uint16_t)type,
				       .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags) } };
}

static void attribute(struct request *r, int type, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(r->head.nlmsg_len);
	struct rtattr a = { .rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = (uint16_t)type };

	memcpy((char *)r + at, &a, sizeof(a));
	memcpy((char *)r + at + RTA_LENGTH(0), data, len);
	r->head.nlmsg_len = (uint32_t)(at + RTA_LENGTH(len));
}

/* Sends it and hears whether it was done: 0 or -errno. */
static int ask(int fd, struct request *r)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[1024]; /* the request again, and the kernel's words */
	} reply;

	r->head.nlmsg_flags |= NLM_F_ACK;
	if (send(fd, r, r->head.nlmsg_len, 0) < 0)
		return -errno;
	ssize_t n = recv(fd, &reply, sizeof(reply), 0);
	if (n < 0)
		return -errno;
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(reply.error)) || reply.head.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return reply.error.error;
}

/* --- addresses ----------------------------------------------------------------------------------
 */

/* What was given by somebody, for good, and means the same anywhere; the rest is made anew. */
static bool keeps(const struct nlmsghdr *h, unsigned index, struct address *ret)
{
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	const struct rtattr *a = IFA_RTA(m);
	uint32_t flags = m->ifa_flags;

	*ret = (struct address){ .head = { .ifa_family = m->ifa_family,
					 .ifa_prefixlen = m->ifa_prefixlen } };
	for (int left = (int)IFA_PAYLOAD(h); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		size_t len = RTA_PAYLOAD(a);
		if (a->rta_type == IFA_FLAGS && len == sizeof(flags))
			memcpy(&flags, RTA_DATA(a), len);
		bool told = a->rta_type == IFA_LOCAL || a->rta_type == IFA_ADDRESS ||
			    a->rta_type == IFA_BROADCAST;
		if (!told || len > sizeof(ret->kept[0].bytes))
			continue;
		memcpy(ret->kept[a->rta_type].bytes, RTA_DATA(a), len);
		ret->kept[a->rta_type].len = len;
	}
	return m->ifa_index == index && m->ifa_scope == RT_SCOPE_UNIVERSE &&
	       flags & IFA_F_PERMANENT;
}

/* All of the device's; how many, or -errno. */
static int read_addresses(int fd, unsigned index, struct address *all)
{
	static char buffer[DUMP_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct request r;
	int n = 0;

	begin(&r, RTM_GETADDR, NLM_F_DUMP, sizeof(r.address));
	if (send(fd, &r, r.head.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
		if (got < 0)
			return -errno;
		unsigned left = (unsigned)got;
		for (const struct nlmsghdr *h = (const void *)buffer; NLMSG_OK(h, left);
			h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return n;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (h->nlmsg_type != RTM_NEWADDR || !keeps(h, index, &all[n]))
				continue;
			if (++n == ADDRESSES_MAX)
				return -E2BIG;
		}
	}
}

static int add_address(int fd, unsigned index, const struct address *a)
{
	struct request r;

	begin(&r, RTM_NEWADDR, NLM_F_CREATE, sizeof(r.address));
	r.address = a->head;
	r.address.ifa_index = index;
	for (int type = 0; type <= IFA_BROADCAST; type++)
		if (a->kept[type].len)
			attribute(&r, type, a->kept[type].bytes, a->kept[type].len);
	return ask(fd, &r);
}

/* --- the device ---------------------------------------------------------------------------------
 */

/* Moved and renamed at once: its old name may be taken there. */
static int move_to(int fd, unsigned index, const char *name, int32_t ns)
{
	struct request r;

	begin(&r, RTM_NEWLINK, 0, sizeof(r.link));
	r.link.ifi_index = (int)index;
	attribute(&r, IFLA_IFNAME, name, strlen(name) + 1);
	attribute(&r, IFLA_NET_NS_FD, &ns, sizeof(ns));
	return ask(fd, &r);
}

static int bring_up(int fd, unsigned index)
{
	struct request r;

	begin(&r, RTM_NEWLINK, 0, sizeof(r.link));
	r.link.ifi_index = (int)index;
	r.link.ifi_flags = r.link.ifi_change = IFF_UP;
	return ask(fd, &r);
}

/* The device of that name where the socket was made; 0: none. */
static unsigned index_of(int fd, const char *name)
{
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	return ioctl(fd, SIOCGIFINDEX, &request) < 0 ? 0 : (unsigned)request.ifr_ifindex;
}

static const char *name_inside(const struct net_device *d)
{
	return d->name && *d->name ? d->name : d->host;
}

static int move_one(const struct net_device *d, int fd, int inside, int theirs, struct err *e)
{
	autofree struct address *addresses = calloc(ADDRESSES_MAX, sizeof(*addresses));
	const char *name = name_inside(d);
	unsigned index = index_of(fd, d->host);

	if (!addresses)
		return err_set(e, ENOMEM, "linux.netDevices.%s", d->host);
	/* Gone since it was looked for. Without a number the kernel would go by the name in the request,
	 * which is the one inside, and take the host's device of that name. */
	if (!index)
		return err_set(e, ENODEV, "linux.netDevices.%s: find it", d->host);
	int n = read_addresses(fd, index, addresses);
	if (n < 0)
		return err_set(e, -n, "linux.netDevices.%s: read its addresses", d->host);
	int r = move_to(fd, index, name, theirs);
	if (r < 0)
		return err_set(e, -r, "linux.netDevices.%s: move it into the container as '%s'",
			d->host, name);
	index = index_of(inside, name);
	for (int i = 0; i < n; i++)
		if ((r = add_address(inside, index, &addresses[i])) < 0)
			return err_set(e, -r, "linux.netDevices.%s: add an address", d->host);
	r = bring_up(inside, index);
	return r < 0 ? err_set(e, -r, "linux.netDevices.%s: bring it up", d->host) : 0;
}

/* The kernel renames behind the move: a name that is taken would be told when all is too late. */
static int check_all(const struct linux_spec *l, int fd, int inside, struct err *e)
{
	for (size_t i = 0; i < l->n_net_devices; i++) {
		const struct net_device *d = &l->net_devices[i];
		if (!index_of(fd, d->host))
			return err_set(e, ENODEV, "linux.netDevices.%s: find it", d->host);
		if (index_of(inside, name_inside(d)))
			return err_set(e, EEXIST,
				"linux.netDevices.%s: move it into the container as '%s'", d->host,
				name_inside(d));
	}
	return 0;
}

/* A socket knows the network namespace that it was made in: the container's, and we come back. */
static int socket_inside(int ours, int theirs)
{
	if (setns(theirs, CLONE_NEWNET) < 0)
		return -errno;
	autofd int fd = netlink();
	return setns(ours, CLONE_NEWNET) < 0 ? -errno : take_fd(&fd);
}

int net_devices_move(const struct linux_spec *l, pid_t pid, struct err *e)
{
	char path[32];

	if (!l->n_net_devices)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	autofd int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	autofd int theirs = open(path, O_RDONLY | O_CLOEXEC);
	autofd int fd = netlink();
	if (ours < 0 || theirs < 0)
		return err_set(
			e, errno, "linux.netDevices: open the container's network namespace");
	autofd int inside = socket_inside(ours, theirs);
	if (fd < 0 || inside < 0)
		return err_set(e, fd < 0 ? -fd : -inside,
			"linux.netDevices: enter the container's network namespace");
	int r = check_all(l, fd, inside, e);
	for (size_t i = 0; r == 0 && i < l->n_net_devices; i++)
		r = move_one(&l->net_devices[i], fd, inside, theirs, e);
	return r;
}
