/** Bytes; the kernel's units are KiB of address space and blocks of 512 bytes. */
const limits = {
  /** Of one process: four times what a server takes with the settings of ours. */
  memory: 4 * 2 ** 30,
  /** Of one file: PostgreSQL's are at most 1 GiB. */
  file: 2 * 2 ** 30,
  /** Shared memory of all processes together. */
  shared: 2 ** 30,
}

/**
 * Runs as root of new mount, PID, network, IPC and UTS namespaces (of a new user namespace too, where we are not root of
 * the machine), makes a root directory that holds programs, libraries, `/data` and `/socket`, and starts a program in it:
 * without capabilities, without a way to get any, as a user that owns nothing else, with an empty environment.
 *
 * Arguments: the folder of the sandbox; the user to become, or nothing in a user namespace; an installation to be shown
 * besides the system's, or nothing; the program and its arguments.
 *
 * The old root is covered, not unmounted: umount(8) takes /proc, of which there is none but in a user namespace, where
 * unshare(1) takes it; that shows the processes of the sandbox alone. A process without capabilities cannot uncover it,
 * nor one that makes itself a user namespace, where the mounts that it inherits are locked (mount_namespaces(7)).
 */
export const sandboxScript = `set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
folder=$1 user=$2 installation=$3
shift 3
root=$folder/root
mount -t tmpfs -o mode=0755,size=4m,nosuid,nodev tmpfs "$root"
show() {
  mkdir -p "$root\${1%/*}"
  if [ -L "$1" ]; then
    ln -s "$(readlink "$1")" "$root$1"
  elif [ -d "$1" ]; then
    mkdir -p "$root$1"
    mount --rbind "$1" "$root$1"
    mount -o remount,bind,ro,nosuid,nodev "$root$1"
  elif [ -e "$1" ]; then
    : > "$root$1"
    mount --bind "$1" "$root$1"
  fi
}
for path in /usr /bin /sbin /lib /lib32 /lib64 /libx32 /nix/store /etc/alternatives /etc/ld.so.cache \\
  /var/cache/postgresql /dev/null /dev/zero /dev/random /dev/urandom; do
  show "$path"
done
if [ -n "$installation" ]; then
  for part in bin lib lib64 share; do show "$installation/$part"; done
fi
mkdir -p "$root/old" "$root/proc" "$root/dev/shm" "$root/tmp" "$root/data" "$root/socket" "$root/etc"
mount -t tmpfs -o mode=1777,size=${limits.shared},nosuid,nodev,noexec tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=1777,size=16m,nosuid,nodev,noexec tmpfs "$root/tmp"
for part in data socket; do
  mount --bind "$folder/$part" "$root/$part"
  mount -o remount,bind,nosuid,nodev,noexec "$root/$part"
done
inside=\${user:-1000}
printf 'postgres:x:%s:%s::/data:/bin/sh\\n' "$inside" "$inside" > "$root/etc/passwd"
printf 'postgres:x:%s:\\n' "$inside" > "$root/etc/group"
if [ -z "$user" ]; then mount -t proc -o nosuid,nodev,noexec proc "$root/proc"; fi
mount -o remount,bind,ro,nosuid,nodev "$root"
cd "$root"
pivot_root . old
mount -n -t tmpfs -o ro,size=4k,mode=0,nosuid,nodev,noexec tmpfs /old
cd /data
ulimit -c 0
ulimit -f ${limits.file / 512}
ulimit -v ${limits.memory / 1024}
set -- setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
if [ -n "$user" ]; then
  shift
  set -- setpriv "--reuid=$user" "--regid=$user" --clear-groups "$@"
else
  set -- unshare --user --map-user=1000 --map-group=1000 "$@"
fi
exec env -i PATH=/usr/bin:/bin LC_ALL=C TZ=UTC "$@"
`
