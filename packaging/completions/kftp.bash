# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2207,SC2086 # words are split on purpose
# Completion of kftp(1) for bash. Commands and options are those of its own help, jobs those of kftp list.

_kftp_commands() {
	kftp --help 2> /dev/null | sed -n '/^Options/q; s/^  \([a-z]\{2,\}\) .*/\1/p'
}

_kftp_options() {
	kftp "$1" --help 2> /dev/null | sed -n 's/^  \(-.\|  \) \(--[a-z-]*=\{0,1\}\).*/\2/p'
	echo --help
}

_kftp_jobs() {
	kftp list --no-legend 2> /dev/null | cut -d ' ' -f 1
}

# The values of an option that has some of its own; fails if it has none.
_kftp_values() {
	case $1 in
	--result) echo 'done' failed cancelled ;;
	--tls) echo no auto require implicit ;;
	--tls-min) echo 1.2 1.3 ;;
	--verify) echo size mtime hash ;;
	--compare) echo time size hash ;;
	--symlinks) echo skip follow copy ;;
	--since | --until) echo today yesterday -1h -1d ;;
	*) return 1 ;;
	esac
}

_kftp() {
	# bash splits words at = and : too, of which options and names of jobs consist
	local line=${COMP_LINE:0:COMP_POINT} words=() split
	local word=${line##*[[:space:]]} verb=${COMP_WORDS[1]} replies

	if ((COMP_CWORD == 1)); then
		words=($(_kftp_commands) --help --version)
	elif [[ $word == --*=* ]]; then
		if replies=$(_kftp_values "${word%%=*}"); then
			words=($(printf -- "${word%%=*}=%s\n" $replies))
		else
			compopt -o filenames 2> /dev/null
			COMPREPLY=($(compgen -f -- "${word#*=}"))
			return
		fi
	elif [[ $word == -* ]]; then
		words=($(_kftp_options "$verb"))
		compopt -o nospace 2> /dev/null
	else
		case $verb in
		list | status | show | run | cancel | retry | watch | history) words=($(_kftp_jobs)) ;;
		verify)
			words=($(_kftp_jobs))
			compopt -o filenames 2> /dev/null
			COMPREPLY=($(compgen -f -- "$word"))
			;;
		doctor | reload | '') ;;
		*) compopt -o default 2> /dev/null ;;
		esac
	fi
	COMPREPLY+=($(compgen -W "${words[*]}" -- "$word"))
	# what stands before the last = or : is not replaced
	split=${word%"${word##*[=:]}"}
	[ -z "$split" ] || COMPREPLY=("${COMPREPLY[@]#"$split"}")
	# an option is complete, unless its value follows
	[ ${#COMPREPLY[@]} != 1 ] || [[ ${COMPREPLY[0]} != --*[!=] ]] || COMPREPLY[0]+=' '
} && complete -F _kftp kftp
