# cow pull: images out of registries, honest ones and others.
# A failure is one line that names registry, image, what was asked for and why it failed, and leaves nothing.
load helpers
load cow
load registry

setup_file() {
	scratch_make
	has_registry skopeo python3 || return 0
	# What the caller has must not count here.
	export HOME=$SCRATCH/home XDG_RUNTIME_DIR=$SCRATCH/run
	mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
	unset REGISTRY_AUTH_FILE DOCKER_CONFIG XDG_CONFIG_HOME
	small_image "$SCRATCH/layout"
	stub_start "$SCRATCH/layout"
	registry_start PLAIN
	skopeo copy -q --dest-tls-verify=false "oci:$SCRATCH/layout:x" "docker://$PLAIN_AT/team/small:1"
}

has_come() { [ -n "$(find "$1" -size +0)" ] && [ "$(stub_log | grep -c "slow/x/blobs")" = 4 ]; }

setup() {
	need_registry
	need_program skopeo
	need_program python3
	rm -rf "$STORE"
}

pull() { cow pull --retry 0 "$@"; }

# refused REGEX NAME [OPTION ...]: from the stub
refused() {
	local regex=$1 name=$2
	shift 2
	fails "^cow: pull: '$STUB/$name/x:1': $regex\$" pull -q "$@" "$STUB/$name/x:1"
	assert_store_empty
}

@test "pull: an image is run by every form of its name" {
	run --separate-stderr cow pull "$PLAIN_AT/team/small:1"
	assert_status 0
	assert_output "$PLAIN_AT/team/small:1 $IMAGE_ID"
	[[ $stderr =~ "layer 1 of 3: "[0-9a-f]{12}" " ]] && [ "$(wc -l <<<"$stderr")" = 3 ] || { say "$stderr"; return 1; }
	assert_store_clean
	local name
	for name in "$PLAIN_AT/team/small:1" small:1 team/small:1; do
		run cow run --rm "$name"
		assert_output "from the registry"
	done
	[ "$(cow images --json | jq -r '.[0].layers | length')" = 3 ]
}

@test "pull: by digest, quietly, and again" {
	run --separate-stderr cow pull "$PLAIN_AT/team/small:1@$MANIFEST" --quiet
	assert_status 0
	assert_output "$PLAIN_AT/team/small@$MANIFEST $IMAGE_ID"
	[ -z "$stderr" ]
	run cow run --rm "$PLAIN_AT/team/small:whatever@$MANIFEST"
	assert_output "from the registry"
	run --separate-stderr cow pull "$PLAIN_AT/team/small:1"
	[ "$(grep -c 'is there already$' <<<"$stderr")" = 3 ] || { say "$stderr"; return 1; }
	assert_store_clean
}

@test "pull: what is not there, and what is no registry" {
	fails "^cow: pull: '$PLAIN_AT/team/none:1': manifest '1': not found \(manifest unknown\)$" pull "$PLAIN_AT/team/none:1"
	fails "^cow: pull: '$PLAIN_AT/team/small:2': manifest '2': not found" pull "$PLAIN_AT/team/small:2"
	fails "^cow: pull: '127.0.0.1:1/x:latest': registry '127.0.0.1:1': GET /v2/: .*[Cc]onnect" pull 127.0.0.1:1/x
	fails "^cow: pull: 'small/Team' is not an image name: its name has capital letters" pull small/Team
	fails "^cow: pull: option --platform: 'linux' is not OS/ARCH" pull --platform linux "$PLAIN_AT/team/small:1"
	fails "^cow: pull: '$PLAIN_AT/team/small:1': it is for linux/[a-z0-9]*, and for no other platform" \
		pull --platform linux/s390x "$PLAIN_AT/team/small:1"
	assert_store_empty
}

@test "pull: of an index the manifest for this machine, or for another one" {
	run --separate-stderr pull -q "$STUB/index/x"
	assert_output "$STUB/index/x:latest $IMAGE_ID"
	rm -rf "$STORE"
	refused "it has no variant for linux/riscv64" index --platform linux/riscv64
}

@test "pull: layers that the store has are not asked for" {
	cow load -q --name here "$SCRATCH/layout"
	stub_forget
	pull -q "$STUB/ok/x"
	[ "$(stub_log | grep -c blobs/)" = 1 ] # the config
	# one of three is missing
	rm -rf "$STORE"
	pull -q "$STUB/ok/x"
	cow rmi "$STUB/ok/x"
	assert_store_empty
}

