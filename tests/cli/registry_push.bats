# cow push, and registries that want a password, a token or TLS: what goes out comes back the same.
load helpers
load cow
load registry

setup_file() {
	scratch_make
	has_registry skopeo python3 openssl htpasswd || return 0
	export HOME=$SCRATCH/home XDG_RUNTIME_DIR=$SCRATCH/run CERTS=$SCRATCH/certs
	mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
	unset REGISTRY_AUTH_FILE DOCKER_CONFIG XDG_CONFIG_HOME
	small_image "$SCRATCH/layout"
	certificates_make "$CERTS"
	htpasswd -Bbn user secret >"$SCRATCH/htpasswd" 2>/dev/null
	stub_start "$SCRATCH/layout"
	token_start "$CERTS"
	registry_start PLAIN
	registry_start EMPTY
	registry_start SAFE "$(printf '%s\n' "  tls: {certificate: $CERTS/server.crt, key: $CERTS/server.key}" \
		"auth: {htpasswd: {realm: here, path: $SCRATCH/htpasswd}}")"
	registry_start TOKEN "auth: {token: {realm: 'http://$TOKENS/token', service: tests, issuer: tester, rootcertbundle: $CERTS/ca.crt}}"
	skopeo copy -q --dest-tls-verify=false "oci:$SCRATCH/layout:x" "docker://$PLAIN_AT/team/small:1"
	login "$SCRATCH/auth.json" "$SAFE_AT"
	login "$SCRATCH/token.json" "$TOKEN_AT"
	STORE=$SCRATCH/pulled cow pull -q "$PLAIN_AT/team/small:1" >/dev/null
}

# The image as it was pulled, in a store of this test's own.
setup() {
	local program
	need_registry
	for program in skopeo python3 openssl htpasswd; do need_program $program; done
	rm -rf "$STORE"
	cp -a "$SCRATCH/pulled" "$STORE"
}

# comes_back NAME [OPTION ...]: pulled into an empty store it is that image, and runs
comes_back() {
	local name=$1
	shift
	STORE=$SCRATCH/other
	rm -rf "$STORE"
	run --separate-stderr cow pull -q "$@" "$name"
	assert_output "$name $IMAGE_ID"
	run cow run --rm "$name"
	assert_output "from the registry"
	assert_store_clean
}

@test "push: to where it came from, nothing is sent and it is the same manifest" {
	run --separate-stderr cow push small:1 "$PLAIN_AT/team/small:2"
	assert_status 0
	assert_output "$PLAIN_AT/team/small:2 $MANIFEST"
	[ "$(grep -c 'is there already$' <<<"$stderr")" = 3 ] || { say "$stderr"; return 1; }
	run --separate-stderr cow push -q small:1
	assert_output "$PLAIN_AT/team/small:1 $MANIFEST"
	[ -z "$stderr" ]
	comes_back "$PLAIN_AT/team/small:2"
}

@test "push: another repository gets its layers from the first one" {
	run --separate-stderr cow push small:1 "$PLAIN_AT/people/small:1"
	assert_output "$PLAIN_AT/people/small:1 $MANIFEST"
	[ "$(grep -c 'is there in another repository$' <<<"$stderr")" = 3 ] || { say "$stderr"; return 1; }
	comes_back "$PLAIN_AT/people/small:1"
}

