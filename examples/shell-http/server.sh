#!/bin/busybox sh
# A web server in a few lines: netcat starts this script again for each connection.
if [ -z "$ANSWER" ]; then
  export ANSWER=yes
  exec busybox nc -ll -p "$PORT" -e "$0"
fi

read -r method path _
while read -r line && [ "$line" != "$(printf '\r')" ]; do :; done

body="daruma answers $method $path from a shell script
"
printf 'HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' \
  "${#body}" "$body"
