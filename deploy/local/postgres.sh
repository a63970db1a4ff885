# shellcheck shell=bash
# PostgreSQL 15 or newer, as a role that may make roles and databases. Sets POSTGRES_URL.

use_postgres() {
  [[ $(kept postgres) == private ]] || wants psql postgresql-client
  [[ -z ${LATCHKEY_POSTGRES_URL:-} ]] && ! is_listening 5432 || install_missing
  choose postgres 5432 "${LATCHKEY_POSTGRES_URL:-}" postgres://postgres@127.0.0.1:5432/postgres \
    "postgres://$(id -un)@127.0.0.1:5432/postgres" postgres://postgres:postgres@127.0.0.1:5432/postgres
  if [[ $CHOSEN == private ]]; then start_private_postgres; else POSTGRES_URL=$CHOSEN; fi
  kept postgres "$CHOSEN"
}

# postgres_is_fit URL
postgres_is_fit() {
  local answer version rights
  answer=$(URL=$1 servers_py postgres 2>&1) || { UNFIT=$answer && return 1; }
  read -r version rights <<<"$answer"
  if ! at_least "$version" 15; then UNFIT="it is version $version, 15 is needed" && return 1; fi
  if [[ $rights != admin ]]; then UNFIT="the role may not make roles and databases" && return 1; fi
}

start_private_postgres() {
  local DIR=$HOME_DIR folder bin
  [[ -d /usr/lib/postgresql ]] || MISSING+=(postgresql)
  install_missing
  bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
  prepare_private
  folder=$SERVERS/postgres
  if [[ ! -f $folder/data/PG_VERSION ]]; then
    step "making a private PostgreSQL"
    private_folder "$folder"
    random_hex | private_file "$folder/password"
    (cd / && run_quietly initdb "${AS_ACCOUNT[@]}" "$bin/initdb" --no-sync --pgdata "$folder/data" --username postgres \
      --auth scram-sha-256 --pwfile "$folder/password" --encoding UTF8 --locale C.UTF-8)
  fi
  POSTGRES_URL=postgres://postgres:$(cat "$folder/password")@127.0.0.1:$POSTGRES_PORT/postgres
  # fsync=off: what is here may be lost when the machine loses power, and tests are twice as fast.
  (cd / && start postgres -- "${AS_ACCOUNT[@]}" "$bin/postgres" -D "$folder/data" -p "$POSTGRES_PORT" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 -c fsync=off)
  wait_for postgres 60 postgres_is_fit "$POSTGRES_URL"
}

# forget_database: drops this vault's own database.
forget_database() {
  URL=$POSTGRES_URL servers_py sql "DROP DATABASE IF EXISTS \"$NAME\" WITH (FORCE)" >/dev/null
}
