#!/usr/bin/env node
/** The `pit` command. Checks the Node version before it loads anything that would not load on an older one. */
const major = Number(process.versions.node.split('.')[0])

if (major < 24) {
  process.stderr.write(`error: pit needs Node 24 or newer, this is ${process.versions.node}\n`)
  process.exitCode = 2
} else {
  await enableCompileCache()
  const { main } = await import('./main.ts')
  process.exitCode = await main(process.argv.slice(2))
}

/** Compiled code is kept in the system's temporary folder: every command starts sooner, the actors' threads included. */
async function enableCompileCache(): Promise<void> {
  const { enableCompileCache: enable, getCompileCacheDir } = await import('node:module')
  enable()
  const dir = getCompileCacheDir()
  // Threads read the variable; the call alone is for this one.
  if (dir !== undefined) process.env.NODE_COMPILE_CACHE ??= dir
}
