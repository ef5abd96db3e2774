/** `pit doctor`: whether everything the Pit needs is there and works. */
import { existsSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { MEMORY, dataDirError, lockHolder } from '../../data-dir.ts'
import { packageVersion } from '../../package.ts'
import { expectPositionals, type Command, type Invocation } from '../command.ts'
import { ExitCode, exitCodeOf } from '../exit-codes.ts'
import { formatBytes, formatTable, plural } from '../format.ts'
import { errorText } from '../output.ts'

interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
}

/** Below this much free space a full disk is near. */
const FREE_BYTES_MIN = 256 * 2 ** 20

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'Checks Node, the data directory, its lock and space, the actors, and stores and fetches an artifact',
  usage: ['[--verify]'],
  options: { verify: { type: 'boolean', description: 'also read and re-hash every artifact' } },
  details: 'Changes nothing but one small artifact named doctor; without a data directory it works in memory.',
  async run(invocation) {
    const { args, output } = invocation
    expectPositionals(args, [])
    const { dataDir } = invocation.config().config
    const checks = [nodeCheck(), ...dataDirChecks(dataDir)]
    const { checks: alive, exitCode } = await liveChecks(invocation, dataDir)
    checks.push(...alive)
    const ok = checks.every((check) => check.ok)
    output.document({ ok, version: packageVersion(), checks })
    output.print(formatTable(['CHECK', 'RESULT', 'DETAIL'], checks.map(rowOf)))
    return ok ? ExitCode.Ok : exitCode
  },
}

function rowOf({ name, ok, detail }: Check): readonly string[] {
  return [name, ok ? 'ok' : 'FAIL', detail]
}

function nodeCheck(): Check {
  const { node } = process.versions
  return { name: 'node', ok: Number(node.split('.')[0]) >= 24, detail: `${node} ${process.platform} ${process.arch}` }
}

function dataDirChecks(dataDir: string): readonly Check[] {
  if (dataDir === MEMORY || !existsSync(dataDir)) {
    const detail = dataDir === MEMORY ? 'in memory' : `${dataDir} is not there yet; the first run creates it`
    return [{ name: 'data directory', ok: true, detail }]
  }
  if (!statSync(dataDir).isDirectory())
    return [{ name: 'data directory', ok: false, detail: `${dataDir} is not a folder` }]
  const sizes = readdirSync(dataDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${entry.name} ${formatBytes(sizeOf(join(dataDir, entry.name)))}`)
  return [
    { name: 'data directory', ok: true, detail: dataDir },
    { name: 'sizes', ok: true, detail: sizes.join(', ') || 'empty' },
    lockCheck(dataDir),
    spaceCheck(dataDir),
  ]
}

function lockCheck(dataDir: string): Check {
  let holder: ReturnType<typeof lockHolder>
  try {
    holder = lockHolder(dataDir)
  } catch (error) {
    return { name: 'lock', ok: false, detail: errorText(dataDirError(error, dataDir)) }
  }
  if (holder === null) return { name: 'lock', ok: true, detail: 'free' }
  const detail = holder === 'unknown' ? 'held' : `held by process ${holder.pid} since ${holder.startedAt}`
  return { name: 'lock', ok: false, detail }
}

function spaceCheck(dataDir: string): Check {
  const { bavail, bsize } = statfsSync(dataDir)
  const freeBytes = bavail * bsize
  return { name: 'disk space', ok: freeBytes >= FREE_BYTES_MIN, detail: `${formatBytes(freeBytes)} free` }
}

function sizeOf(folder: string): number {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  return entries.reduce((sum, entry) => {
    // A file may go while we look: a cleanup, a new segment.
    const stat = entry.isFile() ? statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false }) : undefined
    return sum + (stat?.size ?? 0)
  }, 0)
}

/** Opening replays every log: that it opens says that the logs are sound. */
async function liveChecks(
  invocation: Invocation,
  dataDir: string,
): Promise<{ readonly checks: readonly Check[]; readonly exitCode: ExitCode }> {
  const checks: Check[] = []
  let name = 'actors and logs'
  try {
    const there = dataDir === MEMORY || existsSync(dataDir)
    await using pit = await invocation.open({ resume: 'manual', ...(there ? {} : { dataDir: MEMORY }) })
    const models = await pit.models.list()
    const runs = await pit.workflows.list({ limit: 1_000 })
    const unfinished = runs.filter(({ endedAt }) => endedAt === null).length
    await pit.arbitration.status()
    await pit.retention.policies()
    checks.push({ name, ok: true, detail: `five actors answer; ${plural(models.length, 'model')}` })
    checks.push({ name: 'runs', ok: true, detail: `${runs.length}, ${unfinished} unfinished` })
    name = 'put and get'
    checks.push(await putAndGet(pit))
    name = 'artifacts'
    const { artifacts, physicalBytes } = await pit.artifacts.stats()
    checks.push({ name, ok: true, detail: `${artifacts}, ${formatBytes(physicalBytes)} on disk` })
    name = 'verify'
    if (invocation.args.flag('verify')) checks.push(await verify(pit))
    return { checks, exitCode: ExitCode.Failed }
  } catch (error) {
    checks.push({ name, ok: false, detail: errorText(error) })
    return { checks, exitCode: exitCodeOf(error) }
  }
}

type OpenPit = Awaited<ReturnType<Invocation['open']>>

async function putAndGet(pit: OpenPit): Promise<Check> {
  const text = 'The Pit stores what it is given.'
  const hash = await pit.storeArtifact(text, { name: 'doctor', tags: ['doctor'] })
  const bytes = await pit.retrieveArtifact(hash)
  const ok = bytes !== null && new TextDecoder().decode(bytes) === text
  return {
    name: 'put and get',
    ok,
    detail: ok ? `the same bytes came back (${hash.slice(0, 12)})` : 'other bytes came back',
  }
}

async function verify(pit: OpenPit): Promise<Check> {
  const { checked, corrupt } = await pit.artifacts.verify()
  const detail = corrupt.length === 0 ? `${checked} artifacts are what they were` : `damaged: ${corrupt.join(', ')}`
  return { name: 'verify', ok: corrupt.length === 0, detail }
}
