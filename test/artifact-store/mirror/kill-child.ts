/** Stores artifacts into a mirrored store without an end, and says which are acknowledged: killed by the test that starts it. */
import { artifactStore, artifactStoreActor } from '../../../actors/artifact-store/index.ts'
import { startInProcess } from '../../../runtime/testing/in-process-system.ts'

const [dataDir, dir, first] = process.argv.slice(2)
const config = { dataDir: dataDir!, mirror: { kind: 'file-system', dir: dir! } } as const
const system = await startInProcess({ actors: [[artifactStoreActor, config]] })
const store = system.ref(artifactStore).ask
for (let i = Number(first); ; i++) {
  const content = Buffer.from(`artifact ${i} `.repeat(1 + (i % 200)))
  const { hash } = await store.put({ content })
  process.stdout.write(`${hash}\n`)
  if (i % 10 === 9) {
    await store.trash({ hashes: [hash], planId: `p${i}` })
    await store.purge({ before: Number.MAX_SAFE_INTEGER })
    process.stdout.write(`-${hash}\n`)
  }
}
