/** The built-in operators, by name. */
import { csvParse } from './csv.ts'
import { jsonParse, jsonRender, yamlParse } from './formats.ts'
import { glob } from './glob.ts'
import { filter, group, merge, pick, sort } from './lists.ts'
import type { Operator } from './operator.ts'
import { read } from './read.ts'
import { joinText, markdownSections, split, template } from './text.ts'
import { constant, noop } from './values.ts'
import { write } from './write.ts'

export type { Operator, OperatorContext } from './operator.ts'
export { checkOperatorInputs, fits, typeOfValue } from './operator.ts'

const FILES = [glob, read, write]
const FORMATS = [jsonParse, jsonRender, yamlParse, csvParse]
const TEXTS = [markdownSections, template, split, joinText]
const LISTS = [filter, sort, group, pick, merge]
const VALUES = [constant, noop]

export const builtinOperators: ReadonlyMap<string, Operator> = new Map(
  [FILES, FORMATS, TEXTS, LISTS, VALUES].flat().map((operator) => [operator.name, operator]),
)
