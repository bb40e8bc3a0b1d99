# Two stages: the first installs from the hash-checked lock, the second carries only what runs.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/eks-upgrade-bot
ENV PATH=/opt/eks-upgrade-bot/bin:$PATH
COPY requirements-sandbox.lock ./
RUN pip install --require-hashes --no-deps -r requirements-sandbox.lock
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY handlers handlers
COPY upgrade upgrade
COPY sandbox sandbox
RUN pip install --no-deps --no-build-isolation .

FROM python:3.13-slim
LABEL org.opencontainers.image.title="eks-upgrade-bot" \
      org.opencontainers.image.description="A Slack bot that upgrades Amazon EKS clusters" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin bot \
 && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/eks-upgrade-bot /opt/eks-upgrade-bot
COPY --chmod=0755 deploy/entrypoint.sh /usr/local/bin/entrypoint
# A read-only root works: nothing is written outside /data and /tmp (mount a tmpfs there).
ENV PATH=/opt/eks-upgrade-bot/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    EKS_UPGRADE_BOT_DATABASE=/data/eks-upgrade-bot.db
VOLUME /data
WORKDIR /tmp
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["eks-upgrade-bot", "healthcheck"]
ENTRYPOINT ["entrypoint"]
CMD ["serve"]
