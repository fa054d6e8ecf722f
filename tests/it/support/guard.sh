# Runs a server for as long as standard input stays open. Arguments: folder, bin folder, a command to run between
# initdb and the start, then the settings of the server.
dir=$1 bin=$2 prepare=$3
shift 3
trap '' HUP INT TERM
"$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync \
    --no-instructions >"$dir/log" 2>&1 </dev/null && cd "$dir/data" && eval "$prepare" &&
    {
        "$bin/postgres" -D "$dir/data" -k "$dir" "$@" >>"$dir/log" 2>&1 </dev/null &
        pid=$!
        cat >/dev/null
        # A shell's background process ignores SIGQUIT until it has handlers of its own. A test may have restarted the server.
        stop() { kill -QUIT "$1" 2>/dev/null; }
        while stop "$pid" || stop "$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null)"; do sleep 0.1; done
        wait "$pid"
    } || cat >/dev/null
cd / && rm -rf "$dir"
