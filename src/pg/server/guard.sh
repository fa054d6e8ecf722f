# Runs a throw-away server for as long as standard input stays open: the owner's end of that pipe closes when the
# owner ends, kill -9 included. The folder is made here, so that whoever dies, somebody is left to remove it.
# Arguments: folder, bin folder, an option of initdb or nothing, then the settings of the server.
dir=$1 bin=$2 initdb_option=$3
shift 3
trap '' HUP INT TERM
mkdir -m 700 "$dir" || exit
"$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync \
    --no-instructions $initdb_option >"$dir/log" 2>&1 </dev/null &&
    {
        "$bin/postgres" -D "$dir/data" "$@" >>"$dir/log" 2>&1 </dev/null &
        pid=$!
        cat >/dev/null
        # A shell's background process ignores SIGQUIT until it has handlers of its own.
        while kill -QUIT "$pid" 2>/dev/null; do sleep 0.05; done
        wait "$pid"
    } || cat >/dev/null
rm -rf "$dir"
