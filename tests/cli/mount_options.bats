# Every word of a mount's options, seen from inside.
# shellcheck disable=SC2030,SC2031 # bats runs each test in a shell of its own
load helpers
load containers
load mounts

# Without words of the superblock, which differ between kernels; "strictatime" is what has no word.
flags_are() {
	local expected=$1
	shift
	gives "$expected" "$FLAGS flags /mnt | tr , '\n' | sort | paste -sd, -" "$@"
}

# expect FLAGS FILTER: the same, of a mount on /mnt that the filter makes; it gets a place of its own, and seen() starts
# one container for all that is expected.
expect() {
	EXPECTED+=${EXPECTED:+$'\n'}$1
	FILTERS+="${FILTERS:+ | }${2//\/mnt//mnt/$((++PLACES))}"
}
seen() {
	gives "$EXPECTED" "$FLAGS for i in \$(seq $PLACES); do flags /mnt/\$i | tr , '\n' | sort | paste -sd, -; done" "$FILTERS${1:+ | $1}"
	EXPECTED='' FILTERS='' PLACES=0
}

# source_is FLAG...: a tmpfs on $SOURCE, mounted with these, and none of the superblock's
source_is() {
	host umount -q "$SOURCE" || true
	mount -t tmpfs -o strictatime cowrun-test "$SOURCE"
	mount -o "remount,bind,$(IFS=, && echo "$*")" "$SOURCE"
}

USER_NS='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
	.linux.gidMappings = .linux.uidMappings'

