#compdef perfkit

autoload -U is-at-least

_perfkit() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_perfkit_commands" \
"*::: :->perfkit" \
&& ret=0
    case $state in
    (perfkit)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-command-$line[1]:"
        case $line[1] in
            (demo)
_arguments "${_arguments_options[@]}" : \
'--scenario=[The scenario]:NAME:_default' \
'--pg-bin=[Use the server programs (initdb, postgres) in this folder]:DIR:_files' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--keep[Leave the server up, as the sandbox, and print the URL of the demo'\''s database]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(init)
_arguments "${_arguments_options[@]}" : \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--force[Replace the file if it is there]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::file -- Write here:_files' \
&& ret=0
;;
(sandbox)
_arguments "${_arguments_options[@]}" : \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
":: :_perfkit__subcmd__sandbox_commands" \
"*::: :->sandbox" \
&& ret=0

    case $state in
    (sandbox)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-sandbox-command-$line[1]:"
        case $line[1] in
            (start)
_arguments "${_arguments_options[@]}" : \
'--pg-bin=[Use the server programs (initdb, postgres) in this folder]:DIR:_files' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(url)
_arguments "${_arguments_options[@]}" : \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(psql)
_arguments "${_arguments_options[@]}" : \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help]' \
'--help[Print help]' \
'*::arguments:_default' \
&& ret=0
;;
(stop)
_arguments "${_arguments_options[@]}" : \
'--pg-bin=[Use the server programs (initdb, postgres) in this folder]:DIR:_files' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(destroy)
_arguments "${_arguments_options[@]}" : \
'--pg-bin=[Use the server programs (initdb, postgres) in this folder]:DIR:_files' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'-y[Do not ask]' \
'--yes[Do not ask]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__sandbox__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-sandbox-help-command-$line[1]:"
        case $line[1] in
            (start)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(url)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(psql)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(stop)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(destroy)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(explain)
