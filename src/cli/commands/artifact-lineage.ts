/** `pit artifacts lineage`: how an artifact came to be, or what came of it, as a tree. */
import type { ArtifactRelations, LineageNode, Producer } from '../../../actors/artifact-store/protocol.ts'
import { hostErrors } from '../../errors.ts'
import { expectPositionals, usageError, type Invocation, type OptionSpec } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { clip, plural, printable } from '../format.ts'

export const LINEAGE_USAGE = 'lineage <reference> [--descendants] [--parts] [--depth <n>] [--limit <n>]'

export const lineageOptions: Readonly<Record<string, OptionSpec>> = {
  descendants: { type: 'boolean', description: 'lineage: what came of it (default: what it came from)' },
  parts: { type: 'boolean', description: 'lineage: parts and wholes instead of origins' },
  depth: { type: 'string', value: 'n', description: 'lineage: at most so many steps away' },
}

export async function lineage(invocation: Invocation): Promise<ExitCode> {
  const { args, output } = invocation
  expectPositionals(args, ['reference'])
  const reference = args.positionals[0]!
  const direction = args.flag('descendants') ? 'descendants' : 'ancestors'
  const limit = args.integer('limit', 20)
  const depth = args.text('depth') === undefined ? undefined : args.integer('depth', 1)
  if (limit === 0 || depth === 0) throw usageError(`--${limit === 0 ? 'limit' : 'depth'} takes a number from 1`)
  const bounds = { limit, ...(depth === undefined ? {} : { depthMax: depth }) }
  await using pit = await invocation.open({ resume: 'manual' })
  const info = await pit.artifacts.info(reference)
  if (info === null) throw hostErrors.fail('ARTIFACT_NOT_FOUND', { reference })
  const { hash } = info
  const kind = args.flag('parts') ? 'partOf' : 'derivedFrom'
  const nodes = await pit.artifacts.lineage(hash, direction, { kind, ...bounds })
  const relations = await pit.artifacts.relations(hash)
  output.document({ ...relations, direction, kind, nodes })
  const [producer] = relations.producedBy
  const self = { hash, present: true, ...named(info.name), ...(producer === undefined ? {} : { producer }) }
  output.print([described(self, 0), ...tree(hash, nodes, 1)].join('\n'))
  output.note(summary(relations, direction, kind, nodes.length))
  return ExitCode.Ok
}

function named(name: string | undefined): { readonly name?: string } {
  return name === undefined ? {} : { name }
}

/** Every artifact once, below the one it was found through. Depth has no bound: no recursion. */
function tree(root: string, nodes: readonly LineageNode[], depth: number): readonly string[] {
  const below = Map.groupBy(nodes, ({ via }) => via)
  const lines: string[] = []
  const open = [...(below.get(root as LineageNode['hash']) ?? [])].reverse().map((node) => ({ node, depth }))
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth: at } = next
    lines.push(described(node, at))
    for (const child of [...(below.get(node.hash) ?? [])].reverse()) open.push({ node: child, depth: at + 1 })
  }
  return lines
}

const INDENTS_MAX = 20
const PARAMETERS_WIDTH = 80

function described(node: Pick<LineageNode, 'hash' | 'name' | 'producer' | 'present'>, depth: number): string {
  const indent = depth <= INDENTS_MAX ? '  '.repeat(depth) : `${'  '.repeat(INDENTS_MAX)}[${depth}] `
  const parts = [node.hash.slice(0, 12), node.name ?? '', madeBy(node.producer), node.present ? '' : '(gone)']
  return indent + printable(parts.filter((part) => part !== '').join('  '))
}

function madeBy(producer: Producer | undefined): string {
  if (producer === undefined) return ''
  const { runId, nodeId, model, parameters } = producer
  const parts = [
    nodeId === undefined ? '' : `node ${nodeId}`,
    model === undefined ? '' : `model ${model}`,
    parameters === undefined ? '' : clip(JSON.stringify(parameters), PARAMETERS_WIDTH),
    runId === undefined ? '' : `run ${runId}`,
  ].filter((part) => part !== '')
  return parts.length === 0 ? '' : `← ${parts.join(', ')}`
}

function summary(
  { ancestorCount, descendantCount, usedBy, partCount }: ArtifactRelations,
  direction: 'ancestors' | 'descendants',
  kind: string,
  shown: number,
): string {
  const all = direction === 'ancestors' ? ancestorCount : descendantCount
  const more = kind === 'derivedFrom' && shown < all ? ` (${shown} shown)` : ''
  return (
    `${plural(ancestorCount, 'ancestor')} and ${plural(descendantCount, 'descendant')}${more}, ` +
    `${plural(partCount, 'part')}, used ${plural(usedBy.length, 'time')}`
  )
}
