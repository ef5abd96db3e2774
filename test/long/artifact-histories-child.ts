/** A process of its own for `artifact-histories.test.ts`: plays histories of the store and prints what happened in them. */
import { playHistories } from '../artifact-store/histories.ts'

const [numRuns, seed] = process.argv.slice(2).map(Number)
console.log(JSON.stringify(await playHistories(numRuns!, seed)))