@test "each flag of a mount of its own, and its opposite" {
	local row
	for row in ro:ro,relatime rw:rw,relatime nosuid:nosuid,relatime,rw nodev:nodev,relatime,rw noexec:noexec,relatime,rw \
		noatime:noatime,rw nodiratime:nodiratime,relatime,rw relatime:relatime,rw strictatime:rw nosymfollow:nosymfollow,relatime,rw \
		defaults:relatime,rw norelatime:relatime,rw; do
		expect "$(tr , '\n' <<<"${row#*:}" | sort | paste -sd, -)" "$(fresh tmpfs /mnt "${row%%:*}")"
	done
	expect relatime,rw "$(fresh tmpfs /mnt ro nosuid nodev noexec noatime nodiratime nosymfollow rw suid dev exec atime diratime symfollow)"
	expect relatime,rw "$(fresh tmpfs /mnt strictatime nostrictatime silent loud iversion noiversion acl)"
	expect noatime,nodev,noexec,nosuid,ro "$(fresh tmpfs /mnt rro rnosuid rnodev rnoexec rnoatime)"
	seen
}

@test "each flag of the file system, and its opposite" {
	local words=(sync dirsync lazytime mand 'sync async' 'lazytime nolazytime' 'mand nomand') expected='' filters='.' i
	for i in "${!words[@]}"; do
		[[ ${words[i]} == *' '* ]] || expected+="$i ${words[i]}"$'\n'
		# shellcheck disable=SC2086 # several
		filters+=" | $(fresh tmpfs "/mnt/$i" ${words[i]})"
	done
	gives "${expected%$'\n'}" "mount | sed -n 's,.* on /mnt/\([0-9]*\) .*[(,]\(sync\|dirsync\|lazytime\|mand\)[,)].*,\1 \2,p'" "$filters"
}

@test "symlinks on a nosymfollow mount are not followed" {
	ln -s file "$SOURCE/link"
	gives "content refused" 'echo $(cat /mnt/link) $(cat /no/link 2>/dev/null || echo refused)' "$(bind /mnt bind) | $(bind /no bind nosymfollow)"
}

@test "each recursive flag reaches what is mounted below" {
	local row
	mount -t tmpfs -o strictatime,nosuid,nodev,noexec,nodiratime,nosymfollow cowrun-test "$SOURCE/dir"
	local expected='' script=$FLAGS filters='.' n=0
	both() {
		expected+="$1"$'\n'
		n=$((n + 1))
		script+="; echo \$(for at in /mnt/$n /mnt/$n/dir; do flags \$at | tr , '\n' | grep -wx '$2' || echo -; done)"
		filters+=" | ${3//\/mnt//mnt/$n}"
	}
	both_are() {
		gives "${expected%$'\n'}" "${script/; ;/;}" "$filters"
		expected='' script=$FLAGS filters='.' n=0
	}
	for row in rro:ro rnosuid:nosuid rnodev:nodev rnoexec:noexec rnodiratime:nodiratime rnoatime:noatime rnosymfollow:nosymfollow rrelatime:relatime; do
		both "${row#*:} ${row#*:}" "${row#*:}" "$(bind /mnt rbind "${row%%:*}")"
	done
	for row in rsuid:nosuid rdev:nodev rexec:noexec rdiratime:nodiratime rsymfollow:nosymfollow rstrictatime:relatime ratime:noatime; do
		both "- -" "${row#*:}" "$(bind /mnt rbind "${row%%:*}")"
	done
	both "relatime relatime" relatime "$(bind /mnt rbind rnostrictatime)"
	both_are
	mount -o remount,bind,ro "$SOURCE/dir"
	both "- -" ro "$(bind /mnt rbind rrw)"
	# a word for one mount does not take back what was said of all
	both "- -" ro "$(bind /mnt rbind rrw ro)"
	both "ro ro" ro "$(bind /mnt rbind rro rw)"
	both_are
	refuses "mounts\[6\]: mount on '/mnt': this kernel has no file system 'nofs'" "$(fresh nofs /mnt rro)"
}

@test "a bind without a flag keeps those of its source, with one it has what was named" {
	source_is ro noexec nodiratime nosymfollow
	expect nodiratime,noexec,nosymfollow,relatime,ro "$(bind /mnt bind)"
	expect nodiratime,noexec,nosymfollow,relatime,ro "$(bind /mnt bind rprivate defaults)"
	expect nodiratime,relatime,rw "$(bind /mnt bind dev)"
	expect nodiratime,nosuid,relatime,rw "$(bind /mnt bind nosuid)"
	seen
	source_is nodev nosuid noexec noatime
	expect noatime,ro "$(bind /mnt bind ro)"
	expect noatime,rw "$(bind /mnt bind dev suid exec atime)"
	expect relatime,rw "$(bind /mnt bind relatime)"
	expect nodiratime,relatime,rw "$(bind /mnt bind nodiratime)"
	expect nodiratime,rw "$(bind /mnt bind nodiratime strictatime)"
	seen
}

@test "in a user namespace a bind keeps what its source may not lose" {
	source_is ro noexec nosymfollow noatime
	expect noatime,noexec,nosymfollow,ro "$(bind /mnt bind)"
	expect noatime,noexec,ro "$(bind /mnt bind dev)"
	expect noatime,nodev,noexec,nosuid,ro "$(bind /mnt bind nosuid nodev)"
	expect noatime,noexec,ro "$(bind /mnt bind noatime)"
	seen "$USER_NS"
	refuses "mounts\[6\]: the source is mounted 'ro', which cannot be taken back in a user namespace" "$(bind /mnt bind rw) | $USER_NS"
	refuses "mounts\[6\]: the source is mounted 'noexec', .* operation not permitted" "$(bind /mnt bind exec) | $USER_NS"
	refuses "mounts\[6\]: the source is mounted 'ro', which" "$(bind /mnt rbind rrw) | $USER_NS"
	refuses "mounts\[6\]: the source's way to keep access times cannot be changed" "$(bind /mnt bind relatime) | $USER_NS"
	source_is strictatime
	refuses "mounts\[6\]: the source's way to keep access times cannot be changed" "$(bind /mnt bind nodiratime) | $USER_NS"
	flags_are rw "$(bind /mnt bind nostrictatime) | $USER_NS"
}

@test "remount changes what is there: flags, and options of the file system" {
	flags_are relatime,ro "$(fresh tmpfs /mnt) | $(fresh tmpfs /mnt remount ro)"
	flags_are nodev,noexec,relatime,rw "$(fresh tmpfs /mnt noexec nosuid) | $(fresh tmpfs /mnt remount nodev suid)"
	flags_are relatime,ro "$(fresh tmpfs /mnt) | $(bind /mnt bind remount ro)"
	gives 128 'echo $(($(stat -fc "%b * %S" /mnt) / 1024))' "$(fresh tmpfs /mnt size=64k) | $(fresh tmpfs /mnt remount size=128k)"
	flags_are noexec,relatime,ro "$(bind /mnt rbind) | $(bind /mnt rbind remount rro noexec)"
	refuses "mounts\[7\]: remount tmpfs on '/mnt': option 'sizee=1': .*sizee" "$(fresh tmpfs /mnt) | $(fresh tmpfs /mnt remount sizee=1)"
	refuses "mounts\[6\]: open '/nothing/here': no such file or directory" "$(fresh tmpfs /nothing/here remount ro)"
}

@test "a read-only tmpfs takes what is mounted below it, and the nodes of /dev" {
	gives "refused content 1:3" 'echo $(touch /mnt/x 2>/dev/null || echo refused) $(cat /mnt/sub/file) $(stat -c %t:%T /dev/null)' \
		"$(fresh tmpfs /mnt ro) | $(bind /mnt/sub bind)"
	flags_are relatime,ro "$(fresh tmpfs /mnt ro) | $(bind /mnt/sub bind)"
	gives $'ro\nrefused' "$FLAGS flags /dev | cut -c 1-2; touch /dev/x 2>/dev/null || echo refused" \
		'.mounts |= map(if .destination == "/dev" then .options += ["ro"] else . end)'
}

@test "a tmpfs has the mode of the directory it covers, unless it is told another" {
	bundle
	install -d -m 710 "$BUNDLE/rootfs/opt/mode"
	rm -rf "$BUNDLE/rootfs/none"
	gives 710 'stat -c %a /opt/mode' "$(fresh tmpfs /opt/mode)"
	gives 1500 'stat -c %a /opt/mode' "$(fresh tmpfs /opt/mode mode=1500)"
	gives 1777 'stat -c %a /none/there' "$(fresh tmpfs /none/there)"
	[ "$(stat -c %a "$BUNDLE/rootfs/opt/mode" "$BUNDLE/rootfs/none" "$BUNDLE/rootfs/none/there" | paste -sd, -)" = 710,755,755 ]
}

@test "a word that means nothing to a bind is said, and ignored" {
	inside 'cat /mnt/file' "$(bind /mnt bind mode=700)"
	assert_status 0
	assert_one_line "warning: mounts\[6\].options: 'mode=700' means nothing to a bind mount, and is ignored"
}

# --- tmpcopyup ------------------------------------------------------------------------------------------------------
# What there is to copy, in $BUNDLE/rootfs/opt/up
content_to_copy() {
	bundle
	local up=$BUNDLE/rootfs/opt/up
	rm -rf "$up"
	mkdir -p "$up/sub/deep" "$up/empty"
	echo first >"$up/sub/file"
	head -c 3000000 /dev/urandom >"$up/big"
	: >"$up/nothing"
	ln "$up/sub/file" "$up/sub/deep/again"
	ln -s sub/file "$up/link"
	ln -s /nowhere/at/all "$up/dangling"
	mkfifo "$up/fifo"
	mknod "$up/device" c 1 3
	mkdir "$up/ünicode name" "$up/-dash"
	seq 400 | sed "s|^|$up/empty/number-|" | xargs touch
	chown 7:8 "$up/sub" "$up/sub/file" "$up/fifo"
	chown -h 9:10 "$up/link"
	chmod 4751 "$up/sub/file"
	chmod 2770 "$up/sub/deep"
	chmod 1710 "$up"
	setfattr -n trusted.mark -v here "$up/sub/file"
	find "$up" -depth -exec touch -h -d '2001-02-03 04:05:06.789' {} +
}
describe_copied() { (cd "$1" && find . -printf '%p %y %m %U:%G %T@ %l %n\n' | sort -u && find . -type f -print0 | sort -z | xargs -0 md5sum && find . -samefile sub/file | sort); }

@test "tmpcopyup: all of a directory is in the tmpfs, as it is" {
	need_program setfattr
	content_to_copy
	describe_copied "$BUNDLE/rootfs/opt/up" | sed 's/^\([^ ]* d .*\) [0-9]*$/\1/' >"$SCRATCH/expected"
	sleeper "$(fresh tmpfs /opt/up tmpcopyup nosuid)"
	describe_copied "/proc/$PID/root/opt/up" | sed 's/^\([^ ]* d .*\) [0-9]*$/\1/' >"$SCRATCH/seen"
	diff -u "$SCRATCH/expected" "$SCRATCH/seen" >&2
	[ "$(getfattr --absolute-names --only-values -n trusted.mark "/proc/$PID/root/opt/up/sub/file")" = here ]
	[ "$(stat -fc %T "/proc/$PID/root/opt/up")" = tmpfs ]
	# and it is a copy
	echo more >>"/proc/$PID/root/opt/up/sub/file"
	[ "$(cat "$BUNDLE/rootfs/opt/up/sub/file")" = first ]
}

@test "tmpcopyup: what was mounted there before is copied, what is mounted below it is not" {
	mount -t tmpfs cowrun-test "$SOURCE/dir"
	host touch "$SOURCE/dir/below"
	gives "content d 0" 'echo $(cat /opt/file) $(stat -c %F /opt/dir | cut -c 1) $(ls /opt/dir | wc -l)' \
		"$(bind /opt rbind) | $(fresh tmpfs /opt tmpcopyup)"
}

@test "tmpcopyup: with ro, with a mode, without a directory, in a user namespace" {
	content_to_copy
	rm "$BUNDLE/rootfs/opt/up/device"
	gives "ro first" "$FLAGS echo \$(flags /opt/up | cut -c 1-2) \$(cat /opt/up/link)" "$(fresh tmpfs /opt/up tmpcopyup ro)"
	gives "700 first" 'echo $(stat -c %a /opt/up) $(cat /opt/up/link)' "$(fresh tmpfs /opt/up tmpcopyup mode=700)"
	gives "1777 0" 'echo $(stat -c %a /opt/absent) $(ls /opt/absent | wc -l)' "$(fresh tmpfs /opt/absent tmpcopyup)"
	chown -Rh 100000:100000 "$BUNDLE/rootfs"
	gives "first 0:0 2" 'echo $(cat /opt/up/link) $(stat -c "%u:%g %h" /opt/up/sub/file)' \
		"$(fresh tmpfs /opt/up tmpcopyup) | $USER_NS"
	rm -rf "$BUNDLE"
}

@test "tmpcopyup: what does not fit is told, and is for tmpfs only" {
	content_to_copy
	refuses "mounts\[6\]: tmpcopyup: copy 'big' of '/opt/up': no space left on device" "$(fresh tmpfs /opt/up tmpcopyup size=1m)"
	refuses "mounts\[6\].options: 'tmpcopyup' is for the type tmpfs, not 'mqueue'" "$(fresh mqueue /mnt tmpcopyup)"
	local deep=$BUNDLE/rootfs/opt/deep
	mkdir -p "$deep/$(printf 'd/%.0s' $(seq 200))"
	refuses "mounts\[6\]: tmpcopyup: go down into '.*' of '/opt/deep': file name too long" "$(fresh tmpfs /opt/deep tmpcopyup)"
	rm -rf "$BUNDLE"
}