@test "pull: a lost connection is gone on from where it ended" {
	local digest size
	stub_forget
	cow pull -q "$STUB/cut/x:1"
	digest=$(jq -r '.layers[2].digest' "$SCRATCH/layout/blobs/sha256/${MANIFEST#*:}")
	size=$(stat -c %s "$SCRATCH/layout/blobs/sha256/${digest#*:}")
	run bash -c "grep -o '$digest.*' '$STUB_DIR/log'"
	assert_output "$digest - -
$digest - bytes=$((size / 2))-
$digest - bytes=$((size / 2 + (size - size / 2) / 2))-"
	run cow run --rm "$STUB/cut/x:1"
	assert_output "from the registry"
	assert_store_clean
}

@test "pull: what came stays for the next time" {
	fails "^cow: pull: '$STUB/always-cut/x:1': layer 'sha256:[0-9a-f]*': .*(closed|left to read|bytes remaining)" pull -q "$STUB/always-cut/x:1"
	[ -n "$(ls "$STORE/downloads")" ]
	[ -z "$(ls "$STORE/tmp")$(ls "$STORE/images")" ]
	stub_forget
	pull -q "$STUB/ok/x"
	stub_log | grep -q 'bytes=[1-9]'
	assert_store_clean
}

@test "gc: takes what failed pulls have kept, and leaves a pull that runs alone" {
	pull -q "$STUB/always-cut/x:1" 2>/dev/null || true
	[ -n "$(ls "$STORE/downloads")" ]
	cow gc >"$SCRATCH/out"
	assert_store_empty
	stub_forget
	"$COW" --store "$STORE" pull -q "$STUB/slow/x:1" 2>"$SCRATCH/said" 3>&- &
	local pid=$!
	eventually has_come "$STORE/downloads"
	cow gc >"$SCRATCH/out"
	[ -n "$(find "$STORE/downloads" -size +0)" ]
	kill -INT $pid
	ends_with 1 $pid
}

@test "pull: what came and was spoilt is fetched anew" {
	local file
	pull -q "$STUB/always-cut/x:1" 2>/dev/null || true
	for file in "$STORE"/downloads/*; do printf spoilt | dd of="$file" bs=1 conv=notrunc status=none; done
	pull -q "$STUB/ok/x"
	assert_store_clean
}

@test "pull: a server without ranges, and one that sends another part" {
	cow pull -q --retry 2 "$STUB/norange/x:1"
	rm -rf "$STORE"
	fails "^cow: pull: '$STUB/otherrange/x:1': layer '.*': the registry sends another part than was asked for$" \
		cow pull -q --retry 2 "$STUB/otherrange/x:1"
	[ -z "$(ls "$STORE/tmp")" ]
}

@test "pull: interrupted, it keeps what came and nothing else" {
	stub_forget
	"$COW" --store "$STORE" pull -q "$STUB/slow/x:1" 2>"$SCRATCH/said" 3>&- &
	local pid=$! status=0
	eventually has_come "$STORE/downloads"
	kill -INT $pid
	wait $pid || status=$?
	[ $status = 1 ]
	[ "$(<"$SCRATCH/said")" = "cow: pull: '$STUB/slow/x:1': interrupted" ] || { cat "$SCRATCH/said" >&2; return 1; }
	[ -n "$(ls "$STORE/downloads")" ] && [ -z "$(ls "$STORE/tmp")$(ls "$STORE/images")" ]
	pull -q "$STUB/ok/x:1"
	assert_store_clean
}

@test "pull: two at once fetch a layer once" {
	local a b
	stub_forget
	"$COW" --store "$STORE" pull -q "$STUB/ok/x:1" >"$SCRATCH/a" 3>&- & a=$!
	"$COW" --store "$STORE" pull -q "$STUB/ok/x:2" >"$SCRATCH/b" 3>&- & b=$!
	ends_with 0 $a
	ends_with 0 $b
	[ "$(stub_log | grep blobs/ | grep -v "${IMAGE_ID#*:}" | sort | uniq -d)" = '' ] || { stub_log >&2; return 1; }
	[ "$(cow images -q | wc -l)" = 2 ]
	assert_store_clean
}

@test "pull: names and passwords go to the registry, and not to where it redirects" {
	refused "manifest '1': unauthorized \(authentication required\); no credentials for '$STUB' are kept \(hint: .*\)" basic
	login "$SCRATCH/auth.json" "$STUB"
	stub_forget
	pull -q --authfile "$SCRATCH/auth.json" "$STUB/basic/x:1"
	stub_log | grep -q "^${STUB#*:} GET /v2/basic/x/manifests/1 Basic"
	[ "$(stub_log | grep -c "^${OTHER#*:} GET .*/blobs/.* - -$")" = 4 ]
	run ! grep "^${OTHER#*:} .*Basic" "$STUB_DIR/log"
	login "$SCRATCH/wrong.json" "$STUB" user:guess
	rm -rf "$STORE"
	refused "manifest '1': unauthorized \(authentication required\)" basic --authfile "$SCRATCH/wrong.json"
}

