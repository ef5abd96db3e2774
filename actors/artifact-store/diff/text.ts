/** Two texts as a unified diff. */
import { diffSequences, type Run } from './sequence.ts'

export interface TextDiff {
  readonly unified: string
  readonly addedLines: number
  readonly removedLines: number
}

export interface LabelledText {
  readonly label: string
  readonly text: string
}

/** Lines between two yields, about a millisecond. */
const LINES_PER_TURN = 10_000

export function* diffTexts(from: LabelledText, to: LabelledText, contextLines: number): Generator<void, TextDiff> {
  const kinds = new Map<string, number>()
  const a = yield* linesOf(from.text, kinds)
  const b = yield* linesOf(to.text, kinds)
  const runs = yield* diffSequences(a.kinds, b.kinds, kinds.size)
  const hunks: string[] = []
  let count = 0
  for (const hunk of hunksOf(runs, contextLines)) {
    hunks.push(writeHunk(hunk, a.lines, b.lines, contextLines))
    if (++count % 100 === 0) yield
  }
  return {
    unified: [`--- ${from.label}\n+++ ${to.label}\n`, ...hunks].join(''),
    addedLines: runs.reduce((sum, { bFrom, bTo }) => sum + bTo - bFrom, 0),
    removedLines: runs.reduce((sum, { aFrom, aTo }) => sum + aTo - aFrom, 0),
  }
}

interface Lines {
  /** With their line feed; only the last may lack it, and is another line then. */
  readonly lines: readonly string[]
  readonly kinds: Uint32Array
}

function* linesOf(text: string, known: Map<string, number>): Generator<void, Lines> {
  const lines: string[] = []
  const kinds: number[] = []
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at) + 1 || text.length
    const line = text.slice(at, end)
    const kind = known.get(line) ?? known.size
    if (kind === known.size) known.set(line, kind)
    lines.push(line)
    kinds.push(kind)
    at = end
    if (lines.length % LINES_PER_TURN === 0) yield
  }
  return { lines, kinds: Uint32Array.from(kinds) }
}

/** Changes whose surroundings touch are shown together. */
function* hunksOf(runs: readonly Run[], contextLines: number): Generator<readonly Run[]> {
  let hunk: Run[] = []
  for (const run of runs) {
    const last = hunk.at(-1)
    if (last !== undefined && run.aFrom - last.aTo > 2 * contextLines) {
      yield hunk
      hunk = []
    }
    hunk.push(run)
  }
  if (hunk.length > 0) yield hunk
}

function writeHunk(runs: readonly Run[], a: readonly string[], b: readonly string[], contextLines: number): string {
  const [first, last] = [runs[0]!, runs.at(-1)!]
  const before = Math.min(contextLines, first.aFrom)
  const after = Math.min(contextLines, a.length - last.aTo)
  const [aFrom, aTo] = [first.aFrom - before, last.aTo + after]
  const [bFrom, bTo] = [first.bFrom - before, last.bTo + after]
  const out = [`@@ -${place(aFrom, aTo)} +${place(bFrom, bTo)} @@\n`]
  const write = (mark: string, lines: readonly string[]): void => {
    for (const line of lines) out.push(mark, line.endsWith('\n') ? line : `${line}\n\\ No newline at end of file\n`)
  }
  let at = aFrom
  for (const run of runs) {
    write(' ', a.slice(at, run.aFrom))
    write('-', a.slice(run.aFrom, run.aTo))
    write('+', b.slice(run.bFrom, run.bTo))
    at = run.aTo
  }
  write(' ', a.slice(at, aTo))
  return out.join('')
}

/** First line and number of lines; of none, the line before. */
function place(from: number, to: number): string {
  const count = to - from
  const first = count === 0 ? from : from + 1
  return count === 1 ? String(first) : `${first},${count}`
}
