/** Between text and data: JSON and YAML. */
import { parseDocument } from 'yaml'
import { canonicalJson } from '../../../runtime/index.ts'
import { dagErrors } from '../errors.ts'
import type { Operator } from './operator.ts'

export const jsonParse: Operator = {
  name: 'json-parse',
  description: 'Reads JSON text; its output is the value',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: { text: { type: 'string' } },
  outputs: {},
  run(inputs) {
    try {
      return JSON.parse(inputs.text as string) as unknown
    } catch (error) {
      throw dagErrors.fail('PARSE_FAILED', { format: 'JSON', reason: (error as Error).message }, { cause: error })
    }
  },
}

export const jsonRender: Operator = {
  name: 'json-render',
  description: 'Writes a value as JSON text; canonical (RFC 8785) without an indent',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: { value: { type: 'any' }, indent: { type: 'number', default: 2 } },
  outputs: { text: 'string' },
  run(inputs) {
    const indent = inputs.indent as number
    return { text: indent > 0 ? JSON.stringify(inputs.value, null, indent) : canonicalJson(inputs.value) }
  },
}

export const yamlParse: Operator = {
  name: 'yaml-parse',
  description: 'Reads YAML 1.2 text (core schema, one document); its output is the value',
  version: '1',
  pure: true,
  on: 'inline',
  inputs: { text: { type: 'string' } },
  outputs: {},
  run(inputs) {
    try {
      const document = parseDocument(inputs.text as string, { stringKeys: true })
      if (document.errors[0] !== undefined) throw document.errors[0]
      // Through JSON, so that what JSON cannot say (dates, NaN) becomes what it would become anyway on its way.
      return JSON.parse(JSON.stringify(document.toJS({ maxAliasCount: 100 }) ?? null)) as unknown
    } catch (error) {
      throw dagErrors.fail('PARSE_FAILED', { format: 'YAML', reason: (error as Error).message }, { cause: error })
    }
  },
}
