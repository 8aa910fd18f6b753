# Registries of a test file's own, on the loopback address: `load registry` behind `load helpers` and `load cow`.
#
# Debian's docker-registry, unpacked by `make engines`, and registry_stub.py, which misbehaves by name. Both end with
# this shell, however it ends.
# shellcheck shell=bash disable=SC2154 # set by bats
ENGINES=$(readlink -f "$BATS_TEST_DIRNAME/../../build")/engines
REGISTRY=$ENGINES/usr/bin/docker-registry

need_registry() {
	need_host "a registry is no guest's matter"
	[ "${CI:-}" = true ] || [ -x "$REGISTRY" ] || skip "needs Debian's docker-registry: run make engines"
}
# For setup_file, which cannot skip: whether setup will not, where it needs the registry and these programs.
has_registry() {
	local program
	[ -z "${COWRUN_GUEST:-}" ] && { [ "${CI:-}" = true ] || [ -x "$REGISTRY" ]; } || return 1
	for program; do command -v "$program" >/dev/null || return 1; done
}

# small_image DIR: an OCI layout of three gzip layers, the first of which is a busybox
small_image() {
	local dir=$1 i layer config manifest layers=() ids=()
	mkdir -p "$dir/blobs/sha256" "$SCRATCH/part/1/bin" "$SCRATCH/part/2" "$SCRATCH/part/3"
	cp "$(command -v busybox)" "$SCRATCH/part/1/bin/busybox"
	ln -sf busybox "$SCRATCH/part/1/bin/echo"
	echo two >"$SCRATCH/part/2/two"
	seq 20000 >"$SCRATCH/part/3/three"
	for i in 1 2 3; do
		tar -C "$SCRATCH/part/$i" --sort=name --mtime=@0 -cf "$SCRATCH/part/$i.tar" .
		ids+=("sha256:$(sha256sum <"$SCRATCH/part/$i.tar" | cut -d' ' -f1)")
		layer=$(gzip -n <"$SCRATCH/part/$i.tar" | blob "$dir")
		layers+=("$(jq -cn --arg digest "sha256:$layer" --argjson size "$(stat -c %s "$dir/blobs/sha256/$layer")" \
			'{mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $digest, size: $size}')")
	done
	config=$(jq -cn --arg machine "$(uname -m)" --args '{architecture: ({x86_64: "amd64", aarch64: "arm64"}[$machine]),
		os: "linux", config: {Cmd: ["/bin/echo", "from the registry"]}, rootfs: {type: "layers",
		diff_ids: $ARGS.positional}}' "${ids[@]}" | blob "$dir")
	manifest=$(printf '%s\n' "${layers[@]}" | jq -cs --arg config "sha256:$config" \
		--argjson size "$(stat -c %s "$dir/blobs/sha256/$config")" '{schemaVersion: 2,
		mediaType: "application/vnd.oci.image.manifest.v1+json",
		config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $size}, layers: .}' | blob "$dir")
	jq -cn --arg digest "sha256:$manifest" --argjson size "$(stat -c %s "$dir/blobs/sha256/$manifest")" '{schemaVersion: 2,
		manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $digest, size: $size,
		annotations: {"org.opencontainers.image.ref.name": "x"}}]}' >"$dir/index.json"
	echo '{"imageLayoutVersion": "1.0.0"}' >"$dir/oci-layout"
	IMAGE_ID=sha256:$config MANIFEST=sha256:$manifest
	export IMAGE_ID MANIFEST
}

# registry_start NAME [YAML]: it listens on $NAME_AT ("127.0.0.1:12345"); YAML is put behind its http address
registry_start() {
	local name=$1 dir=$SCRATCH/registry-$1 port=
	mkdir -p "$dir"
	printf '%s\n' 'version: 0.1' 'log: {level: info}' "storage: {filesystem: {rootdirectory: $dir/root}}" \
		'http:' '  addr: 127.0.0.1:0' "${2:-}" >"$dir/config.yml"
	setpriv --pdeathsig KILL "$REGISTRY" serve "$dir/config.yml" >"$dir/out" 2>&1 3>&- &
	until port=$(grep -o 'listening on 127.0.0.1:[0-9]*' "$dir/out"); do
		kill -0 $! || { cat "$dir/out" >&2; return 1; }
		sleep 0.02
	done
	export "${name}_AT=${port##* on }"
}

# certificates_make DIR: an authority, ca.crt, and what it signed for this machine: server.crt, server.key
certificates_make() {
	mkdir -p "$1"
	(
		cd "$1" || exit
		openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=the test' -keyout ca.key -out ca.crt
		openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout server.key -out server.csr
		openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out server.crt \
			-extfile <(echo 'subjectAltName = IP:127.0.0.1, DNS:localhost')
	) 2>"$1/said" || { cat "$1/said" >&2; return 1; }
}

# token_start DIR: it signs with the server's key there; $TOKENS is where it listens
token_start() {
	ln -s server.key "$1/token.key"
	ln -s server.crt "$1/token.crt"
	python3 "$BATS_TEST_DIRNAME/token_server.py" "$1" >"$1/out" 2>&1 3>&- &
	until [ -e "$1/port" ]; do
		kill -0 $! || { cat "$1/out" >&2; return 1; }
		sleep 0.02
	done
	TOKENS=127.0.0.1:$(<"$1/port")
	export TOKENS
}

# stub_start LAYOUT: $STUB is where it listens, $OTHER its other port; stub_log what it was asked for
stub_start() {
	STUB_DIR=$SCRATCH/stub
	mkdir -p "$STUB_DIR"
	python3 "$BATS_TEST_DIRNAME/registry_stub.py" "$1" "$STUB_DIR" >"$STUB_DIR/out" 2>&1 3>&- &
	until [ -e "$STUB_DIR/other" ]; do
		kill -0 $! || { cat "$STUB_DIR/out" >&2; return 1; }
		sleep 0.02
	done
	STUB=127.0.0.1:$(<"$STUB_DIR/port") OTHER=127.0.0.1:$(<"$STUB_DIR/other")
	export STUB STUB_DIR OTHER
}
stub_log() { cat "$STUB_DIR/log"; }
stub_forget() { : >"$STUB_DIR/log"; }

# login FILE HOST [USER:PASSWORD]: as podman login keeps it
login() {
	jq -n --arg host "$2" --arg auth "$(printf %s "${3:-user:secret}" | base64)" '{auths: {($host): {auth: $auth}}}' >"$1"
}

# Nothing but images, their layers and documents.
assert_store_clean() {
	local left
	left=$(find "$STORE"/{downloads,tmp,trash} -mindepth 1 2>/dev/null || true)
	[ -z "$left" ] || { say "left: $left"; return 1; }
}
assert_store_empty() {
	local left
	left=$(find "$STORE"/{images,layers,blobs/sha256,downloads,tmp,trash} -mindepth 1 -maxdepth 1 2>/dev/null || true)
	[ -z "$left" ] || { say "left: $left"; return 1; }
}
