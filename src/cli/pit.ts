#!/usr/bin/env node
/** The `pit` command. Checks the Node version before it loads anything that would not load on an older one. */
const major = Number(process.versions.node.split('.')[0])

if (major < 24) {
  process.stderr.write(`error: pit needs Node 24 or newer, this is ${process.versions.node}\n`)
  process.exitCode = 2
} else {
  const { main } = await import('./main.ts')
  process.exitCode = await main(process.argv.slice(2))
}

export {}
