/**
 * A process of its own for `artifact-terminations.test.ts`: the real store on its own thread and a real folder, terminated
 * in the middle of puts, versions, tags, deletions and compaction, again and again, against what was acknowledged.
 */
import { ok } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { artifactStore, artifactStoreActor, type ContentHash } from '../../actors/artifact-store/index.ts'
import { childOf, isPitError, seededRandom, sha256Hex } from '../../runtime/index.ts'
import { startOn } from '../../runtime/system.ts'
import { threadTransport } from '../../runtime/transport.ts'

export interface Terminations {
  readonly terminations: number
  /** Calls that were answered, and that were under way at a termination. */
  readonly acknowledged: number
  readonly interrupted: number
  readonly artifacts: number
  readonly lost: number
  readonly wrongBytes: number
  readonly purgedButThere: number
  /** More than terminations if opening failed on the way. */
  readonly restarts: number
}

const [rounds = 1000, seed = 1, dataDir = ':memory:'] = process.argv
  .slice(2)
  .map((arg, i) => (i < 2 ? Number(arg) : arg))
const random = seededRandom(Number(seed))
const upTo = (n: number): number => Math.floor(random.next() * n)

const config = {
  dataDir: String(dataDir),
  segmentBytes: 256 * 1024,
  packBytes: 64 * 1024,
  packAfterMs: 'never' as const,
}
const system = await startOn(
  threadTransport(undefined),
  { children: [childOf(artifactStoreActor, { config })], restartsMax: Number.MAX_SAFE_INTEGER },
  { backoffMinMs: 0, backoffMaxMs: 0 },
)
const { ask } = system.ref(artifactStore)
/** Starting a thread takes its time on a busy machine. */
const patient = { deadlineMs: 300_000 }

/** Acknowledged and never deleted; of those whose deletion was asked for nothing is claimed until it is acknowledged. */
const live = new Map<ContentHash, Buffer>()
const gone = new Set<ContentHash>()
let acknowledged = 0
let interrupted = 0
let wrongBytes = 0
let lost = 0
let made = 0

/** Texts that pack well beside noise that does not, now and then a large one in blocks. */
function content(): Buffer {
  made++
  const kind = upTo(40)
  if (kind === 0) return Buffer.concat([Buffer.from(`large ${made} `), randomBytes(64), Buffer.alloc(9_000_000, made)])
  if (kind < 10) return Buffer.concat([Buffer.from(`${made} `), randomBytes(1000 + upTo(20_000))])
  return Buffer.from(`report ${made}\n${`line ${made % 7} of the report\n`.repeat(1 + upTo(400))}`)
}

async function attempt<T>(call: Promise<T>, done: (result: T) => void): Promise<void> {
  try {
    done(await call)
    acknowledged++
  } catch (error) {
    if (!isPitError(error)) throw error
    if (error.code === 'ARTIFACT_CORRUPT' || error.code.startsWith('STORAGE_')) throw error
    interrupted++
  }
}

function putOne(): Promise<void> {
  const bytes = content()
  const hash = sha256Hex(bytes) as ContentHash
  return attempt(ask.put({ content: bytes, contentType: 'text/plain' }, patient), (result) => {
    ok(result.hash === hash)
    live.set(hash, bytes)
  })
}

async function deleteSome(round: number): Promise<void> {
  const hashes = [...live.keys()].filter(() => upTo(4) === 0)
  for (const hash of hashes) live.delete(hash)
  await attempt(ask.trash({ hashes, planId: `plan-${round}` }, patient), () => {})
  await attempt(ask.purge({ before: Number.MAX_SAFE_INTEGER }, patient), () => {
    for (const hash of hashes) gone.add(hash)
  })
}

async function checkOne(hash: ContentHash, bytes: Buffer): Promise<void> {
  const found = await ask.get({ hash }, patient)
  if (found === null) lost++
  else if (!bytes.equals(found)) wrongBytes++
}

for (let round = 1; round <= Number(rounds); round++) {
  const work = [putOne(), putOne(), putOne()]
  if (round % 7 === 0) work.push(deleteSome(round))
  if (round % 3 === 0) work.push(attempt(ask.compact({}, patient), () => {}))
  // Somewhere in the middle: before the calls arrive, while they are written, or after.
  const before = process.hrtime.bigint() + BigInt(upTo(8_000_000))
  while (process.hrtime.bigint() < before) await new Promise((resolve) => void setImmediate(resolve))
  await system.kill(artifactStore.name)
  await Promise.all(work)
  // A few of those before, also what was just acknowledged; all of them now and then.
  const sample = round % 100 === 0 ? [...live] : [...live].filter((_, i) => i >= live.size - 3 || upTo(live.size) < 3)
  for (const [hash, bytes] of sample) await checkOne(hash, bytes)
}

for (const [hash, bytes] of live) await checkOne(hash, bytes)
let purgedButThere = 0
for (const hash of gone) if (!live.has(hash) && (await ask.get({ hash }, patient)) !== null) purgedButThere++
const { corrupt } = await ask.verify({}, patient)
const restarts = system.stats().find(({ name }) => name === artifactStore.name)!.restarts
await system.close()
const result: Terminations = {
  terminations: Number(rounds),
  acknowledged,
  interrupted,
  artifacts: live.size,
  lost,
  wrongBytes: wrongBytes + corrupt.length,
  purgedButThere,
  restarts,
}
console.log(JSON.stringify(result))
