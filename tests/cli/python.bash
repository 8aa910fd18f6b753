# For tests with Python in a container. `load python` after `load cow`.
# shellcheck shell=bash disable=SC2154

# python_image_make IMAGE: this host's python3, its modules and their libraries, beside one static busybox
python_image_make() {
	local root=$SCRATCH/python-rootfs program modules
	program=$(readlink -f /usr/bin/python3)
	modules=/usr/lib/${program##*/}
	rootfs_make "$root"
	mkdir -p "$root/usr/bin" "$root$modules" "$root/etc/ssl"
	cp "$program" "$root/usr/bin/python3"
	tar -C "$modules" -c --exclude='./config-*' --exclude=./test --exclude=./dist-packages --exclude=./lib-dynload . |
		tar -C "$root$modules" -x
	mkdir "$root$modules/lib-dynload"
	cp "$modules"/lib-dynload/_{asyncio,bz2,contextvars,ctypes,decimal,hashlib,json,lzma,multiprocessing,posixshmem,queue,ssl,uuid}.*.so \
		"$root$modules/lib-dynload/"
	ldd "$program" "$root$modules"/lib-dynload/*.so | grep -o '/[^ :]*\.so[^ :]*' | grep -v "^$root" | sort -u | while read -r library; do
		mkdir -p "$root${library%/*}"
		cp -L "$library" "$root$library"
	done
	tar -C "$root" -c . | cow import -q - "$1" >/dev/null
	rm -rf "$root"
}
