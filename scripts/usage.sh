# SPDX-License-Identifier: LGPL-2.1-or-later
# For the scripts behind ./do: says what they take, before anything is installed or built.

usage() { sed -n 's/^# Usage: //p' "$0"; }

# refuse REASON: the reason, and how it is meant; status 2.
refuse() {
    echo "do: $1" >&2
    usage >&2
    exit 2
}

# takes_only "WORDS" "$@": each argument is one of WORDS.
takes_only() {
    local words=$1 argument
    shift
    for argument in "$@"; do
        [[ " $words " == *" $argument "* ]] ||
            refuse "what is '$argument'?${words:+ There are: $words}"
    done
}

# takes_numbers "$@"
takes_numbers() {
    local argument
    for argument in "$@"; do
        [[ $argument =~ ^[0-9]+$ ]] || refuse "'$argument' is no number"
    done
}