@test "pull: a token for name and password, and one for everybody" {
	login "$SCRATCH/auth.json" "$STUB"
	stub_forget
	REGISTRY_AUTH_FILE=$SCRATCH/auth.json pull -q "$STUB/token/x:1"
	stub_log | grep -q "^${STUB#*:} GET /token?service=the%20stub&scope=repository%3Atoken%2Fx%3Apull Basic"
	[ "$(stub_log | grep -c ' GET /token')" = 1 ]
	run ! grep "^${OTHER#*:} .*the-token" "$STUB_DIR/log"
	rm -rf "$STORE"
	refused "manifest '1': token: unauthorized \(wrong password\)" token
	refused "manifest '1': token: a redirect to 'http://$OTHER/token', which does not get the password" token-elsewhere \
		--authfile "$SCRATCH/auth.json"
	run ! grep "^${OTHER#*:} .*Basic" "$STUB_DIR/log"
	pull -q "$STUB/anonymous/x:1"
}

@test "pull: where credentials are looked for" {
	local place
	for place in "$XDG_RUNTIME_DIR/containers/auth.json" "$HOME/.config/containers/auth.json" "$HOME/.docker/config.json"; do
		mkdir -p "$(dirname "$place")"
		login "$place" "https://$STUB/v2/"
		pull -q "$STUB/basic/x:1"
		rm "$place"
		rm -rf "$STORE"
	done
	mkdir -p "$SCRATCH/bin"
	# shellcheck disable=SC2016 # for that shell
	printf '#!/bin/sh\nread -r host\n[ "$1 $host" = "get %s" ] && echo '\''{"ServerURL": "x", "Username": "user", "Secret": "secret"}'\''\n' \
		"$STUB" >"$SCRATCH/bin/docker-credential-test"
	chmod +x "$SCRATCH/bin/docker-credential-test"
	jq -n --arg host "$STUB" '{credHelpers: {($host): "test"}}' >"$HOME/.docker/config.json"
	PATH=$SCRATCH/bin:$PATH pull -q "$STUB/basic/x:1"
	rm "$HOME/.docker/config.json"
	echo '{"auths": {' >"$SCRATCH/bad.json"
	rm -rf "$STORE"
	refused "registry '$STUB': credentials: .*bad.json.*" basic --authfile "$SCRATCH/bad.json"
}

@test "pull: what may pass is tried again" {
	cow pull -q --retry 1 "$STUB/flaky/x:1"
	rm -rf "$STORE"
	refused "manifest '1': too many requests, its limit of these is reached \(too many pulls\)" limited
}

@test "pull: answers that nobody should send" {
	refused "manifest '1': unauthorized \(authentication required\); no credentials for it are kept .*" loop401
	refused "manifest '1': token server 'http://tokens.example/token' is not reached by https" realm-http
	refused "manifest '1': token server: 'file:///etc/passwd' is no address of http or https" realm-file
	refused "manifest '1': access is denied \(denied\)" denied
	refused "the manifest:1:21: .*" badjson
	refused "the manifest:1:[0-9]*: .*" html
	refused "manifest '1': the answer is larger than the 4194304 bytes allowed" big
	refused "manifest '1': the answer is larger than the 4194304 bytes allowed" endless
	refused "the manifest: schemaVersion: 1 is not supported, only 2" old
	refused "manifest '1' is corrupt: its digest is $MANIFEST, it should be sha256:0{64}" lies
	refused "the manifest: manifests: is an index's, and this is a manifest" both
	refused "its manifest has 1 layers and its config 3" manysizes
	refused "config '$IMAGE_ID' is corrupt: its digest is .*" wrongconfig
}