@test "push: elsewhere the layers are made again, the same each time" {
	local first
	run --separate-stderr cow push small:1 "$EMPTY_AT/x:1"
	assert_status 0
	[ "$(grep -c ' sent$' <<<"$stderr")" = 3 ] || { say "$stderr"; return 1; }
	first=${output#* }
	run --separate-stderr cow push small:1 "$EMPTY_AT/x:2"
	assert_output "$EMPTY_AT/x:2 $first"
	[ "$(grep -c 'is there already$' <<<"$stderr")" = 3 ] || { say "$stderr"; return 1; }
	assert_store_clean
	skopeo copy -q --src-tls-verify=false "docker://$EMPTY_AT/x:1" "dir:$SCRATCH/copied"
	comes_back "$EMPTY_AT/x@$first"
	run --separate-stderr cow push "x@$first" "$PLAIN_AT/x:3"
	assert_output "$PLAIN_AT/x:3 $first"
}

@test "push: zstd, and Docker's spelling" {
	local what=$EMPTY_AT/z
	cow push -q --compression zstd small:1 "$what:1"
	run bash -c "skopeo inspect --raw --tls-verify=false docker://$what:1 | jq -r .layers[].mediaType | sort -u"
	assert_output application/vnd.oci.image.layer.v1.tar+zstd
	comes_back "$what:1"
	skopeo copy -q --format v2s2 --dest-tls-verify=false "oci:$SCRATCH/layout:x" "docker://$PLAIN_AT/team/docker:1"
	cow pull -q "$PLAIN_AT/team/docker:1"
	cow push -q docker:1 "$EMPTY_AT/d:1"
	run bash -c "skopeo inspect --raw --tls-verify=false docker://$EMPTY_AT/d:1 | jq -r '.mediaType, .layers[0].mediaType'"
	assert_output $'application/vnd.docker.distribution.manifest.v2+json\napplication/vnd.docker.image.rootfs.diff.tar.gzip'
}

@test "push: images that came from no registry" {
	TAR=$SCRATCH/part/1.tar
	cow import -q --cmd /bin/echo --cmd imported "$TAR" "$EMPTY_AT/imported:1"
	cow push -q "$EMPTY_AT/imported:1"
	layout_make "$SCRATCH/plain" .
	cow load -q --name plain "$SCRATCH/plain"
	# its layer is no compressed one: it stays so, and the manifest is what it was
	run --separate-stderr cow push -q plain "$EMPTY_AT/plain:1"
	assert_output "$EMPTY_AT/plain:1 $(jq -r '.manifests[0].digest' "$SCRATCH/plain/index.json")"
	STORE=$SCRATCH/other
	rm -rf "$STORE"
	cow pull -q "$EMPTY_AT/imported:1" "$EMPTY_AT/plain:1"
	run cow run --rm imported:1
	assert_output imported
}

@test "push: what a container has changed, and only that" {
	cow run --name "$ID" small:1 /bin/busybox sh -c 'echo changed >/file'
	cow commit "$ID" "$PLAIN_AT/team/changed:1"
	cow rm "$ID"
	run --separate-stderr cow push "$PLAIN_AT/team/changed:1"
	assert_status 0
	[ "$(grep -c ' sent$' <<<"$stderr")" = 1 ] || { say "$stderr"; return 1; }
	local pushed=${output#* } id
	id=$(cow images --json | jq -r '.[] | select(.name | endswith("changed:1")).id')
	STORE=$SCRATCH/other
	rm -rf "$STORE"
	run --separate-stderr cow pull -q "$PLAIN_AT/team/changed:1"
	assert_output "$PLAIN_AT/team/changed:1 $id"
	run cow run --rm changed:1 /bin/busybox cat /file
	assert_output changed
	run --separate-stderr cow push -q changed:1 "$PLAIN_AT/team/changed:2"
	assert_output "$PLAIN_AT/team/changed:2 $pushed"
}

# It ends with this shell; what is asked of its first port is at its second one, which has nothing.
redirector_start() {
	setpriv --pdeathsig KILL python3 -c '
import http.server, ssl, sys, threading
class Redirector(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        first = self.server is servers[0]
        self.send_response(404 if not first else 200 if self.path == "/v2/" else 302)
        self.send_header("Content-Length", "0")
        self.send_header("Location", f"https://127.0.0.1:{servers[1].server_port}/")
        self.end_headers()
    def log_message(self, *_):
        pass
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + "/server.crt", sys.argv[1] + "/server.key")
servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirector) for _ in range(2)]
for server in servers:
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever).start()
print(servers[0].server_port, flush=True)' "$CERTS" >"$SCRATCH/redirector" 2>/dev/null 3>&- &
	REDIRECTOR=$!
	until [ -s "$SCRATCH/redirector" ]; do
		kill -0 $REDIRECTOR
		sleep 0.02
	done
}

@test "pull: a host's authorities vouch for no other host" {
	local name
	mkdir -p "$SCRATCH/of-host"
	cp "$CERTS/ca.crt" "$SCRATCH/of-host/"
	redirector_start
	name=127.0.0.1:$(<"$SCRATCH/redirector")/team/small:1
	fails "manifest '1': TLS: .*certificate" cow pull -q --retry 0 --cert-dir "$SCRATCH/of-host" "$name"
	fails "manifest '1': not found" cow pull -q --retry 0 --ca "$CERTS/ca.crt" "$name"
	kill $REDIRECTOR
}

@test "pull: an authority more is beside those of the machine" {
	[ -e /etc/ssl/certs/ca-certificates.crt ] || skip "this machine keeps them elsewhere"
	certificates_make "$SCRATCH/others"
	export CERTS SCRATCH COW SAFE_AT STORE
	# shellcheck disable=SC2016
	fails "GET /v2/: unauthorized" unshare --mount --propagation private bash -c '
		mount -t tmpfs none /etc/ssl/certs && cp "$CERTS/ca.crt" /etc/ssl/certs/ca-certificates.crt || exit 99
		exec "$COW" --store "$STORE" pull -q --retry 0 --ca "$SCRATCH/others/ca.crt" "$SAFE_AT/team/small:1"'
}

