# shellcheck shell=bash
# Shared by the scripts: stages with their time, and the build of the UI.

stage_names=()
stage_seconds=()

# Runs a command as a named stage and prints how long it took.
stage() { # NAME COMMAND...
    local name=$1 started=$SECONDS status=0
    shift
    printf '\n=== %s\n' "$name"
    "$@" || status=$?
    stage_names+=("$name")
    stage_seconds+=($((SECONDS - started)))
    if [ "$status" -ne 0 ]; then
        printf '=== %s FAILED after %d s\n' "$name" $((SECONDS - started))
        stage_summary
        exit "$status"
    fi
    printf '=== %s: %d s\n' "$name" $((SECONDS - started))
}

# Prints every stage so far with its time.
stage_summary() {
    local index
    printf '\n'
    for index in "${!stage_names[@]}"; do
        printf '%6d s  %s\n' "${stage_seconds[$index]}" "${stage_names[$index]}"
    done
    printf '%6d s  in all\n' "$SECONDS"
}

# Builds ui/dist when a source is newer.
build_ui() {
    local newest=ui/dist/index.html
    if [ -f "$newest" ] && [ -z "$(find ui/src ui/public ui/index.html ui/vite.config.ts ui/package-lock.json -newer "$newest" -print -quit)" ]; then
        return
    fi
    echo 'Building the user interface.' >&2
    npm run --silent --prefix ui build -- --logLevel warn
}
