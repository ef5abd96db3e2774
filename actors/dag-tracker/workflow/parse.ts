/** Workflow files: text in, checked definition and all its problems with their places out. */
import type { Problem, WorkflowDefinition } from './definition.ts'
import { createProblems, type Locate } from './problems.ts'
import { readSource, type SourceFormat } from './source.ts'
import { checkWorkflow } from './validation.ts'

export interface ParseOptions {
  /** Name shown with every problem. */
  readonly file?: string
  /** @default 'json' for a file named *.json or text that starts with `{`, else 'yaml' */
  readonly format?: SourceFormat
}

export interface ParsedWorkflow {
  /** Null when any problem is an error. */
  readonly definition: WorkflowDefinition | null
  /** Errors first; each with `line` and `column`, 1-based. */
  readonly problems: readonly Problem[]
}

/** Never throws: whatever is wrong with the text is a problem. */
export function parseWorkflow(text: string, options: ParseOptions = {}): ParsedWorkflow {
  const source = readSource(text, options.format ?? formatOf(text, options.file))
  const file = options.file === undefined ? {} : { file: options.file }
  const locate: Locate = (path, part) => {
    const at = source.locate(path, part)
    return at === null ? null : { ...file, ...at }
  }
  const problems = createProblems(locate)
  for (const { code, message, at } of source.faults) problems.add(code, [], message, { at: { ...file, ...at } })
  if (source.value !== undefined) checkWorkflow(source.value, problems)
  const definition = problems.hasErrors ? null : (source.value as WorkflowDefinition)
  return { definition, problems: problems.list() }
}

function formatOf(text: string, file: string | undefined): SourceFormat {
  if (file?.toLowerCase().endsWith('.json') === true) return 'json'
  return text.trimStart().startsWith('{') && file === undefined ? 'json' : 'yaml'
}
