# Two stages make what is shipped; the image itself is what they gathered, and nothing else: the interpreter,
# /opt/monitor, the libraries both need. No shell, no package manager, no compiler.
# Another source of base images is named with --build-arg BASE=registry.example/python:3.13-slim.
ARG BASE=python:3.13-slim

FROM ${BASE} AS base

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# strip, and the programs that copy a database of PostgreSQL.
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && apt-get -o Dpkg::Use-Pty=0 install -qq --yes --no-install-recommends binutils postgresql-client >/dev/null \
 && rm -rf /var/lib/apt/lists/*
# pip lives in a place of its own, so that the environment that is shipped has none; so does what lists its contents.
RUN python -m venv /opt/build && python -m venv /opt/sbom && python -m venv --without-pip /opt/monitor
COPY requirements-image.lock requirements-build.lock requirements-sbom.lock ./
# Pygments colours source code, which rich has it for and nobody here asks for: 10 MB.
RUN /opt/build/bin/pip install -qq --require-hashes --requirement requirements-build.lock \
 && /opt/sbom/bin/pip install -qq --require-hashes --requirement requirements-sbom.lock \
 && /opt/build/bin/pip --python /opt/monitor/bin/python install -qq --require-hashes --requirement requirements-image.lock \
 && /opt/build/bin/pip --python /opt/monitor/bin/python uninstall -qq --yes pygments
COPY . ./
RUN /opt/build/bin/pip wheel -qq --no-deps --no-build-isolation --no-index --wheel-dir /src/dist . \
 && /opt/build/bin/pip --python /opt/monitor/bin/python install -qq --no-deps --no-index /src/dist/*.whl
# Two packages bring the same time zones: one copy is enough.
RUN zones="$(/opt/monitor/bin/python -c 'import tzdata; print(*tzdata.__path__)')/zoneinfo" \
 && rm -r "${zones%/tzdata/zoneinfo}/pytz/zoneinfo" && ln -s ../tzdata/zoneinfo "${zones%/tzdata/zoneinfo}/pytz/zoneinfo"
# Bytecode of the standard library is made here, once: a read-only root could never keep any.
# Symbols that only a debugger reads are a quarter of all libraries.
RUN stdlib="$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
 && python -m compileall -q -x '/(test|idlelib|tkinter|turtledemo|ensurepip|pydoc_data|(site|dist)-packages)/' "$stdlib" \
 && find /opt/monitor -name '*.so*' -type f -exec strip --strip-unneeded {} + \
 && ln -s /usr/lib/postgresql/*/bin/pg_dump /usr/lib/postgresql/*/bin/pg_restore /usr/lib/postgresql/*/bin/psql /opt/monitor/bin/ \
 && python .ci/container/gather.py /image /opt/monitor "$stdlib" /usr/lib/ssl /etc/ld.so.conf /etc/ld.so.conf.d /etc/os-release \
 && ldconfig -r /image
# What a system has beside: its users, a place for data, time zones for the C library as well, and the list of all this.
RUN printf 'root:x:0:0:root:/:/none\nmonitor:x:10001:10001::/data:/none\n' >/image/etc/passwd \
 && printf 'root:x:0:\nmonitor:x:10001:\n' >/image/etc/group \
 && install --directory --mode=1777 /image/tmp \
 && install --directory --owner=10001 --group=10001 --mode=0750 /image/data \
 && ln -s "$(/opt/monitor/bin/python -c 'import tzdata; print(*tzdata.__path__)')/zoneinfo" /image/usr/share/zoneinfo \
 && /opt/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml /opt/monitor/bin/python >/src/python.json \
 && /opt/sbom/bin/python .ci/container/sbom.py /image "$(/opt/monitor/bin/python -c 'import monitor; print(monitor.__version__)')" </src/python.json >/image/usr/share/sbom.cdx.json

FROM scratch
ARG VERSION=dev
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="Regulatory Monitor" \
      org.opencontainers.image.description="Tells people when a company on their watch-list meets a regulator" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build /image /
# From the base itself, since a build may be lent certificates of its own.
COPY --from=base /etc/ssl /etc/ssl
COPY --from=base /usr/share/ca-certificates /usr/share/ca-certificates
COPY config.yaml /etc/monitor/config.yaml
ENV PATH=/opt/monitor/bin \
    LANG=C.UTF-8 \
    MONITOR_CONFIG=/etc/monitor/config.yaml \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["monitor", "health"]
ENTRYPOINT ["monitor"]
CMD ["run"]
