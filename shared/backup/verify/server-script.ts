/**
 * Makes a server and runs it until its standard input ends, so that none stays when we are killed. The superuser's
 * password is the first line of that input: neither arguments nor the environment have it. What the server stored is
 * removed at its end, by the user that owns it.
 *
 * Arguments: initdb, postgres, the folder for both their files, the superuser; then the server's settings.
 */
export const serverScript = `umask 077
initdb=$1 postgres=$2 folder=$3 superuser=$4
shift 4
IFS= read -r password
exec 3<&0
clean() { rm -rf "$folder/pg" "$folder/password"; }
printf %s "$password" > "$folder/password"
if ! "$initdb" --pgdata="$folder/pg" --username="$superuser" --pwfile="$folder/password" --auth=scram-sha-256 \\
  --encoding=UTF8 --no-locale --no-sync < /dev/null 3<&- > /dev/null; then
  clean
  exit 1
fi
rm -f "$folder/password"
"$postgres" -D "$folder/pg" "$@" < /dev/null 3<&- &
server=$!
(cat <&3 > /dev/null; kill -QUIT "$server") &
wait "$server"
ended=$?
clean
exit "$ended"
`
