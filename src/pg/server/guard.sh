# Runs a throw-away server for as long as standard input stays open: the owner's end of that pipe closes when the
# owner ends, kill -9 included. Arguments: folder, bin folder, then the settings of the server.
dir=$1 bin=$2
shift 2
trap '' HUP INT TERM
"$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync \
    --no-instructions >"$dir/log" 2>&1 </dev/null &&
    {
        "$bin/postgres" -D "$dir/data" "$@" >>"$dir/log" 2>&1 </dev/null &
        pid=$!
        cat >/dev/null
        kill -QUIT "$pid"
        wait "$pid"
    } || cat >/dev/null
rm -rf "$dir"
