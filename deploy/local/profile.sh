# shellcheck shell=bash
# Profile-guided optimization: which ways calls take through the proxy, recorded once and kept, so that a release
# build lays them side by side. It took a quarter off a call's CPU where memory is slow; elsewhere it was not measured.

# The recorded ways. They are known by the names that one version of the compiler gives, and written as its LLVM does.
recorded_ways() { echo "$ROOT/deploy/profile/proxy-rust-$(rustc --version | cut -d' ' -f2)-llvm-$(llvm_version).profdata"; }
llvm_version() { rustc --version --verbose | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p'; }

# What the compiler of a release build is told beside what everybody tells it.
release_flags() {
  if [[ -n ${LATCHKEY_RECORDING:-} ]]; then
    # Each process writes where LLVM_PROFILE_FILE says.
    echo "-Cprofile-generate"
  elif [[ -f $(recorded_ways) ]]; then
    echo "-Cprofile-use=$(recorded_ways)"
  else
    note "nothing was recorded for this version of Rust: the proxy will take a third more CPU (./latchkey profile records it)" >&2
  fi
}

# profile: records them anew, with calls of each kind, in a vault of its own. Its build stands apart from the others.
profile() {
  local into=$HOME_DIR/recording merge ways
  ways=$(recorded_ways)
  tools
  merge=llvm-profdata-$(llvm_version)
  wants "$merge" "${merge/profdata-/}"
  install_missing
  take_check_turn
  use_servers
  venv "$VENV" "$ROOT/tests/python/requirements.txt"
  rm -rf "$into"
  mkdir -p "$into" "${ways%/*}"
  at_end rm -rf "$into"
  local -x LATCHKEY_RECORDING=yes LLVM_PROFILE_FILE=$into/%p.profraw
  RUST_LOG=warn LATCHKEY_WORKERS=1 throw_away_vault profile --release --split
  local DIR=$HOME_DIR/profile pid
  with_env "$VENV/bin/python" "$ROOT/tests/bench/record.py"
  # It writes when it ends.
  pid=$(recorded_pid proxy-1)
  stop proxy-1
  # What was never reached is left out: other services have it, too, and reach it.
  "$merge" merge --sparse --output="$ways" "$into/$pid.profraw"
  note "recorded in ${ways#"$ROOT/"}"
}
