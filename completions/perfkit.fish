# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_perfkit_global_optspecs
    string join \n json o/output= q/quiet color= config= h/help V/version
end

function __fish_perfkit_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_perfkit_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_perfkit_using_subcommand
    set -l cmd (__fish_perfkit_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c perfkit -n "__fish_perfkit_needs_command" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_needs_command" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_needs_command" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_needs_command" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_needs_command" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_needs_command" -s V -l version -d 'Print version'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "demo" -d 'Show the whole loop on a throw-away local server'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "init" -d 'Write a starter perfkit.yaml from the connected database'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "sandbox" -d 'Manage a local PostgreSQL server to try things on'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "explain" -d 'Show where a statement\'s time goes, and what is slow about it'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "index" -d 'Design and build index sets'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "counter" -d 'Keep columns that count rows of another table'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "seed" -d 'Fill the tables of any schema with large, realistic, deterministic data'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "bench" -d 'Measure the workload\'s latencies under load'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "capture" -d 'Record what applications really send, as a trace'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "workload" -d 'See what a captured workload says'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "budget" -d 'Run a test command, and fail when it spends too many queries'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "man" -d 'Print the manual page'
complete -c perfkit -n "__fish_perfkit_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand demo" -l scenario -d 'The scenario' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand demo" -l pg-bin -d 'Use the server programs (initdb, postgres) in this folder' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand demo" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand demo" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand demo" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand demo" -l keep -d 'Leave the server up, as the sandbox, and print the URL of the demo\'s database'
complete -c perfkit -n "__fish_perfkit_using_subcommand demo" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand demo" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand init" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand init" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand init" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand init" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand init" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand init" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand init" -l force -d 'Replace the file if it is there'
complete -c perfkit -n "__fish_perfkit_using_subcommand init" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand init" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and not __fish_seen_subcommand_from start url psql stop destroy help" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and not __fish_seen_subcommand_from start url psql stop destroy help" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and not __fish_seen_subcommand_from start url psql stop destroy help" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and not __fish_seen_subcommand_from start url psql stop destroy help" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and not __fish_seen_subcommand_from start url psql stop destroy help" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and not __fish_seen_subcommand_from start url psql stop destroy help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and not __fish_seen_subcommand_from start url psql stop destroy help" -f -a "start" -d 'Start the server, and create it the first time'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and not __fish_seen_subcommand_from start url psql stop destroy help" -f -a "url" -d 'Print the connection URL'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and not __fish_seen_subcommand_from start url psql stop destroy help" -f -a "psql" -d 'Open psql; further arguments are psql\'s'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and not __fish_seen_subcommand_from start url psql stop destroy help" -f -a "stop" -d 'Stop the server and keep its data'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and not __fish_seen_subcommand_from start url psql stop destroy help" -f -a "destroy" -d 'Stop the server and remove its data'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and not __fish_seen_subcommand_from start url psql stop destroy help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l pg-bin -d 'Use the server programs (initdb, postgres) in this folder' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from start" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from start" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from start" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from url" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from url" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from url" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from url" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from url" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from url" -s h -l help -d 'Print help'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from psql" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from psql" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from psql" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from psql" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from psql" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from psql" -s h -l help -d 'Print help'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from stop" -l pg-bin -d 'Use the server programs (initdb, postgres) in this folder' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from stop" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from stop" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from stop" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from stop" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from stop" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from destroy" -l pg-bin -d 'Use the server programs (initdb, postgres) in this folder' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from destroy" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from destroy" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from destroy" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from destroy" -s y -l yes -d 'Do not ask'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from destroy" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from destroy" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from destroy" -s h -l help -d 'Print help'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from help" -f -a "start" -d 'Start the server, and create it the first time'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from help" -f -a "url" -d 'Print the connection URL'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from help" -f -a "psql" -d 'Open psql; further arguments are psql\'s'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from help" -f -a "stop" -d 'Stop the server and keep its data'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from help" -f -a "destroy" -d 'Stop the server and remove its data'
complete -c perfkit -n "__fish_perfkit_using_subcommand sandbox; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -s f -l file -d 'Explain every statement of a .sql file' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l plan -d 'Read plans from a file, or from standard input for `-`' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l anonymize -d 'Rename everything in the plan that tells of you, and keep what stands for what in this file' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l restore -d 'Put the original names back into the file given with `--plan`, which may be any text' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l top -d 'How many of the workload\'s statements are explained' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l runs -d 'Run each statement this often and show the run in the middle [default: 1]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l warm-up -d 'Run each statement this often before it is measured [default: 1 when there are several runs, else 0]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -s w -l workload -d 'Take the statements from here (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l pg-bin -d 'Use the server programs (initdb, postgres) in this folder' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l allow-writes -d 'Run statements that change data too; what they did is rolled back'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l allow-effects -d 'Run statements that call functions whose effects no rollback undoes, such as `nextval`'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l estimate-only -d 'Plan statements on a local copy of schema and statistics, and run nothing'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -a "diff" -d 'Compare two plans of a statement: what changed, and the likely cause'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -a "check" -d 'Hold the plans of a workload against the contract in perfkit.yaml, for CI'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and not __fish_seen_subcommand_from diff check help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from diff" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from diff" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from diff" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from diff" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from check" -l statement -d 'Check or accept this statement alone (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from check" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from check" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from check" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from check" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from check" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from check" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from check" -l update -d 'Accept the plans as they are: write the contract into perfkit.yaml and the plans beside it'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from check" -l allow-writes -d 'Run statements that change data too; what they did is rolled back'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from check" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Compare two plans of a statement: what changed, and the likely cause'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from help" -f -a "check" -d 'Hold the plans of a workload against the contract in perfkit.yaml, for CI'
complete -c perfkit -n "__fish_perfkit_using_subcommand explain; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and not __fish_seen_subcommand_from suggest audit apply undo help" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and not __fish_seen_subcommand_from suggest audit apply undo help" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and not __fish_seen_subcommand_from suggest audit apply undo help" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and not __fish_seen_subcommand_from suggest audit apply undo help" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and not __fish_seen_subcommand_from suggest audit apply undo help" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and not __fish_seen_subcommand_from suggest audit apply undo help" -s h -l help -d 'Print help'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and not __fish_seen_subcommand_from suggest audit apply undo help" -f -a "suggest" -d 'Suggest the index set that makes the workload cheapest'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and not __fish_seen_subcommand_from suggest audit apply undo help" -f -a "audit" -d 'Find indexes that cost without need, and keys and indexes that are missing'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and not __fish_seen_subcommand_from suggest audit apply undo help" -f -a "apply" -d 'Change the set of indexes without blocking writers'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and not __fish_seen_subcommand_from suggest audit apply undo help" -f -a "undo" -d 'Take back what `perfkit index apply` has changed'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and not __fish_seen_subcommand_from suggest audit apply undo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l storage-budget -d 'Suggest indexes of this size at the most, all together' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l max-indexes -d 'Suggest this many indexes at the most' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l max-columns -d 'Suggest indexes with this many key columns at the most' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l kinds -d 'Consider these kinds of indexes beside plain btrees: expression, partial, include, gin, gist, brin; or `btree` for none of them' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l time-limit -d 'End the search after this time with the best set found' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l what-if -d 'Price indexes in a local shadow, or with the extension HypoPG on the database' -r -f -a "shadow\t''
hypopg\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l snapshot -d 'Save schema, statistics and workload to this file, for `--from-snapshot`' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l from-snapshot -d 'Work from such a file, without a database' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l migration -d 'Write the changes as a migration of rails, django, flyway, sqlx, golang-migrate or plain (up.sql and down.sql)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l migration-dir -d 'Write it to this folder, not to the framework\'s usual one' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l verify-on -d 'Run it on this database instead, where the indexes are built and dropped again' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l verify-rows -d 'Copy this many rows of a table at the most' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l verify-runs -d 'Run each statement this often on either side' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -s w -l workload -d 'Take the statements from here (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l pg-bin -d 'Use the server programs (initdb, postgres) in this folder' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l redesign -d 'Design the whole index set anew: also drop what the workload has no use for'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l redact -d 'Leave the column values that statistics hold out of the snapshot'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l verify -d 'Run the workload with and without the indexes on a local copy, and drop suggestions that do not help'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -s y -l yes -d 'Do not ask before indexes are built on the database of `--verify-on`'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from suggest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l schema -d 'Audit this schema (can be repeated, \'*\' for all) [default: those of the search path]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l only -d 'Apply this rule only (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l ignore -d 'Leave out this rule (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l min-size -d 'Leave out findings about smaller indexes, but for grave ones' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l min-stats-age -d 'Call no index unused before the counters have counted this long [default: 7days]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l replica -d 'Count the index scans of this standby as well (URL or keyword/value string; can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l baseline -d 'Report nothing that this file accepts' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l write-baseline -d 'Accept all findings of this run in this file, for `--baseline`, besides what it accepts and this run cannot judge' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l from-snapshot -d 'Work from a file of `perfkit index suggest --snapshot`, without a database' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -s w -l workload -d 'Take the statements from here (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l exact-bloat -d 'Measure bloated indexes with pgstattuple, which reads all of them, instead of estimating only'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from audit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l journal -d 'Keep the journal in this file, not in the database' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l max-lag -d 'Begin no step while a replica is further behind' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l max-active -d 'Begin no step while more sessions of others run a statement' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l lock-tries -d 'Try a step that others would queue up behind this often; each try waits for `--lock-timeout`' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l runs -d 'Run each statement this often on either side' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l storage-budget -d 'Suggest indexes of this size at the most, all together' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l max-indexes -d 'Suggest this many indexes at the most' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l max-columns -d 'Suggest indexes with this many key columns at the most' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l kinds -d 'Consider these kinds of indexes beside plain btrees: expression, partial, include, gin, gist, brin; or `btree` for none of them' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l time-limit -d 'End the search after this time with the best set found' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l what-if -d 'Price indexes in a local shadow, or with the extension HypoPG on the database' -r -f -a "shadow\t''
hypopg\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -s w -l workload -d 'Take the statements from here (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l pg-bin -d 'Use the server programs (initdb, postgres) in this folder' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -s y -l yes -d 'Do not ask'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l dry-run -d 'Print the plan and change nothing'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l no-drops -d 'Leave out all that drops an index'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l skip-disk-check -d 'Build even where the free space seems not to be enough'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l prove -d 'Run the workload\'s reads before and after, and report what helps nothing or makes a statement slower'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l auto-undo -d 'Undo what the runs speak against, and run the statements concerned once more'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l redesign -d 'Design the whole index set anew: also drop what the workload has no use for'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from undo" -l journal -d 'Read and write this journal instead of that in the database' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from undo" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from undo" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from undo" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from undo" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from undo" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from undo" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from undo" -l list -d 'List the runs and change nothing'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from undo" -s y -l yes -d 'Do not ask'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from undo" -l dry-run -d 'Print the plan and change nothing'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from undo" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from undo" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from undo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from help" -f -a "suggest" -d 'Suggest the index set that makes the workload cheapest'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from help" -f -a "audit" -d 'Find indexes that cost without need, and keys and indexes that are missing'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from help" -f -a "apply" -d 'Change the set of indexes without blocking writers'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from help" -f -a "undo" -d 'Take back what `perfkit index apply` has changed'
complete -c perfkit -n "__fish_perfkit_using_subcommand index; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -s h -l help -d 'Print help'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -f -a "suggest" -d 'Suggest counters for what the workload counts'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -f -a "add" -d 'Add columns that count rows of another table, and stay right'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -f -a "backfill" -d 'Count for a column that a framework\'s migration has made'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -f -a "status" -d 'Show how far runs are that count'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -f -a "pause" -d 'Let a run that counts wait, from another terminal'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -f -a "resume" -d 'Let a run that was paused go on'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -f -a "fold" -d 'Add what is pending to the counters of mode queue or slots'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -f -a "verify" -d 'Compare counters with what they count'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -f -a "repair" -d 'Set wrong counters right'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -f -a "sync" -d 'Put the triggers of all counters where they are missing, as on new partitions'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -f -a "drop" -d 'Remove counters with their triggers, functions and tables'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and not __fish_seen_subcommand_from suggest add backfill status pause resume fold verify repair sync drop help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from suggest" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from suggest" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from suggest" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from suggest" -s w -l workload -d 'Take the statements from here (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from suggest" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from suggest" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from suggest" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from suggest" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from suggest" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from suggest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l counts -d 'Count the rows of this table' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l key -d 'The columns of CHILD that refer to TABLE' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l through -d 'The tables between, from CHILD on' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l where -d 'Count the rows for which this holds' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l sum -d 'Add this up, instead of counting rows' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l mode -d 'Write to the row itself, to a queue, or to one of a few slots [default: inline]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l storage -d 'Keep it in a column, or in a table of its own' -r -f -a "column\t''
side\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l batch-time -d 'Let a batch take about this time [default: 25ms]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l duty -d 'Let batches run this part of the time where others work too, up to 1 [default: a third]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l max-lag -d 'Wait while a replica is further behind' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l max-slot-size -d 'Wait while a replication slot holds back more' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l max-active -d 'Wait while more sessions of others run a statement' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l pause-when -d 'Wait while this query says true' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l pause-file -d 'Wait while this file exists' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l lock-tries -d 'Try a step that others would queue up behind this often; each try waits for `--lock-timeout`' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l migration -d 'Write the changes as a migration of rails, django, flyway, sqlx, golang-migrate or plain (up.sql and down.sql)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l migration-dir -d 'Write it to this folder, not to the framework\'s usual one' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l guard -d 'Take back writes of the column by anybody but triggers'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -s y -l yes -d 'Do not ask'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l dry-run -d 'Print the plan and change nothing'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l counts -d 'Count the rows of this table' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l key -d 'The columns of CHILD that refer to TABLE' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l through -d 'The tables between, from CHILD on' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l where -d 'Count the rows for which this holds' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l sum -d 'Add this up, instead of counting rows' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l batch-time -d 'Let a batch take about this time [default: 25ms]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l duty -d 'Let batches run this part of the time where others work too, up to 1 [default: a third]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l max-lag -d 'Wait while a replica is further behind' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l max-slot-size -d 'Wait while a replication slot holds back more' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l max-active -d 'Wait while more sessions of others run a statement' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l pause-when -d 'Wait while this query says true' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l pause-file -d 'Wait while this file exists' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l lock-tries -d 'Try a step that others would queue up behind this often; each try waits for `--lock-timeout`' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -s y -l yes -d 'Do not ask'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l dry-run -d 'Print the plan and change nothing'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from backfill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from status" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from status" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from status" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from status" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from status" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from status" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from status" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from pause" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from pause" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from pause" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from pause" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from pause" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from pause" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from pause" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from pause" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from pause" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from resume" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from resume" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from resume" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from resume" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from resume" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from resume" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from resume" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from resume" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from fold" -l every -d 'Fold again and again, after this time, until Ctrl-C' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from fold" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from fold" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from fold" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from fold" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from fold" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from fold" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from fold" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from fold" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from fold" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from verify" -l examples -d 'Show so many wrong rows of each counter' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from verify" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from verify" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from verify" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from verify" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from verify" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from verify" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from verify" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from repair" -l examples -d 'Show so many wrong rows of each counter' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from repair" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from repair" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from repair" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from repair" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from repair" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from repair" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from repair" -s y -l yes -d 'Do not ask'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from repair" -l dry-run -d 'Print what would be set and change nothing'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from repair" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from repair" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from repair" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l batch-time -d 'Let a batch take about this time [default: 25ms]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l duty -d 'Let batches run this part of the time where others work too, up to 1 [default: a third]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l max-lag -d 'Wait while a replica is further behind' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l max-slot-size -d 'Wait while a replication slot holds back more' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l max-active -d 'Wait while more sessions of others run a statement' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l pause-when -d 'Wait while this query says true' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l pause-file -d 'Wait while this file exists' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l lock-tries -d 'Try a step that others would queue up behind this often; each try waits for `--lock-timeout`' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -s y -l yes -d 'Do not ask'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l dry-run -d 'Print the plan and change nothing'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from sync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l batch-time -d 'Let a batch take about this time [default: 25ms]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l duty -d 'Let batches run this part of the time where others work too, up to 1 [default: a third]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l max-lag -d 'Wait while a replica is further behind' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l max-slot-size -d 'Wait while a replication slot holds back more' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l max-active -d 'Wait while more sessions of others run a statement' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l pause-when -d 'Wait while this query says true' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l pause-file -d 'Wait while this file exists' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l lock-tries -d 'Try a step that others would queue up behind this often; each try waits for `--lock-timeout`' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l keep-columns -d 'Leave the columns as they are'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -s y -l yes -d 'Do not ask'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l dry-run -d 'Print the plan and change nothing'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from drop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from help" -f -a "suggest" -d 'Suggest counters for what the workload counts'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add columns that count rows of another table, and stay right'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from help" -f -a "backfill" -d 'Count for a column that a framework\'s migration has made'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show how far runs are that count'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from help" -f -a "pause" -d 'Let a run that counts wait, from another terminal'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from help" -f -a "resume" -d 'Let a run that was paused go on'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from help" -f -a "fold" -d 'Add what is pending to the counters of mode queue or slots'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Compare counters with what they count'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from help" -f -a "repair" -d 'Set wrong counters right'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from help" -f -a "sync" -d 'Put the triggers of all counters where they are missing, as on new partitions'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from help" -f -a "drop" -d 'Remove counters with their triggers, functions and tables'
complete -c perfkit -n "__fish_perfkit_using_subcommand counter; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l rows -d 'Rows of a table; `--TABLE N` is short for it (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l scale -d 'Multiply the rows of tables that were not asked for' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l size -d 'Fill up to this size on disk with indexes, as in 500MB or 10GB' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l schema -d 'Fill this schema [default: those of the search path; `*` is all] (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l seed -d 'Choose other data' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l as-of -d 'End all time series here [default: today, 00:00 UTC]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l from-stats -d 'Reproduce the statistics of another database, without its values: its URL, or a file of `index suggest --snapshot`' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l keep-values -d 'Keep the values that the statistics of these columns hold, as TABLE.COLUMN' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -s w -l workload -d 'Compare the plans of these statements with those of the source afterwards (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l scenario -d 'Create this scenario\'s schema in a database without tables' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l resume -d 'Go on with a run that was cut short [default: the newest]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l triggers -d 'Whether triggers fire for the rows; when off, foreign keys are checked at the end' -r -f -a "on\t''
off\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l streams -d 'Sessions that load at the same time [default: one for each core, at most 4]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l pg-bin -d 'Use the server programs (initdb, postgres) in this folder' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l append -d 'Add to tables that are not empty'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l dry-run -d 'Show the order, rows, makers and what cannot be filled, and load nothing'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l make-partitions -d 'Make partitions for partitioned tables that have none'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l no-rehearsal -d 'Do not try a few rows of each table first, in a transaction that is rolled back'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -s y -l yes -d 'Do not ask before tables are left out or partitions are made'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l keep-indexes -d 'Keep the indexes of large empty tables, instead of building them after the rows'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l throttle -d 'Rest after each transaction for as long as it took, and while a replica is more than 5 s behind'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -f -a "clean" -d 'Delete exactly the rows of a run, children first'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and not __fish_seen_subcommand_from clean help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -l run -d 'The run, or the beginning of its id [default: the newest]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -l triggers -d 'Whether triggers fire for the rows; when off, foreign keys are checked by queries, and what triggers would undo stays' -r -f -a "on\t''
off\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -l streams -d 'Sessions that load at the same time [default: one for each core, at most 4]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -l list -d 'List the runs and delete nothing'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -l cascade -d 'Let foreign keys delete or change rows that are not of the run'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -s y -l yes -d 'Do not ask'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -l keep-indexes -d 'Keep the indexes of large empty tables, instead of building them after the rows'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -l throttle -d 'Rest after each transaction for as long as it took, and while a replica is more than 5 s behind'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from clean" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from help" -f -a "clean" -d 'Delete exactly the rows of a run, children first'
complete -c perfkit -n "__fish_perfkit_using_subcommand seed; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l duration -d 'Measure this long [default: 10s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l warm-up -d 'Before that, send statements for this long without measuring, so that caches fill' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l rate -d 'Send this many statements per second, over all connections' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l stages -d 'Measure in stages, each with a time and a rate, or with the rates of a ramp: 30s:100,1m:100..500' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l threshold -d 'Require this, as in "p95 < 50ms" (can be repeated; replaces those of perfkit.yaml)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l start-at -d 'Measure from this moment on, as in 2030-01-31T12:00:00Z, so that several machines are one load' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l hlog -d 'Write the histograms to this file too, as an interval log of HdrHistogram' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l baseline -d 'Hold what statements read, write and return against this file, which `--write-baseline` wrote' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l write-baseline -d 'Write what statements need to this file, for `--baseline`' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l replay -d 'Send what this trace or server log holds, each session on a connection of its own, at the times of the capture' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l speed -d 'Send it so many times as fast, or as fast as the server answers (max)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -s c -l connections -d 'Use this many connections [default: 8]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l threads -d 'Drive the connections by this many threads [default: one for each processor]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l arrivals -d 'Let the statements of a rate come like this' -r -f -a "constant\t'All the same time apart'
poisson\t'At random, independent of each other (a Poisson process)'"
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l protocol -d 'Send statements like this' -r -f -a "simple\t'As one text with the values inside'
extended\t'With the values apart, parsed every time'
prepared\t'Prepared once for each connection'"
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l think -d 'Let each connection wait this long after an answer, as a user does; without a rate' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l max-tries -d 'Try an execution this often that others are in the way of (SQLSTATE 40001 and 40P01)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l seed -d 'Draw other parameters and another order' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -s f -l file -d 'Run this script of pgbench as one transaction, WEIGHT times as often as others (can be repeated; - is standard input)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -s b -l builtin -d 'Run this built-in script of pgbench: tpcb-like, simple-update or select-only (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -s D -l define -d 'Set a variable of the scripts, as in scale=10 (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -s w -l workload -d 'Take the statements from here (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l strict -d 'Take a run for invalid as well if other programs or machines may have slowed it down'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -s C -l connect -d 'Open a connection for each execution, and count that time'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l allow-writes -d 'Run statements that change data too'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -f -a "compare" -d 'Say whether B is slower than A, by short runs of both in turns'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -f -a "find-max" -d 'Find the highest rate at which thresholds are met'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -f -a "merge" -d 'Add up what several generators have measured, exactly'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and not __fish_seen_subcommand_from compare find-max merge help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l b -d 'B is this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l set-a -d 'Set this in the sessions of A (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l set-b -d 'Set this in the sessions of B (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l workload-b -d 'Take the statements of B from here (can be repeated); those of A are named by `--workload`' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l with-index -d 'B is A with this index, which is built for the measurement and dropped after it (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l noise -d 'Give no verdict on what this report of `--calibrate --json` shows to be noise on this machine' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l block -d 'Measure each block this long [default: 3s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l rate -d 'Send this many statements per second, over all connections' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l min-effect -d 'The smallest slowdown that matters, in percent; twice that for p99 [default: 5]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l max-pairs -d 'Measure so many pairs of blocks at the most: after 10 and 20 there is a verdict if it is clear [default: 30; 10 with an index]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l on-inconclusive -d 'What an INCONCLUSIVE verdict does to the exit status' -r -f -a "pass\t'Exit with status 0'
fail\t'Exit with status 1'"
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -s c -l connections -d 'Use this many connections [default: 8]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l threads -d 'Drive the connections by this many threads [default: one for each processor]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l arrivals -d 'Let the statements of a rate come like this' -r -f -a "constant\t'All the same time apart'
poisson\t'At random, independent of each other (a Poisson process)'"
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l protocol -d 'Send statements like this' -r -f -a "simple\t'As one text with the values inside'
extended\t'With the values apart, parsed every time'
prepared\t'Prepared once for each connection'"
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l think -d 'Let each connection wait this long after an answer, as a user does; without a rate' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l max-tries -d 'Try an execution this often that others are in the way of (SQLSTATE 40001 and 40P01)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l seed -d 'Draw other parameters and another order' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -s f -l file -d 'Run this script of pgbench as one transaction, WEIGHT times as often as others (can be repeated; - is standard input)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -s b -l builtin -d 'Run this built-in script of pgbench: tpcb-like, simple-update or select-only (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -s D -l define -d 'Set a variable of the scripts, as in scale=10 (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -s w -l workload -d 'Take the statements from here (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -s y -l yes -d 'Build the index without asking'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l calibrate -d 'Compare A with itself, to see what this machine can tell'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l strict -d 'Leave out pairs that other programs or machines may have slowed down'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -s C -l connect -d 'Open a connection for each execution, and count that time'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l allow-writes -d 'Run statements that change data too'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l until -d 'Require this, as in "p99 < 20ms" (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l window -d 'Measure each rate this long' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l rate -d 'Begin with this many statements per second [default: 70 % of what full speed gives]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l max-windows -d 'Measure so many windows at the most, for each number of connections' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l sweep -d 'Search for each of these numbers of connections, as in connections=1,2,4,8' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -s c -l connections -d 'Use this many connections [default: 8]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l threads -d 'Drive the connections by this many threads [default: one for each processor]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l arrivals -d 'Let the statements of a rate come like this' -r -f -a "constant\t'All the same time apart'
poisson\t'At random, independent of each other (a Poisson process)'"
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l protocol -d 'Send statements like this' -r -f -a "simple\t'As one text with the values inside'
extended\t'With the values apart, parsed every time'
prepared\t'Prepared once for each connection'"
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l think -d 'Let each connection wait this long after an answer, as a user does; without a rate' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l max-tries -d 'Try an execution this often that others are in the way of (SQLSTATE 40001 and 40P01)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l seed -d 'Draw other parameters and another order' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -s f -l file -d 'Run this script of pgbench as one transaction, WEIGHT times as often as others (can be repeated; - is standard input)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -s b -l builtin -d 'Run this built-in script of pgbench: tpcb-like, simple-update or select-only (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -s D -l define -d 'Set a variable of the scripts, as in scale=10 (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -s w -l workload -d 'Take the statements from here (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -s C -l connect -d 'Open a connection for each execution, and count that time'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l allow-writes -d 'Run statements that change data too'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from find-max" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from merge" -l threshold -d 'Require this, as in "p95 < 50ms" (can be repeated; replaces those of the reports)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from merge" -l hlog -d 'Write the sum to this file too, as an interval log of HdrHistogram' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from merge" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from merge" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from merge" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from merge" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from merge" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from merge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "compare" -d 'Say whether B is slower than A, by short runs of both in turns'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "find-max" -d 'Find the highest rate at which thresholds are met'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "merge" -d 'Add up what several generators have measured, exactly'
complete -c perfkit -n "__fish_perfkit_using_subcommand bench; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and not __fish_seen_subcommand_from proxy log statements show help" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and not __fish_seen_subcommand_from proxy log statements show help" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and not __fish_seen_subcommand_from proxy log statements show help" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and not __fish_seen_subcommand_from proxy log statements show help" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and not __fish_seen_subcommand_from proxy log statements show help" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and not __fish_seen_subcommand_from proxy log statements show help" -s h -l help -d 'Print help'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and not __fish_seen_subcommand_from proxy log statements show help" -f -a "proxy" -d 'Record what clients send to the server, as a proxy between them'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and not __fish_seen_subcommand_from proxy log statements show help" -f -a "log" -d 'Read server logs into a trace'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and not __fish_seen_subcommand_from proxy log statements show help" -f -a "statements" -d 'Record what `pg_stat_statements` counts, as snapshots'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and not __fish_seen_subcommand_from proxy log statements show help" -f -a "show" -d 'Print the events of a trace, one in a line'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and not __fish_seen_subcommand_from proxy log statements show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -l listen -d 'Take connections at this address' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -l for -d 'End after this time' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -l tls-cert -d 'Offer TLS to clients with this certificate (PEM)' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -l tls-key -d 'The key of that certificate (PEM)' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -l redact -d 'Leave values out; equal ones stay recognizable within the trace'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -l no-hashes -d 'Keep no hashes of results; `workload n-plus-one` then cannot tell where the values of a loop come from'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -l ci -d 'Exit with status 4 if the trace is incomplete [default: when the variable CI is set]'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from proxy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from log" -l log-line-prefix -d 'What each line begins with, as `SHOW log_line_prefix` prints it [default: told from the lines]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from log" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from log" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from log" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from log" -l redact -d 'Leave the values of parameters and constants out; equal values stay equal'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from log" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from log" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from log" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from statements" -l every -d 'Look so often' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from statements" -l for -d 'End after this time' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from statements" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from statements" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from statements" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from statements" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from statements" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from statements" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from statements" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from statements" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from statements" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from show" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from show" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from show" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from help" -f -a "proxy" -d 'Record what clients send to the server, as a proxy between them'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from help" -f -a "log" -d 'Read server logs into a trace'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from help" -f -a "statements" -d 'Record what `pg_stat_statements` counts, as snapshots'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print the events of a trace, one in a line'
complete -c perfkit -n "__fish_perfkit_using_subcommand capture; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and not __fish_seen_subcommand_from top n-plus-one pagination help" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and not __fish_seen_subcommand_from top n-plus-one pagination help" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and not __fish_seen_subcommand_from top n-plus-one pagination help" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and not __fish_seen_subcommand_from top n-plus-one pagination help" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and not __fish_seen_subcommand_from top n-plus-one pagination help" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and not __fish_seen_subcommand_from top n-plus-one pagination help" -s h -l help -d 'Print help'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and not __fish_seen_subcommand_from top n-plus-one pagination help" -f -a "top" -d 'Show the statements that a workload spends its time on'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and not __fish_seen_subcommand_from top n-plus-one pagination help" -f -a "n-plus-one" -d 'Find queries that run once for each row of another, and other loops'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and not __fish_seen_subcommand_from top n-plus-one pagination help" -f -a "pagination" -d 'Find lists that are read by OFFSET, in no certain order, or without an end'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and not __fish_seen_subcommand_from top n-plus-one pagination help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -l log-line-prefix -d 'What each line of a log begins with, as `SHOW log_line_prefix` prints it [default: told from the lines]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -l by -d 'Order by total, calls, mean, rows or blocks' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -l type -d 'Show statements of this type only: select, insert, update, delete, merge or other (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -l slow -d 'Count executions that took at least this long; of `pg_stat_statements`, statements whose mean is as long' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -s n -l limit -d 'Show so many statements' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from n-plus-one" -l log-line-prefix -d 'What each line of a log begins with, as `SHOW log_line_prefix` prints it [default: told from the lines]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from n-plus-one" -l ignore -d 'Leave out statements: by the first digits of a fingerprint, by a table, or by a text as in \'*FROM audit*\' (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from n-plus-one" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from n-plus-one" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from n-plus-one" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from n-plus-one" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from n-plus-one" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from n-plus-one" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from n-plus-one" -l strict -d 'Show what is doubtful, and what wastes less than 5 ms in all, as well'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from n-plus-one" -l offline -d 'Look at the files alone: connect to no database, and try nothing'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from n-plus-one" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from n-plus-one" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from n-plus-one" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from pagination" -l max-page-size -d 'Let clients ask for pages of so many rows' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from pagination" -l log-line-prefix -d 'What each line of a log begins with, as `SHOW log_line_prefix` prints it [default: told from the lines]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from pagination" -l ignore -d 'Leave out statements: by the first digits of a fingerprint, by a table, or by a text as in \'*FROM audit*\' (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from pagination" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from pagination" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from pagination" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from pagination" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from pagination" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from pagination" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from pagination" -l offline -d 'Look at the files alone: connect to no database, and try nothing'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from pagination" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from pagination" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from pagination" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from help" -f -a "top" -d 'Show the statements that a workload spends its time on'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from help" -f -a "n-plus-one" -d 'Find queries that run once for each row of another, and other loops'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from help" -f -a "pagination" -d 'Find lists that are read by OFFSET, in no certain order, or without an end'
complete -c perfkit -n "__fish_perfkit_using_subcommand workload; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l max-queries -d 'Allow so many queries in all; BEGIN, SET, look-ups in catalogs and the like are not counted' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l max-calls -d 'Allow so many calls of each statement' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l max-writes -d 'Allow so many statements that change rows' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l max-transactions -d 'Allow so many transactions' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l max-rows -d 'Allow so many rows, returned or changed' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l max-ms -d 'Allow so many milliseconds in the database' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l baseline -d 'Hold the calls of each statement against this file [default: perfkit-budget.json, if it is there]' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l scale -d 'Run each of these shell commands, which use data of so many rows, and fail if a count grows with them' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l by -d 'Count apart by `application_name`, or by the values of a call site\'s key, as in tag:route (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l ignore -d 'Leave out statements: by the first digits of a fingerprint, by a table, or by a text as in \'*FROM audit*\' (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l env -d 'Set this variable to the proxy\'s URL as well as `DATABASE_URL` (can be repeated)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l trace -d 'Keep the trace of the run in this file' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -s d -l database-url -d 'Connect to this database (URL or keyword/value string)' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l statement-timeout -d 'Cancel a statement after this time [default: 30s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l lock-timeout -d 'Give up waiting for a lock after this time [default: 2s]' -r
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l no-n-plus-one -d 'Allow no query that runs once for each row of another'
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l no-new-statements -d 'Allow no statement that the baseline does not have'
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l update -d 'Accept what the command sends: write it to the baseline file'
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand budget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand completions" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand completions" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand completions" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand completions" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand completions" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand man" -s o -l output -d 'Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture\'s trace' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand man" -l color -d 'Use color' -r -f -a "auto\t''
always\t''
never\t''"
complete -c perfkit -n "__fish_perfkit_using_subcommand man" -l config -d 'Read this configuration file instead of ./perfkit.yaml' -r -F
complete -c perfkit -n "__fish_perfkit_using_subcommand man" -l json -d 'Print the result as JSON'
complete -c perfkit -n "__fish_perfkit_using_subcommand man" -s q -l quiet -d 'Print results, warnings and errors only'
complete -c perfkit -n "__fish_perfkit_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "demo" -d 'Show the whole loop on a throw-away local server'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "init" -d 'Write a starter perfkit.yaml from the connected database'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "sandbox" -d 'Manage a local PostgreSQL server to try things on'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "explain" -d 'Show where a statement\'s time goes, and what is slow about it'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "index" -d 'Design and build index sets'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "counter" -d 'Keep columns that count rows of another table'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "seed" -d 'Fill the tables of any schema with large, realistic, deterministic data'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "bench" -d 'Measure the workload\'s latencies under load'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "capture" -d 'Record what applications really send, as a trace'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "workload" -d 'See what a captured workload says'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "budget" -d 'Run a test command, and fail when it spends too many queries'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "man" -d 'Print the manual page'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and not __fish_seen_subcommand_from demo init sandbox explain index counter seed bench capture workload budget completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from sandbox" -f -a "start" -d 'Start the server, and create it the first time'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from sandbox" -f -a "url" -d 'Print the connection URL'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from sandbox" -f -a "psql" -d 'Open psql; further arguments are psql\'s'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from sandbox" -f -a "stop" -d 'Stop the server and keep its data'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from sandbox" -f -a "destroy" -d 'Stop the server and remove its data'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from explain" -f -a "diff" -d 'Compare two plans of a statement: what changed, and the likely cause'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from explain" -f -a "check" -d 'Hold the plans of a workload against the contract in perfkit.yaml, for CI'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from index" -f -a "suggest" -d 'Suggest the index set that makes the workload cheapest'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from index" -f -a "audit" -d 'Find indexes that cost without need, and keys and indexes that are missing'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from index" -f -a "apply" -d 'Change the set of indexes without blocking writers'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from index" -f -a "undo" -d 'Take back what `perfkit index apply` has changed'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from counter" -f -a "suggest" -d 'Suggest counters for what the workload counts'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from counter" -f -a "add" -d 'Add columns that count rows of another table, and stay right'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from counter" -f -a "backfill" -d 'Count for a column that a framework\'s migration has made'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from counter" -f -a "status" -d 'Show how far runs are that count'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from counter" -f -a "pause" -d 'Let a run that counts wait, from another terminal'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from counter" -f -a "resume" -d 'Let a run that was paused go on'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from counter" -f -a "fold" -d 'Add what is pending to the counters of mode queue or slots'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from counter" -f -a "verify" -d 'Compare counters with what they count'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from counter" -f -a "repair" -d 'Set wrong counters right'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from counter" -f -a "sync" -d 'Put the triggers of all counters where they are missing, as on new partitions'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from counter" -f -a "drop" -d 'Remove counters with their triggers, functions and tables'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from seed" -f -a "clean" -d 'Delete exactly the rows of a run, children first'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "compare" -d 'Say whether B is slower than A, by short runs of both in turns'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "find-max" -d 'Find the highest rate at which thresholds are met'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from bench" -f -a "merge" -d 'Add up what several generators have measured, exactly'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from capture" -f -a "proxy" -d 'Record what clients send to the server, as a proxy between them'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from capture" -f -a "log" -d 'Read server logs into a trace'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from capture" -f -a "statements" -d 'Record what `pg_stat_statements` counts, as snapshots'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from capture" -f -a "show" -d 'Print the events of a trace, one in a line'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from workload" -f -a "top" -d 'Show the statements that a workload spends its time on'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from workload" -f -a "n-plus-one" -d 'Find queries that run once for each row of another, and other loops'
complete -c perfkit -n "__fish_perfkit_using_subcommand help; and __fish_seen_subcommand_from workload" -f -a "pagination" -d 'Find lists that are read by OFFSET, in no certain order, or without an end'
