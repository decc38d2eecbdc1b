# Sourced by the scripts beside it: what they share, and nothing that acts.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

# Inside a container there is no systemd, hence no cgroup of one's own, no bridge and no name space
# inside a name space: podman is told so. On an ordinary machine its own settings stand.
if [ ! -d /run/systemd/system ]; then
    export CONTAINERS_CONF=${CONTAINERS_CONF:-$here/containers.conf}
    export STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}
fi

engine() { # engine NAME...: the first that is there and answers
    local name
    for name in "$@"; do
        command -v "$name" >/dev/null || continue
        if [ "$name" != docker ] || docker info >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    echo "none of $* is here: install one of them" >&2
    return 2
}

seconds_since() { # seconds_since START, both in the nanoseconds of `date +%s%N`
    local now
    now=$(date +%s%N)
    printf '%d.%02d' $(((now - $1) / 1000000000)) $(((now - $1) / 10000000 % 100))
}

await() { # await SECONDS COMMAND...: run it until it succeeds; 1 if it did not within its time
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}
