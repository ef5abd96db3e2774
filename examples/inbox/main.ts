/** A thousand letters, and a crash in the middle. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { childOf, startSystem } from '../../runtime/index.ts'
import { inbox } from './inbox.ts'

const dir = mkdtempSync(join(tmpdir(), 'inbox-'))
await using system = await startSystem({ children: [childOf(inbox, { config: { dir } })] })
system.monitor('inbox', ({ reason, restarting }) => console.log(`inbox ${reason.kind}, restarting: ${restarting}`))

const { ask, stream } = system.ref(inbox)
const letters = Array.from({ length: 1_000 }, (_, index) => ({ key: `letter-${index}`, text: `number ${index}` }))
const confirmed = Promise.all(letters.map((letter) => ask.add(letter, { deadlineMs: 10_000 })))
await system.kill('inbox')
console.log(`confirmed: ${(await confirmed).length}`)

let last = ''
for await (const text of stream.list(null)) last = text
console.log(`the last one kept: ${last}`)

const [stats] = system.stats()
console.log(`restarts: ${stats?.restarts}, dead letters: ${system.deadLetters().length}`)
