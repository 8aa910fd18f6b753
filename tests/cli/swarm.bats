# Docker's Swarm mode on top of it, the way past one machine: two hosts with a cable between them, each with a dockerd
# whose default runtime is cowrun, and a service with its replicas on both. Without virtual addresses (--endpoint-mode
# dnsrr), which need IP_VS of the kernel.
load helpers
load containers
load hosts

setup_file() {
	local host n=1
	scratch_make
	[ -d "$ENGINES" ] && [ -z "${COWRUN_GUEST:-}" ] || return 0
	rootfs_make "$SCRATCH/rootfs"
	tar -C "$SCRATCH/rootfs" -cf "$SCRATCH/busy.tar" .
	dockerd_start one
	dockerd_start two
	ip link add cable netns "$(<"$SCRATCH/one/pid.first")" type veth peer name cable netns "$(<"$SCRATCH/two/pid.first")"
	for host in one two; do
		docker_on $host import -c 'ENV PATH=/bin' "$SCRATCH/busy.tar" busy >/dev/null
		on $host ip address add 192.0.2.$n/24 dev cable
		on $host ip link set cable up
		n=$((n + 1))
	done
}

teardown() {
	[ -n "${BATS_TEST_COMPLETED:-}" ] || { swarm node ls; swarm service ps web; tail -n 5 "$SCRATCH"/{one,two}/log; } >&2
}

teardown_file() {
	host_end one
	host_end two
	scratch_remove
}

# swarm COMMAND...: as its manager
swarm() { docker_on one "$@"; }

ready_are() { [ "$(swarm node ls --format '{{.Status}}' | grep -c Ready)" = "$1" ]; }

# replicas HOST: how many run there; those of both are N
replicas() { docker_on "$1" ps -q | wc -l; }
replicas_are() { [ $(($(replicas one) + $(replicas two))) = "$1" ]; }
balanced() { [ "$(replicas one)/$(replicas two)" = "$1/$1" ]; }
replicas_are_here() { [ "$(replicas one)" = "$1" ]; }

# answers: who answers a replica of the first host by the name of the service, whichever host they are on
answers() {
	docker_on one exec "$(docker_on one ps -q | head -n 1)" sh -c '
		for a in $(nslookup tasks.web | awk "/^Address/ && !/:53/ { print \$NF }"); do
			wget -q -O - "http://$a/"
		done' | sort
}
names() { for host in one two; do docker_on $host ps -q; done | sort; }
all_answer() { [ "$(answers)" = "$(names)" ]; }

@test "swarm: replicas on two hosts, more of them, and fewer" {
	need_quick
	swarm swarm init --advertise-addr 192.0.2.1 --listen-addr 192.0.2.1 >/dev/null
	docker_on two swarm join --advertise-addr 192.0.2.2 --token "$(swarm swarm join-token -q worker)" 192.0.2.1 >/dev/null
	patiently ready_are 2
	swarm network create -d overlay net >/dev/null
	swarm service create --detach --name web --endpoint-mode dnsrr --network net --replicas 2 --no-resolve-image \
		--stop-signal KILL busy sh -c 'mkdir /www; hostname >/www/index.html; exec httpd -f -h /www' >/dev/null
	patiently balanced 1
	patiently all_answer
	[ "$(docker_on two inspect -f '{{.HostConfig.Runtime}}' "$(docker_on two ps -q)")" = cowrun ]
	[ "$(find "$SCRATCH/two/exec" -name record | wc -l)" = 1 ] # and cowrun knows of it
	swarm service scale --detach web=4 >/dev/null
	patiently balanced 2
	swarm service scale --detach web=2 >/dev/null
	patiently replicas_are 2
}

@test "swarm: a host is lost, and its replicas come up on the other" {
	need_full
	# who is not heard of for three of these is lost
	swarm swarm update --dispatcher-heartbeat 2s >/dev/null
	swarm service scale --detach web=4 >/dev/null
	patiently balanced 2
	host_end two
	patiently replicas_are_here 4
	swarm service rm web >/dev/null
	patiently host_is_empty one containerd dockerd || { host_holds one containerd dockerd >&2; return 1; }
}
