import { expect, test } from 'vitest'
import { PitError } from '../../../runtime/index.ts'
import { ExitCode, exitCodeOf } from '../../../src/cli/exit-codes.ts'
import { hostErrors } from '../../../src/errors.ts'

const error = (code: string): PitError => new PitError(code, { message: '', status: 500, action: 'give-up' })

test.each([
  ['DATA_DIR_IN_USE', ExitCode.DataDir],
  ['DATA_FORMAT_NEWER', ExitCode.DataDir],
  ['STORAGE_FULL', ExitCode.DataDir],
  ['USAGE', ExitCode.Usage],
  ['CONFIG_INVALID', ExitCode.Usage],
  ['FOLDER_NOT_FOUND', ExitCode.Usage],
  ['WORKFLOW_NOT_FOUND', ExitCode.Usage],
  ['WORKFLOW_INVALID', ExitCode.Failed],
  ['UNKNOWN_MODEL', ExitCode.Failed],
  ['NOTHING_READABLE', ExitCode.Skipped],
  ['INTERRUPTED', ExitCode.Interrupted],
])('%s ends with %d', (code, exitCode) => expect(exitCodeOf(error(code))).toBe(exitCode))

test('anything else that is thrown is a failure', () => expect(exitCodeOf(new TypeError('x'))).toBe(ExitCode.Failed))

test('no error of the host ends with 0', () => {
  for (const code of Object.keys(hostErrors.table)) expect(exitCodeOf(error(code))).not.toBe(ExitCode.Ok)
})
