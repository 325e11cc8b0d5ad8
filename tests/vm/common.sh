# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the scripts of tests/vm share: messages, the checkout's place, the machine's Debian sources.
# Sourced, not run.

# shellcheck disable=SC2034 # used by those who source this file
CHECKOUT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

say() { echo "${0##*/}: $*" >&2; }
die() { say "$*"; exit 1; }

# Runs apt with the settings that a root without the _apt user's rights needs (build/ may be 0700).
apt_quiet() { apt-get -q -q -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 "$@"; }

# The machine's own Debian sources, one per line: "SITE RELEASE COMPONENT". Both formats of
# sources.list are understood by apt itself, so it is asked. Third-party sources are left out.
apt_sources() {
	# shellcheck disable=SC2016 # apt's own placeholders
	apt-get indextargets --format '$(LABEL)|$(SITE)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' |
		awk -F'|' '$1 == "Debian" || $1 == "Debian-Security" { print $2, $3, $4 }' | sort -u
}

# The codename of the machine's release: that of its main Debian source.
machine_suite() {
	. /etc/os-release
	echo "${VERSION_CODENAME:?no VERSION_CODENAME in /etc/os-release: this needs Debian}"
}

# apt_lines [SUITE]: lines of a sources.list for SUITE (default: the machine's) on the machine's
# mirrors. Every Debian source counts: with the main one alone, kernel and headers may differ. A
# suite other than the machine's has the same parts; sid has neither updates nor security.
apt_lines() {
	local own suite site release component
	own=$(machine_suite) suite=${1:-$(machine_suite)}
	apt_sources | while read -r site release component; do
		case $release in
		"$own"|"$own"-updates|"$own"-security|"$own"/updates) ;;
		*) [ "$suite" = "$own" ] || continue ;;	# backports and others: only for ourselves
		esac
		if [ "$suite" != sid ]; then
			echo "deb $site ${release/#$own/$suite} $component"
		elif [ "$release" = "$own" ]; then
			echo "deb $site sid $component"
		fi
	done
}

# fetch_debs DIR PACKAGE...: downloads packages from the machine's sources and unpacks them into DIR.
# Nothing is installed. Done once for each list of names.
fetch_debs() {
	local dir=$1 stamp tmp deb
	shift
	stamp=$dir/.fetched-$(printf '%s\n' "$@" | sha256sum | cut -c1-16)
	[ -e "$stamp" ] && return
	mkdir -p "$dir"
	tmp=$(mktemp -d "$dir/.debs.XXXXXX")
	if ! (cd "$tmp" && apt_quiet download "$@"); then
		rm -rf "$tmp"
		die "cannot download $*: is 'apt-get update' up to date?"
	fi
	for deb in "$tmp"/*.deb; do
		dpkg-deb -x "$deb" "$dir"
	done
	rm -rf "$tmp"
	: > "$stamp"
}
