# Stands for node:20-bookworm-slim. The context is this machine's node and npm (see build.sh).
FROM debian:bookworm-slim
ARG registry=
# node brings authorities of its own; here it must trust those of the base image too.
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt npm_config_registry=${registry}
COPY bin/node /usr/local/bin/node
COPY lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
