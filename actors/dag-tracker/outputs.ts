/**
 * A run's outputs on their way to the Artifact Store, with their lineage.
 *
 * I1. Outputs go in the order in which their nodes ended, so whatever one was derived from is there before it.
 * I2. A large output is durable before its node counts as completed; small ones follow in batches, before the run ends.
 * I3. Content is stored once per run, for the first node that gives it: a node that hands on its input would else make
 *     the content its own ancestor.
 */
import { sha256Hex } from '../../runtime/index.ts'
import type { ArtifactInput, ContentHash, Producer, PutResult } from '../artifact-store/protocol.ts'
import type { StoredValue } from './record.ts'
import { definitionOf, nodePath, scopeOf, type Run } from './run.ts'
import type { InstrumentNode } from './workflow/definition.ts'
import { contentOf, type Artifacts, type Output } from './values.ts'

export interface RunOutputs {
  /** Stores a large output (and everything before it). */
  store(node: number, output: Output): Promise<StoredValue>
  /** Notes a small output that is in the journal; it is stored later. */
  later(node: number): void
  /** Notes an output that is in the store already. */
  known(node: number, hash: ContentHash): void
  /** Stores a value that belongs to the run as a whole, always by reference. */
  storeNamed(name: string, value: unknown, from: readonly number[]): Promise<StoredValue & { artifact: ContentHash }>
  /** Resolves when all that was noted is stored; rejects with the first error since the last flush. */
  flush(): Promise<void>
  /** Artifact of a node's output; small ones have theirs once they are stored. */
  hashOf(node: number): ContentHash | undefined
}

const PENDING_MAX = 256
/** A map over thousands of items is derived from all of them; the record of it stays small. */
const ANCESTORS_MAX = 500

export function createRunOutputs(run: Run, artifacts: Artifacts): RunOutputs {
  const hashes = new Map<number, ContentHash>()
  /** What is stored or on its way, by hash. */
  const sent = new Map<ContentHash, Promise<PutResult>>()
  let pending: number[] = []
  let underWay: Promise<unknown>[] = []
  let failure: unknown = null

  function send(path: string, content: Content, sources: Iterable<number>, node: number | null): Promise<StoredValue> {
    const hash = sha256Hex(content.content) as ContentHash
    if (node !== null) hashes.set(node, hash)
    // The same bytes may be a text here and JSON there: what they are is each reference's own.
    const { contentType } = content
    return put(hash, path, content, sources, node).then(({ sizeBytes }) => ({ artifact: hash, sizeBytes, contentType }))
  }

  function put(
    hash: ContentHash,
    path: string,
    content: Content,
    sources: Iterable<number>,
    node: number | null,
  ): Promise<PutResult> {
    const known = sent.get(hash)
    if (known !== undefined) return known
    const stored = artifacts.put(inputOf(path, content, ancestorsOf(sources, hash), node))
    sent.set(hash, stored)
    // What failed may be tried again.
    stored.catch(() => sent.delete(hash))
    return stored
  }

  function inputOf(
    path: string,
    content: Content,
    ancestors: readonly ContentHash[],
    node: number | null,
  ): ArtifactInput {
    const definition = node === null ? null : definitionOf(run, node)
    const model = definition?.kind === 'instrument' ? { model: definition.model, ...parametersOf(definition) } : {}
    return {
      ...content,
      createdBy: { tenant: run.start.tenant, runId: run.start.runId, nodeId: path, ...model },
      pinnedBy: run.start.runId,
      ...(ancestors.length === 0 ? {} : { derivedFrom: ancestors }),
    }
  }

  function ancestorsOf(sources: Iterable<number>, own: ContentHash): ContentHash[] {
    const found = new Set<ContentHash>()
    for (const node of sources) {
      const hash = hashes.get(node)
      if (hash !== undefined && hash !== own) found.add(hash)
      if (found.size >= ANCESTORS_MAX) break
    }
    return [...found]
  }

  function sendPending(): void {
    for (const node of pending) {
      const stored = run.table.outputs[node]
      if (stored === undefined || !('value' in stored) || stored.value === null) continue
      const done = send(nodePath(run, node), contentOf(stored.value), sourcesOf(run, node), node)
      underWay.push(done.catch((error: unknown) => void (failure ??= error)))
    }
    pending = []
  }

  return {
    async store(node, output) {
      sendPending()
      const content = contentOf(output.value, output.json)
      const stored = await send(nodePath(run, node), content, sourcesOf(run, node), node)
      artifacts.remember(stored, output.value)
      return stored
    },
    later(node) {
      pending.push(node)
      if (pending.length >= PENDING_MAX) sendPending()
    },
    known(node, hash) {
      hashes.set(node, hash)
    },
    async storeNamed(name, value, from) {
      const stored = await send(name, contentOf(value), from, null)
      artifacts.remember(stored, value)
      return stored as StoredValue & { artifact: ContentHash }
    },
    async flush() {
      sendPending()
      const waited = underWay
      underWay = []
      await Promise.all(waited)
      const error = failure
      failure = null
      if (error !== null) throw error as Error
    },
    hashOf: (node) => hashes.get(node),
  }
}

type Content = ReturnType<typeof contentOf>

/** What the Artifact Store takes of parameters, in characters of JSON; longer ones are in the workflow only. */
const PARAMETERS_CHARS_MAX = 4096

function parametersOf({ parameters }: InstrumentNode): Pick<Producer, 'parameters'> {
  if (parameters === undefined || JSON.stringify(parameters).length > PARAMETERS_CHARS_MAX) return {}
  return { parameters }
}

/** The nodes whose outputs a node's output was made from. */
function* sourcesOf(run: Run, node: number): Generator<number> {
  const progress = run.maps.get(node)
  if (progress !== undefined) {
    for (let item = 0; item < progress.items; item++) yield* sinksOf(run, progress.firstScope + item)
  }
  // A node of an item also depends on what its map goes over, and so on outwards.
  for (let current = node; current >= 0;) {
    const scope = scopeOf(run, current)
    const { graph, base } = scope
    const local = current - base
    for (let at = graph.predecessorsStart[local]!; at < graph.predecessorsStart[local + 1]!; at++) {
      if (graph.edgeData[graph.predecessorEdges[at]!] === 1) yield base + graph.predecessors[at]!
    }
    current = scope.parent
  }
}

function* sinksOf(run: Run, index: number): Generator<number> {
  const { graph, base } = run.scopes[index]!
  for (let local = 0; local < graph.nodes.length; local++) {
    if (graph.successorsStart[local] === graph.successorsStart[local + 1]) yield base + local
  }
}
