/** What every benchmark says of itself. In a file of its own: `run.ts` waits for the benchmarks that need it. */
import { cpus, totalmem } from 'node:os'

export type BenchSize = 'smoke' | 'full'

export function machineLine(): string {
  const [cpu] = cpus()
  const memoryGib = Math.round(totalmem() / 2 ** 30)
  const { node } = process.versions
  return `${cpu?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, ${memoryGib} GiB, Node ${node}, ${process.platform} ${process.arch}`
}
