# Runs a command in a directory of its own, and cleans up both once the process
# that holds our standard input is gone, however it went: a drop, a panic, or
# SIGKILL all close the pipe.
#
#   $1            the directory; log and exit-status appear in it
#   $2 ...        the command
#   a line in     the name of a signal to send to it
#   end of input  kill it and remove the directory
directory=$1
shift
exec 3<&0 </dev/null
"$@" >"$directory/log" 2>&1 3<&- &
child=$!
{
    while read -r signal <&3; do kill -s "$signal" "$child"; done
    [ -e "$directory/exit-status" ] || kill -s KILL "$child"
} &
exec 3<&-
wait "$child"
echo "$?" >"$directory/exit-status"
wait
rm -rf "$directory"
