/** A thousand letters, and a crash in the middle. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { childOf, startSystem } from '../../runtime/index.ts'
import { inbox } from './inbox.ts'

const dir = mkdtempSync(join(tmpdir(), 'inbox-'))
await using system = await startSystem({ children: [childOf(inbox, { config: { dir } })] })
system.monitor('inbox', ({ reason, restarting }) => console.log(`inbox ${reason.kind}, restarting: ${restarting}`))

const { ask } = system.ref(inbox)
const letters = Array.from({ length: 1_000 }, (_, index) => ({ key: `letter-${index}`, text: `number ${index}` }))
const confirmed = Promise.all(letters.map((letter) => ask.add(letter)))
await system.kill('inbox')
console.log(`confirmed: ${(await confirmed).length}, the last one says: ${await ask.read('letter-999')}`)

const [stats] = system.stats()
console.log(
  `restarts: ${stats?.restarts}, half of the messages were answered within a second: ${stats!.runTime.p50Ms < 1000}`,
)