_arguments "${_arguments_options[@]}" : \
'(--plan)-f+[Explain every statement of a .sql file]:FILE:_files' \
'(--plan)--file=[Explain every statement of a .sql file]:FILE:_files' \
'--plan=[Read plans from a file, or from standard input for \`-\`]:FILE:_files' \
'--anonymize=[Rename everything in the plan that tells of you, and keep what stands for what in this file]:KEYFILE:_files' \
'(--anonymize)--restore=[Put the original names back into the file given with \`--plan\`, which may be any text]:KEYFILE:_files' \
'--top=[How many of the workload'\''s statements are explained]:N:_default' \
'--runs=[Run each statement this often and show the run in the middle \[default\: 1\]]:N:_default' \
'--warm-up=[Run each statement this often before it is measured \[default\: 1 when there are several runs, else 0\]]:N:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'*-w+[Take the statements from here (can be repeated)]:SOURCE:_default' \
'*--workload=[Take the statements from here (can be repeated)]:SOURCE:_default' \
'--pg-bin=[Use the server programs (initdb, postgres) in this folder]:DIR:_files' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--allow-writes[Run statements that change data too; what they did is rolled back]' \
'--allow-effects[Run statements that call functions whose effects no rollback undoes, such as \`nextval\`]' \
'(--allow-writes --allow-effects --runs --warm-up)--estimate-only[Plan statements on a local copy of schema and statistics, and run nothing]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::sql -- The statement; `-` reads it from standard input:_default' \
":: :_perfkit__subcmd__explain_commands" \
"*::: :->explain" \
&& ret=0

    case $state in
    (explain)
        words=($line[2] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-explain-command-$line[2]:"
        case $line[2] in
            (diff)
_arguments "${_arguments_options[@]}" : \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':before -- The plan before, in any format of EXPLAIN or as `perfkit explain --json` wrote it:_files' \
':after -- The plan after:_files' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'*--statement=[Check or accept this statement alone (can be repeated)]:NAME:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--update[Accept the plans as they are\: write the contract into perfkit.yaml and the plans beside it]' \
'--allow-writes[Run statements that change data too; what they did is rolled back]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__explain__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-explain-help-command-$line[1]:"
        case $line[1] in
            (diff)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(index)
_arguments "${_arguments_options[@]}" : \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help]' \
'--help[Print help]' \
":: :_perfkit__subcmd__index_commands" \
"*::: :->index" \
&& ret=0

    case $state in
    (index)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-index-command-$line[1]:"
        case $line[1] in
            (suggest)
_arguments "${_arguments_options[@]}" : \
'--storage-budget=[Suggest indexes of this size at the most, all together]:SIZE:_default' \
'--max-indexes=[Suggest this many indexes at the most]:N:_default' \
'--max-columns=[Suggest indexes with this many key columns at the most]:N:_default' \
'--kinds=[Consider these kinds of indexes beside plain btrees\: expression, partial, include, gin, gist, brin; or \`btree\` for none of them]:LIST:_default' \
'--time-limit=[End the search after this time with the best set found]:DURATION:_default' \
'--what-if=[Price indexes in a local shadow, or with the extension HypoPG on the database]:ENGINE:(shadow hypopg)' \
'--snapshot=[Save schema, statistics and workload to this file, for \`--from-snapshot\`]:FILE:_files' \
'(--snapshot -d --database-url)--from-snapshot=[Work from such a file, without a database]:FILE:_files' \
'--migration=[Write the changes as a migration of rails, django, flyway, sqlx, golang-migrate or plain (up.sql and down.sql)]:FRAMEWORK:_default' \
'--migration-dir=[Write it to this folder, not to the framework'\''s usual one]:FOLDER:_files' \
'--verify-on=[Run it on this database instead, where the indexes are built and dropped again]:URL:_default' \
'--verify-rows=[Copy this many rows of a table at the most]:N:_default' \
'--verify-runs=[Run each statement this often on either side]:N:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'*-w+[Take the statements from here (can be repeated)]:SOURCE:_default' \
'*--workload=[Take the statements from here (can be repeated)]:SOURCE:_default' \
'--pg-bin=[Use the server programs (initdb, postgres) in this folder]:DIR:_files' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--redesign[Design the whole index set anew\: also drop what the workload has no use for]' \
'--redact[Leave the column values that statistics hold out of the snapshot]' \
'--verify[Run the workload with and without the indexes on a local copy, and drop suggestions that do not help]' \
'-y[Do not ask before indexes are built on the database of \`--verify-on\`]' \
'--yes[Do not ask before indexes are built on the database of \`--verify-on\`]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(audit)
_arguments "${_arguments_options[@]}" : \
'*--schema=[Audit this schema (can be repeated, '\''*'\'' for all) \[default\: those of the search path\]]:NAME:_default' \
'*--only=[Apply this rule only (can be repeated)]:RULE:_default' \
'(--only)*--ignore=[Leave out this rule (can be repeated)]:RULE:_default' \
'--min-size=[Leave out findings about smaller indexes, but for grave ones]:SIZE:_default' \
'--min-stats-age=[Call no index unused before the counters have counted this long \[default\: 7days\]]:DURATION:_default' \
'*--replica=[Count the index scans of this standby as well (URL or keyword/value string; can be repeated)]:URL:_default' \
'--baseline=[Report nothing that this file accepts]:FILE:_files' \
'--write-baseline=[Accept all findings of this run in this file, for \`--baseline\`, besides what it accepts and this run cannot judge]:FILE:_files' \
'(-d --database-url --replica --exact-bloat)--from-snapshot=[Work from a file of \`perfkit index suggest --snapshot\`, without a database]:FILE:_files' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'*-w+[Take the statements from here (can be repeated)]:SOURCE:_default' \
'*--workload=[Take the statements from here (can be repeated)]:SOURCE:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--exact-bloat[Measure bloated indexes with pgstattuple, which reads all of them, instead of estimating only]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(apply)
_arguments "${_arguments_options[@]}" : \
'--journal=[Keep the journal in this file, not in the database]:FILE:_files' \
'--max-lag=[Begin no step while a replica is further behind]:TIME:_default' \
'--max-active=[Begin no step while more sessions of others run a statement]:N:_default' \
'--lock-tries=[Try a step that others would queue up behind this often; each try waits for \`--lock-timeout\`]:N:_default' \
'--runs=[Run each statement this often on either side]:N:_default' \
'--storage-budget=[Suggest indexes of this size at the most, all together]:SIZE:_default' \
'--max-indexes=[Suggest this many indexes at the most]:N:_default' \
'--max-columns=[Suggest indexes with this many key columns at the most]:N:_default' \
'--kinds=[Consider these kinds of indexes beside plain btrees\: expression, partial, include, gin, gist, brin; or \`btree\` for none of them]:LIST:_default' \
'--time-limit=[End the search after this time with the best set found]:DURATION:_default' \
'--what-if=[Price indexes in a local shadow, or with the extension HypoPG on the database]:ENGINE:(shadow hypopg)' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'*-w+[Take the statements from here (can be repeated)]:SOURCE:_default' \
'*--workload=[Take the statements from here (can be repeated)]:SOURCE:_default' \
'--pg-bin=[Use the server programs (initdb, postgres) in this folder]:DIR:_files' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'-y[Do not ask]' \
'--yes[Do not ask]' \
'(-y --yes)--dry-run[Print the plan and change nothing]' \
'--no-drops[Leave out all that drops an index]' \
'--skip-disk-check[Build even where the free space seems not to be enough]' \
'--prove[Run the workload'\''s reads before and after, and report what helps nothing or makes a statement slower]' \
'--auto-undo[Undo what the runs speak against, and run the statements concerned once more]' \
'--redesign[Design the whole index set anew\: also drop what the workload has no use for]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::file -- Do what this file says, instead of asking the advisor now; `-` for standard input:_files' \
&& ret=0
;;
(undo)
_arguments "${_arguments_options[@]}" : \
'--journal=[Read and write this journal instead of that in the database]:FILE:_files' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--list[List the runs and change nothing]' \
'(--list)-y[Do not ask]' \
'(--list)--yes[Do not ask]' \
'(-y --yes --list)--dry-run[Print the plan and change nothing]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::run -- Undo this run instead of the newest that is not undone (the beginning of its id is enough):_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__index__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-index-help-command-$line[1]:"
        case $line[1] in
            (suggest)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(audit)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(apply)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(undo)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(counter)
_arguments "${_arguments_options[@]}" : \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help]' \
'--help[Print help]' \
":: :_perfkit__subcmd__counter_commands" \
"*::: :->counter" \
&& ret=0

    case $state in
    (counter)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-counter-command-$line[1]:"
        case $line[1] in
            (suggest)
_arguments "${_arguments_options[@]}" : \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'*-w+[Take the statements from here (can be repeated)]:SOURCE:_default' \
'*--workload=[Take the statements from here (can be repeated)]:SOURCE:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(add)
_arguments "${_arguments_options[@]}" : \
'--counts=[Count the rows of this table]:CHILD:_default' \
'*--key=[The columns of CHILD that refer to TABLE]:COLUMN:_default' \
'*--through=[The tables between, from CHILD on]:TABLE:_default' \
'--where=[Count the rows for which this holds]:CONDITION:_default' \
'--sum=[Add this up, instead of counting rows]:EXPRESSION:_default' \
'--mode=[Write to the row itself, to a queue, or to one of a few slots \[default\: inline\]]:MODE:_default' \
'--storage=[Keep it in a column, or in a table of its own]:WHERE:(column side)' \
'--batch-time=[Let a batch take about this time \[default\: 25ms\]]:TIME:_default' \
'--duty=[Let batches run this part of the time where others work too, up to 1 \[default\: a third\]]:SHARE:_default' \
'--max-lag=[Wait while a replica is further behind]:TIME:_default' \
'--max-slot-size=[Wait while a replication slot holds back more]:SIZE:_default' \
'--max-active=[Wait while more sessions of others run a statement]:N:_default' \
'--pause-when=[Wait while this query says true]:SQL:_default' \
'--pause-file=[Wait while this file exists]:FILE:_files' \
'--lock-tries=[Try a step that others would queue up behind this often; each try waits for \`--lock-timeout\`]:N:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'--migration=[Write the changes as a migration of rails, django, flyway, sqlx, golang-migrate or plain (up.sql and down.sql)]:FRAMEWORK:_default' \
'--migration-dir=[Write it to this folder, not to the framework'\''s usual one]:FOLDER:_files' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--guard[Take back writes of the column by anybody but triggers]' \
'-y[Do not ask]' \
'--yes[Do not ask]' \
'(-y --yes)--dry-run[Print the plan and change nothing]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::counter -- The counter, as TABLE.COLUMN; without it, all of `counters` in perfkit.yaml:_default' \
&& ret=0
;;
(backfill)
_arguments "${_arguments_options[@]}" : \
'--counts=[Count the rows of this table]:CHILD:_default' \
'*--key=[The columns of CHILD that refer to TABLE]:COLUMN:_default' \
'*--through=[The tables between, from CHILD on]:TABLE:_default' \
'--where=[Count the rows for which this holds]:CONDITION:_default' \
'--sum=[Add this up, instead of counting rows]:EXPRESSION:_default' \
'--batch-time=[Let a batch take about this time \[default\: 25ms\]]:TIME:_default' \
'--duty=[Let batches run this part of the time where others work too, up to 1 \[default\: a third\]]:SHARE:_default' \
'--max-lag=[Wait while a replica is further behind]:TIME:_default' \
'--max-slot-size=[Wait while a replication slot holds back more]:SIZE:_default' \
'--max-active=[Wait while more sessions of others run a statement]:N:_default' \
'--pause-when=[Wait while this query says true]:SQL:_default' \
'--pause-file=[Wait while this file exists]:FILE:_files' \
'--lock-tries=[Try a step that others would queue up behind this often; each try waits for \`--lock-timeout\`]:N:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'-y[Do not ask]' \
'--yes[Do not ask]' \
'(-y --yes)--dry-run[Print the plan and change nothing]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::counter -- The counter, as TABLE.COLUMN; without it, all of `counters` in perfkit.yaml:_default' \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(pause)
_arguments "${_arguments_options[@]}" : \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::run -- The run; without it, the one that is under way:_default' \
&& ret=0
;;
(resume)
_arguments "${_arguments_options[@]}" : \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::run -- The run; without it, the one that is under way:_default' \
&& ret=0
;;
(fold)
_arguments "${_arguments_options[@]}" : \
'--every=[Fold again and again, after this time, until Ctrl-C]:TIME:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
'--examples=[Show so many wrong rows of each counter]:N:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::counters -- Compare these counters only \[default\: all that the database has\]:_default' \
&& ret=0
;;
(repair)
_arguments "${_arguments_options[@]}" : \
'--examples=[Show so many wrong rows of each counter]:N:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'-y[Do not ask]' \
'--yes[Do not ask]' \
'(-y --yes)--dry-run[Print what would be set and change nothing]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::counters -- Repair these counters, with those that the same triggers keep \[default\: all that the database has\]:_default' \
&& ret=0
;;
(sync)
_arguments "${_arguments_options[@]}" : \
'--batch-time=[Let a batch take about this time \[default\: 25ms\]]:TIME:_default' \
'--duty=[Let batches run this part of the time where others work too, up to 1 \[default\: a third\]]:SHARE:_default' \
'--max-lag=[Wait while a replica is further behind]:TIME:_default' \
'--max-slot-size=[Wait while a replication slot holds back more]:SIZE:_default' \
'--max-active=[Wait while more sessions of others run a statement]:N:_default' \
'--pause-when=[Wait while this query says true]:SQL:_default' \
'--pause-file=[Wait while this file exists]:FILE:_files' \
'--lock-tries=[Try a step that others would queue up behind this often; each try waits for \`--lock-timeout\`]:N:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'-y[Do not ask]' \
'--yes[Do not ask]' \
'(-y --yes)--dry-run[Print the plan and change nothing]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(drop)
_arguments "${_arguments_options[@]}" : \
'--batch-time=[Let a batch take about this time \[default\: 25ms\]]:TIME:_default' \
'--duty=[Let batches run this part of the time where others work too, up to 1 \[default\: a third\]]:SHARE:_default' \
'--max-lag=[Wait while a replica is further behind]:TIME:_default' \
'--max-slot-size=[Wait while a replication slot holds back more]:SIZE:_default' \
'--max-active=[Wait while more sessions of others run a statement]:N:_default' \
'--pause-when=[Wait while this query says true]:SQL:_default' \
'--pause-file=[Wait while this file exists]:FILE:_files' \
'--lock-tries=[Try a step that others would queue up behind this often; each try waits for \`--lock-timeout\`]:N:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--keep-columns[Leave the columns as they are]' \
'-y[Do not ask]' \
'--yes[Do not ask]' \
'(-y --yes)--dry-run[Print the plan and change nothing]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::counters -- The counters, as TABLE.COLUMN:_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__counter__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-counter-help-command-$line[1]:"
        case $line[1] in
            (suggest)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(add)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(backfill)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(pause)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(resume)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(fold)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(repair)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(sync)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(drop)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(seed)
_arguments "${_arguments_options[@]}" : \
'*--rows=[Rows of a table; \`--TABLE N\` is short for it (can be repeated)]:TABLE=N:_default' \
'--scale=[Multiply the rows of tables that were not asked for]:FACTOR:_default' \
'(--scale)--size=[Fill up to this size on disk with indexes, as in 500MB or 10GB]:SIZE:_default' \
'*--schema=[Fill this schema \[default\: those of the search path; \`*\` is all\] (can be repeated)]:NAME:_default' \
'--seed=[Choose other data]:N:_default' \
'--as-of=[End all time series here \[default\: today, 00\:00 UTC\]]:DATE:_default' \
'--from-stats=[Reproduce the statistics of another database, without its values\: its URL, or a file of \`index suggest --snapshot\`]:URL|FILE:_default' \
'*--keep-values=[Keep the values that the statistics of these columns hold, as TABLE.COLUMN]:COLUMN,…:_default' \
'*-w+[Compare the plans of these statements with those of the source afterwards (can be repeated)]:SOURCE:_default' \
'*--workload=[Compare the plans of these statements with those of the source afterwards (can be repeated)]:SOURCE:_default' \
'--scenario=[Create this scenario'\''s schema in a database without tables]:NAME:_default' \
'(--rows --scale --size --append --seed --as-of --schema --triggers --from-stats --make-partitions)--resume=[Go on with a run that was cut short \[default\: the newest\]]::RUN:_default' \
'--triggers=[Whether triggers fire for the rows; when off, foreign keys are checked at the end]:WHEN:(on off)' \
'--streams=[Sessions that load at the same time \[default\: one for each core, at most 4\]]:N:_default' \
'--pg-bin=[Use the server programs (initdb, postgres) in this folder]:DIR:_files' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--append[Add to tables that are not empty]' \
'--dry-run[Show the order, rows, makers and what cannot be filled, and load nothing]' \
'(--size)--make-partitions[Make partitions for partitioned tables that have none]' \
'--no-rehearsal[Do not try a few rows of each table first, in a transaction that is rolled back]' \
'-y[Do not ask before tables are left out or partitions are made]' \
'--yes[Do not ask before tables are left out or partitions are made]' \
'--keep-indexes[Keep the indexes of large empty tables, instead of building them after the rows]' \
'--throttle[Rest after each transaction for as long as it took, and while a replica is more than 5 s behind]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
":: :_perfkit__subcmd__seed_commands" \
"*::: :->seed" \
&& ret=0

    case $state in
    (seed)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-seed-command-$line[1]:"
        case $line[1] in
            (clean)
_arguments "${_arguments_options[@]}" : \
'--run=[The run, or the beginning of its id \[default\: the newest\]]:RUN:_default' \
'--triggers=[Whether triggers fire for the rows; when off, foreign keys are checked by queries, and what triggers would undo stays]:WHEN:(on off)' \
'--streams=[Sessions that load at the same time \[default\: one for each core, at most 4\]]:N:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--list[List the runs and delete nothing]' \
'--cascade[Let foreign keys delete or change rows that are not of the run]' \
'-y[Do not ask]' \
'--yes[Do not ask]' \
'--keep-indexes[Keep the indexes of large empty tables, instead of building them after the rows]' \
'--throttle[Rest after each transaction for as long as it took, and while a replica is more than 5 s behind]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__seed__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-seed-help-command-$line[1]:"
        case $line[1] in
            (clean)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(bench)
_arguments "${_arguments_options[@]}" : \
'--duration=[Measure this long \[default\: 10s\]]:TIME:_default' \
'--warm-up=[Before that, send statements for this long without measuring, so that caches fill]:TIME:_default' \
'--rate=[Send this many statements per second, over all connections]:N:_default' \
'(--duration --rate)--stages=[Measure in stages, each with a time and a rate, or with the rates of a ramp\: 30s\:100,1m\:100..500]:STAGES:_default' \
'*--threshold=[Require this, as in "p95 < 50ms" (can be repeated; replaces those of perfkit.yaml)]:CONDITION:_default' \
'--start-at=[Measure from this moment on, as in 2030-01-31T12\:00\:00Z, so that several machines are one load]:TIME:_default' \
'--hlog=[Write the histograms to this file too, as an interval log of HdrHistogram]:FILE:_files' \
'(-f --file -b --builtin)--baseline=[Hold what statements read, write and return against this file, which \`--write-baseline\` wrote]:FILE:_files' \
'(-f --file -b --builtin)--write-baseline=[Write what statements need to this file, for \`--baseline\`]:FILE:_files' \
'(--duration --rate --stages --warm-up --start-at -c --connections --threads --arrivals --protocol --think --max-tries -C --connect -f --file -b --builtin -w --workload --baseline --write-baseline)--replay=[Send what this trace or server log holds, each session on a connection of its own, at the times of the capture]:TRACE:_files' \
'--speed=[Send it so many times as fast, or as fast as the server answers (max)]:FACTOR:_default' \
'-c+[Use this many connections \[default\: 8\]]:N:_default' \
'--connections=[Use this many connections \[default\: 8\]]:N:_default' \
'--threads=[Drive the connections by this many threads \[default\: one for each processor\]]:N:_default' \
'--arrivals=[Let the statements of a rate come like this]:HOW:((constant\:"All the same time apart"
poisson\:"At random, independent of each other (a Poisson process)"))' \
'--protocol=[Send statements like this]:HOW:((simple\:"As one text with the values inside"
extended\:"With the values apart, parsed every time"
prepared\:"Prepared once for each connection"))' \
'--think=[Let each connection wait this long after an answer, as a user does; without a rate]:TIME:_default' \
'--max-tries=[Try an execution this often that others are in the way of (SQLSTATE 40001 and 40P01)]:N:_default' \
'--seed=[Draw other parameters and another order]:N:_default' \
'(-w --workload)*-f+[Run this script of pgbench as one transaction, WEIGHT times as often as others (can be repeated; - is standard input)]:FILE[@WEIGHT]:_default' \
'(-w --workload)*--file=[Run this script of pgbench as one transaction, WEIGHT times as often as others (can be repeated; - is standard input)]:FILE[@WEIGHT]:_default' \
'(-w --workload)*-b+[Run this built-in script of pgbench\: tpcb-like, simple-update or select-only (can be repeated)]:NAME[@WEIGHT]:_default' \
'(-w --workload)*--builtin=[Run this built-in script of pgbench\: tpcb-like, simple-update or select-only (can be repeated)]:NAME[@WEIGHT]:_default' \
'*-D+[Set a variable of the scripts, as in scale=10 (can be repeated)]:NAME=VALUE:_default' \
'*--define=[Set a variable of the scripts, as in scale=10 (can be repeated)]:NAME=VALUE:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'*-w+[Take the statements from here (can be repeated)]:SOURCE:_default' \
'*--workload=[Take the statements from here (can be repeated)]:SOURCE:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--strict[Take a run for invalid as well if other programs or machines may have slowed it down]' \
'-C[Open a connection for each execution, and count that time]' \
'--connect[Open a connection for each execution, and count that time]' \
'--allow-writes[Run statements that change data too]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
":: :_perfkit__subcmd__bench_commands" \
"*::: :->bench" \
&& ret=0

    case $state in
    (bench)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-bench-command-$line[1]:"
        case $line[1] in
            (compare)
_arguments "${_arguments_options[@]}" : \
'--b=[B is this database (URL or keyword/value string)]:URL:_default' \
'*--set-a=[Set this in the sessions of A (can be repeated)]:NAME=VALUE:_default' \
'*--set-b=[Set this in the sessions of B (can be repeated)]:NAME=VALUE:_default' \
'(-f --file -b --builtin)*--workload-b=[Take the statements of B from here (can be repeated); those of A are named by \`--workload\`]:SOURCE:_default' \
'(--b --set-b --workload-b --calibrate)*--with-index=[B is A with this index, which is built for the measurement and dropped after it (can be repeated)]:CREATE INDEX:_default' \
'(--calibrate)--noise=[Give no verdict on what this report of \`--calibrate --json\` shows to be noise on this machine]:FILE:_files' \
'--block=[Measure each block this long \[default\: 3s\]]:TIME:_default' \
'--rate=[Send this many statements per second, over all connections]:N:_default' \
'--min-effect=[The smallest slowdown that matters, in percent; twice that for p99 \[default\: 5\]]:PERCENT:_default' \
'--max-pairs=[Measure so many pairs of blocks at the most\: after 10 and 20 there is a verdict if it is clear \[default\: 30; 10 with an index\]]:N:_default' \
'--on-inconclusive=[What an INCONCLUSIVE verdict does to the exit status]:WHAT:((pass\:"Exit with status 0"
fail\:"Exit with status 1"))' \
'-c+[Use this many connections \[default\: 8\]]:N:_default' \
'--connections=[Use this many connections \[default\: 8\]]:N:_default' \
'--threads=[Drive the connections by this many threads \[default\: one for each processor\]]:N:_default' \
'--arrivals=[Let the statements of a rate come like this]:HOW:((constant\:"All the same time apart"
poisson\:"At random, independent of each other (a Poisson process)"))' \
'--protocol=[Send statements like this]:HOW:((simple\:"As one text with the values inside"
extended\:"With the values apart, parsed every time"
prepared\:"Prepared once for each connection"))' \
'--think=[Let each connection wait this long after an answer, as a user does; without a rate]:TIME:_default' \
'--max-tries=[Try an execution this often that others are in the way of (SQLSTATE 40001 and 40P01)]:N:_default' \
'--seed=[Draw other parameters and another order]:N:_default' \
'(-w --workload)*-f+[Run this script of pgbench as one transaction, WEIGHT times as often as others (can be repeated; - is standard input)]:FILE[@WEIGHT]:_default' \
'(-w --workload)*--file=[Run this script of pgbench as one transaction, WEIGHT times as often as others (can be repeated; - is standard input)]:FILE[@WEIGHT]:_default' \
'(-w --workload)*-b+[Run this built-in script of pgbench\: tpcb-like, simple-update or select-only (can be repeated)]:NAME[@WEIGHT]:_default' \
'(-w --workload)*--builtin=[Run this built-in script of pgbench\: tpcb-like, simple-update or select-only (can be repeated)]:NAME[@WEIGHT]:_default' \
'*-D+[Set a variable of the scripts, as in scale=10 (can be repeated)]:NAME=VALUE:_default' \
'*--define=[Set a variable of the scripts, as in scale=10 (can be repeated)]:NAME=VALUE:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'*-w+[Take the statements from here (can be repeated)]:SOURCE:_default' \
'*--workload=[Take the statements from here (can be repeated)]:SOURCE:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'-y[Build the index without asking]' \
'--yes[Build the index without asking]' \
'(--b --set-b --workload-b)--calibrate[Compare A with itself, to see what this machine can tell]' \
'--strict[Leave out pairs that other programs or machines may have slowed down]' \
'-C[Open a connection for each execution, and count that time]' \
'--connect[Open a connection for each execution, and count that time]' \
'--allow-writes[Run statements that change data too]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::reports -- Show how two reports of `perfkit bench --json` differ; one run each gives no verdict:_files' \
&& ret=0
;;
(find-max)
_arguments "${_arguments_options[@]}" : \
'*--until=[Require this, as in "p99 < 20ms" (can be repeated)]:CONDITION:_default' \
'--window=[Measure each rate this long]:TIME:_default' \
'--rate=[Begin with this many statements per second \[default\: 70 % of what full speed gives\]]:N:_default' \
'--max-windows=[Measure so many windows at the most, for each number of connections]:N:_default' \
'(-c --connections)--sweep=[Search for each of these numbers of connections, as in connections=1,2,4,8]:WHAT:_default' \
'-c+[Use this many connections \[default\: 8\]]:N:_default' \
'--connections=[Use this many connections \[default\: 8\]]:N:_default' \
'--threads=[Drive the connections by this many threads \[default\: one for each processor\]]:N:_default' \
'--arrivals=[Let the statements of a rate come like this]:HOW:((constant\:"All the same time apart"
poisson\:"At random, independent of each other (a Poisson process)"))' \
'--protocol=[Send statements like this]:HOW:((simple\:"As one text with the values inside"
extended\:"With the values apart, parsed every time"
prepared\:"Prepared once for each connection"))' \
'--think=[Let each connection wait this long after an answer, as a user does; without a rate]:TIME:_default' \
'--max-tries=[Try an execution this often that others are in the way of (SQLSTATE 40001 and 40P01)]:N:_default' \
'--seed=[Draw other parameters and another order]:N:_default' \
'(-w --workload)*-f+[Run this script of pgbench as one transaction, WEIGHT times as often as others (can be repeated; - is standard input)]:FILE[@WEIGHT]:_default' \
'(-w --workload)*--file=[Run this script of pgbench as one transaction, WEIGHT times as often as others (can be repeated; - is standard input)]:FILE[@WEIGHT]:_default' \
'(-w --workload)*-b+[Run this built-in script of pgbench\: tpcb-like, simple-update or select-only (can be repeated)]:NAME[@WEIGHT]:_default' \
'(-w --workload)*--builtin=[Run this built-in script of pgbench\: tpcb-like, simple-update or select-only (can be repeated)]:NAME[@WEIGHT]:_default' \
'*-D+[Set a variable of the scripts, as in scale=10 (can be repeated)]:NAME=VALUE:_default' \
'*--define=[Set a variable of the scripts, as in scale=10 (can be repeated)]:NAME=VALUE:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'*-w+[Take the statements from here (can be repeated)]:SOURCE:_default' \
'*--workload=[Take the statements from here (can be repeated)]:SOURCE:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'-C[Open a connection for each execution, and count that time]' \
'--connect[Open a connection for each execution, and count that time]' \
'--allow-writes[Run statements that change data too]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(merge)
_arguments "${_arguments_options[@]}" : \
'*--threshold=[Require this, as in "p95 < 50ms" (can be repeated; replaces those of the reports)]:CONDITION:_default' \
'--hlog=[Write the sum to this file too, as an interval log of HdrHistogram]:FILE:_files' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::files -- The results, as .json or .hlog:_files' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__bench__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-bench-help-command-$line[1]:"
        case $line[1] in
            (compare)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(find-max)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(merge)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(capture)
_arguments "${_arguments_options[@]}" : \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help]' \
'--help[Print help]' \
":: :_perfkit__subcmd__capture_commands" \
"*::: :->capture" \
&& ret=0

    case $state in
    (capture)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-capture-command-$line[1]:"
        case $line[1] in
            (proxy)
_arguments "${_arguments_options[@]}" : \
'--listen=[Take connections at this address]:ADDRESS:_default' \
'--for=[End after this time]:TIME:_default' \
'--tls-cert=[Offer TLS to clients with this certificate (PEM)]:FILE:_files' \
'--tls-key=[The key of that certificate (PEM)]:FILE:_files' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--redact[Leave values out; equal ones stay recognizable within the trace]' \
'--no-hashes[Keep no hashes of results; \`workload n-plus-one\` then cannot tell where the values of a loop come from]' \
'--ci[Exit with status 4 if the trace is incomplete \[default\: when the variable CI is set\]]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(log)
_arguments "${_arguments_options[@]}" : \
'--log-line-prefix=[What each line begins with, as \`SHOW log_line_prefix\` prints it \[default\: told from the lines\]]:PREFIX:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--redact[Leave the values of parameters and constants out; equal values stay equal]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::files -- Read these logs, in the order of time; .gz and .zst as well, `-` is standard input:_files' \
&& ret=0
;;
(statements)
_arguments "${_arguments_options[@]}" : \
'--every=[Look so often]:TIME:_default' \
'--for=[End after this time]:TIME:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':trace -- The trace; .gz and .zst as well, `-` is standard input:_files' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__capture__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-capture-help-command-$line[1]:"
        case $line[1] in
            (proxy)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(log)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(statements)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(workload)
_arguments "${_arguments_options[@]}" : \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help]' \
'--help[Print help]' \
":: :_perfkit__subcmd__workload_commands" \
"*::: :->workload" \
&& ret=0

    case $state in
    (workload)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-workload-command-$line[1]:"
        case $line[1] in
            (top)
_arguments "${_arguments_options[@]}" : \
'--log-line-prefix=[What each line of a log begins with, as \`SHOW log_line_prefix\` prints it \[default\: told from the lines\]]:PREFIX:_default' \
'--by=[Order by total, calls, mean, rows or blocks]:WHAT:_default' \
'*--type=[Show statements of this type only\: select, insert, update, delete, merge or other (can be repeated)]:TYPE:_default' \
'--slow=[Count executions that took at least this long; of \`pg_stat_statements\`, statements whose mean is as long]:TIME:_default' \
'-n+[Show so many statements]:N:_default' \
'--limit=[Show so many statements]:N:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::files -- Add these traces or server logs up; logs in the order of time, .gz and .zst as well, `-` is standard input:_files' \
&& ret=0
;;
(n-plus-one)
_arguments "${_arguments_options[@]}" : \
'--log-line-prefix=[What each line of a log begins with, as \`SHOW log_line_prefix\` prints it \[default\: told from the lines\]]:PREFIX:_default' \
'*--ignore=[Leave out statements\: by the first digits of a fingerprint, by a table, or by a text as in '\''*FROM audit*'\'' (can be repeated)]:STATEMENT:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--strict[Show what is doubtful, and what wastes less than 5 ms in all, as well]' \
'(-d --database-url)--offline[Look at the files alone\: connect to no database, and try nothing]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::files -- Look at these traces or server logs; logs in the order of time, .gz and .zst as well, `-` is standard input:_files' \
&& ret=0
;;
(pagination)
_arguments "${_arguments_options[@]}" : \
'--max-page-size=[Let clients ask for pages of so many rows]:ROWS:_default' \
'--log-line-prefix=[What each line of a log begins with, as \`SHOW log_line_prefix\` prints it \[default\: told from the lines\]]:PREFIX:_default' \
'*--ignore=[Leave out statements\: by the first digits of a fingerprint, by a table, or by a text as in '\''*FROM audit*'\'' (can be repeated)]:STATEMENT:_default' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'(-d --database-url)--offline[Look at the files alone\: connect to no database, and try nothing]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::files -- Look at these traces or server logs; logs in the order of time, .gz and .zst as well, `-` is standard input:_files' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__workload__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-workload-help-command-$line[1]:"
        case $line[1] in
            (top)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(n-plus-one)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(pagination)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
;;
(budget)
_arguments "${_arguments_options[@]}" : \
'--max-queries=[Allow so many queries in all; BEGIN, SET, look-ups in catalogs and the like are not counted]:N:_default' \
'--max-calls=[Allow so many calls of each statement]:N:_default' \
'--max-writes=[Allow so many statements that change rows]:N:_default' \
'--max-transactions=[Allow so many transactions]:N:_default' \
'--max-rows=[Allow so many rows, returned or changed]:N:_default' \
'--max-ms=[Allow so many milliseconds in the database]:MS:_default' \
'--baseline=[Hold the calls of each statement against this file \[default\: perfkit-budget.json, if it is there\]]:FILE:_files' \
'(--update --baseline --trace --max-queries --max-calls --max-writes --max-transactions --max-rows --max-ms --no-n-plus-one --no-new-statements)*--scale=[Run each of these shell commands, which use data of so many rows, and fail if a count grows with them]:ROWS:COMMAND:_default:ROWS:COMMAND:_default' \
'*--by=[Count apart by \`application_name\`, or by the values of a call site'\''s key, as in tag\:route (can be repeated)]:WHAT:_default' \
'*--ignore=[Leave out statements\: by the first digits of a fingerprint, by a table, or by a text as in '\''*FROM audit*'\'' (can be repeated)]:STATEMENT:_default' \
'*--env=[Set this variable to the proxy'\''s URL as well as \`DATABASE_URL\` (can be repeated)]:NAME:_default' \
'--trace=[Keep the trace of the run in this file]:FILE:_files' \
'-d+[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--database-url=[Connect to this database (URL or keyword/value string)]:URL:_default' \
'--statement-timeout=[Cancel a statement after this time \[default\: 30s\]]:TIME:_default' \
'--lock-timeout=[Give up waiting for a lock after this time \[default\: 2s\]]:TIME:_default' \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--no-n-plus-one[Allow no query that runs once for each row of another]' \
'--no-new-statements[Allow no statement that the baseline does not have]' \
'--update[Accept what the command sends\: write it to the baseline file]' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::command -- Run this command:_default' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':shell -- The shell:(bash zsh fish)' \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
'-o+[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--output=[Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture'\''s trace]:FILE:_files' \
'--color=[Use color]:WHEN:(auto always never)' \
'--config=[Read this configuration file instead of ./perfkit.yaml]:FILE:_files' \
'--json[Print the result as JSON]' \
'-q[Print results, warnings and errors only]' \
'--quiet[Print results, warnings and errors only]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::command -- The command whose page is printed, as in `index suggest`:_default' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-help-command-$line[1]:"
        case $line[1] in
            (demo)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(init)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(sandbox)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__help__subcmd__sandbox_commands" \
"*::: :->sandbox" \
&& ret=0

    case $state in
    (sandbox)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-help-sandbox-command-$line[1]:"
        case $line[1] in
            (start)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(url)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(psql)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(stop)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(destroy)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(explain)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__help__subcmd__explain_commands" \
"*::: :->explain" \
&& ret=0

    case $state in
    (explain)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-help-explain-command-$line[1]:"
        case $line[1] in
            (diff)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(index)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__help__subcmd__index_commands" \
"*::: :->index" \
&& ret=0

    case $state in
    (index)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-help-index-command-$line[1]:"
        case $line[1] in
            (suggest)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(audit)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(apply)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(undo)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(counter)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__help__subcmd__counter_commands" \
"*::: :->counter" \
&& ret=0

    case $state in
    (counter)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-help-counter-command-$line[1]:"
        case $line[1] in
            (suggest)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(add)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(backfill)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(pause)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(resume)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(fold)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(verify)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(repair)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(sync)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(drop)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(seed)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__help__subcmd__seed_commands" \
"*::: :->seed" \
&& ret=0

    case $state in
    (seed)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-help-seed-command-$line[1]:"
        case $line[1] in
            (clean)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(bench)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__help__subcmd__bench_commands" \
"*::: :->bench" \
&& ret=0

    case $state in
    (bench)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-help-bench-command-$line[1]:"
        case $line[1] in
            (compare)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(find-max)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(merge)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(capture)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__help__subcmd__capture_commands" \
"*::: :->capture" \
&& ret=0

    case $state in
    (capture)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-help-capture-command-$line[1]:"
        case $line[1] in
            (proxy)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(log)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(statements)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(show)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(workload)
_arguments "${_arguments_options[@]}" : \
":: :_perfkit__subcmd__help__subcmd__workload_commands" \
"*::: :->workload" \
&& ret=0

    case $state in
    (workload)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:perfkit-help-workload-command-$line[1]:"
        case $line[1] in
            (top)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(n-plus-one)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(pagination)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
(budget)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_perfkit_commands] )) ||
_perfkit_commands() {
    local commands; commands=(
'demo:Show the whole loop on a throw-away local server' \
'init:Write a starter perfkit.yaml from the connected database' \
'sandbox:Manage a local PostgreSQL server to try things on' \
'explain:Show where a statement'\''s time goes, and what is slow about it' \
'index:Design and build index sets' \
'counter:Keep columns that count rows of another table' \
'seed:Fill the tables of any schema with large, realistic, deterministic data' \
'bench:Measure the workload'\''s latencies under load' \
'capture:Record what applications really send, as a trace' \
'workload:See what a captured workload says' \
'budget:Run a test command, and fail when it spends too many queries' \
'completions:Print a completion script for a shell' \
'man:Print the manual page' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__bench_commands] )) ||
_perfkit__subcmd__bench_commands() {
    local commands; commands=(
'compare:Say whether B is slower than A, by short runs of both in turns' \
'find-max:Find the highest rate at which thresholds are met' \
'merge:Add up what several generators have measured, exactly' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit bench commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__bench__subcmd__compare_commands] )) ||
_perfkit__subcmd__bench__subcmd__compare_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit bench compare commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__bench__subcmd__find-max_commands] )) ||
_perfkit__subcmd__bench__subcmd__find-max_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit bench find-max commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__bench__subcmd__help_commands] )) ||
_perfkit__subcmd__bench__subcmd__help_commands() {
    local commands; commands=(
'compare:Say whether B is slower than A, by short runs of both in turns' \
'find-max:Find the highest rate at which thresholds are met' \
'merge:Add up what several generators have measured, exactly' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit bench help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__bench__subcmd__help__subcmd__compare_commands] )) ||
_perfkit__subcmd__bench__subcmd__help__subcmd__compare_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit bench help compare commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__bench__subcmd__help__subcmd__find-max_commands] )) ||
_perfkit__subcmd__bench__subcmd__help__subcmd__find-max_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit bench help find-max commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__bench__subcmd__help__subcmd__help_commands] )) ||
_perfkit__subcmd__bench__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit bench help help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__bench__subcmd__help__subcmd__merge_commands] )) ||
_perfkit__subcmd__bench__subcmd__help__subcmd__merge_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit bench help merge commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__bench__subcmd__merge_commands] )) ||
_perfkit__subcmd__bench__subcmd__merge_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit bench merge commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__budget_commands] )) ||
_perfkit__subcmd__budget_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit budget commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__capture_commands] )) ||
_perfkit__subcmd__capture_commands() {
    local commands; commands=(
'proxy:Record what clients send to the server, as a proxy between them' \
'log:Read server logs into a trace' \
'statements:Record what \`pg_stat_statements\` counts, as snapshots' \
'show:Print the events of a trace, one in a line' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit capture commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__capture__subcmd__help_commands] )) ||
_perfkit__subcmd__capture__subcmd__help_commands() {
    local commands; commands=(
'proxy:Record what clients send to the server, as a proxy between them' \
'log:Read server logs into a trace' \
'statements:Record what \`pg_stat_statements\` counts, as snapshots' \
'show:Print the events of a trace, one in a line' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit capture help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__capture__subcmd__help__subcmd__help_commands] )) ||
_perfkit__subcmd__capture__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit capture help help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__capture__subcmd__help__subcmd__log_commands] )) ||
_perfkit__subcmd__capture__subcmd__help__subcmd__log_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit capture help log commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__capture__subcmd__help__subcmd__proxy_commands] )) ||
_perfkit__subcmd__capture__subcmd__help__subcmd__proxy_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit capture help proxy commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__capture__subcmd__help__subcmd__show_commands] )) ||
_perfkit__subcmd__capture__subcmd__help__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit capture help show commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__capture__subcmd__help__subcmd__statements_commands] )) ||
_perfkit__subcmd__capture__subcmd__help__subcmd__statements_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit capture help statements commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__capture__subcmd__log_commands] )) ||
_perfkit__subcmd__capture__subcmd__log_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit capture log commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__capture__subcmd__proxy_commands] )) ||
_perfkit__subcmd__capture__subcmd__proxy_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit capture proxy commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__capture__subcmd__show_commands] )) ||
_perfkit__subcmd__capture__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit capture show commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__capture__subcmd__statements_commands] )) ||
_perfkit__subcmd__capture__subcmd__statements_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit capture statements commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__completions_commands] )) ||
_perfkit__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit completions commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter_commands] )) ||
_perfkit__subcmd__counter_commands() {
    local commands; commands=(
'suggest:Suggest counters for what the workload counts' \
'add:Add columns that count rows of another table, and stay right' \
'backfill:Count for a column that a framework'\''s migration has made' \
'status:Show how far runs are that count' \
'pause:Let a run that counts wait, from another terminal' \
'resume:Let a run that was paused go on' \
'fold:Add what is pending to the counters of mode queue or slots' \
'verify:Compare counters with what they count' \
'repair:Set wrong counters right' \
'sync:Put the triggers of all counters where they are missing, as on new partitions' \
'drop:Remove counters with their triggers, functions and tables' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit counter commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__add_commands] )) ||
_perfkit__subcmd__counter__subcmd__add_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter add commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__backfill_commands] )) ||
_perfkit__subcmd__counter__subcmd__backfill_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter backfill commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__drop_commands] )) ||
_perfkit__subcmd__counter__subcmd__drop_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter drop commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__fold_commands] )) ||
_perfkit__subcmd__counter__subcmd__fold_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter fold commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__help_commands] )) ||
_perfkit__subcmd__counter__subcmd__help_commands() {
    local commands; commands=(
'suggest:Suggest counters for what the workload counts' \
'add:Add columns that count rows of another table, and stay right' \
'backfill:Count for a column that a framework'\''s migration has made' \
'status:Show how far runs are that count' \
'pause:Let a run that counts wait, from another terminal' \
'resume:Let a run that was paused go on' \
'fold:Add what is pending to the counters of mode queue or slots' \
'verify:Compare counters with what they count' \
'repair:Set wrong counters right' \
'sync:Put the triggers of all counters where they are missing, as on new partitions' \
'drop:Remove counters with their triggers, functions and tables' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit counter help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__help__subcmd__add_commands] )) ||
_perfkit__subcmd__counter__subcmd__help__subcmd__add_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter help add commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__help__subcmd__backfill_commands] )) ||
_perfkit__subcmd__counter__subcmd__help__subcmd__backfill_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter help backfill commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__help__subcmd__drop_commands] )) ||
_perfkit__subcmd__counter__subcmd__help__subcmd__drop_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter help drop commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__help__subcmd__fold_commands] )) ||
_perfkit__subcmd__counter__subcmd__help__subcmd__fold_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter help fold commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__help__subcmd__help_commands] )) ||
_perfkit__subcmd__counter__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter help help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__help__subcmd__pause_commands] )) ||
_perfkit__subcmd__counter__subcmd__help__subcmd__pause_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter help pause commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__help__subcmd__repair_commands] )) ||
_perfkit__subcmd__counter__subcmd__help__subcmd__repair_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter help repair commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__help__subcmd__resume_commands] )) ||
_perfkit__subcmd__counter__subcmd__help__subcmd__resume_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter help resume commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__help__subcmd__status_commands] )) ||
_perfkit__subcmd__counter__subcmd__help__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter help status commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__help__subcmd__suggest_commands] )) ||
_perfkit__subcmd__counter__subcmd__help__subcmd__suggest_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter help suggest commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__help__subcmd__sync_commands] )) ||
_perfkit__subcmd__counter__subcmd__help__subcmd__sync_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter help sync commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__help__subcmd__verify_commands] )) ||
_perfkit__subcmd__counter__subcmd__help__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter help verify commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__pause_commands] )) ||
_perfkit__subcmd__counter__subcmd__pause_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter pause commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__repair_commands] )) ||
_perfkit__subcmd__counter__subcmd__repair_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter repair commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__resume_commands] )) ||
_perfkit__subcmd__counter__subcmd__resume_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter resume commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__status_commands] )) ||
_perfkit__subcmd__counter__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter status commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__suggest_commands] )) ||
_perfkit__subcmd__counter__subcmd__suggest_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter suggest commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__sync_commands] )) ||
_perfkit__subcmd__counter__subcmd__sync_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter sync commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__counter__subcmd__verify_commands] )) ||
_perfkit__subcmd__counter__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit counter verify commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__demo_commands] )) ||
_perfkit__subcmd__demo_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit demo commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__explain_commands] )) ||
_perfkit__subcmd__explain_commands() {
    local commands; commands=(
'diff:Compare two plans of a statement\: what changed, and the likely cause' \
'check:Hold the plans of a workload against the contract in perfkit.yaml, for CI' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit explain commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__explain__subcmd__check_commands] )) ||
_perfkit__subcmd__explain__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit explain check commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__explain__subcmd__diff_commands] )) ||
_perfkit__subcmd__explain__subcmd__diff_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit explain diff commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__explain__subcmd__help_commands] )) ||
_perfkit__subcmd__explain__subcmd__help_commands() {
    local commands; commands=(
'diff:Compare two plans of a statement\: what changed, and the likely cause' \
'check:Hold the plans of a workload against the contract in perfkit.yaml, for CI' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit explain help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__explain__subcmd__help__subcmd__check_commands] )) ||
_perfkit__subcmd__explain__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit explain help check commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__explain__subcmd__help__subcmd__diff_commands] )) ||
_perfkit__subcmd__explain__subcmd__help__subcmd__diff_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit explain help diff commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__explain__subcmd__help__subcmd__help_commands] )) ||
_perfkit__subcmd__explain__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit explain help help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help_commands] )) ||
_perfkit__subcmd__help_commands() {
    local commands; commands=(
'demo:Show the whole loop on a throw-away local server' \
'init:Write a starter perfkit.yaml from the connected database' \
'sandbox:Manage a local PostgreSQL server to try things on' \
'explain:Show where a statement'\''s time goes, and what is slow about it' \
'index:Design and build index sets' \
'counter:Keep columns that count rows of another table' \
'seed:Fill the tables of any schema with large, realistic, deterministic data' \
'bench:Measure the workload'\''s latencies under load' \
'capture:Record what applications really send, as a trace' \
'workload:See what a captured workload says' \
'budget:Run a test command, and fail when it spends too many queries' \
'completions:Print a completion script for a shell' \
'man:Print the manual page' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__bench_commands] )) ||
_perfkit__subcmd__help__subcmd__bench_commands() {
    local commands; commands=(
'compare:Say whether B is slower than A, by short runs of both in turns' \
'find-max:Find the highest rate at which thresholds are met' \
'merge:Add up what several generators have measured, exactly' \
    )
    _describe -t commands 'perfkit help bench commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__bench__subcmd__compare_commands] )) ||
_perfkit__subcmd__help__subcmd__bench__subcmd__compare_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help bench compare commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__bench__subcmd__find-max_commands] )) ||
_perfkit__subcmd__help__subcmd__bench__subcmd__find-max_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help bench find-max commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__bench__subcmd__merge_commands] )) ||
_perfkit__subcmd__help__subcmd__bench__subcmd__merge_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help bench merge commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__budget_commands] )) ||
_perfkit__subcmd__help__subcmd__budget_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help budget commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__capture_commands] )) ||
_perfkit__subcmd__help__subcmd__capture_commands() {
    local commands; commands=(
'proxy:Record what clients send to the server, as a proxy between them' \
'log:Read server logs into a trace' \
'statements:Record what \`pg_stat_statements\` counts, as snapshots' \
'show:Print the events of a trace, one in a line' \
    )
    _describe -t commands 'perfkit help capture commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__capture__subcmd__log_commands] )) ||
_perfkit__subcmd__help__subcmd__capture__subcmd__log_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help capture log commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__capture__subcmd__proxy_commands] )) ||
_perfkit__subcmd__help__subcmd__capture__subcmd__proxy_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help capture proxy commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__capture__subcmd__show_commands] )) ||
_perfkit__subcmd__help__subcmd__capture__subcmd__show_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help capture show commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__capture__subcmd__statements_commands] )) ||
_perfkit__subcmd__help__subcmd__capture__subcmd__statements_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help capture statements commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__completions_commands] )) ||
_perfkit__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help completions commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__counter_commands] )) ||
_perfkit__subcmd__help__subcmd__counter_commands() {
    local commands; commands=(
'suggest:Suggest counters for what the workload counts' \
'add:Add columns that count rows of another table, and stay right' \
'backfill:Count for a column that a framework'\''s migration has made' \
'status:Show how far runs are that count' \
'pause:Let a run that counts wait, from another terminal' \
'resume:Let a run that was paused go on' \
'fold:Add what is pending to the counters of mode queue or slots' \
'verify:Compare counters with what they count' \
'repair:Set wrong counters right' \
'sync:Put the triggers of all counters where they are missing, as on new partitions' \
'drop:Remove counters with their triggers, functions and tables' \
    )
    _describe -t commands 'perfkit help counter commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__counter__subcmd__add_commands] )) ||
_perfkit__subcmd__help__subcmd__counter__subcmd__add_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help counter add commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__counter__subcmd__backfill_commands] )) ||
_perfkit__subcmd__help__subcmd__counter__subcmd__backfill_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help counter backfill commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__counter__subcmd__drop_commands] )) ||
_perfkit__subcmd__help__subcmd__counter__subcmd__drop_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help counter drop commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__counter__subcmd__fold_commands] )) ||
_perfkit__subcmd__help__subcmd__counter__subcmd__fold_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help counter fold commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__counter__subcmd__pause_commands] )) ||
_perfkit__subcmd__help__subcmd__counter__subcmd__pause_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help counter pause commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__counter__subcmd__repair_commands] )) ||
_perfkit__subcmd__help__subcmd__counter__subcmd__repair_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help counter repair commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__counter__subcmd__resume_commands] )) ||
_perfkit__subcmd__help__subcmd__counter__subcmd__resume_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help counter resume commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__counter__subcmd__status_commands] )) ||
_perfkit__subcmd__help__subcmd__counter__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help counter status commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__counter__subcmd__suggest_commands] )) ||
_perfkit__subcmd__help__subcmd__counter__subcmd__suggest_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help counter suggest commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__counter__subcmd__sync_commands] )) ||
_perfkit__subcmd__help__subcmd__counter__subcmd__sync_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help counter sync commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__counter__subcmd__verify_commands] )) ||
_perfkit__subcmd__help__subcmd__counter__subcmd__verify_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help counter verify commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__demo_commands] )) ||
_perfkit__subcmd__help__subcmd__demo_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help demo commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__explain_commands] )) ||
_perfkit__subcmd__help__subcmd__explain_commands() {
    local commands; commands=(
'diff:Compare two plans of a statement\: what changed, and the likely cause' \
'check:Hold the plans of a workload against the contract in perfkit.yaml, for CI' \
    )
    _describe -t commands 'perfkit help explain commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__explain__subcmd__check_commands] )) ||
_perfkit__subcmd__help__subcmd__explain__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help explain check commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__explain__subcmd__diff_commands] )) ||
_perfkit__subcmd__help__subcmd__explain__subcmd__diff_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help explain diff commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__help_commands] )) ||
_perfkit__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__index_commands] )) ||
_perfkit__subcmd__help__subcmd__index_commands() {
    local commands; commands=(
'suggest:Suggest the index set that makes the workload cheapest' \
'audit:Find indexes that cost without need, and keys and indexes that are missing' \
'apply:Change the set of indexes without blocking writers' \
'undo:Take back what \`perfkit index apply\` has changed' \
    )
    _describe -t commands 'perfkit help index commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__index__subcmd__apply_commands] )) ||
_perfkit__subcmd__help__subcmd__index__subcmd__apply_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help index apply commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__index__subcmd__audit_commands] )) ||
_perfkit__subcmd__help__subcmd__index__subcmd__audit_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help index audit commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__index__subcmd__suggest_commands] )) ||
_perfkit__subcmd__help__subcmd__index__subcmd__suggest_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help index suggest commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__index__subcmd__undo_commands] )) ||
_perfkit__subcmd__help__subcmd__index__subcmd__undo_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help index undo commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__init_commands] )) ||
_perfkit__subcmd__help__subcmd__init_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help init commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__man_commands] )) ||
_perfkit__subcmd__help__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help man commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__sandbox_commands] )) ||
_perfkit__subcmd__help__subcmd__sandbox_commands() {
    local commands; commands=(
'start:Start the server, and create it the first time' \
'url:Print the connection URL' \
'psql:Open psql; further arguments are psql'\''s' \
'stop:Stop the server and keep its data' \
'destroy:Stop the server and remove its data' \
    )
    _describe -t commands 'perfkit help sandbox commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__sandbox__subcmd__destroy_commands] )) ||
_perfkit__subcmd__help__subcmd__sandbox__subcmd__destroy_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help sandbox destroy commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__sandbox__subcmd__psql_commands] )) ||
_perfkit__subcmd__help__subcmd__sandbox__subcmd__psql_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help sandbox psql commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__sandbox__subcmd__start_commands] )) ||
_perfkit__subcmd__help__subcmd__sandbox__subcmd__start_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help sandbox start commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__sandbox__subcmd__stop_commands] )) ||
_perfkit__subcmd__help__subcmd__sandbox__subcmd__stop_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help sandbox stop commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__sandbox__subcmd__url_commands] )) ||
_perfkit__subcmd__help__subcmd__sandbox__subcmd__url_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help sandbox url commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__seed_commands] )) ||
_perfkit__subcmd__help__subcmd__seed_commands() {
    local commands; commands=(
'clean:Delete exactly the rows of a run, children first' \
    )
    _describe -t commands 'perfkit help seed commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__seed__subcmd__clean_commands] )) ||
_perfkit__subcmd__help__subcmd__seed__subcmd__clean_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help seed clean commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__workload_commands] )) ||
_perfkit__subcmd__help__subcmd__workload_commands() {
    local commands; commands=(
'top:Show the statements that a workload spends its time on' \
'n-plus-one:Find queries that run once for each row of another, and other loops' \
'pagination:Find lists that are read by OFFSET, in no certain order, or without an end' \
    )
    _describe -t commands 'perfkit help workload commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__workload__subcmd__n-plus-one_commands] )) ||
_perfkit__subcmd__help__subcmd__workload__subcmd__n-plus-one_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help workload n-plus-one commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__workload__subcmd__pagination_commands] )) ||
_perfkit__subcmd__help__subcmd__workload__subcmd__pagination_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help workload pagination commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__help__subcmd__workload__subcmd__top_commands] )) ||
_perfkit__subcmd__help__subcmd__workload__subcmd__top_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit help workload top commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__index_commands] )) ||
_perfkit__subcmd__index_commands() {
    local commands; commands=(
'suggest:Suggest the index set that makes the workload cheapest' \
'audit:Find indexes that cost without need, and keys and indexes that are missing' \
'apply:Change the set of indexes without blocking writers' \
'undo:Take back what \`perfkit index apply\` has changed' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit index commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__index__subcmd__apply_commands] )) ||
_perfkit__subcmd__index__subcmd__apply_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit index apply commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__index__subcmd__audit_commands] )) ||
_perfkit__subcmd__index__subcmd__audit_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit index audit commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__index__subcmd__help_commands] )) ||
_perfkit__subcmd__index__subcmd__help_commands() {
    local commands; commands=(
'suggest:Suggest the index set that makes the workload cheapest' \
'audit:Find indexes that cost without need, and keys and indexes that are missing' \
'apply:Change the set of indexes without blocking writers' \
'undo:Take back what \`perfkit index apply\` has changed' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit index help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__index__subcmd__help__subcmd__apply_commands] )) ||
_perfkit__subcmd__index__subcmd__help__subcmd__apply_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit index help apply commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__index__subcmd__help__subcmd__audit_commands] )) ||
_perfkit__subcmd__index__subcmd__help__subcmd__audit_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit index help audit commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__index__subcmd__help__subcmd__help_commands] )) ||
_perfkit__subcmd__index__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit index help help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__index__subcmd__help__subcmd__suggest_commands] )) ||
_perfkit__subcmd__index__subcmd__help__subcmd__suggest_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit index help suggest commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__index__subcmd__help__subcmd__undo_commands] )) ||
_perfkit__subcmd__index__subcmd__help__subcmd__undo_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit index help undo commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__index__subcmd__suggest_commands] )) ||
_perfkit__subcmd__index__subcmd__suggest_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit index suggest commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__index__subcmd__undo_commands] )) ||
_perfkit__subcmd__index__subcmd__undo_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit index undo commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__init_commands] )) ||
_perfkit__subcmd__init_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit init commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__man_commands] )) ||
_perfkit__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit man commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__sandbox_commands] )) ||
_perfkit__subcmd__sandbox_commands() {
    local commands; commands=(
'start:Start the server, and create it the first time' \
'url:Print the connection URL' \
'psql:Open psql; further arguments are psql'\''s' \
'stop:Stop the server and keep its data' \
'destroy:Stop the server and remove its data' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit sandbox commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__sandbox__subcmd__destroy_commands] )) ||
_perfkit__subcmd__sandbox__subcmd__destroy_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit sandbox destroy commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__sandbox__subcmd__help_commands] )) ||
_perfkit__subcmd__sandbox__subcmd__help_commands() {
    local commands; commands=(
'start:Start the server, and create it the first time' \
'url:Print the connection URL' \
'psql:Open psql; further arguments are psql'\''s' \
'stop:Stop the server and keep its data' \
'destroy:Stop the server and remove its data' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit sandbox help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__sandbox__subcmd__help__subcmd__destroy_commands] )) ||
_perfkit__subcmd__sandbox__subcmd__help__subcmd__destroy_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit sandbox help destroy commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__sandbox__subcmd__help__subcmd__help_commands] )) ||
_perfkit__subcmd__sandbox__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit sandbox help help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__sandbox__subcmd__help__subcmd__psql_commands] )) ||
_perfkit__subcmd__sandbox__subcmd__help__subcmd__psql_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit sandbox help psql commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__sandbox__subcmd__help__subcmd__start_commands] )) ||
_perfkit__subcmd__sandbox__subcmd__help__subcmd__start_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit sandbox help start commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__sandbox__subcmd__help__subcmd__stop_commands] )) ||
_perfkit__subcmd__sandbox__subcmd__help__subcmd__stop_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit sandbox help stop commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__sandbox__subcmd__help__subcmd__url_commands] )) ||
_perfkit__subcmd__sandbox__subcmd__help__subcmd__url_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit sandbox help url commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__sandbox__subcmd__psql_commands] )) ||
_perfkit__subcmd__sandbox__subcmd__psql_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit sandbox psql commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__sandbox__subcmd__start_commands] )) ||
_perfkit__subcmd__sandbox__subcmd__start_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit sandbox start commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__sandbox__subcmd__stop_commands] )) ||
_perfkit__subcmd__sandbox__subcmd__stop_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit sandbox stop commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__sandbox__subcmd__url_commands] )) ||
_perfkit__subcmd__sandbox__subcmd__url_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit sandbox url commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__seed_commands] )) ||
_perfkit__subcmd__seed_commands() {
    local commands; commands=(
'clean:Delete exactly the rows of a run, children first' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit seed commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__seed__subcmd__clean_commands] )) ||
_perfkit__subcmd__seed__subcmd__clean_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit seed clean commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__seed__subcmd__help_commands] )) ||
_perfkit__subcmd__seed__subcmd__help_commands() {
    local commands; commands=(
'clean:Delete exactly the rows of a run, children first' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit seed help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__seed__subcmd__help__subcmd__clean_commands] )) ||
_perfkit__subcmd__seed__subcmd__help__subcmd__clean_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit seed help clean commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__seed__subcmd__help__subcmd__help_commands] )) ||
_perfkit__subcmd__seed__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit seed help help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__workload_commands] )) ||
_perfkit__subcmd__workload_commands() {
    local commands; commands=(
'top:Show the statements that a workload spends its time on' \
'n-plus-one:Find queries that run once for each row of another, and other loops' \
'pagination:Find lists that are read by OFFSET, in no certain order, or without an end' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit workload commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__workload__subcmd__help_commands] )) ||
_perfkit__subcmd__workload__subcmd__help_commands() {
    local commands; commands=(
'top:Show the statements that a workload spends its time on' \
'n-plus-one:Find queries that run once for each row of another, and other loops' \
'pagination:Find lists that are read by OFFSET, in no certain order, or without an end' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'perfkit workload help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__workload__subcmd__help__subcmd__help_commands] )) ||
_perfkit__subcmd__workload__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit workload help help commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__workload__subcmd__help__subcmd__n-plus-one_commands] )) ||
_perfkit__subcmd__workload__subcmd__help__subcmd__n-plus-one_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit workload help n-plus-one commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__workload__subcmd__help__subcmd__pagination_commands] )) ||
_perfkit__subcmd__workload__subcmd__help__subcmd__pagination_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit workload help pagination commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__workload__subcmd__help__subcmd__top_commands] )) ||
_perfkit__subcmd__workload__subcmd__help__subcmd__top_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit workload help top commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__workload__subcmd__n-plus-one_commands] )) ||
_perfkit__subcmd__workload__subcmd__n-plus-one_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit workload n-plus-one commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__workload__subcmd__pagination_commands] )) ||
_perfkit__subcmd__workload__subcmd__pagination_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit workload pagination commands' commands "$@"
}
(( $+functions[_perfkit__subcmd__workload__subcmd__top_commands] )) ||
_perfkit__subcmd__workload__subcmd__top_commands() {
    local commands; commands=()
    _describe -t commands 'perfkit workload top commands' commands "$@"
}

if [ "$funcstack[1]" = "_perfkit" ]; then
    _perfkit "$@"
else
    compdef _perfkit perfkit
fi
