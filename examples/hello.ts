import { Pit, workflow } from '../src/index.ts'

await using pit = await Pit.open({ dataDir: ':memory:' })
const hash = await pit.storeArtifact('# Tides\n\nThe moon pulls at the sea, and the sea comes twice a day.')
const text = new TextDecoder().decode((await pit.retrieveArtifact(hash)) ?? undefined)
const hello = workflow('hello')
  .instrument('language', 'language-detector', { inputs: { text } })
  .output('language', { from: 'language.name' })
  .build()
const run = await pit.executeWorkflow(hello)
console.log(`${run.state}: the text is ${String(run.outputs.language)}, stored as ${hash}`)
