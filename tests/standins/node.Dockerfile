# Replaces node:20-bookworm-slim. The build context is this machine's node and npm (see build.sh).
FROM debian:bookworm-slim
ARG registry=
# Node has its own list of certificate authorities; here it must also trust those of the base image.
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt npm_config_registry=${registry}
COPY bin/node /usr/local/bin/node
COPY lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
