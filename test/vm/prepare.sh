# What the virtual machines are made of: the kernels, and what is fetched from Debian where it is missing. For sourcing.
# shellcheck shell=bash

# What fails in $(…) ends the script as well.
shopt -s inherit_errexit

# Each kernel's tests are those in test/vm/<kernel>. A new one has its name here and a case in kernel_image.
# shellcheck disable=SC2034
kernels=(user-events debian)
# Those that change from day to day: tested when they are asked for.
# shellcheck disable=SC2034
moving_kernels=(debian-sid)

vm=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${SONDE_VM:-${XDG_CACHE_HOME:-$HOME/.cache}/sonde-vm}

# What has apt-get take packages from elsewhere: see use_suite.
apt_options=()

# Of a kernel that has modules, those that are needed: to mount the host's files, and for the device that DTrace makes.
modules=(virtio_pci 9pnet_virtio 9p overlay cuse)

# What DTrace is made of in Debian sid, down to its libc; dtrace_of_sid unpacks it.
dtrace_packages=(
  dtrace libdtrace2 libdtrace2-dev
  libc6 libgcc-s1 libelf1t64 libctf-nobfd0 libsframe3 zlib1g libzstd1
  libfuse3-4 libsystemd0 libdbus-1-3 libcap2 libpcap0.8t64 libpfm4
)

# Prints the path of a kernel's image, which is made if need be; for $(…). Its modules, where it has any, lie beside it.
kernel_image() {
  local image
  case $1 in
  user-events)
    image=${SONDE_VM_KERNEL:-$(built_kernel)/bzImage}
    [ -z "${SONDE_VM_KERNEL:-}" ] || [ -f "$image" ] || fail "SONDE_VM_KERNEL is $image, and there is no such file"
    [ -f "$image" ] || "$vm/build-kernel" >&2
    ;;
  debian)
    image=$cache/kernel-debian/bzImage
    [ -f "$image" ] || debian_kernel kernel-debian
    [ -d "$cache/dtrace" ] || dtrace_of_sid
    ;;
  debian-sid)
    image=$cache/kernel-debian-sid/bzImage
    [ -f "$image" ] || debian_kernel kernel-debian-sid sid
    ;;
  *) fail "there is no kernel $1, only: ${kernels[*]} ${moving_kernels[*]}" ;;
  esac
  echo "$image"
}

# Where build-kernel leaves what it builds: elsewhere when the configuration changes, so that it is built anew.
built_kernel() {
  local digest
  digest=$(sha256sum "$vm/user_events.config")
  echo "$cache/kernel-user-events-${digest:0:12}"
}