@test "push and pull: TLS by an authority of one's own, and a password" {
	local name=$SAFE_AT/team/small:1
	fails "^cow: push: '$name': registry '$SAFE_AT': GET /v2/: TLS: .*certificate" cow push -q --retry 0 small:1 "$name"
	fails "^cow: push: '$name': registry '$SAFE_AT': GET /v2/: unauthorized \(authentication required\); no credentials" \
		cow push -q --ca "$CERTS/ca.crt" small:1 "$name"
	cow push -q --ca "$CERTS/ca.crt" --authfile "$SCRATCH/auth.json" small:1 "$name"
	comes_back "$name" --insecure --authfile "$SCRATCH/auth.json"
	mkdir -p "$SCRATCH/dir"
	cp "$CERTS/ca.crt" "$SCRATCH/dir/"
	login "$SCRATCH/auth2.json" "${SAFE_AT/127.0.0.1/localhost}"
	comes_back "${name/127.0.0.1/localhost}" --cert-dir "$SCRATCH/dir" --authfile "$SCRATCH/auth2.json"
	login "$SCRATCH/wrong.json" "$SAFE_AT" user:guess
	fails "^cow: pull: '$name': registry '$SAFE_AT': GET /v2/: unauthorized \(authentication required\)$" \
		cow pull -q --tls-verify=false --authfile "$SCRATCH/wrong.json" "$name"
	fails "certificates: open '$SCRATCH/none': no such file" cow pull --ca "$SCRATCH/none" "$name"
	fails "certificates: '$SCRATCH/htpasswd' holds none in PEM" cow pull --ca "$SCRATCH/htpasswd" "$name"
}

@test "push and pull: by tokens" {
	local name=$TOKEN_AT/team/small:1
	fails "^cow: push: '$name': registry '$TOKEN_AT': GET /v2/: token: unauthorized \(who is that\?\)" cow push -q small:1 "$name"
	export REGISTRY_AUTH_FILE=$SCRATCH/token.json
	cow push -q small:1 "$name"
	comes_back "$name"
	# another repository of it: the token is for both
	run --separate-stderr cow push "$name" "$TOKEN_AT/people/small:1"
	assert_status 0
	[ "$(grep -c 'is there in another repository$' <<<"$stderr")" = 3 ] || { say "$stderr"; return 1; }
}

@test "push: what cannot be" {
	fails "^cow: push: no image 'nope:latest'" cow push nope
	cow import -q "$SCRATCH/part/1.tar" own
	fails "^cow: push: image 'own:latest' names no registry: say where to \(hint: cow push own HOST/PATH:TAG\)$" cow push own
	fails "^cow: push: 'X' is not an image name: its name has capital letters" cow push own X
	fails "^cow: push: '$EMPTY_AT/x@$MANIFEST' names a digest: a tag is what is pushed to" cow push own "$EMPTY_AT/x@$MANIFEST"
	fails "^cow: push: '127.0.0.1:1/x:latest': registry '127.0.0.1:1': GET /v2/: .*[Cc]onnect" cow push --retry 0 own 127.0.0.1:1/x
}

@test "push: registries that do not behave" {
	at() { echo "'$STUB/$1/x:1'"; }
	fails "^cow: push: $(at up-denied): layer 'sha256:[0-9a-f]*': access is denied \(only for members\)$" cow push -q small:1 "$STUB/up-denied/x:1"
	fails "^cow: push: $(at up-nowhere): layer 'sha256:[0-9a-f]*': a redirect to nowhere$" cow push -q small:1 "$STUB/up-nowhere/x:1"
	fails "^cow: push: $(at up-lies): manifest '1': the registry took it for sha256:0*, it is sha256:[0-9a-f]*$" cow push -q small:1 "$STUB/up-lies/x:1"
	assert_store_clean
	cow push -q small:1 "$STUB/up-flaky/x:1"
	login "$SCRATCH/stub.json" "$STUB"
	stub_forget
	cow push -q --authfile "$SCRATCH/stub.json" small:1 "$STUB/up-login/x:1"
	stub_log | grep -q "^${STUB#*:} POST .* Basic"
	[ "$(stub_log | grep -c "^${OTHER#*:} PUT .* - -$")" = 4 ] # three layers and the config
}