@test "pull: blobs that are not what they should be" {
	refused "layer '(.*)' is corrupt: its digest is sha256:[0-9a-f]{64}, it should be sha256:[0-9a-f]{64}" wrong
	refused "layer '(.*)' has [0-9]* bytes, it should have [0-9]*" short
	refused "layer '(.*)' has [0-9]* bytes, it should have [0-9]*" understated
	refused "layer '(.*)' is larger than the [0-9]* bytes it should have" long
	refused "config '(.*)': more than 5 redirects" loop
	refused "config '(.*)': a redirect to nowhere" nowhere
	refused "config '(.*)': redirect: 'file:///etc/passwd' is no address of http or https" tofile
	refused "config '(.*)': redirect: 'http://user@.*' is no address of http or https" touser
}

@test "pull: what is damaged goes alone" {
	local good
	cow pull -q "$STUB/ok/x:1" >/dev/null
	cow rmi "$STUB/ok/x:1" >/dev/null
	for good in $(jq -r '.layers[0, 2].digest | sub("sha256:"; "")' "$SCRATCH/layout/blobs/sha256/${MANIFEST#sha256:}"); do
		cp "$SCRATCH/layout/blobs/sha256/$good" "$STORE/downloads"
	done
	fails "layer '(.*)' is corrupt: " pull -q "$STUB/wrong/x:1"
	[ "$(find "$STORE/downloads" -type f | wc -l)" = 2 ]
	stub_forget
	pull -q "$STUB/ok/x:1" >/dev/null
	[ "$(stub_log | grep -c 'ok/x/blobs')" = 2 ]
}

@test "pull: layers that cannot fit" {
	stub_forget
	refused "download 1.* of layers, where .* may be filled: no space left on device" huge
	[ "$(stub_log | grep -c 'huge/x/blobs')" = 1 ]
}

@test "pull: a full disk" {
	export COW STATE SCRATCH STUB
	run --separate-stderr unshare --mount --propagation private bash -c '
		mkdir -p "$SCRATCH/small" && mount -t tmpfs -o size=700k none "$SCRATCH/small" || exit 99
		"$COW" --store "$SCRATCH/small/store" pull -q --retry 0 "$STUB/ok/x:1" && exit 98
		cd "$SCRATCH/small/store" && find images layers downloads blobs/sha256 tmp trash -mindepth 1'
	assert_status 0
	assert_output ''
	assert_one_line "^cow: pull: '$STUB/ok/x:1': .*(no space left on device| allowed)$"
}

@test "pull: addresses in a manifest are not followed" {
	stub_forget
	refused "layer '(.*)': not found \(blob unknown\)" urls
	run ! grep "^${OTHER#*:} " "$STUB_DIR/log"
}

@test "run: pulls an image that the store has not" {
	run --separate-stderr cow run --rm "$STUB/ok/x:1"
	assert_status 0
	assert_output "from the registry"
	[ -z "$stderr" ]
	stub_forget
	run cow run --rm "$STUB/ok/x:1"
	assert_output "from the registry"
	[ ! -s "$STUB_DIR/log" ]
	run cow run --rm --pull always "$STUB/ok/x:1"
	assert_output "from the registry"
	[ -s "$STUB_DIR/log" ]
	cow run -d --name "$ID" "$STUB/ok/y:1" >"$SCRATCH/out" 2>&1
	run cow wait "$ID"
	assert_output 0
	fails "^cow: run: no image '$STUB/ok/z:1' in the store '$STORE'" cow run --pull never "$STUB/ok/z:1"
	fails "^cow: pull: '$STUB/denied/x:1': manifest '1': access is denied" cow run "$STUB/denied/x:1"
	assert_status 125
}

@test "pull: bars on a terminal, and none in a pipe" {
	need_program script
	run script -qec "TERM=xterm '$COW' --store '$STORE' pull '$STUB/ok/x:1'" /dev/null
	assert_status 0
	[[ $output == *' %'*' of '*"layer 3 of 3: "* ]] || { say "$output"; return 1; }
	rm -rf "$STORE"
	run script -qec "TERM=dumb '$COW' --store '$STORE' pull '$STUB/ok/x:1'" /dev/null
	[[ $output != *$'\033'* ]]
}
