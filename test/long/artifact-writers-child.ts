/** A process of its own for `artifact-writers.test.ts`. */
import { playWriters } from '../artifact-store/writers.ts'

const [operations, seed] = process.argv.slice(2).map(Number)
console.log(JSON.stringify(await playWriters({ operations: operations!, seed: seed! })))
