#!/usr/bin/env bash
# The part of the official image's entry script that a first start uses: MYSQL_ROOT_PASSWORD, MYSQL_DATABASE,
# MYSQL_USER, MYSQL_PASSWORD (each also as …_FILE) and the .sql files in /docker-entrypoint-initdb.d.
set -euo pipefail
data=/var/lib/mysql
socket=/var/run/mysqld/mysqld.sock

# setting NAME: prints its value, or the content of the file that NAME_FILE names.
setting() {
  local file=$1_FILE
  if [ -n "${!file:-}" ]; then cat "${!file}"; else echo "${!1:-}"; fi
}

if [ "$1" != mysqld ]; then exec "$@"; fi

if [ ! -d "$data/mysql" ]; then
  root=$(setting MYSQL_ROOT_PASSWORD)
  database=$(setting MYSQL_DATABASE)
  user=$(setting MYSQL_USER)
  password=$(setting MYSQL_PASSWORD)
  [ -n "$root" ] || { echo "MYSQL_ROOT_PASSWORD is not set" >&2; exit 1; }

  chown mysql:mysql "$data"
  mysqld --user=mysql --initialize-insecure
  # Without network, so that nobody mistakes this server for the real one, which starts later.
  mysqld --user=mysql --skip-networking --mysqlx=OFF --socket="$socket" &
  temporary=$!
  for _ in $(seq 120); do
    mysqladmin --socket="$socket" --user=root --silent ping >/dev/null 2>&1 && break
    sleep 0.5
  done
  {
    echo "CREATE USER 'root'@'%' IDENTIFIED BY '$root'; GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;"
    if [ -n "$database" ]; then echo "CREATE DATABASE IF NOT EXISTS \`$database\`;"; fi
    if [ -n "$user" ]; then echo "CREATE USER '$user'@'%' IDENTIFIED BY '$password';"; fi
    if [ -n "$user" ] && [ -n "$database" ]; then echo "GRANT ALL ON \`${database//_/\\_}\`.* TO '$user'@'%';"; fi
    find /docker-entrypoint-initdb.d -name '*.sql' | sort | xargs -r cat
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY '$root';"
  } | mysql --socket="$socket" --user=root
  kill "$temporary"
  wait "$temporary"
fi
shift
exec mysqld --user=mysql "$@"