# Unpacks the kernel of this system's Debian, or of another suite, and those of its modules that the initramfs needs.
debian_kernel() {
  local name=$1 suite=${2:-} package version parts tree kernel image module file files
  folder_to_fill
  update_lists
  [ -z "$suite" ] || use_suite "$suite"
  # linux-image-amd64 itself is empty, and names the kernel of the day.
  package=$(debian_depends linux-image-amd64 | sed -n '/^linux-image-/p') || true
  version=${package#linux-image-}
  # Since 2026 that one is empty too, and names what it is made of.
  parts=$(debian_depends "${package:-linux-image-amd64}" | sed -n "/^linux-.*-$version\$/p") || true
  # In words.
  # shellcheck disable=SC2086
  unpack "${package:-linux-image-amd64}" $parts || fail "missing: Debian's package linux-image-amd64, and what it depends on"
  # Newer packages have /usr/lib, older ones /lib.
  [ -d "$folder/lib" ] || mv "$folder/usr/lib" "$folder/lib"

  tree=$folder/lib/modules/$version
  # Compressed, they all would have to be unpacked to find what one needs: so only where those lie that are wanted.
  [ -z "$(find "$tree" -name '*.ko.xz' -print -quit)" ] || only_wanted_modules "$tree"
  "$(static_busybox)" depmod -b "$folder" "$version"
  kernel=$folder/kernel
  mkdir -p "$kernel/modules/$version"
  echo "${modules[*]}" >"$kernel/modules/names"
  # A line is a module's file, a colon, and the files of the modules that it needs. What is built in has none.
  files=$(for module in "${modules[@]}"; do grep "/$module\.ko[^ ]*:" "$tree/modules.dep" || true; done)
  for file in ${files//:/}; do
    (cd "$tree" && cp --parents "$file" "$kernel/modules/$version")
    grep "^$file:" "$tree/modules.dep" >>"$kernel/modules/$version/modules.dep"
  done
  cp "$tree/modules.builtin" "$kernel/modules/$version"
  image=$folder/boot/vmlinuz-$version
  [ -e "$image" ] || image=$tree/vmlinuz
  cp "$image" "$kernel/bzImage"
  rm -rf "${cache:?}/$name"
  mv "$kernel" "$cache/$name"
  rm -rf "$folder"
}

# What a package depends on, a line for each.
debian_depends() {
  apt-cache "${apt_options[@]}" depends "$1" | sed -n 's/^ *Depends: //p'
}

# Leaves of a kernel's modules those in folders that the wanted ones may need.
only_wanted_modules() {
  local tree=$1 wanted=(drivers/virtio fs/9p fs/fuse fs/netfs fs/overlayfs net/9p) path
  mv "$tree/kernel" "$tree/all"
  for path in "${wanted[@]}"; do
    [ ! -d "$tree/all/$path" ] || { mkdir -p "$tree/kernel/${path%/*}" && mv "$tree/all/$path" "$tree/kernel/$path"; }
  done
  rm -rf "$tree/all"
}

# Unpacks DTrace of Debian sid, which older suites lack, and which guest/dtrace runs with its own libc.
dtrace_of_sid() {
  folder_to_fill
  update_lists
  use_suite sid
  unpack "${dtrace_packages[@]}" || fail "missing: the packages ${dtrace_packages[*]} of Debian sid"
  rm -rf "$folder/apt"
  mv "$folder" "$cache/dtrace"
}

# Prints the path of a busybox that needs no libraries; for $(…). It is unpacked from Debian's package, not installed.
static_busybox() {
  local busybox=$cache/busybox
  if [ ! -x "$busybox" ]; then
    folder_to_fill
    update_lists
    unpack busybox-static || fail "missing: busybox. Put a statically linked one at $busybox"
    mv "$folder/bin/busybox" "$busybox"
    rm -rf "$folder"
  fi
  echo "$busybox"
}

need_qemu() {
  command -v qemu-system-x86_64 >/dev/null || need_packages qemu-system-x86
}

# Installs those of these Debian packages that are not there, or tells the person to.
need_packages() {
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' installed$' || missing+=("$package")
  done
  [ ${#missing[@]} != 0 ] || return 0
  local remedy="missing: ${missing[*]}. Install these packages, or what your distribution calls them"
  command -v apt-get >/dev/null || fail "$remedy"
  [ "$(id -u)" = 0 ] || fail "$remedy (root would have them installed)"
  apt_get update
  apt_get install -y --no-install-recommends "${missing[@]}"
}

# Makes a folder in the cache, $folder, which is removed at the end of this $(…) if it is still there by then.
folder_to_fill() {
  mkdir -p "$cache"
  # Not local, which it would be no more when it is removed.
  folder=$(mktemp -d "$cache/new-XXXXXX")
  trap 'rm -rf "$folder"' EXIT
}

# Downloads Debian packages and unpacks them into the folder that is to be filled.
unpack() {
  local package
  mkdir "$folder/packages"
  download "$folder/packages" "$@" || return
  for package in "$folder"/packages/*.deb; do dpkg-deb -x "$package" "$folder" || return; done
  rm -rf "$folder/packages"
}

# Downloads Debian packages into a folder.
download() {
  local folder=$1
  shift
  command -v apt-get >/dev/null || return
  # apt's own user, as which root's apt-get downloads, cannot write here.
  (cd "$folder" && apt_get -o APT::Sandbox::User=root download "$@")
}

# apt's lists may be too old, or none; only root can mend that.
update_lists() {
  [ "$(id -u)" != 0 ] || apt_get update || true
}

# Has apt-get take packages from another suite of Debian, on the mirror that this system uses. The lists of it are kept
# apart from the system's, and go with the folder that is to be filled.
use_suite() {
  local suite=$1 lists=$folder/apt mirror
  # These are apt's names, not variables.
  # shellcheck disable=SC2016
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n 1p)
  [ -n "$mirror" ] || fail 'apt knows no mirror of Debian'
  mkdir -p "$lists/lists/partial" "$lists/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$lists/sources"
  apt_options=(
    -o "Dir::Etc::sourcelist=$lists/sources" -o Dir::Etc::sourceparts=-
    -o "Dir::State::lists=$lists/lists" -o "Dir::Cache=$lists/cache"
    # A mirror may keep a day of the past, whose lists are out of date by now. They are signed all the same.
    -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root
  )
  apt_get update
}

# On stderr, as all that is told of preparations: stdout is the command's.
apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get -q "${apt_options[@]}" "$@" >&2
}

fail() {
  echo "test/vm/$(basename "$0"): $*" >&2
  exit 1
}
