/**
 * The door of the built-in text instruments: their model specs, ready to register. The instruments themselves are
 * imported only where they run, in a model host.
 */
import type { ModelSpec } from '../protocol.ts'

export { instrumentErrors } from './errors.ts'
export { TEXT_CHARS_MAX } from './input.ts'

// The module host imports by URL: `.ts` when run from source, `.js` when compiled.
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const moduleUrl = new URL(`./modules.${extension}`, import.meta.url).href

const MiB = 1024 * 1024

function builtin(id: string, exportName: string, memoryBytes: number): ModelSpec {
  return {
    id,
    backend: { kind: 'module', module: moduleUrl, export: exportName },
    memoryBytes,
    slots: 8,
    version: '1',
    deterministic: true,
  }
}

/** Memory bounds: what `load` keeps (at most 1.5 MiB, language profiles) and what a request for a text of 1 MiB works with. */
export const builtinModels: readonly ModelSpec[] = Object.freeze([
  builtin('chunker', 'chunker', 16 * MiB),
  builtin('language-detector', 'languageDetector', 8 * MiB),
  builtin('keyword-extractor', 'keywordExtractor', 64 * MiB),
  builtin('summarizer', 'summarizer', 64 * MiB),
  builtin('embedder', 'embedder', 64 * MiB),
  builtin('similarity', 'similarity', 64 * MiB),
])
