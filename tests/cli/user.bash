# An ordinary user for the tests: `load user` behind `load helpers`.
#
#   $USER_ID          a uid and gid that nobody has; it is called $USER_NAME
#   $SUBIDS           the first of its 65536 subordinate ids
#   $HOME_DIR         its home, with the programs of the build beside it; $RUN_DIR: its XDG_RUNTIME_DIR
#   as_user WORD...   runs the words as that user, in a mount namespace in which the account files have a line for it:
#                     the host's are not changed. $USER_PROGRAMS is where its programs are.
#
# shellcheck shell=bash disable=SC2154
USER_ID=54321
USER_NAME=cowrun-tester
SUBIDS=1543210000

# In setup_file, behind scratch_make.
user_make() {
	HOME_DIR=$SCRATCH/home
	RUN_DIR=$SCRATCH/run
	USER_PROGRAMS=$SCRATCH/programs
	export HOME_DIR RUN_DIR USER_PROGRAMS
	chmod 711 "$SCRATCH"
	mkdir -p "$HOME_DIR" "$RUN_DIR" "$USER_PROGRAMS" "$SCRATCH/etc"
	cp "$COWRUN" "$COW" "$OUT"/cow-* "$OUT"/cowrun-systemd "$USER_PROGRAMS"
	chmod 755 "$SCRATCH/etc" "$USER_PROGRAMS"
	(cat /etc/passwd && echo "$USER_NAME:x:$USER_ID:$USER_ID::$HOME_DIR:/bin/sh") >"$SCRATCH/etc/passwd"
	echo "$USER_NAME:$SUBIDS:65536" >"$SCRATCH/etc/subuid"
	echo "$USER_ID:$SUBIDS:65536" >"$SCRATCH/etc/subgid" # by name and by number: both are read
	chmod 644 "$SCRATCH/etc"/*
	chmod 700 "$RUN_DIR"
	chown "$USER_ID:$USER_ID" "$HOME_DIR" "$RUN_DIR"
	# What keeps the namespace: a process, so that no mount of the host's is needed for it.
	USER_NAMESPACE=$(unshare -m --propagation private sh -c 'sleep 3600 >/dev/null 2>&1 3>&- & echo $!')
	export USER_NAMESPACE
	local file
	for file in passwd subuid subgid; do
		[ -e "/etc/$file" ] || : >"/etc/$file" # a host without has nothing to lose
		in_namespace mount --bind "$SCRATCH/etc/$file" "/etc/$file"
	done
}

# In teardown_file, before scratch_remove.
user_remove() { kill "$USER_NAMESPACE"; }

in_namespace() { nsenter --mount="/proc/$USER_NAMESPACE/ns/mnt" "$@"; }

# PREPARE, if set: the words run in a mount namespace of their own, and that as root in it before.
as_user() {
	local words=(setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups "$@")
	# shellcheck disable=SC2016
	[ -z "${PREPARE:-}" ] || words=(unshare -m sh -c 'eval "$PREPARE" && unset PREPARE && exec "$@"' - "${words[@]}")
	XDG_RUNTIME_DIR=$RUN_DIR HOME=$HOME_DIR LOGNAME=$USER_NAME in_namespace "${words[@]}" 3>&-
}

ucowrun() { as_user "$USER_PROGRAMS/cowrun" "$@"; }
ucow() { as_user "$USER_PROGRAMS/cow" "$@"; }
