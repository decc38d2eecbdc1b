# Sourced by compose and cluster: the real `docker compose`, wherever it can be had. Needs $scratch and
# $base; sets tool, command (an array) and socket (the process to end, if any).
# shellcheck shell=bash

fetch_plugin() { # fetch_plugin FILE
    local container mount
    container=$(buildah from "$base")
    buildah run --isolation chroot "$container" -- sh -c 'apt-get update -qq && cd /tmp && apt-get -o APT::Sandbox::User=root download -qq docker-compose' >/dev/null
    mount=$(buildah mount "$container")
    dpkg-deb --fsys-tarfile "$mount"/tmp/docker-compose_*.deb | tar -xO ./usr/libexec/docker/cli-plugins/docker-compose >"$1.part"
    buildah rm "$container" >/dev/null
    chmod +x "$1.part"
    mv "$1.part" "$1"
}

# Where docker is not installed, the plugin from Debian 13's package talks to podman's socket; it is
# fetched by apt inside the stand-in image named by BASE.
socket=
if [ "$(engine docker podman)" = docker ]; then
    tool=docker
    command=(docker compose)
else
    tool=podman
    plugin=${CACHE:-/var/cache/regulatory-monitor}/docker-compose
    mkdir -p "$(dirname "$plugin")"
    [ -x "$plugin" ] || fetch_plugin "$plugin"
    # shellcheck disable=SC2034
    command=("$plugin")
    "$tool" system service --time=0 "unix://$scratch/socket" >"$scratch/service.log" 2>&1 &
    socket=$!
    export DOCKER_HOST=unix://$scratch/socket
    await 30 test -S "$scratch/socket" || { echo "not ok - podman does not serve" >&2; exit 1; }
fi
