# Arena's own image: server, worker and commands. It is built without network out of the wheels in build/, which
# `make image` fetches by their hashes before it builds. Of the base only Python 3.11 or newer and the C++ library are
# used.
ARG BASE_IMAGE=arena-base:1

# What Arena stands on. A stage of its own: the wheels stay behind in it, and an engine keeps it for the next build.
FROM ${BASE_IMAGE} AS dependencies
COPY build/dependencies /wheels
# Debian's Python has no pip, and needs none: a wheel of pip is a program as it lies.
RUN python3 -m venv --without-pip /opt/arena \
    && /opt/arena/bin/python "$(echo /wheels/pip-*.whl)/pip" install --quiet --no-index --no-deps --no-cache-dir \
        --disable-pip-version-check --no-warn-script-location /wheels/*.whl

FROM ${BASE_IMAGE}
COPY --from=dependencies /opt/arena /opt/arena
COPY build/arena /wheels
# `pip check` refuses an image in which a dependency is missing: nothing was resolved, only installed.
RUN /opt/arena/bin/python -m pip install --quiet --no-index --no-deps --no-cache-dir --disable-pip-version-check \
        --no-warn-script-location /wheels/*.whl \
    && /opt/arena/bin/python -m pip check \
    && echo 'arena:x:10001:10001:Arena:/var/lib/arena:/usr/sbin/nologin' >>/etc/passwd \
    && echo 'arena:x:10001:' >>/etc/group \
    && mkdir -p /var/lib/arena \
    && chown 10001:10001 /var/lib/arena
ENV PATH=/opt/arena/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    ARENA_HOME=/var/lib/arena \
    ARENA_SERVER_ADDRESS=0.0.0.0 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# A number, so that a host can tell that it is not root without reading the image's /etc/passwd.
USER 10001:10001
WORKDIR /tmp
EXPOSE 8501
ENTRYPOINT ["arena"]
CMD ["--help"]
